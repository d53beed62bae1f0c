import { toTimestamp } from '../../../data/clock.ts';
import { MallardError } from '../../../data/errors.ts';
import { archiveSegments, writeSegments } from '../store.ts';
import type { SegmentContext } from '../types.ts';
import type { Action, SegmentChange } from './changes.ts';
import { resolverOf, type ApplyRequest } from './resolve.ts';

/** A segment as the plan saw it: 0 and null where it saw none. */
export interface ExpectedSegment {
  segment_id: string;
  version: number;
  updated_at: string | null;
}

export interface AppliedSegment {
  segment_id: string;
  action: Action;
  /** Now. */
  version: number;
}

/**
 * Makes saved segments what the definitions say, all or nothing, in one transaction on the ledger lane. Members change with the
 * next evaluation.
 * @param expected what a plan of the same request answered: what was changed since then is never written over
 * @throws as `planApply` does; `conflict` naming the segments that somebody changed since the plan
 */
export async function applySegments(
  context: SegmentContext,
  request: ApplyRequest,
  expected: readonly ExpectedSegment[],
): Promise<AppliedSegment[]> {
  const { warehouse } = context;
  const resolve = await resolverOf(context, request);
  return warehouse.ledger.transaction(async (tx) => {
    const { changes } = await resolve(tx);
    refuseStale(changes, expected);
    const at = toTimestamp(warehouse.clock.now());
    const written = changes.filter(({ action }) => action !== 'unchanged' && action !== 'archived');
    const versions = await writeSegments(
      tx,
      written.flatMap(({ after }) => after ?? []),
      at,
    );
    const archived = changes.filter(({ action }) => action === 'archived');
    await archiveSegments(
      tx,
      archived.map(({ segment_id: id }) => id),
      at,
    );
    return changes.map(({ segment_id, action, before }) => ({
      segment_id,
      action,
      version: versions.get(segment_id) ?? before?.version ?? 0,
    }));
  });
}

/** A version counts criteria alone: a new title, or an archived segment, shows in the time of its last change. */
function refuseStale(changes: readonly SegmentChange[], expected: readonly ExpectedSegment[]): void {
  const seen = new Map(expected.map((segment) => [segment.segment_id, segment]));
  const stale = changes.filter(({ segment_id: id, before }) => {
    const plan = seen.get(id);
    return (
      plan === undefined ||
      plan.version !== (before?.version ?? 0) ||
      plan.updated_at !== (before?.updated_at ?? null)
    );
  });
  if (stale.length === 0) return;
  const ids = stale.map(({ segment_id: id }) => id);
  throw new MallardError('conflict', `Changed since the plan was made: ${ids.join(', ')}.`, {
    fields: {
      segments: stale.map(({ segment_id, before }) => ({
        segment_id,
        version: before?.version ?? 0,
        expected_version: seen.get(segment_id)?.version ?? null,
      })),
    },
    remedy: 'Nothing was changed: make the plan again, and look at it.',
  });
}
