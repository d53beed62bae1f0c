import type { ApiClient } from '../../api/client.ts';
import type { ClaimedBatch, DeliveryClient, ReportAnswer } from '../../pipelines/delivery/messages.ts';
import { localSenderId } from '../../pipelines/delivery/sender-id.ts';
import type { Job } from '../run-job.ts';

/** Sends what is due, batch by batch, through the providers there are secrets for. */
export const job: Job = {
  isDue: async ({ client }) =>
    (await client.request<{ batch_count: number }>('GET', '/v1/delivery/due')).batch_count > 0,
  run: async ({ client, project, clock, env, signal }) => {
    // Only now: templates and providers take longer to load than to find out that nothing is due.
    const { sendPending } = await import('../../pipelines/delivery/sender.ts');
    const { configuredProviders } = await import('../providers.ts');
    return sendPending(deliveryClient(client), configuredProviders(project, clock, env), {
      senderId: localSenderId(),
      clock,
      signal,
    });
  },
};

/** The sender's way to the owner, over the API. Not aborted by the signal: an outcome that happened must be told. */
export function deliveryClient(client: ApiClient): DeliveryClient {
  return {
    claim: async (request) =>
      (await client.request<{ batch: ClaimedBatch | null }>('POST', '/v1/delivery/claim', { body: request }))
        .batch ?? undefined,
    report: (report) => client.request<ReportAnswer>('POST', '/v1/delivery/outcomes', { body: report }),
  };
}
