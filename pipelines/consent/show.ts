import type { Account } from '../../data/account.ts';
import { canonicalsSql } from '../identity/canonicals.ts';
import { emailKeySql } from '../../data/address.ts';
import type { Session } from '../../data/owner/session.ts';
import { permissionParams, permissionsSql, refusalSql } from './permissions.ts';
import type { Person } from './person.ts';
import { listSuppressions, type ListedSuppression } from './suppressions.ts';

export interface ConsentState {
  channel: string;
  purpose: string;
  /** Null: whatever no topic says otherwise. */
  topic: string | null;
  status: 'granted' | 'withdrawn';
  /** Of the event that decided: of this topic or of all, whichever came last. */
  occurred_at: string;
  consent_event_id: string;
}

export interface ConsentLogRow {
  consent_event_id: string;
  contact_id: string | null;
  email: string | null;
  channel: string;
  purpose: string;
  topic: string | null;
  status: string;
  wording: string | null;
  method: string | null;
  place: string | null;
  actor: string | null;
  /** When it was asked for, where it was confirmed by mail. */
  requested_at: string | null;
  occurred_at: string;
  source: string;
  recorded_at: string;
}

export interface ConsentReport {
  contact_ids: string[];
  current: ConsentState[];
  /** Whether a marketing mail may go out now, by topic (null: a mail without one), and what is against it. */
  marketing: { topic: string | null; allowed: boolean; refusal: string | null }[];
  suppressions: ListedSuppression[];
  /** Requests that wait for their confirmation. */
  pending: { request_id: string; topics: string[]; requested_at: string; expires_at: string }[];
  /** Every event, the newest first. */
  log: ConsentLogRow[];
}

/** All that is recorded of a person's consent, under every contact they were merged with and every address of those. */
export async function showConsent(
  session: Session,
  account: Pick<Account, 'consent'>,
  person: Person,
  now: string,
): Promise<ConsentReport> {
  const mine = { contact: person.contact_id, email: person.email };
  const log = await session.rows<ConsentLogRow>(
    `with ${identitySql}
     select e.consent_event_id, e.contact_id, e.email, e.channel, e.purpose, e.topic, e.status, e.wording, e.method, e.place, e.actor,
       r.requested_at, e.occurred_at, e.source, e.recorded_at
     from core.consent_events e left join ops.consent_requests r on starts_with(e.consent_event_id, 'confirm_' || r.request_id)
     where e.contact_id in (from ids) or e.email_key in (from keys)
     order by e.occurred_at desc, e.status desc, e.consent_event_id`,
    mine,
  );
  const ids = await session.rows<{ contact_id: string }>(
    `with ${identitySql} select contact_id from ids where contact_id is not null order by 1`,
    mine,
  );
  const keys = await session.rows<{ address_key: string }>(
    `with ${identitySql} select sha256(email_key) as address_key from keys where email_key is not null order by 1`,
    mine,
  );
  const suppressions: ListedSuppression[] = [];
  for (const { address_key } of keys)
    suppressions.push(...(await listSuppressions(session, { address_key, limit: 1000 })));
  const topics = new Set([
    ...account.consent.topics.map((topic) => topic.id),
    ...log.flatMap((row) => row.topic ?? []),
  ]);
  const marketing: ConsentReport['marketing'] = [];
  for (const topic of [null, ...topics]) {
    const refusal = await marketingRefusal(session, account, person, topic, now);
    marketing.push({ topic, allowed: refusal === null, refusal });
  }
  return {
    contact_ids: ids.map((row) => row.contact_id),
    current: currentStates(log),
    marketing,
    suppressions,
    pending: await session.rows(
      `with ${identitySql}
       select request_id, topics, requested_at, expires_at from ops.consent_requests
       where confirmed_at is null and expires_at > $now::timestamp and address_key in (select sha256(email_key) from keys) order by requested_at`,
      { ...mine, now },
    ),
    log,
  };
}

/** Why no marketing mail of a topic may go to a person now, or null. */
export async function marketingRefusal(
  session: Session,
  account: Pick<Account, 'consent'>,
  person: Person,
  topic: string | null,
  now: string,
): Promise<string | null> {
  const row = await session.one<{ refusal: string | null }>(
    `with asked as (
       select coalesce($contact::varchar, '') as contact_id, case when $email::varchar is not null then ${emailKeySql('$email::varchar')} end as email_key, $key::varchar as address_key),
     ${permissionsSql('asked')}
     select ${refusalSql('p')} as refusal from permissions p`,
    {
      contact: person.contact_id,
      email: person.email,
      key: person.address_key,
      ...permissionParams(account, { messageClass: 'marketing', topic, askedAt: now }),
    },
  );
  return row?.refusal ?? null;
}

/** `ids (contact_id)` and `keys (email_key)` of the person `$contact`, `$email`: all contacts merged with it, and their addresses. */
const identitySql = `asked as (
    select $contact::varchar as contact_id, case when $email::varchar is not null then ${emailKeySql('$email::varchar')} end as email_key),
  merged as (select contact_id, canonical_contact_id as person_id from ${canonicalsSql}),
  named as (
    select contact_id from asked where contact_id is not null
    union select c.contact_id from core.contacts c join asked a on c.email_key = a.email_key),
  persons as (select coalesce(m.person_id, n.contact_id) as person_id from named n left join merged m using (contact_id)),
  ids as (
    select contact_id from named union select person_id from persons
    union select m.contact_id from merged m join persons using (person_id)),
  keys as (
    select email_key from asked where email_key is not null
    union select email_key from core.contacts where contact_id in (from ids) and email_key is not null)`;

/** Per channel, purpose and topic: the last event of that topic or of all; on equal times the withdrawal. */
function currentStates(log: readonly ConsentLogRow[]): ConsentState[] {
  const states = new Map<string, ConsentState>();
  for (const { channel, purpose, topic } of log) {
    // The log is newest first, withdrawals before grants.
    const decided = log.find(
      (row) =>
        row.channel === channel && row.purpose === purpose && (row.topic === null || row.topic === topic),
    );
    if (!decided) continue;
    states.set(JSON.stringify([channel, purpose, topic]), {
      channel,
      purpose,
      topic,
      status: decided.status as ConsentState['status'],
      occurred_at: decided.occurred_at,
      consent_event_id: decided.consent_event_id,
    });
  }
  return [...states.values()].sort(
    (a, b) =>
      a.channel.localeCompare(b.channel) ||
      a.purpose.localeCompare(b.purpose) ||
      (a.topic ?? '').localeCompare(b.topic ?? ''),
  );
}
