import type { Job } from '../run-job.ts';
import type { WorkerName } from '../timetable.ts';

/** Loaded when it runs: a thread that looks for something to send every few seconds should not load Vega for it. */
const loaders: Record<WorkerName, () => Promise<{ job: Job }>> = {
  ingest: () => import('./ingest.ts'),
  build: () => import('./build.ts'),
  evaluate: () => import('./evaluate.ts'),
  test: () => import('./test.ts'),
  publish: () => import('./publish.ts'),
  send: () => import('./send.ts'),
  reconcile: () => import('./reconcile.ts'),
  reports: () => import('./reports.ts'),
  compact: () => import('./compact.ts'),
};

export const workerNames = Object.keys(loaders) as WorkerName[];

export async function loadJob(worker: WorkerName): Promise<Job> {
  return (await loaders[worker]()).job;
}
