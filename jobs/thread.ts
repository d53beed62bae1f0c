/** The entry of every worker thread: runs one job through the API, and says on the port how it ended. */
import { parentPort, workerData } from 'node:worker_threads';
import { httpClient } from '../api/client.ts';
import { systemClock } from '../data/clock.ts';
import { errorMessage } from '../data/errors.ts';
import { Project } from '../data/project.ts';
import { runJob } from './run-job.ts';
import { lastDue, type TimetableEntry } from './timetable.ts';
import { loadJob } from './workers/index.ts';

export interface ThreadData {
  url: string;
  token: string;
  project_dir: string;
  entry: TimetableEntry;
}

/** A timer may fire a little before its second. */
const earlyMs = 1_000;

const { url, token, project_dir, entry } = workerData as ThreadData;
const stop = new AbortController();

parentPort?.on('message', (message: unknown) => {
  if (message === 'cancel') stop.abort();
});

const now = systemClock.now();
const scheduledFor =
  entry.cron === undefined
    ? undefined
    : lastDue({ cron: entry.cron, time_zone: entry.time_zone }, new Date(now.getTime() + earlyMs));

try {
  const outcome = await runJob(entry.job, await loadJob(entry.worker), {
    client: httpClient({ url, token }),
    project: new Project(project_dir),
    clock: systemClock,
    signal: stop.signal,
    arguments: entry.arguments ?? {},
    env: process.env,
    onClaimed: (job_run_id) => parentPort?.postMessage({ job: entry.job, status: 'claimed', job_run_id }),
    ...(scheduledFor === undefined ? {} : { scheduledFor }),
  });
  parentPort?.postMessage({ job: entry.job, ...outcome });
} catch (error) {
  parentPort?.postMessage({ job: entry.job, status: 'failed', error: errorMessage(error) });
}
// Bree ends the thread on this word; without it the open port would keep the thread for ever.
parentPort?.postMessage('done');
