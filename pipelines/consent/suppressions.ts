import type { Session } from '../../data/owner/session.ts';

/** `forgotten`: the person was erased (pipelines/rights); it stands for every mail, transactional ones too. */
export const suppressionReasons = [
  'unsubscribed',
  'bounced',
  'complained',
  'manual',
  'imported',
  'forgotten',
] as const;
export type SuppressionReason = (typeof suppressionReasons)[number];

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
  /** Who added it; null where the recipient or a provider did. */
  actor?: string | null;
}

/**
 * Appends what is not there yet (same address, scope and reason). An unsubscribe that was lifted since is said anew: see
 * `stillStandsSql`. Answers how many rows were added.
 * @param tx a transaction of the ledger lane
 */
export async function addSuppressions(
  tx: Session,
  rows: readonly Suppression[],
  recordedAt: string,
): Promise<number> {
  if (rows.length === 0) return 0;
  return tx.run(
    `insert into ops.suppressions (address_key, channel, scope, reason, detail, suppressed_at, source, recorded_at, actor)
     with arrived as (
       select unnest(from_json($rows, '[{"address_key":"VARCHAR","scope":"VARCHAR","reason":"VARCHAR","detail":"VARCHAR","suppressed_at":"TIMESTAMP","source":"VARCHAR","actor":"VARCHAR"}]'), recursive := true))
     select address_key, 'email', scope, reason, any_value(${withoutAddressesSql('detail')}), min(suppressed_at), any_value(source), $recorded_at::timestamp, any_value(actor)
     from arrived a
     where not exists (from ops.suppressions s
       where s.address_key = a.address_key and s.channel = 'email' and s.scope = a.scope and s.reason = a.reason
         and ${stillStandsSql('s', 'a')})
     group by address_key, scope, reason`,
    { rows: JSON.stringify(rows), recorded_at: recordedAt },
  );
}

/**
 * Whether the suppression `known` says all that `arrived` would: not where the person took it back in between. Whoever
 * unsubscribes, subscribes and unsubscribes again must be heard the second time too.
 */
export function stillStandsSql(known: string, arrived: string): string {
  return `not exists (from ops.suppression_lifts lift where lift.address_key = ${known}.address_key and lift.channel = ${known}.channel
    and lift.lifted_at > ${known}.suppressed_at and lift.lifted_at <= ${arrived}.suppressed_at)`;
}

/** A provider's words often quote the address, which must not outlive a person who is forgotten. */
export function withoutAddressesSql(text: string): string {
  return `regexp_replace(${text}, '[^\\s<>"'']+@[^\\s<>"'']+', 'address', 'g')`;
}

export interface ListedSuppression {
  address_key: string;
  channel: string;
  scope: string;
  reason: SuppressionReason;
  detail: string | null;
  suppressed_at: string;
  source: string;
  actor: string | null;
  recorded_at: string;
  /** When the person took it back; null where it stands. */
  lifted_at: string | null;
}

/** The newest first. `topic` lists what stops that topic: its own suppressions and the global ones. */
export function listSuppressions(
  session: Session,
  filter: {
    address_key?: string | undefined;
    topic?: string | undefined;
    reason?: string | undefined;
    limit: number;
  },
): Promise<ListedSuppression[]> {
  return session.rows(
    `select s.address_key, s.channel, s.scope, s.reason, s.detail, s.suppressed_at, s.source, s.actor, s.recorded_at,
       case when s.reason = 'unsubscribed' then (select min(l.lifted_at) from ops.suppression_lifts l
         where l.address_key = s.address_key and l.channel = s.channel and l.scope in ('global', s.scope) and l.lifted_at > s.suppressed_at) end as lifted_at
     from ops.suppressions s
     where ($key::varchar is null or s.address_key = $key) and ($reason::varchar is null or s.reason = $reason)
       and ($topic::varchar is null or s.scope in ('global', $topic))
     order by s.recorded_at desc, s.suppressed_at desc, s.address_key, s.scope, s.reason limit $limit`,
    {
      key: filter.address_key ?? null,
      topic: filter.topic ?? null,
      reason: filter.reason ?? null,
      limit: filter.limit,
    },
  );
}
