import { mkdirSync } from 'node:fs';
import { launchCampaign, type CampaignRun } from '../../../pipelines/campaigns/launch.ts';
import { saveCampaign } from '../../../pipelines/campaigns/store.ts';
import { claimBatch } from '../../../pipelines/delivery/claim.ts';
import type { DeliveryClient, ReportedOutcome } from '../../../pipelines/delivery/messages.ts';
import type { OutgoingMessage, Provider } from '../../../pipelines/delivery/providers/provider.ts';
import { reportOutcomes } from '../../../pipelines/delivery/report.ts';
import { addContacts, campaign, openContext, type TestContext } from '../campaigns/fixture.ts';

/** What a worker does over HTTP, in this process. */
export function directClient(context: TestContext): DeliveryClient {
  return {
    claim: (request) => claimBatch(context, request),
    report: (report) => reportOutcomes(context, report),
  };
}

/** A provider that keeps what it is given, as if it were the outside world. */
export function worldProvider(
  answer: (message: OutgoingMessage) => ReportedOutcome['outcome'] = () => 'accepted',
  batchSize = 10,
) {
  const sent: OutgoingMessage[] = [];
  const provider: Provider = {
    name: 'file',
    limits: { batch_size: batchSize },
    send: async (messages) => {
      const answers = messages.map((message) => ({ message, outcome: answer(message) }));
      sent.push(
        ...answers
          .filter(({ outcome }) => outcome === 'accepted' || outcome === 'unknown')
          .map(({ message }) => message),
      );
      return answers.map(({ message, outcome }) => ({
        delivery_id: message.delivery_id,
        outcome,
        reason: null,
        provider_message_id: null,
      }));
    },
  };
  return { provider, sent };
}

export async function launched(
  count: number,
  changes: Record<string, unknown> = {},
): Promise<{ context: TestContext; run: CampaignRun }> {
  const context = await openContext();
  mkdirSync(context.project.outbox, { recursive: true });
  await addContacts(
    context,
    Array.from({ length: count }, (_, i) => ({ id: `c${String(i).padStart(4, '0')}` })),
  );
  await saveCampaign(context.warehouse, { ...campaign, batch_size: 20, ...changes });
  return { context, run: await launchCampaign(context, 'spring') };
}

export async function outcomes(context: TestContext, runId: string): Promise<Record<string, number>> {
  const rows = await context.warehouse.read((s) =>
    s.rows<{ outcome: string; n: number }>(
      `select outcome, count(*)::int as n from (select max_by(outcome, rowid) as outcome from ops.deliveries where campaign_run_id = $1 group by delivery_id) group by 1`,
      [runId],
    ),
  );
  return Object.fromEntries(rows.map((row) => [row.outcome, row.n]));
}
