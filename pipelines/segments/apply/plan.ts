import type { ReadOptions } from '../../../data/owner/readers.ts';
import { builtAsOf, utcText } from '../as-of.ts';
import type { SegmentContext } from '../types.ts';
import type { Action, SegmentChange } from './changes.ts';
import { definitionsAfter, dependsOn } from './definitions-after.ts';
import { lineDiff, shownDiff } from './line-diff.ts';
import { movesOf, type MembershipMove, type Moved } from './moves.ts';
import { resolverOf, type ApplyRequest } from './resolve.ts';
import { definitionText } from './text.ts';

/** What applying would do to one segment. */
export interface PlannedSegment {
  segment_id: string;
  title: string;
  action: Action;
  /** As it is stored, before anything is applied: 0 and null where there is none. To be handed back to apply. */
  version: number;
  /** UTC, ISO. */
  updated_at: string | null;
  /** The changed lines of its YAML behind '-' and '+', and some around them; empty but for `changed` and `restored`. */
  diff: string[];
  /** Null where the criteria stay, those of the segments they name too, and where nothing is built yet. */
  membership: MembershipMove | null;
  /** Why the new criteria cannot be evaluated, though they fit the catalogue; null where they can, or stay. */
  error: string | null;
}

export interface ApplyPlan {
  /** What the moves are as of: the last build, UTC ISO; null where nothing is built yet. */
  as_of: string | null;
  /** By id. */
  segments: PlannedSegment[];
  /** Active saved segments without a definition here, which stay as they are. */
  left_alone: string[];
}

const diffContext = 2;

/**
 * What applying a set of definitions would do, and whom it would move. Writes nothing.
 * @throws `criteria_invalid`, `bad_request` or `conflict` with every fault of every definition in `fields.faults`
 */
export async function planApply(
  context: SegmentContext,
  request: ApplyRequest,
  limits: ReadOptions = {},
): Promise<ApplyPlan> {
  const { warehouse } = context;
  const resolve = await resolverOf(context, request);
  const { changes, leftAlone } = await warehouse.read(resolve);
  const built = await warehouse.read(builtAsOf);
  const asOf = built === undefined ? undefined : new Date(built);
  const definitions = await definitionsAfter(context, request);
  const changed = new Set(
    changes.filter(({ isCriteriaChanged }) => isCriteriaChanged).map(({ segment_id: id }) => id),
  );
  const moving = changes.filter(
    ({ segment_id: id }) => changed.has(id) || dependsOn(id, changed, definitions),
  );
  const moves = asOf
    ? await movesOf(context, moving, { asOf, definitions }, { timeoutMs: 30_000, ...limits })
    : new Map<string, Moved>();
  return {
    as_of: asOf ? utcText(asOf) : null,
    segments: changes.map((change) => planned(change, moves.get(change.segment_id))),
    left_alone: leftAlone,
  };
}

function planned(change: SegmentChange, moved: Moved | undefined): PlannedSegment {
  const { segment_id, action, before, after } = change;
  return {
    segment_id,
    title: after?.title ?? before?.title ?? segment_id,
    action,
    version: before?.version ?? 0,
    updated_at: before?.updated_at ?? null,
    diff: diffOf(change),
    membership: moved && !('error' in moved) ? moved : null,
    error: moved && 'error' in moved ? moved.error : null,
  };
}

function diffOf({ before, after }: SegmentChange): string[] {
  if (!before?.criteria || !after) return [];
  const lines = (text: string) => text.trimEnd().split('\n');
  const old = definitionText({ ...before, criteria: before.criteria });
  return shownDiff(lineDiff(lines(old), lines(definitionText(after))), diffContext);
}
