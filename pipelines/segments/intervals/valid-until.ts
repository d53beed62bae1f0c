import { leafTree, type Leaf } from '../../../models/criteria/intervals.ts';
import { limits } from '../../../models/criteria/limits.ts';
import type { Criteria } from '../../../models/criteria/types.ts';
import { segmentDefinitions, withSegmentsPutIn } from '../definitions.ts';
import { withIntervals, type IntervalContext } from './run.ts';
import type { Workspace } from './workspace.ts';

/**
 * Until when present members stay members if nothing happens: a window moves at midnight and ends it. Hands `work` a table
 * `(segment_id, contact_id, valid_until)` of everybody who is in as of `asOf`; valid_until is null where only new facts can end it.
 * Conditions that cannot be followed exactly are taken to stay as they are.
 * @throws `criteria_invalid`
 */
export async function withValidUntil<T>(
  context: IntervalContext,
  segments: readonly { id: string; criteria: Criteria }[],
  asOf: Date,
  work: (space: Workspace, table: string) => Promise<T>,
): Promise<T> {
  const definitions = await segmentDefinitions(context);
  const leaves = segments.flatMap(
    ({ criteria }) => leafTree(withSegmentsPutIn(criteria, definitions)).leaves,
  );
  const days = Math.max(...leaves.map(daysIn));
  const until = new Date(asOf.getTime() + (days + 3) * 86_400_000);
  const span = { from: asOf, until, factsUntil: asOf };
  return withIntervals(context, { segments, span, sampleTimes: [asOf] }, async (space, { table }) => {
    const members = await space.keep(
      'members',
      `select segment_id, contact_id, valid_to as valid_until from ${table} where valid_from = ${space.from}`,
    );
    return work(space, members);
  });
}

/** The longest window of the models' own is a year; a number that is no window asks for a few days too many. */
function daysIn(leaf: Leaf): number {
  const numbers = [366, ...('value' in leaf ? [leaf.value].flat() : [])].map(Number);
  const window = 'within_days' in leaf ? (leaf.within_days ?? 0) : 0;
  const days = [...numbers, window].filter((n) => Number.isFinite(n) && n <= limits.days);
  return Math.ceil(Math.max(...days));
}
