import { errorMessage, MallardError } from '../../../data/errors.ts';
import type { ReadOptions } from '../../../data/owner/readers.ts';
import type { SegmentDefinitions } from '../../../models/criteria/types.ts';
import { countMoves } from '../diff.ts';
import { refuseFanOut } from '../fan-out.ts';
import { memberCountsSql } from '../members.ts';
import { planMembership } from '../plan.ts';
import type { SegmentContext } from '../types.ts';
import { accountZone } from '../zone.ts';
import type { SegmentChange } from './changes.ts';

/** Persons that the next evaluation would move, were it as of the last build: after = before + entered - left. */
export interface MembershipMove {
  entered: number;
  left: number;
  before: number;
  after: number;
}

/** The move, or why it cannot be computed. */
export type Moved = MembershipMove | { error: string };

/**
 * How membership moves by changes of criteria, by id: one query for all of them together, the very diff that the evaluation
 * makes. Writes nothing.
 * @param of the last build's time, and what criteria may name once the changes are made
 */
export async function movesOf(
  context: SegmentContext,
  changes: readonly SegmentChange[],
  of: { asOf: Date; definitions: SegmentDefinitions },
  limits: ReadOptions,
): Promise<Map<string, Moved>> {
  if (changes.length === 0) return new Map();
  try {
    return await together(context, changes, of, limits);
  } catch (error) {
    if (error instanceof MallardError && error.code !== 'model_invalid') throw error;
    if (changes.length === 1)
      return new Map(changes.map(({ segment_id: id }) => [id, { error: errorMessage(error) }]));
    // Some value that one of them computes fails: each alone, to find which.
    const moves = new Map<string, Moved>();
    for (const change of changes)
      for (const [id, moved] of await movesOf(context, [change], of, limits)) moves.set(id, moved);
    return moves;
  }
}

async function together(
  { warehouse, engine }: SegmentContext,
  changes: readonly SegmentChange[],
  { asOf, definitions }: { asOf: Date; definitions: SegmentDefinitions },
  limits: ReadOptions,
): Promise<Map<string, Moved>> {
  const evaluated = changes.flatMap(({ segment_id: id, after }) =>
    after ? [{ id, version: 0, criteria: after.criteria }] : [],
  );
  const plan = await planMembership(engine, evaluated, {
    asOf,
    zone: accountZone(warehouse),
    definitions,
  });
  const moved = new Map<string, Moved>([...plan.errors].map(([id, error]) => [id, { error }]));
  const columns = changes.flatMap(({ segment_id, after }) => {
    const column = after ? plan.columns.get(segment_id) : 'false';
    return column === undefined ? [] : [{ segment_id, version: 0, column }];
  });
  if (columns.length === 0) return moved;
  const [moves, counts] = await warehouse.read(async (session) => {
    if (plan.ownSource !== undefined) await refuseFanOut(session, plan.sql, plan.ownSource);
    return [
      await countMoves(session, plan.sql, columns),
      await session.rows<{ segment_id: string; member_count: number }>(memberCountsSql),
    ] as const;
  }, limits);
  for (const { segment_id: id } of columns) {
    const move = moves.find(({ segment_id }) => segment_id === id);
    const [entered, left] = [move?.entered_count ?? 0, move?.left_count ?? 0];
    const before = counts.find(({ segment_id }) => segment_id === id)?.member_count ?? 0;
    moved.set(id, { entered, left, before, after: before + entered - left });
  }
  return moved;
}
