import type { Job } from '../run-job.ts';

/** Settles unknown deliveries by the provider's own events. */
export const job: Job = {
  isDue: async ({ client }) =>
    (await client.request<{ runs: unknown[] }>('GET', '/v1/delivery/unsettled')).runs.length > 0,
  run: ({ client, signal }) => client.request('POST', '/v1/delivery/reconcile', { body: {}, signal }),
};
