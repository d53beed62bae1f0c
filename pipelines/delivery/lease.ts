import type { Session } from '../../data/owner/session.ts';

/** How often recipients that surely got nothing are tried. */
export const attemptsMax = 5;
export const leaseSecondsDefault = 300;

export interface BatchRow {
  batch_id: string;
  campaign_run_id: string;
  message_id: string;
  position_from: bigint;
  position_to: bigint;
  status: 'pending' | 'leased' | 'done';
  lease_id: string | null;
  leased_until: string | null;
  attempt: number;
}

/**
 * The batch's recipients with their last outcome: `(delivery_id, contact_id, address_key, position, email, arm, variables,
 * outcome, lease_id)`. Only the batch's own outcomes are read, so that a claim costs the same at the end of a run as at
 * its start. Binds `batchParams`.
 */
export const recipientStateSql = `
  select a.delivery_id, a.contact_id, a.address_key, a.position::int as position, a.email, a.arm, a.variables, d.outcome, d.lease_id
  from ops.audience a left join (
    select delivery_id, max_by(outcome, rowid) as outcome, max_by(coalesce(lease_id, ''), rowid) as lease_id
    from ops.deliveries where campaign_run_id = $run and batch_id = $batch group by delivery_id) d using (delivery_id)
  where a.campaign_run_id = $run and a.position between $position_from and $position_to`;

export function batchParams(batch: BatchRow): Record<string, unknown> {
  return {
    run: batch.campaign_run_id,
    batch: batch.batch_id,
    position_from: batch.position_from,
    position_to: batch.position_to,
  };
}

/**
 * In the hands of lease `$lease`: nothing is known of them yet, or only that an earlier attempt failed.
 * A condition over `recipientStateSql`.
 */
export const inHandSql = `(outcome is null or outcome = 'failed' and lease_id <> $lease)`;

/**
 * Turns the recipients of leases that ran out into `unknown` (the mail may have gone out) and settles their batches.
 * Part of every claim; also to be run on a timer, so that unknowns show when no sender is left.
 * @returns how many recipients became unknown
 */
export async function expireLeases(tx: Session, now: string): Promise<number> {
  const expired = await tx.rows<BatchRow>(
    `select * from ops.delivery_batches where status = 'leased' and leased_until <= $now::timestamp`,
    { now },
  );
  let unknown = 0;
  for (const batch of expired) {
    unknown += await tx.run(
      `insert into ops.deliveries
         (delivery_id, campaign_run_id, message_id, contact_id, address_key, batch_id, lease_id, outcome, reason, occurred_at, recorded_at)
       select delivery_id, $run, $message_id, contact_id, address_key, $batch, $lease, 'unknown', 'lease_expired', $now::timestamp, $now::timestamp
       from (${recipientStateSql}) where ${inHandSql}`,
      { ...batchParams(batch), message_id: batch.message_id, lease: batch.lease_id, now },
    );
    await settleBatch(tx, batch, now);
  }
  return unknown;
}

/**
 * Sets the batch's status by what is known of its recipients: still `leased` while some are in hand; `pending` again
 * where some failed and attempts are left; else `done`. Completes the run with its last batch.
 */
export async function settleBatch(tx: Session, batch: BatchRow, now: string): Promise<BatchRow['status']> {
  const counts = await tx.one<{ in_hand: number; failed: number }>(
    `select (count(*) filter (${inHandSql}))::int as in_hand, (count(*) filter (outcome = 'failed'))::int as failed from (${recipientStateSql})`,
    { ...batchParams(batch), lease: batch.lease_id },
  );
  if (batch.status === 'leased' && (counts?.in_hand ?? 0) > 0) return 'leased';
  const status = (counts?.failed ?? 0) > 0 && batch.attempt < attemptsMax ? 'pending' : 'done';
  await tx.run(
    `update ops.delivery_batches set status = $status, leased_until = null, leased_by = null, updated_at = $now::timestamp
     where batch_id = $batch and lease_id is not distinct from $lease::varchar`,
    { status, batch: batch.batch_id, lease: batch.lease_id, now },
  );
  await completeRun(tx, batch.campaign_run_id, now);
  return status;
}

/** Completes a run that is sending and has no batch left. */
export async function completeRun(tx: Session, runId: string, now: string): Promise<void> {
  await tx.run(
    `update ops.campaign_runs set status = 'completed', completed_at = $now::timestamp, updated_at = $now::timestamp
     where campaign_run_id = $run and status = 'sending'
       and not exists (from ops.delivery_batches where campaign_run_id = $run and status <> 'done')`,
    { run: runId, now },
  );
}
