import { MallardError } from '../../../data/errors.ts';
import type { Session } from '../../../data/owner/session.ts';
import { criteriaCatalogue } from '../../../models/criteria/from-catalogue.ts';
import type { Catalogue } from '../../../models/engine/types.ts';
import { usedSegments } from '../store.ts';
import type { SegmentContext } from '../types.ts';
import { accountZone } from '../zone.ts';
import { changesOf, storedSegments, type SegmentChange, type StoredSegment } from './changes.ts';
import { definitionsAfter } from './definitions-after.ts';
import { checkDefinitions, faultOf, faultsError, type Checked, type DefinitionInput } from './check.ts';

/** A folder of definitions, as the set that is to stand. */
export interface ApplyRequest {
  segments: readonly DefinitionInput[];
  /** Archives the saved segments that are not among them. Default false. */
  prune?: boolean | undefined;
}

export interface Resolved {
  /** By id. */
  changes: SegmentChange[];
  /** Active saved segments that are not among the definitions, and stay. */
  leftAlone: string[];
}

/**
 * Finds what a request changes. Made once, and resolved against what is stored as often as it is looked at: when the plan is
 * shown, and again in the transaction that writes.
 */
export async function resolverOf(
  context: SegmentContext,
  request: ApplyRequest,
): Promise<(session: Session) => Promise<Resolved>> {
  const { segments, prune = false } = request;
  const catalogue = await context.engine.catalogue();
  const options = {
    catalogue: criteriaCatalogue(catalogue),
    zone: accountZone(context.warehouse),
    segments: await definitionsAfter(context, request),
  };
  const ids = new Set(segments.map(({ segment_id: id }) => id));
  // Not in the transaction: it holds up what must be acknowledged.
  const checked = checkDefinitions(segments, catalogue, options);

  /** Throws every fault there is. */
  return async (session) => {
    const stored = await storedSegments(session);
    const others = othersOf(stored, ids, catalogue);
    const pruned = prune ? others : [];
    const faults = [
      ...checked.faults,
      ...otherKinds(stored, checked),
      ...(await usedSegments(session, pruned, new Set([...ids, ...pruned]))).map((error) =>
        faultOf(String(error.fields['segment_id']), error),
      ),
    ];
    if (faults.length > 0) throw faultsError(faults);
    return {
      changes: changesOf(stored, checked.definitions, pruned),
      leftAlone: prune ? [] : others,
    };
  };
}

/** Active segments of criteria that have no definition here. One whose id a model file has taken is the file's. */
function othersOf(
  stored: readonly StoredSegment[],
  ids: ReadonlySet<string>,
  { segments: tagged }: Pick<Catalogue, 'segments'>,
): string[] {
  const taken = new Set([...ids, ...tagged.map(({ name }) => name)]);
  return stored
    .filter(
      ({ segment_id: id, status, kind }) => status === 'active' && kind === 'criteria' && !taken.has(id),
    )
    .map(({ segment_id: id }) => id);
}

function otherKinds(stored: readonly StoredSegment[], { definitions }: Checked) {
  return definitions.flatMap(({ segment_id: id }) => {
    const kind = stored.find((segment) => segment.segment_id === id)?.kind ?? 'criteria';
    if (kind === 'criteria') return [];
    const error = new MallardError('conflict', `${id} is a ${kind} segment, not one of criteria.`, {
      fields: { segment_id: id, kind },
      remedy: 'Give the file another name.',
    });
    return [faultOf(id, error)];
  });
}
