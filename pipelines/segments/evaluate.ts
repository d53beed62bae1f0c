import { randomUUID } from 'node:crypto';
import { toTimestamp } from '../../data/clock.ts';
import { errorMessage, MallardError } from '../../data/errors.ts';
import { inTransaction, type Session } from '../../data/owner/session.ts';
import type { Warehouse } from '../../data/owner/warehouse.ts';
import { builtAsOf, resolveAsOf, utcText } from './as-of.ts';
import { segmentDefinitions } from './definitions.ts';
import { findMoves, forgetMoves, recordMoves, type DiffColumn } from './diff.ts';
import { refuseFanOut } from './fan-out.ts';
import { listDefined, unknownSegment } from './listing.ts';
import { asEvaluated, planMembership, type EvaluatedSegment, type MembershipPlan } from './plan.ts';
import { memberCountsSql } from './members.ts';
import { writeErrors, writeRuns, recordedRun } from './runs.ts';
import type { EvaluationResult, SegmentContext, SegmentEngine, SegmentRun } from './types.ts';
import { accountZone } from './zone.ts';

export interface EvaluateOptions {
  /** Default: what the marts were built as of. Never before what is recorded already. */
  asOf?: Date | undefined;
  /** Default: a new one. A run id is worked off once. */
  runId?: string | undefined;
  /** Default: all active ones, saved and Malloy; those archived since then lose their members. */
  segmentIds?: readonly string[] | undefined;
}

/**
 * Evaluates segments together, of one snapshot, and records who entered and left, in one transaction. On the build lane.
 * A segment that cannot be evaluated keeps its members, and its error stands in the result, in `ops.segment_runs` and on
 * the segment; the others go on.
 * @throws `conflict` where the marts are not built, or `asOf` lies before a recorded evaluation; `not_found` (segmentIds)
 */
export async function evaluateSegments(
  warehouse: Warehouse,
  engine: SegmentEngine,
  options: EvaluateOptions = {},
): Promise<EvaluationResult> {
  const context = { warehouse, engine };
  const runId = options.runId ?? randomUUID();
  const repeated = await warehouse.read((session) => recordedRun(session, runId));
  if (repeated) return repeated;

  const faults = new Map<string, string>();
  for (let attempt = 1; ; attempt++) {
    const segments = await segmentsToEvaluate(context, options.segmentIds);
    const asOf = await resolveAsOf(warehouse, options.asOf);
    const built = await warehouse.read(builtAsOf);
    const sound = segments.filter(({ id }) => !faults.has(id));
    const plan = await planMembership(engine, sound, {
      asOf,
      zone: accountZone(warehouse),
      definitions: await segmentDefinitions(context),
    });
    for (const [id, error] of plan.errors) faults.set(id, error);
    const run: Run = { runId, asOf, segments, plan, faults, isWhole: options.segmentIds === undefined };
    try {
      const result = await warehouse.build.exclusive(async (session) => {
        const started = performance.now();
        try {
          const found = await inTransaction(session, () => find(session, run, built));
          return found && 'columns' in found
            ? await inTransaction(session, () => record(session, warehouse, run, found.columns, started))
            : found;
        } finally {
          await forgetMoves(session);
        }
      });
      if (result === undefined) continue;
      await warehouse.ledger.transaction((tx) => writeErrors(tx, result.segments));
      return result;
    } catch (error) {
      if ((error instanceof MallardError && error.code !== 'model_invalid') || attempt > 1) throw error;
      // Some value that a segment computes may fail at run time. The transaction is gone: find which, and go on without.
      const blamed = await failingSegments(context, sound, asOf);
      if (blamed.size === 0) throw error;
      for (const [id, message] of blamed) faults.set(id, message);
    }
  }
}

interface Run {
  runId: string;
  asOf: Date;
  segments: readonly EvaluatedSegment[];
  plan: MembershipPlan;
  faults: ReadonlyMap<string, string>;
  isWhole: boolean;
}

/**
 * Finds who moves, for `record`. Answers what was recorded where the run was worked off already; undefined where it has to
 * begin anew, since the marts were swapped after the plan was made (it would read tables that are as of another time) or a
 * segment was renamed.
 */
async function find(
  tx: Session,
  { runId, asOf, segments, plan, isWhole }: Run,
  built: string | undefined,
): Promise<EvaluationResult | { columns: DiffColumn[] } | undefined> {
  if ((await builtAsOf(tx)) !== built || (await isAnyRenamed(tx, segments))) return undefined;
  const recorded = await recordedRun(tx, runId);
  if (recorded) return recorded;
  if (plan.ownSource !== undefined) await refuseFanOut(tx, plan.sql, plan.ownSource);
  const columns: DiffColumn[] = segments.flatMap(({ id, version }) => {
    const column = plan.columns.get(id);
    return column === undefined ? [] : [{ segment_id: id, version, column }];
  });
  if (isWhole) columns.push(...(await abandoned(tx, segments)));
  await refusePast(tx, columns, toTimestamp(asOf));
  if (columns.length > 0) await findMoves(tx, plan.sql, columns);
  return { columns };
}

async function record(
  tx: Session,
  warehouse: Warehouse,
  run: Run,
  columns: readonly DiffColumn[],
  started: number,
): Promise<EvaluationResult> {
  const { runId, faults } = run;
  const asOf = toTimestamp(run.asOf);
  const at = toTimestamp(warehouse.clock.now());
  const moves = columns.length === 0 ? [] : await recordMoves(tx, { runId, asOf, at });
  const counts = await tx.rows<{ segment_id: string; member_count: number }>(memberCountsSql);
  const results: SegmentRun[] = columns.map(({ segment_id, version }) => {
    const moved = moves.find((move) => move.segment_id === segment_id);
    return {
      segment_id,
      version,
      member_count: counts.find((count) => count.segment_id === segment_id)?.member_count ?? 0,
      entered_count: moved?.entered_count ?? 0,
      left_count: moved?.left_count ?? 0,
      error: null,
    };
  });
  for (const { id, version } of run.segments) {
    const error = faults.get(id);
    if (error === undefined) continue;
    results.push({
      segment_id: id,
      version,
      member_count: null,
      entered_count: null,
      left_count: null,
      error,
    });
  }
  results.sort((a, b) => (a.segment_id < b.segment_id ? -1 : 1));
  const result: EvaluationResult = {
    run_id: runId,
    as_of: utcText(run.asOf),
    is_repeat: false,
    duration_ms: Math.round(performance.now() - started),
    segments: results,
  };
  await writeRuns(tx, result, at);
  return result;
}

/** Active segments, all or those named. Throws `not_found`. */
export async function segmentsToEvaluate(
  context: SegmentContext,
  ids: readonly string[] | undefined,
): Promise<EvaluatedSegment[]> {
  const [all, { segments: tagged }] = await Promise.all([listDefined(context), context.engine.catalogue()]);
  const known = new Set(all.map(({ segment_id }) => segment_id));
  const unknown = ids?.find((id) => !known.has(id));
  if (unknown !== undefined) throw unknownSegment(unknown, [...known]);
  const wanted = ids && new Set(ids);
  return all.flatMap((segment): EvaluatedSegment | [] => {
    if (wanted && !wanted.has(segment.segment_id)) return [];
    return asEvaluated(segment, tagged) ?? [];
  });
}

/** Whether a saved segment has another id since it was read: its members would be recorded under the old one. */
async function isAnyRenamed(tx: Session, segments: readonly EvaluatedSegment[]): Promise<boolean> {
  const saved = segments.filter((segment) => !('source' in segment)).map(({ id }) => id);
  const gone = await tx.one(
    `select 1 from (select unnest(from_json($1, '["VARCHAR"]')) as segment_id) anti join ops.segments using (segment_id) limit 1`,
    [JSON.stringify(saved)],
  );
  return gone !== undefined;
}

/** Segments that have members and are no longer active: everybody leaves. Those saved since the run began are not meant. */
async function abandoned(tx: Session, active: readonly EvaluatedSegment[]): Promise<DiffColumn[]> {
  const ids = new Set(active.map(({ id }) => id));
  const open = await tx.rows<{ segment_id: string; version: number }>(
    `select segment_id, coalesce(version, 0) as version
     from (select distinct segment_id from ops.segment_memberships_open) left join ops.segments using (segment_id)
     where status is distinct from 'active'`,
  );
  return open
    .filter(({ segment_id }) => !ids.has(segment_id))
    .map((segment) => ({ ...segment, column: 'false' }));
}

/** What is recorded is never rewritten: an evaluation as of an earlier time would put changes before others. */
async function refusePast(tx: Session, columns: readonly DiffColumn[], asOf: string): Promise<void> {
  const ids = columns.map(({ segment_id }) => segment_id);
  const later = await tx.one<{ segment_id: string; as_of: string }>(
    `select segment_id, max(as_of) as as_of from ops.segment_runs
     where error is null and as_of > $1::timestamp and segment_id in (select unnest(from_json($2, '["VARCHAR"]')))
     group by segment_id order by as_of desc limit 1`,
    [asOf, JSON.stringify(ids)],
  );
  if (!later) return;
  throw new MallardError(
    'conflict',
    `Membership of ${later.segment_id} is recorded up to ${later.as_of}, after ${asOf}Z.`,
    {
      fields: { segment_id: later.segment_id, recorded_as_of: later.as_of },
      remedy: 'Look at a past time with a preview instead.',
    },
  );
}

/** Tries each segment alone, without writing. */
async function failingSegments(
  { warehouse, engine }: SegmentContext,
  segments: readonly EvaluatedSegment[],
  asOf: Date,
): Promise<Map<string, string>> {
  const failing = new Map<string, string>();
  const definitions = await segmentDefinitions({ warehouse, engine });
  for (const segment of segments) {
    const { sql, columns, ownSource } = await planMembership(engine, [segment], {
      asOf,
      zone: accountZone(warehouse),
      definitions,
    });
    const column = columns.get(segment.id);
    if (column === undefined) continue;
    try {
      await warehouse.read(async (session) => {
        await session.one(`select count(*) filter (${column}) as members from (${sql})`);
        if (ownSource !== undefined) await refuseFanOut(session, sql, ownSource);
      });
    } catch (error) {
      if (error instanceof MallardError && error.code !== 'model_invalid') throw error;
      failing.set(segment.id, errorMessage(error));
    }
  }
  return failing;
}
