import { randomUUID } from 'node:crypto';
import { toTimestamp } from '../../../data/clock.ts';
import { errorMessage, MallardError } from '../../../data/errors.ts';
import { inTransaction, type Session } from '../../../data/owner/session.ts';
import type { Warehouse } from '../../../data/owner/warehouse.ts';
import { linkRecentEvents } from '../../identity/contacts-by-email.ts';
import { utcText } from '../as-of.ts';
import { applyDiff, type DiffColumn } from '../diff.ts';
import { accountZone } from '../zone.ts';
import { collectTouched, copyTouched, forgetSeen, remember } from './collect.ts';
import { planAlone, planTouched, type TouchedContext, type TouchedPlan } from './plan.ts';
import { readPosition, type Position } from './position.ts';
import { asOfNow, placeholderOf, touchedMembers } from './world.ts';

export interface TouchedResult {
  /** UTC, ISO: the clock's. */
  as_of: string;
  /** Ids that were looked at, all records of each person. */
  touched_count: number;
  entered_count: number;
  left_count: number;
  duration_ms: number;
  /** Segments that could not be computed for these contacts: they keep their members until the next evaluation of all. */
  errors: Record<string, string>;
}

/** What a process remembers between two evaluations; lost with it, and no harm done (position.ts). */
interface Memory {
  position?: Position | undefined;
  plan?: TouchedPlan | undefined;
  /** Segments that failed since that evaluation of all, by id, and why. */
  faults: Map<string, string>;
  faultsSince?: string | undefined;
}

const memories = new WeakMap<Warehouse, Memory>();

/**
 * Evaluates the contacts again that anything was recorded of since they were evaluated last, as of now, and records who
 * entered and left. Nothing is done, and undefined answered, before the first evaluation of all, and where the clock is before it.
 * On the build lane: while marts are built it waits, and then sees what came meanwhile.
 * @throws `conflict` where marts have to be built first; `model_invalid`
 */
export async function evaluateTouched(context: TouchedContext): Promise<TouchedResult | undefined> {
  const { warehouse } = context;
  const memory: Memory = memories.get(warehouse) ?? { faults: new Map() };
  memories.set(warehouse, memory);
  for (;;) {
    const before = await warehouse.read((session) => readPosition(session, memory.position));
    if (!before) return undefined;
    if (memory.faultsSince !== before.wholeRun) memory.faults.clear();
    memory.faultsSince = before.wholeRun;
    await linkRecentEvents(warehouse, before.since);
    const plan = await planTouched(context, warehouse.clock.now(), memory.faults, memory.plan);
    memory.plan = plan;
    try {
      const result = await warehouse.build.exclusive((session) =>
        run(session, warehouse, memory, plan, before),
      );
      // Something came between: segments were evaluated or a day ended.
      if (result !== 'again') return result;
    } catch (error) {
      if (error instanceof MallardError) throw error;
      // Some value that a segment computes may fail at run time: the others go on without it.
      const failing = await failingSegments(context, plan);
      if (failing.size === 0) throw error;
      for (const [id, message] of failing) memory.faults.set(id, message);
    }
  }
}

async function run(
  session: Session,
  warehouse: Warehouse,
  memory: Memory,
  plan: TouchedPlan,
  planned: Position,
): Promise<TouchedResult | undefined | 'again'> {
  const started = performance.now();
  // In this order: what is settled before now can be read by whatever begins after it.
  const settled = toTimestamp(warehouse.settledBefore());
  const now = warehouse.clock.now();
  const asOf = toTimestamp(now);
  const position = await readPosition(session, memory.position);
  if (!position || position.wholeRun !== planned.wholeRun) return 'again';
  if (placeholderOf(now, accountZone(warehouse)).getTime() !== plan.placeholder.getTime()) return 'again';
  if (asOf < isoText(position.wholeAsOf)) return undefined;
  if (position !== memory.position) await forgetSeen(session);
  const span = { since: position.since, from: position.from, now: asOf };
  const touched = await inTransaction(session, async () => {
    const count = await collectTouched(session, span);
    if (count > 0) await makeOwnMarts(session, plan, now);
    return count;
  });
  const next = { ...position, since: later(position.since, settled), from: later(position.from, asOf) };
  const result = {
    as_of: utcText(now),
    touched_count: touched,
    entered_count: 0,
    left_count: 0,
    duration_ms: 0,
    errors: {} as Record<string, string>,
  };
  if (touched > 0) {
    const evaluation = asOfNow(plan.sql, plan.placeholder, now);
    const of = { asOf, touched, started, next, since: position.since };
    const counts = await inTransaction(session, () =>
      record(session, warehouse, evaluation, plan.columns, of),
    );
    Object.assign(result, counts);
  }
  await remember(session);
  memory.position = next;
  return {
    ...result,
    errors: Object.fromEntries(memory.faults),
    duration_ms: Math.round(performance.now() - started),
  };
}

async function makeOwnMarts(tx: Session, { marts, placeholder }: TouchedPlan, now: Date): Promise<void> {
  await copyTouched(tx);
  for (const { mart, sql } of marts)
    await tx.run(`create or replace temp table touched_${mart} as ${asOfNow(sql, placeholder, now)}`);
}

async function record(
  tx: Session,
  warehouse: Warehouse,
  evaluation: string,
  columns: readonly DiffColumn[],
  of: { asOf: string; touched: number; started: number; next: Position; since: string },
): Promise<Pick<TouchedResult, 'entered_count' | 'left_count'>> {
  const runId = randomUUID();
  const at = toTimestamp(warehouse.clock.now());
  const stamp = { runId, asOf: of.asOf, at };
  const moves = columns.length === 0 ? [] : await applyDiff(tx, evaluation, columns, stamp, touchedMembers);
  const sum = (each: (move: (typeof moves)[number]) => number) =>
    moves.reduce((all, move) => all + each(move), 0);
  const counts = {
    entered_count: sum(({ entered_count: count }) => count),
    left_count: sum(({ left_count: count }) => count),
  };
  // Five times a second, day and night, is too many rows: where nobody moved nothing is written.
  if (moves.length > 0) {
    await tx.run(
      `insert into ops.segment_touched_runs (run_id, as_of, after_run, recorded_since, settled_before, touched_count, entered_count,
         left_count, duration_ms, recorded_at)
       values ($1, $2::timestamp, $3, $4::timestamp, $5::timestamp, $6, $7, $8, $9, $10::timestamp)`,
      [
        ...[runId, of.asOf, of.next.afterRun, of.since, of.next.since, of.touched],
        ...[counts.entered_count, counts.left_count, Math.round(performance.now() - of.started), at],
      ],
    );
  }
  return counts;
}

/** Computes each segment alone over the contacts that were found last, without writing. */
async function failingSegments(context: TouchedContext, plan: TouchedPlan): Promise<Map<string, string>> {
  const { warehouse } = context;
  const failing = new Map<string, string>();
  for (const segment of plan.segments) {
    const alone = await planAlone(context, segment, plan);
    if (alone === undefined) continue;
    const sql = asOfNow(alone.sql, plan.placeholder, warehouse.clock.now());
    try {
      await warehouse.build.exclusive((session) =>
        session.one(`select count(*) filter (${alone.column}) from (${sql})`),
      );
    } catch (error) {
      if (error instanceof MallardError) throw error;
      failing.set(segment.id, errorMessage(error));
    }
  }
  return failing;
}

/** Of two times as text: SQL's has a space where ISO has a T, and no zeros at the end. */
function later(a: string, b: string): string {
  return isoText(a) > isoText(b) ? a : b;
}

function isoText(time: string): string {
  return toTimestamp(new Date(`${time.replace(' ', 'T')}Z`));
}
