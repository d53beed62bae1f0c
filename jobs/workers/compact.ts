import type { Job } from '../run-job.ts';

/** The job runs every hour: what falls due before it runs again is done now, so that no deadline passes. */
const lookAheadMs = 60 * 60 * 1000;

/** Has the server rewrite the database file without the bytes of who was forgotten, before their deadline. */
export const job: Job = {
  isDue: async ({ client, clock }) => {
    const { due_at: due } = await client.request<{ due_at: string | null }>('GET', '/v1/compaction');
    return due !== null && Date.parse(due) <= clock.now().getTime() + lookAheadMs;
  },
  run: ({ client, signal }) => client.request('POST', '/v1/compaction', { body: {}, signal }),
};
