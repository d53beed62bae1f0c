import { toTimestamp } from '../../data/clock.ts';
import type { Session } from '../../data/owner/session.ts';

/** What a build of contact_facts knew. */
export interface Snapshot {
  asOf: Date;
  /** Every fact recorded before this time was there for it (`Warehouse.settledBefore`). */
  settledBefore: Date;
}

/** Appends what a build knew, in the transaction that puts its tables in place. */
export async function recordSnapshot(
  tx: Session,
  { asOf, settledBefore }: Snapshot,
  now: Date,
): Promise<void> {
  await tx.run(
    'insert into ops.mart_snapshots (as_of, settled_before, recorded_at) values ($1::timestamp, $2::timestamp, $3::timestamp)',
    [toTimestamp(asOf), toTimestamp(settledBefore), toTimestamp(now)],
  );
}
