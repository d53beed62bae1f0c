import type { Job } from '../run-job.ts';

/** Evaluates every segment, after the marts were built. */
export const job: Job = {
  run: ({ client, signal }) => client.request('POST', '/v1/segments/evaluate', { body: {}, signal }),
};
