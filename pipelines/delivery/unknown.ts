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
 * Ends the leases of senders that are known to be gone, as if they had run out. At boot the owner knows it of the senders
 * of its own machine; without this, a run would wait out the lease of a process that was killed.
 * @param isGone told a sender's id
 * @returns how many recipients became unknown
 */
export async function expireLeasesOfGone(
  { warehouse, clock }: DeliveryContext,
  isGone: (senderId: string) => boolean,
): Promise<number> {
  const now = toTimestamp(clock.now());
  return warehouse.ledger.transaction(async (tx) => {
    const senders = await tx.rows<{ leased_by: string }>(
      `select distinct leased_by from ops.delivery_batches where status = 'leased' and leased_by is not null`,
    );
    for (const { leased_by } of senders.filter((sender) => isGone(sender.leased_by))) {
      await tx.run(
        `update ops.delivery_batches set leased_until = $now::timestamp where status = 'leased' and leased_by = $sender`,
        { now, sender: leased_by },
      );
    }
    return expire(tx, now);
  });
}

/** Beyond this no provider tells anything new of a mail. */
const reconciledDays = 30;

/**
 * What a timer does for the ledger: leases that ran out become unknown, and unknowns of the last 30 days' runs are
 * resolved by what the provider has told meanwhile.
 */
export async function reconcile(context: DeliveryContext): Promise<{ unknown: number; resolved: number }> {
  const unknown = await expireLeases(context);
  let resolved = 0;
  for (const { campaign_run_id: runId } of await unsettledRuns(context))
    resolved += await resolveUnknown(context, runId);
  return { unknown, resolved };
}

/** The runs of the last 30 days with unknown outcomes, and how many. */
export async function unsettledRuns({
  warehouse,
  clock,
}: DeliveryContext): Promise<{ campaign_run_id: string; unknown_count: number }[]> {
  return warehouse.read((session) =>
    session.rows(
      `with recent as (
         select campaign_run_id from ops.campaign_runs where launched_at >= $now::timestamp - interval (${reconciledDays}) day),
       last as (
         select campaign_run_id, delivery_id, max_by(outcome, rowid) as outcome from ops.deliveries
         where campaign_run_id in (from recent) group by all)
       select campaign_run_id, count(*)::int as unknown_count from last where outcome = 'unknown' group by all order by all`,
      { now: toTimestamp(clock.now()) },
    ),
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
