import { Type } from 'typebox';
import { claimBatch } from '../../pipelines/delivery/claim.ts';
import { reportOutcomes } from '../../pipelines/delivery/report.ts';
import { expireLeases, reconcile, unsettledRuns } from '../../pipelines/delivery/unknown.ts';
import { readSwitch } from '../../pipelines/delivery/switch.ts';
import { senders } from '../access/roles.ts';
import type { Routes } from '../context.ts';
import { toTimestamp } from '../../data/clock.ts';
import { Count } from '../schemas.ts';
import { Switch } from './campaign-runs.ts';

const text = Type.String();
const nullableText = Type.Union([text, Type.Null()]);

const ClaimedBatch = Type.Object(
  {
    batch_id: text,
    lease_id: text,
    leased_until: Type.String({ description: 'a sender that is not done by then must stop' }),
    campaign_id: text,
    campaign_run_id: text,
    message_id: text,
    message_class: text,
    provider: text,
    recipients: Type.Array(
      Type.Object(
        { delivery_id: text, email: text, arm: nullableText, unsubscribe_url: text, preferences_url: text },
        { additionalProperties: true },
      ),
    ),
  },
  { additionalProperties: true },
);

const Outcome = Type.Object(
  {
    delivery_id: text,
    outcome: Type.Union(
      [Type.Literal('accepted'), Type.Literal('rejected'), Type.Literal('failed'), Type.Literal('unknown')],
      {
        description: 'failed: surely not sent, may be tried again; unknown: may have been sent',
      },
    ),
    reason: nullableText,
    provider_message_id: nullableText,
  },
  { additionalProperties: false },
);

const tags = ['delivery'];

/** For senders. The ledger they write is its own log, so the audit log stays out of it. */
export const deliveryRoutes: Routes = (app, { mallard }) => {
  const { warehouse } = mallard;

  app.get(
    '/v1/delivery/due',
    {
      schema: {
        tags,
        summary: 'Whether there is something to claim',
        response: {
          200: Type.Object({ batch_count: Count('batches that are due, or whose lease ran out') }),
        },
      },
      config: { access: senders },
    },
    async () => {
      const row = await warehouse.read((session) =>
        session.one<{ batch_count: number }>(
          `select count(*)::int as batch_count
           from ops.delivery_batches b join ops.campaign_runs r using (campaign_run_id)
           left join ops.audience a on a.campaign_run_id = b.campaign_run_id and a.position = b.position_from
           where (b.status = 'pending' and r.status = 'sending' and a.send_at <= $1::timestamp)
              or (b.status = 'leased' and b.leased_until <= $1::timestamp)`,
          [toTimestamp(mallard.clock.now())],
        ),
      );
      return { batch_count: row?.batch_count ?? 0 };
    },
  );

  app.post(
    '/v1/delivery/claim',
    {
      schema: {
        tags,
        summary: 'Lease the next batch',
        description:
          'Consent, suppressions, pause and the stop switch are asked again here. `batch` is null where nothing is due.',
        body: Type.Object(
          {
            sender_id: Type.String({ minLength: 1, maxLength: 200 }),
            providers: Type.Array(text, { minItems: 1, description: 'that this sender can use' }),
            lease_seconds: Type.Optional(
              Type.Integer({ minimum: 5, maximum: 3600, description: 'default 300' }),
            ),
          },
          { additionalProperties: false },
        ),
        response: { 200: Type.Object({ batch: Type.Union([ClaimedBatch, Type.Null()]), sending: Switch }) },
      },
      config: { access: senders, audit: false },
    },
    async (request) => ({
      batch: (await claimBatch(mallard, request.body)) ?? null,
      sending: await warehouse.read(readSwitch),
    }),
  );

  app.post(
    '/v1/delivery/outcomes',
    {
      schema: {
        tags,
        summary: 'Report what became of recipients',
        description: 'Answers after the commit; extends the lease. Repeating a report changes nothing.',
        body: Type.Object(
          {
            batch_id: text,
            lease_id: text,
            provider: text,
            outcomes: Type.Array(Outcome, { maxItems: 10_000 }),
          },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object({
            recorded: Count('outcomes'),
            ignored: Count('outcomes of deliveries that were final, or are not of this batch'),
            batch_status: text,
            run_status: text,
            leased_until: nullableText,
          }),
        },
      },
      config: { access: senders, audit: false },
    },
    (request) => reportOutcomes(mallard, request.body),
  );

  app.post(
    '/v1/delivery/expire',
    {
      schema: {
        tags,
        summary: 'Turn recipients of leases that ran out into unknown',
        response: { 200: Type.Object({ unknown: Count('recipients') }) },
      },
      config: { access: senders, audit: false },
    },
    async () => ({ unknown: await expireLeases(mallard) }),
  );

  app.get(
    '/v1/delivery/unsettled',
    {
      schema: {
        tags,
        summary: 'Runs with recipients of whom nobody knows whether they got the mail',
        response: {
          200: Type.Object({
            runs: Type.Array(Type.Object({ campaign_run_id: text, unknown_count: Count('recipients') })),
          }),
        },
      },
      config: { access: senders },
    },
    async () => ({ runs: await unsettledRuns(mallard) }),
  );

  app.post(
    '/v1/delivery/reconcile',
    {
      schema: {
        tags,
        summary: 'Settle what is unknown by what the provider has told since',
        response: {
          200: Type.Object({ unknown: Count('became unknown'), resolved: Count('are known now') }),
        },
      },
      config: { access: senders, audit: false },
    },
    () => reconcile(mallard),
  );
};
