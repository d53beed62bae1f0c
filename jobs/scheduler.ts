import { fileURLToPath } from 'node:url';
import Bree from 'bree';
import type { ApiClient } from '../api/client.ts';
import type { Clock } from '../data/clock.ts';
import { errorMessage, MallardError } from '../data/errors.ts';
import { Alerts, type Alert } from './alert.ts';
import type { JobOutcome } from './run-job.ts';
import type { ThreadData } from './thread.ts';
import { missedSince, type TimetableEntry } from './timetable.ts';

export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface SchedulerOptions {
  timetable: readonly TimetableEntry[];
  /** For the scheduler's own words with the API. */
  client: ApiClient;
  /** How the worker threads reach it. */
  url: string;
  token: string;
  projectDir: string;
  /** Only for what was missed: Bree's timers follow the system's clock. */
  clock: Clock;
  log: Log;
  /** Told of failures: see `Alerts`. */
  alert: Alert;
  /** The file that threads run; default `thread.ts` of this folder, built or not. */
  threadFile?: string;
  /** How long a job may take to stop before it is ended by force. Default 3,000 ms. */
  stopGraceMs?: number;
}

export interface Scheduler {
  /** Starts a job now, in its thread; a job that runs already is skipped and logged. Throws `not_found`. */
  run(job: string): Promise<void>;
  /** Stops the timers, asks running jobs to stop, and ends those that do not. */
  stop(): Promise<void>;
}

/**
 * Bree as a timer: one thread a run. The truth about runs is `ops.job_runs`, written by the API. At the start, what the
 * last process left running is marked failed, and what was missed meanwhile runs once. A run whose thread ends before it
 * does (too long, crashed) is marked failed, too: as long as it counted as running, its job would never run again.
 */
export async function startScheduler(options: SchedulerOptions): Promise<Scheduler> {
  const missed = await beginBoot(options);
  const timer = startTimer(options);
  await timer.start();
  for (const job of missed) await timer.run(job);
  return {
    run: async (job) => {
      if (!options.timetable.some((entry) => entry.job === job)) {
        throw new MallardError('not_found', `There is no job ${job}.`, {
          fields: { job, jobs: options.timetable.map((entry) => entry.job) },
        });
      }
      await timer.run(job);
    },
    stop: () => timer.end(),
  };
}

/** Answers the jobs that must run once because they were missed. */
async function beginBoot({ client, timetable, clock, log }: SchedulerOptions): Promise<string[]> {
  const boot = await client.request<{
    failed_count: number;
    last_scheduled: { job: string; scheduled_for: string }[];
  }>('POST', '/v1/jobs/boot');
  if (boot.failed_count > 0)
    log.warn({ count: boot.failed_count }, 'jobs that the last process did not finish are marked failed');
  const since = new Map(boot.last_scheduled.map((run) => [run.job, new Date(run.scheduled_for)]));
  const now = clock.now();
  const due: string[] = [];
  for (const { job, cron, time_zone, catch_up } of timetable) {
    if (cron === undefined || !catch_up) continue;
    const last = since.get(job);
    if (!last) {
      // Without this mark a job would have no beginning to miss anything from, and never be caught up with.
      await record(client, job, now, 'skipped', 'Known from now on.');
      continue;
    }
    const missed = missedSince({ cron, time_zone }, last, now);
    if (!missed) continue;
    log.warn({ job, ...missed }, 'runs were missed: it runs once now');
    await record(
      client,
      job,
      missed.scheduled_for,
      'missed',
      `Nothing ran when it was due (${missed.count} times).`,
    );
    due.push(job);
  }
  return due;
}

function record(
  client: ApiClient,
  job: string,
  scheduledFor: Date,
  status: 'missed' | 'skipped',
  error: string,
): Promise<unknown> {
  return client.request('POST', `/v1/jobs/${job}/missed`, {
    body: { scheduled_for: scheduledFor.toISOString(), status, error },
  });
}

/** What a thread says of its run. */
type ThreadOutcome = JobOutcome | { status: 'claimed'; job_run_id: string };

interface Timer {
  start(): Promise<void>;
  run(job: string): Promise<void>;
  end(): Promise<void>;
}

/** Bree with what it lacks: overlaps are logged, jobs follow jobs, and stopping ends. */
function startTimer(options: SchedulerOptions): Timer {
  const { client, clock, log, timetable } = options;
  let stopping = false;
  /** Runs that were claimed and have not ended, by job. */
  const claimed = new Map<string, string>();
  const settling = new Set<Promise<unknown>>();
  const alerts = new Alerts(options.alert, ({ job }, error) =>
    log.error({ job, error }, 'nobody could be told that it failed'),
  );
  const bree = new Bree({
    root: false,
    // Bree's default of 0 runs a job without a cron at once.
    timeout: false,
    jobs: timetable.map((entry) => jobOf(entry, options)),
    // Bree says much about little; what matters comes through the handlers below.
    logger: {
      info: () => undefined,
      warn: () => undefined,
      error: (message: unknown) => log.error({ bree: String(message) }, 'scheduler'),
    },
    errorHandler: (error: unknown, worker: { name: string }) =>
      log.error({ job: worker.name, error: errorMessage(error) }, 'job thread failed'),
    workerMessageHandler: ({ message }: { message: unknown }) => onMessage(message),
  });
  const startThread = bree.run;

  async function run(name?: string): Promise<void> {
    if (name === undefined || stopping) return;
    if (bree.workers.has(name)) {
      log.warn({ job: name }, 'job is still running: this run is skipped');
      await record(client, name, clock.now(), 'skipped', 'The run before it had not ended.');
      return;
    }
    await startThread(name);
  }

  function onMessage(message: unknown): void {
    if (typeof message !== 'object' || message === null) return;
    const { job, ...outcome } = message as { job: string } & ThreadOutcome;
    if (outcome.status === 'claimed') return void claimed.set(job, outcome.job_run_id);
    claimed.delete(job);
    if (outcome.status === 'not_due') return;
    if (outcome.status === 'failed') onFailed(job, outcome.error);
    else log.info({ job, status: outcome.status }, 'job ended');
    if (outcome.status !== 'succeeded') return;
    alerts.succeeded(job);
    for (const next of timetable.filter((entry) => entry.after === job)) void guarded(next.job);
  }

  function onFailed(job: string, error: string): void {
    log.error({ job, error }, 'job failed');
    // What was stopped did not fail by itself.
    if (!stopping) settle(alerts.failed({ job, error }));
  }

  /** Stopping waits for it. */
  function settle(work: Promise<void>): void {
    const ended = work.finally(() => settling.delete(ended));
    settling.add(ended);
  }

  function guarded(job?: string): Promise<void> {
    return run(job).catch((error: unknown) =>
      log.error({ job, error: errorMessage(error) }, 'job did not start'),
    );
  }

  bree.on('worker deleted', (job: string) => {
    const jobRunId = claimed.get(job);
    if (jobRunId === undefined) return;
    claimed.delete(job);
    settle(failAbandoned(job, jobRunId));
  });

  async function failAbandoned(job: string, jobRunId: string): Promise<void> {
    const error = stopping
      ? 'It was stopped.'
      : 'Its thread ended before it did: it took too long, or it crashed; the log says which.';
    onFailed(job, error);
    try {
      await client.request('POST', `/v1/jobs/runs/${jobRunId}/finish`, { body: { status: 'failed', error } });
    } catch (cause) {
      // It may have told the API itself, just before its thread ended.
      log.warn({ job, error: errorMessage(cause) }, 'the run could not be marked failed');
    }
  }

  // Bree's timers call `run` of the instance: so theirs go through the same door.
  bree.run = guarded;

  return {
    start: () => bree.start(),
    run,
    end: async () => {
      stopping = true;
      const grace = setTimeout(() => {
        for (const [job, worker] of bree.workers) {
          log.warn({ job }, 'job did not stop in time: its thread is ended');
          void worker.terminate();
        }
      }, options.stopGraceMs ?? 3_000);
      await bree.stop();
      clearTimeout(grace);
      await Promise.all(settling);
    },
  };
}

function jobOf(entry: TimetableEntry, options: SchedulerOptions): Bree.JobOptions {
  const workerData: ThreadData = {
    url: options.url,
    token: options.token,
    project_dir: options.projectDir,
    entry,
  };
  return {
    name: entry.job,
    path: options.threadFile ?? threadFile(),
    closeWorkerAfterMs: entry.timeout_ms,
    timezone: entry.time_zone,
    ...(entry.cron === undefined
      ? {}
      : { cron: entry.cron, hasSeconds: entry.cron.trim().split(/\s+/).length === 6 }),
    worker: { workerData },
  };
}

/** Built, this file is scheduler.js beside thread.js; from the sources, the thread must register tsx first. */
function threadFile(): string {
  const built = import.meta.url.endsWith('.js');
  return fileURLToPath(new URL(built ? './thread.js' : './thread-tsx.mjs', import.meta.url));
}
