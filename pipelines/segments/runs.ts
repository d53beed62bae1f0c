import type { Session } from '../../data/owner/session.ts';
import type { EvaluationResult, SegmentRun } from './types.ts';

const runShape = `'[{"segment_id": "VARCHAR", "version": "INTEGER", "member_count": "BIGINT", "entered_count": "BIGINT", "left_count": "BIGINT", "error": "VARCHAR"}]'`;

/** Appends one row per segment of the run. */
export async function writeRuns(tx: Session, result: EvaluationResult, at: string): Promise<void> {
  await tx.run(
    `insert into ops.segment_runs (run_id, segment_id, version, as_of, member_count, entered_count, left_count, error,
       duration_ms, recorded_at)
     select $1, segment_id, version, $2::timestamp, member_count, entered_count, left_count, error, $3::bigint, $4::timestamp
     from (select unnest(from_json($5, ${runShape}), recursive := true))`,
    [result.run_id, result.as_of, result.duration_ms, at, JSON.stringify(result.segments)],
  );
}

/** The result of a run that was worked off before. */
export async function recordedRun(session: Session, runId: string): Promise<EvaluationResult | undefined> {
  const rows = await session.rows<SegmentRun & { as_of: string; duration_ms: number }>(
    `select segment_id, version, member_count::int as member_count, entered_count::int as entered_count,
       left_count::int as left_count, error, as_of, duration_ms::int as duration_ms
     from ops.segment_runs where run_id = $1 order by segment_id`,
    [runId],
  );
  const [first] = rows;
  if (!first) return undefined;
  return {
    run_id: runId,
    as_of: first.as_of,
    is_repeat: true,
    duration_ms: first.duration_ms,
    segments: rows.map(({ as_of: _asOf, duration_ms: _durationMs, ...run }) => run),
  };
}

/** Keeps the error of each saved segment's last evaluation on the segment (ledger lane); only where it changed. */
export async function writeErrors(tx: Session, runs: readonly SegmentRun[]): Promise<void> {
  await tx.run(
    `update ops.segments s set error = r.error
     from (select unnest(from_json($1, ${runShape}), recursive := true)) r
     where s.segment_id = r.segment_id and s.version = r.version and s.error is distinct from r.error`,
    [JSON.stringify(runs)],
  );
}

/** When each segment was first evaluated as of; before that nothing is recorded of it. */
export async function recordedSince(session: Session): Promise<Map<string, Date>> {
  const rows = await session.rows<{ segment_id: string; as_of: string }>(
    'select segment_id, min(as_of) as as_of from ops.segment_runs where error is null group by segment_id',
  );
  return new Map(rows.map(({ segment_id, as_of }) => [segment_id, new Date(as_of)]));
}
