import { existsSync } from 'node:fs';
import { toTimestamp } from '../../data/clock.ts';
import { expireLeases as expire } from './lease.ts';
import { lastOutcomesSql } from './outcomes.ts';
import { outboxFile } from './providers/file.ts';
import { launchedAt, type DeliveryContext } from './run.ts';

/** Turns the recipients of leases that ran out into `unknown`. To be run on a timer. */
export function expireLeases({ warehouse, clock }: DeliveryContext): Promise<number> {
  return warehouse.ledger.transaction((tx) => expire(tx, toTimestamp(clock.now())));
}

/**
 * Resolves unknowns by what the provider knows of our delivery id: a `dropped` mail was rejected, any other event means
 * it was accepted, and so does a mail that lies in the outbox. Reads on a reader, since it may look through many events,
 * and appends on the ledger.
 * @returns how many were resolved
 */
export async function resolveUnknown(context: DeliveryContext, runId: string): Promise<number> {
  const { unknown, told } = await context.warehouse.read(async (session) => {
    const params = { run: runId, launched_at: await launchedAt(session, runId) };
    return {
      unknown: await session.rows<{ delivery_id: string }>(
        `select delivery_id from (${lastOutcomesSql}) where outcome = 'unknown'`,
        { run: runId },
      ),
      told: await session.rows<{ delivery_id: string; outcome: string }>(
        `select e.delivery_id, case when bool_and(e.event_type = 'dropped') then 'rejected' else 'accepted' end as outcome
         from core.email_events e join (${lastOutcomesSql}) d on d.delivery_id = e.delivery_id and d.outcome = 'unknown'
         where e.occurred_at >= $launched_at::timestamp - interval 1 day group by e.delivery_id`,
        params,
      ),
    };
  });
  const written = unknown
    .filter(({ delivery_id }) => existsSync(outboxFile(context.project.outbox, delivery_id)))
    .map(({ delivery_id }) => ({ delivery_id, outcome: 'accepted' }));
  return (
    (await settleUnknown(context, runId, told, 'provider_event')) +
    (await settleUnknown(context, runId, written, 'in_outbox'))
  );
}

/**
 * Frees unknowns to be sent again: only when the operator says so, since some of them may have the mail already.
 * Recipients that failed on every attempt are freed too.
 * @returns how many will be sent again
 */
export async function resendUnknown({ warehouse, clock }: DeliveryContext, runId: string): Promise<number> {
  const now = toTimestamp(clock.now());
  return warehouse.ledger.transaction(async (tx) => {
    await launchedAt(tx, runId);
    const freed = await tx.run(
      `insert into ops.deliveries
         (delivery_id, campaign_run_id, message_id, contact_id, address_key, batch_id, outcome, reason, occurred_at, recorded_at)
       select a.delivery_id, $run, a.message_id, a.contact_id, a.address_key, b.batch_id, 'failed', 'resend_ordered', $now::timestamp, $now::timestamp
       from ops.audience a
       join (${lastOutcomesSql}) d on d.delivery_id = a.delivery_id and d.outcome in ('unknown', 'failed')
       join ops.delivery_batches b on b.campaign_run_id = $run and b.status = 'done' and a.position between b.position_from and b.position_to
       where a.campaign_run_id = $run`,
      { run: runId, now },
    );
    if (freed === 0) return 0;
    await tx.run(
      `update ops.delivery_batches set status = 'pending', attempt = 0, updated_at = $now::timestamp
       where campaign_run_id = $run and status = 'done' and batch_id in (
         select batch_id from ops.deliveries where campaign_run_id = $run and reason = 'resend_ordered' and recorded_at = $now::timestamp)`,
      { run: runId, now },
    );
    await tx.run(
      `update ops.campaign_runs set status = 'sending', completed_at = null, updated_at = $now::timestamp
       where campaign_run_id = $run and status = 'completed'`,
      { run: runId, now },
    );
    return freed;
  });
}

/**
 * Appends outcomes found elsewhere for deliveries that are unknown; what is no longer unknown is left.
 * @param source where it is known from, kept as the reason
 */
export async function settleUnknown(
  { warehouse, clock }: DeliveryContext,
  runId: string,
  outcomes: readonly { delivery_id: string; outcome: string }[],
  source: string,
): Promise<number> {
  if (outcomes.length === 0) return 0;
  return warehouse.ledger.transaction((tx) =>
    tx.run(
      `insert into ops.deliveries
         (delivery_id, campaign_run_id, message_id, contact_id, address_key, batch_id, outcome, reason, occurred_at, recorded_at)
       with resolved as (select unnest(from_json($outcomes, '[{"delivery_id":"VARCHAR","outcome":"VARCHAR"}]'), recursive := true))
       select a.delivery_id, $run, a.message_id, a.contact_id, a.address_key, b.batch_id, r.outcome, $source, $now::timestamp, $now::timestamp
       from ops.audience a join resolved r using (delivery_id)
       join (${lastOutcomesSql}) d on d.delivery_id = a.delivery_id and d.outcome = 'unknown'
       join ops.delivery_batches b on b.campaign_run_id = $run and a.position between b.position_from and b.position_to
       where a.campaign_run_id = $run`,
      { run: runId, outcomes: JSON.stringify(outcomes), source, now: toTimestamp(clock.now()) },
    ),
  );
}
