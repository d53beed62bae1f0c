import { addressKey, emailKey } from '../../data/address.ts';
import type { Session } from '../../data/owner/session.ts';
import { literal } from '../load/sql.ts';
import { canonicalsSql } from '../identity/canonicals.ts';

/** Everything a person is known by. */
export interface Person {
  /** Every contact of the merged group. */
  contact_ids: string[];
  /** Every address the group ever had, as it identifies (data/address.ts). */
  emails: string[];
  address_keys: string[];
  /** As they were given. */
  phones: string[];
  /** Ids in other systems (core.contact_identities). */
  other_ids: string[];
  /** Mails written to them. */
  delivery_ids: string[];
  /** Deals made with them, now or ever. */
  deal_ids: string[];
}

/** `a in ('x', 'y')`, false for an empty list. */
export function inList(sql: string, values: readonly string[]): string {
  return values.length === 0 ? 'false' : `${sql} in (${values.map(literal).join(', ')})`;
}

/**
 * Finds a person by contact id or address. An address finds the contacts that have it now; where none does, those that
 * ever had it. Contacts that share the present address of one another are one addressee, hence one person here.
 *
 * An address or number that somebody else has now is left out: it was passed on, and is theirs.
 * @returns without contact ids where only an address is known; `isKnown` of an address says nothing about raw tables
 */
export async function resolvePerson(session: Session, reference: string): Promise<Person> {
  const text = reference.trim();
  const seeds = text.includes('@') ? await contactsOfAddress(session, emailKey(text)) : [text];
  return describe(session, seeds, text.includes('@') ? [emailKey(text)] : []);
}

/** The person of contact ids and addresses that were found by their hashes. */
export async function describe(
  session: Session,
  seeds: readonly string[],
  addresses: readonly string[],
): Promise<Person> {
  const direct = await groupOf(session, seeds);
  const shared = await sharing(session, direct);
  const ids = shared.length > direct.length ? await groupOf(session, shared) : direct;
  const emails = await theirs(session, ids, 'email', [
    ...new Set([...addresses, ...(await addressesOf(session, ids))]),
  ]);
  const phones = await theirs(session, ids, 'phone', await phonesOf(session, ids));
  const address_keys = emails.map(addressKey);
  return {
    contact_ids: ids,
    emails,
    address_keys,
    phones,
    other_ids: await otherIds(session, ids),
    delivery_ids: await column(
      session,
      `select delivery_id from ops.audience where ${inList('contact_id', ids)} or ${inList('address_key', address_keys)}
       union select delivery_id from ops.deliveries where ${inList('contact_id', ids)} or ${inList('address_key', address_keys)}`,
    ),
    deal_ids: await column(
      session,
      `select deal_id from core.deals where ${inList('contact_id', ids)}
       union select deal_id from history.deals where ${inList('contact_id', ids)}
       union select deal_id from core.deal_changes where field = 'contact_id' and ${inList('value', ids)}
       union select deal_id from history.deal_changes where field = 'contact_id' and ${inList('value', ids)}`,
    ),
  };
}

/** All contacts that stand for the same person as any of these, these included. */
async function groupOf(session: Session, ids: readonly string[]): Promise<string[]> {
  const members = await column(
    session,
    `with mapped as ${canonicalsSql},
       roots as (select canonical_contact_id as id from mapped where ${inList('contact_id', ids)}
         union select unnest([${ids.map(literal).join(', ')}]::varchar[]))
     select id from roots union select contact_id from mapped where canonical_contact_id in (select id from roots)`,
  );
  return members.toSorted();
}

async function contactsOfAddress(session: Session, key: string): Promise<string[]> {
  const now = await column(session, `select contact_id from core.contacts where email_key = ${literal(key)}`);
  if (now.length > 0) return now;
  return column(
    session,
    `select contact_id from core.contact_changes where field = 'email' and lower(trim(value)) = ${literal(key)}
     union select contact_id from core.contact_identities where lower(trim(value)) = ${literal(key)}
     union select contact_id from history.contacts where email_key = ${literal(key)}
     union select contact_id from core.email_events where lower(trim(email)) = ${literal(key)}
     union select contact_id from core.consent_events where lower(trim(email)) = ${literal(key)}
     union select contact_id from ops.audience where lower(trim(email)) = ${literal(key)}`,
  );
}

function sharing(session: Session, ids: readonly string[]): Promise<string[]> {
  return column(
    session,
    `select contact_id from core.contacts where email_key in (select email_key from core.contacts where ${inList('contact_id', ids)})
     union select unnest([${ids.map(literal).join(', ')}]::varchar[])`,
  );
}

function addressesOf(session: Session, ids: readonly string[]): Promise<string[]> {
  const theirRows = inList('contact_id', ids);
  return column(
    session,
    `select distinct lower(trim(email)) from (
       select email from core.contacts where ${theirRows}
       union all select email from history.contacts where ${theirRows}
       union all select value from core.contact_changes where field = 'email' and ${theirRows}
       union all select value from history.contact_changes where field = 'email' and ${theirRows}
       union all select value from core.contact_identities where value like '%@%' and ${theirRows}
       union all select value from history.contact_identities where value like '%@%' and ${theirRows}
       union all select email from core.email_events where ${theirRows}
       union all select email from core.consent_events where ${theirRows}
       union all select email from ops.audience where ${theirRows})
     where email like '%_@_%'`,
  );
}

function phonesOf(session: Session, ids: readonly string[]): Promise<string[]> {
  const theirRows = inList('contact_id', ids);
  return column(
    session,
    `select distinct trim(phone) from (
       select phone from core.contacts where ${theirRows}
       union all select phone_key from core.contacts where ${theirRows}
       union all select phone from history.contacts where ${theirRows}
       union all select value from core.contact_changes where field = 'phone' and ${theirRows}
       union all select value from history.contact_changes where field = 'phone' and ${theirRows}
       union all select value from core.contact_identities where kind = 'phone' and ${theirRows})
     where trim(phone) <> ''`,
  );
}

function otherIds(session: Session, ids: readonly string[]): Promise<string[]> {
  return column(
    session,
    `select distinct value from core.contact_identities
     where ${inList('contact_id', ids)} and kind not in ('email', 'phone') and value not like '%@%'`,
  );
}

/** Without what a contact outside of the group has now. */
async function theirs(
  session: Session,
  ids: readonly string[],
  kind: 'email' | 'phone',
  values: readonly string[],
): Promise<string[]> {
  const key = kind === 'email' ? 'email_key' : 'trim(phone)';
  const others = new Set(
    await column(
      session,
      `select ${key} from core.contacts where ${inList(key, values)} and not ${inList('contact_id', ids)}`,
    ),
  );
  return values.filter((value) => !others.has(value)).toSorted();
}

async function column(session: Session, sql: string): Promise<string[]> {
  const rows = await session.rows<{ value: string | null }>(`select value from (${sql}) found (value)`);
  return rows.flatMap(({ value }) => (value === null || value === '' ? [] : [value]));
}
