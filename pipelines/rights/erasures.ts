import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { addressKey } from '../../data/address.ts';
import { toTimestamp } from '../../data/clock.ts';
import type { Session } from '../../data/owner/session.ts';
import { literal } from '../load/sql.ts';
import type { Statement } from './erase-sql.ts';
import { inList, type Person } from './person.ts';
import { isTextual, mentionedColumns, personalTables, textSql, withRows } from './tables.ts';

/** Rows by table and what was done to them. */
export type ErasureCounts = Record<string, Partial<Record<Statement['effect'], number>>>;

/** An erasure as `ops.erasures` has it. */
export interface Erasure {
  erasure_id: string;
  address_keys: string[];
  contact_keys: string[];
  salt: string | null;
  status: 'running' | 'completed';
  counts: ErasureCounts | null;
  requested_by: string | null;
  reason: string | null;
  requested_at: string;
  completed_at: string | null;
  compact_by: string | null;
  compacted_at: string | null;
}

/** A contact id under the project's secret: short ids could be guessed from a bare hash. The SQL twin is `contactKeySql`. */
export function contactKey(contactId: string, secret: string): string {
  return createHash('sha256').update(`${secret}:${contactId}`).digest('hex');
}

function contactKeySql(column: string, secret: string): string {
  return `sha256(concat(${literal(`${secret}:`)}, ${column}))`;
}

/**
 * Writes the intent and, with it, the hashes that suppress: from here on nothing is sent to the person. Other suppressions
 * of the addresses go, since this one stands for all.
 */
export async function beginErasure(
  tx: Session,
  person: Person,
  options: { secret: string; requestedBy: string; reason: string | null; now: Date },
): Promise<Erasure> {
  const now = toTimestamp(options.now);
  const erasure = { id: randomUUID(), salt: randomBytes(24).toString('hex') };
  await tx.run(
    `insert into ops.erasures (erasure_id, address_keys, contact_keys, salt, status, requested_by, reason, requested_at)
     values ($id, from_json($addresses, '["VARCHAR"]'), from_json($contacts, '["VARCHAR"]'), $salt, 'running', $by, $reason, $now::timestamp)`,
    {
      ...erasure,
      addresses: JSON.stringify(person.address_keys),
      contacts: JSON.stringify(person.contact_ids.map((id) => contactKey(id, options.secret))),
      by: options.requestedBy,
      reason: options.reason,
      now,
    },
  );
  await tx.run(
    `delete from ops.suppressions where ${inList('address_key', person.address_keys)} and reason <> 'forgotten'`,
  );
  await tx.run(
    `insert into ops.suppressions (address_key, channel, scope, reason, detail, suppressed_at, source, recorded_at)
     select key, 'email', 'global', 'forgotten', null, $now::timestamp, 'mallard', $now::timestamp
     from (select unnest(from_json($keys, '["VARCHAR"]')) as key) keys
     where not exists (from ops.suppressions s where s.address_key = keys.key and s.reason = 'forgotten')`,
    { keys: JSON.stringify(person.address_keys), now },
  );
  return getErasure(tx, erasure.id);
}

/** Ends it: the salt goes, the counts and the deadline of the compaction come. */
export async function completeErasure(
  tx: Session,
  erasureId: string,
  options: { counts: ErasureCounts; now: Date; compactBy: Date },
): Promise<Erasure> {
  await tx.run(
    `update ops.erasures set status = 'completed', salt = null, counts = $counts::json, completed_at = $now::timestamp, compact_by = $by::timestamp
     where erasure_id = $id and status = 'running'`,
    {
      id: erasureId,
      counts: JSON.stringify(options.counts),
      now: toTimestamp(options.now),
      by: toTimestamp(options.compactBy),
    },
  );
  return getErasure(tx, erasureId);
}

export async function runningErasures(session: Session): Promise<Erasure[]> {
  return session.rows<Erasure>(`select * from ops.erasures where status = 'running' order by requested_at`);
}

/** The last completed erasure of somebody who has this address or contact id. */
export function findErasure(
  session: Session,
  keys: { address?: string; contact?: string },
): Promise<Erasure | undefined> {
  return session.one<Erasure>(
    `select * from ops.erasures where status = 'completed'
       and (list_contains(address_keys, $address::varchar) or list_contains(contact_keys, $contact::varchar))
     order by completed_at desc limit 1`,
    { address: keys.address ?? null, contact: keys.contact ?? null },
  );
}

/** The contact ids and addresses that an erasure's hashes stand for, as far as the database still has them. */
export async function peopleOf(
  session: Session,
  erasure: Erasure,
  secret: string,
): Promise<{ ids: string[]; emails: string[] }> {
  const values = async (sql: string) =>
    (
      await session.rows<{ value: string | null }>(`select distinct value from (${sql}) found (value)`)
    ).flatMap(({ value }) => value ?? []);
  const idSources = [
    ...[
      'contacts',
      'contact_changes',
      'contact_identities',
      'contact_canonicals',
      'email_events',
      'consent_events',
    ],
    ...['web_events', 'activities', 'orders', 'campaign_responses', 'deals'],
  ].flatMap((table) => [`core.${table}`, ...(table === 'contact_canonicals' ? [] : [`history.${table}`])]);
  const ops = [
    'segment_changes',
    'segment_memberships_open',
    'segment_list_changes',
    'audience',
    'deliveries',
    'action_runs',
    'tasks',
  ];
  const key = contactKeySql('contact_id', secret);
  const ids = await values(
    [...idSources, ...ops.map((table) => `ops.${table}`)]
      .map((table) => `select contact_id from ${table} where ${inList(key, erasure.contact_keys)}`)
      .join(' union '),
  );
  const emails = await values(
    ['core.contacts', 'core.email_events', 'core.consent_events', 'history.contacts', 'ops.audience']
      .map(
        (table) =>
          `select lower(trim(email)) from ${table} where ${inList('sha256(lower(trim(email)))', erasure.address_keys)}`,
      )
      .concat(
        ['core', 'history'].map(
          (schema) =>
            `select lower(trim(value)) from ${schema}.contact_changes where field = 'email' and ${inList('sha256(lower(trim(value)))', erasure.address_keys)}`,
        ),
      )
      .join(' union '),
  );
  const keys = new Set(emails.map(addressKey));
  if (erasure.address_keys.every((each) => keys.has(each))) return { ids, emails };
  return { ids, emails: [...new Set([...emails, ...(await mentionedAddresses(session, erasure))])] };
}

/** The addresses of an erasure that stand somewhere in a text: rare and slow, for who was only ever in a landed file. */
async function mentionedAddresses(session: Session, erasure: Erasure): Promise<string[]> {
  const found = new Set<string>();
  for (const table of await withRows(session, await personalTables(session))) {
    if (table.rule.erase === 'none') continue;
    for (const column of mentionedColumns(table).filter((each) => isTextual(each))) {
      const rows = await session.rows<{ email: string }>(
        `select distinct email from (
           select unnest(regexp_extract_all(replace(lower(${textSql(column)}), '%40', '@'), '[a-z0-9._%+\\-]+@[\\p{L}0-9.\\-]+[\\p{L}0-9]')) as email from ${table.sql})
         where ${inList('sha256(email)', erasure.address_keys)}`,
      );
      for (const { email } of rows) found.add(email);
    }
  }
  return [...found];
}

export async function getErasure(session: Session, erasureId: string): Promise<Erasure> {
  return (await session.one<Erasure>(`select * from ops.erasures where erasure_id = $1`, [
    erasureId,
  ])) as Erasure;
}
