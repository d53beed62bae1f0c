import type { Session } from '../../data/owner/session.ts';

export type SuppressionReason = 'unsubscribed' | 'bounced' | 'complained' | 'manual' | 'imported';

export interface Suppression {
  /** `addressKey` of data/address.ts. */
  address_key: string;
  /** 'global', or the topic it is limited to. */
  scope: string;
  reason: SuppressionReason;
  detail: string | null;
  /** ISO, UTC. */
  suppressed_at: string;
  source: string;
}

/**
 * Appends what is not there yet (same address, scope and reason). Answers how many rows were added.
 * @param tx a transaction of the ledger lane
 */
export async function addSuppressions(
  tx: Session,
  rows: readonly Suppression[],
  recordedAt: string,
): Promise<number> {
  if (rows.length === 0) return 0;
  return tx.run(
    `insert into ops.suppressions (address_key, channel, scope, reason, detail, suppressed_at, source, recorded_at)
     with arrived as (
       select unnest(from_json($rows, '[{"address_key":"VARCHAR","scope":"VARCHAR","reason":"VARCHAR","detail":"VARCHAR","suppressed_at":"TIMESTAMP","source":"VARCHAR"}]'), recursive := true))
     select address_key, 'email', scope, reason, any_value(detail), min(suppressed_at), any_value(source), $recorded_at::timestamp
     from arrived a
     where not exists (from ops.suppressions s
       where s.address_key = a.address_key and s.channel = 'email' and s.scope = a.scope and s.reason = a.reason)
     group by address_key, scope, reason`,
    { rows: JSON.stringify(rows), recorded_at: recordedAt },
  );
}
