import type { Job } from '../run-job.ts';

/** Builds every mart as of now. */
export const job: Job = {
  run: ({ client, signal }) => client.request('POST', '/v1/build', { body: {}, signal }),
};
