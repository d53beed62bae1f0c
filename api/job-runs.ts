import { randomUUID } from 'node:crypto';
import type { Session } from '../data/owner/session.ts';
import type { Warehouse } from '../data/owner/warehouse.ts';
import { MallardError } from '../data/errors.ts';
import { stringify } from './plugins/serializer.ts';

/** `ops.job_runs`, the truth about jobs; Bree is a timer only. */
export interface JobRun {
  job_run_id: string;
  job: string;
  scheduled_for: string | null;
  status: 'running' | 'succeeded' | 'failed' | 'skipped' | 'missed';
  started_at: string;
  ended_at: string | null;
  duration_ms: number | null;
  error: string | null;
  result: unknown;
}

export type Claim =
  { status: 'started'; job_run_id: string } | { status: 'skipped'; running_job_run_id: string };

const columns =
  'job_run_id, job, scheduled_for, status, started_at, ended_at, duration_ms::double as duration_ms, error, result';

/** Claims a run of the job; where one is running already, logs that this one was skipped. */
export function claimRun(warehouse: Warehouse, job: string, scheduledFor?: Date): Promise<Claim> {
  return warehouse.ledger.transaction(async (tx) => {
    const running = await tx.one<{ job_run_id: string }>(
      `select job_run_id from ops.job_runs where job = $1 and status = 'running' limit 1`,
      [job],
    );
    const now = warehouse.clock.now();
    if (running) {
      const error = `It is still running as ${running.job_run_id}.`;
      await insertRun(tx, { job, scheduledFor, status: 'skipped', startedAt: now, endedAt: now, error });
      return { status: 'skipped', running_job_run_id: running.job_run_id };
    }
    return {
      status: 'started',
      job_run_id: await insertRun(tx, { job, scheduledFor, status: 'running', startedAt: now }),
    };
  });
}

/** Ends a run. Throws `not_found`, or `conflict` where it has ended. */
export function finishRun(
  warehouse: Warehouse,
  jobRunId: string,
  outcome: { status: 'succeeded' | 'failed'; error?: string; result?: unknown },
): Promise<JobRun> {
  return warehouse.ledger.transaction(async (tx) => {
    const now = warehouse.clock.now();
    const changed = await tx.run(
      `update ops.job_runs
       set status = $2, ended_at = $3::timestamp, duration_ms = date_diff('millisecond', started_at, $3::timestamp), error = $4, result = $5::json
       where job_run_id = $1 and status = 'running'`,
      [
        jobRunId,
        outcome.status,
        now,
        outcome.error ?? null,
        outcome.result === undefined ? null : stringify(outcome.result),
      ],
    );
    const run = await tx.one<JobRun>(`select ${columns} from ops.job_runs where job_run_id = $1`, [jobRunId]);
    if (!run) throw new MallardError('not_found', `There is no job run ${jobRunId}.`);
    if (changed === 0)
      throw new MallardError('conflict', `The job run ${jobRunId} is ${run.status} already.`, {
        fields: { status: run.status },
      });
    return run;
  });
}

/** What a run left when its process ended: nobody will finish it. Answers how many. Call before any job can start. */
export function failDeadRuns(warehouse: Warehouse): Promise<number> {
  return warehouse.ledger.transaction((tx) =>
    tx.run(
      `update ops.job_runs set status = 'failed', ended_at = $1::timestamp, error = 'The process ended before the job did.' where status = 'running'`,
      [warehouse.clock.now()],
    ),
  );
}

/** Logs a run that did not happen, or (`skipped`) the moment from which a new job counts. */
export function recordRun(
  warehouse: Warehouse,
  run: { job: string; status: 'missed' | 'skipped'; scheduledFor: Date; error: string },
): Promise<string> {
  const now = warehouse.clock.now();
  return warehouse.ledger.transaction((tx) => insertRun(tx, { ...run, startedAt: now, endedAt: now }));
}

export function listRuns(
  warehouse: Warehouse,
  filter: { job?: string | undefined; limit: number },
): Promise<JobRun[]> {
  return warehouse.read((session) =>
    session.rows<JobRun>(
      `select ${columns} from ops.job_runs where $1::varchar is null or job = $1 order by started_at desc, job_run_id limit $2`,
      [filter.job ?? null, filter.limit],
    ),
  );
}

/** When each job was last due, by what is logged of it: the start of the catch-up. */
export function lastScheduled(warehouse: Warehouse): Promise<{ job: string; scheduled_for: string }[]> {
  return warehouse.read((session) =>
    session.rows<{ job: string; scheduled_for: string }>(
      `select job, max(coalesce(scheduled_for, started_at)) as scheduled_for from ops.job_runs group by job order by job`,
    ),
  );
}

async function insertRun(
  tx: Session,
  run: {
    job: string;
    scheduledFor?: Date | undefined;
    status: JobRun['status'];
    startedAt: Date;
    endedAt?: Date;
    error?: string;
  },
): Promise<string> {
  const jobRunId = randomUUID();
  await tx.run(
    `insert into ops.job_runs (job_run_id, job, scheduled_for, status, started_at, ended_at, duration_ms, error, result)
     values ($1, $2, $3, $4, $5, $6, null, $7, null)`,
    [
      jobRunId,
      run.job,
      run.scheduledFor ?? null,
      run.status,
      run.startedAt,
      run.endedAt ?? null,
      run.error ?? null,
    ],
  );
  return jobRunId;
}
