import { emailKey } from '../../data/address.ts';
import { toTimestamp } from '../../data/clock.ts';
import type { Session } from '../../data/owner/session.ts';
import type { Warehouse } from '../../data/owner/warehouse.ts';
import type { Person } from './person.ts';
import { linkHolder } from './recipient.ts';
import { recordConsent } from './record.ts';
import { addSuppressions } from './suppressions.ts';
import type { UnsubscribeClaims } from './token.ts';

export interface UnsubscribeOptions {
  /** `global` (default) stops all marketing mail; `topic` only the campaign's topic, where it has one. */
  scope?: 'global' | 'topic';
  /** How it was said: 'one_click' (the mailbox's button), 'page', 'preferences'. */
  method?: 'one_click' | 'page' | 'preferences';
  /** What the person read, and where; null for one click. */
  wording?: string;
  place?: string;
}

/**
 * Records an unsubscribe: suppression, withdrawn consent and an `unsubscribed` event, in one ledger transaction; it
 * resolves after the commit. Doing it again changes nothing, unless consent was given anew in between.
 *
 * The default scope is global although the link knows a topic: mailing somebody who said no is worse than losing a
 * reader of another topic, who can say so on the page.
 * @returns whether anything was recorded now
 */
export async function recordUnsubscribe(
  warehouse: Warehouse,
  claims: UnsubscribeClaims,
  options: UnsubscribeOptions = {},
): Promise<{ recorded: boolean; scope: string }> {
  const topic = options.scope === 'topic' ? claims.topic : null;
  const { person } = await warehouse.read((session) => linkHolder(session, claims));
  const now = toTimestamp(warehouse.clock.now());
  return warehouse.ledger.transaction(async (tx) => ({
    recorded: await withdraw(tx, claims, person, topic, { ...options, now }),
    scope: topic ?? 'global',
  }));
}

/**
 * One withdrawal within a transaction of the ledger lane.
 * @param topic null: all marketing
 */
export async function withdraw(
  tx: Session,
  claims: UnsubscribeClaims,
  person: Person,
  topic: string | null,
  options: UnsubscribeOptions & { now: string },
): Promise<boolean> {
  const { now } = options;
  const scope = topic ?? 'global';
  const consents = (await isWithdrawn(tx, person, topic))
    ? 0
    : (await recordConsent(tx, person, [withdrawal(claims, topic, options)], now)).recorded;
  const suppression = {
    address_key: claims.address_key,
    scope,
    reason: 'unsubscribed' as const,
    detail: null,
    suppressed_at: now,
    source: 'mallard',
  };
  const suppressions = await addSuppressions(tx, [suppression], now);
  if (consents > 0) await appendEvent(tx, claims, scope, now);
  return consents + suppressions > 0;
}

function withdrawal(
  claims: UnsubscribeClaims,
  topic: string | null,
  { method, wording, place, now }: UnsubscribeOptions & { now: string },
) {
  return {
    consent_event_id: `unsubscribe_${claims.delivery_id}_${topic ?? 'global'}_${now}`,
    // Just asked for, in the same transaction.
    is_new: true,
    channel: 'email',
    purpose: 'marketing',
    topic,
    status: 'withdrawn' as const,
    wording: wording ?? null,
    method: method ?? 'page',
    place: place ?? null,
    actor: 'recipient',
    occurred_at: now,
    source: 'mallard',
  };
}

/**
 * Whether the same was withdrawn before and nothing of it granted since. Two scans, each with one equality that DuckDB takes
 * into the scan: with `or` between them it took 39 ms among a million events, on the lane that webhooks wait for.
 */
async function isWithdrawn(tx: Session, person: Person, topic: string | null): Promise<boolean> {
  const said = (column: string, value: string) =>
    `select status, topic, occurred_at, channel, purpose from core.consent_events where ${column} = ${value}`;
  const row = await tx.one<{ is_withdrawn: boolean }>(
    `select coalesce(max(occurred_at) filter (status = 'withdrawn' and topic is not distinct from $topic::varchar)
         > coalesce(max(occurred_at) filter (status = 'granted'), timestamp '0001-01-01'), false) as is_withdrawn
     from (${said('contact_id', '$contact::varchar')} union all ${said('email_key', '$email_key::varchar')})
     where channel = 'email' and purpose = 'marketing' and ($topic::varchar is null or topic is null or topic = $topic)`,
    {
      topic,
      contact: person.contact_id,
      email_key: person.email === null ? null : emailKey(person.email),
    },
  );
  return row?.is_withdrawn ?? false;
}

/** An event of the mail, so that its results count it; once a scope and time. */
function appendEvent(tx: Session, claims: UnsubscribeClaims, scope: string, now: string): Promise<number> {
  return tx.run(
    `insert into core.email_events
       (event_id, event_type, contact_id, email, campaign_id, campaign_run_id, message_id, delivery_id, agent_class, agent_reason, reason, occurred_at, source, recorded_at)
     select $id, 'unsubscribed', $contact_id, any_value(email), $campaign_id, $campaign_run_id, any_value(message_id), $delivery_id,
       'human', 'posted', $scope, $now::timestamp, 'mallard', $now::timestamp
     from ops.audience where campaign_run_id = $campaign_run_id and delivery_id = $delivery_id`,
    {
      id: `unsubscribe_${claims.delivery_id}_${scope}_${now}`,
      contact_id: claims.contact_id,
      campaign_id: claims.campaign_id,
      campaign_run_id: claims.campaign_run_id,
      delivery_id: claims.delivery_id,
      scope,
      now,
    },
  );
}
