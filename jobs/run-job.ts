import type { ApiClient } from '../api/client.ts';
import type { Clock } from '../data/clock.ts';
import { errorMessage } from '../data/errors.ts';
import type { Project } from '../data/project.ts';

/** What a worker has: the API, and nothing of the warehouse. */
export interface JobContext {
  client: ApiClient;
  /** For its paths; it opens nothing. */
  project: Project;
  clock: Clock;
  /** Aborted when the scheduler stops. */
  signal: AbortSignal;
  arguments: Readonly<Record<string, string>>;
  /** When the run was due; undefined for one that was asked for. */
  scheduledFor?: Date;
  /** Where secrets of providers come from. */
  env: Readonly<Record<string, string | undefined>>;
  /** Told the run that was claimed, before it begins: who ends this thread must end the run, too. */
  onClaimed?(jobRunId: string): void;
}

export interface Job {
  /** Asked before a run is claimed: a job that is due every few seconds should log only what it did. Default: always. */
  isDue?(context: JobContext): Promise<boolean>;
  /** Does it; what it answers is kept as the run's `result`. */
  run(context: JobContext): Promise<unknown>;
}

export type JobOutcome =
  | { status: 'succeeded'; result: unknown }
  | { status: 'failed'; error: string }
  | { status: 'skipped' }
  | { status: 'not_due' };

/** Claims a run, does it, and logs how it ended. Throws only where the API does not answer. */
export async function runJob(name: string, job: Job, context: JobContext): Promise<JobOutcome> {
  const { client, scheduledFor } = context;
  if (job.isDue && !(await job.isDue(context))) return { status: 'not_due' };
  const claim = await client.request<{ status: 'started' | 'skipped'; job_run_id: string }>(
    'POST',
    `/v1/jobs/${name}/start`,
    {
      body: scheduledFor === undefined ? {} : { scheduled_for: scheduledFor.toISOString() },
    },
  );
  if (claim.status === 'skipped') return { status: 'skipped' };
  context.onClaimed?.(claim.job_run_id);
  const outcome = await attempt(job, context);
  await client.request('POST', `/v1/jobs/runs/${claim.job_run_id}/finish`, { body: outcome });
  return outcome;
}

async function attempt(
  job: Job,
  context: JobContext,
): Promise<Extract<JobOutcome, { status: 'succeeded' | 'failed' }>> {
  try {
    return { status: 'succeeded', result: (await job.run(context)) ?? null };
  } catch (error) {
    return { status: 'failed', error: context.signal.aborted ? 'It was stopped.' : errorMessage(error) };
  }
}
