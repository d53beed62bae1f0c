import { toTimestamp } from '../../data/clock.ts';
import { MallardError } from '../../data/errors.ts';
import type { Session } from '../../data/owner/session.ts';
import { batchParams, leaseSecondsDefault, recipientStateSql, settleBatch, type BatchRow } from './lease.ts';
import type { OutcomeReport, ReportAnswer } from './messages.ts';
import type { DeliveryContext } from './run.ts';

/**
 * Appends the outcomes that a sender reports, in groups as they come; resolves after the commit. Repeating a report
 * changes nothing: what is final stays. A report that comes after its lease ran out still counts, since it knows more
 * than `unknown`. Each report extends the lease it belongs to.
 * @throws `not_found` (batch)
 */
export async function reportOutcomes(context: DeliveryContext, report: OutcomeReport): Promise<ReportAnswer> {
  const at = context.clock.now();
  const now = toTimestamp(at);
  return context.warehouse.ledger.transaction(async (tx) => {
    const batch = await tx.one<BatchRow>('select * from ops.delivery_batches where batch_id = $1', [
      report.batch_id,
    ]);
    if (!batch)
      throw new MallardError('not_found', `There is no batch ${report.batch_id}.`, {
        fields: { batch_id: report.batch_id },
      });
    const recorded = await appendOutcomes(tx, batch, report, now);
    const status = await settleBatch(tx, batch, now);
    const holds = status === 'leased' && batch.lease_id === report.lease_id;
    const until = holds ? toTimestamp(new Date(at.getTime() + leaseSecondsDefault * 1000)) : null;
    if (until !== null) await extendLease(tx, batch.batch_id, until);
    const run = await tx.one<{ status: string }>(
      'select status from ops.campaign_runs where campaign_run_id = $1',
      [batch.campaign_run_id],
    );
    return {
      recorded,
      ignored: report.outcomes.length - recorded,
      batch_status: status,
      run_status: run?.status ?? 'unknown',
      leased_until: until === null ? null : `${until}Z`,
    };
  });
}

function appendOutcomes(tx: Session, batch: BatchRow, report: OutcomeReport, now: string): Promise<number> {
  return tx.run(
    `insert into ops.deliveries
       (delivery_id, campaign_run_id, message_id, contact_id, address_key, batch_id, lease_id, outcome, reason, provider, provider_message_id, occurred_at, recorded_at)
     with reported as (
       select unnest(from_json($outcomes, '[{"delivery_id":"VARCHAR","outcome":"VARCHAR","reason":"VARCHAR","provider_message_id":"VARCHAR"}]'), recursive := true))
     select s.delivery_id, $run, $message_id, s.contact_id, s.address_key, $batch, $lease, r.outcome, r.reason, $provider, r.provider_message_id, $now::timestamp, $now::timestamp
     from (${recipientStateSql}) s
     join (from reported where outcome in ('accepted', 'rejected', 'failed', 'unknown') qualify row_number() over (partition by delivery_id) = 1) r
       on r.delivery_id = s.delivery_id
     where s.outcome is null or s.outcome = 'failed' and s.lease_id <> $lease or s.outcome = 'unknown' and r.outcome <> 'unknown'`,
    {
      ...batchParams(batch),
      message_id: batch.message_id,
      lease: report.lease_id,
      provider: report.provider,
      outcomes: JSON.stringify(report.outcomes),
      now,
    },
  );
}

async function extendLease(tx: Session, batchId: string, until: string): Promise<void> {
  await tx.run(
    `update ops.delivery_batches set leased_until = greatest(leased_until, $until::timestamp) where batch_id = $batch`,
    { until, batch: batchId },
  );
}
