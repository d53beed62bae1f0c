import { emailKeySql } from '../../data/address.ts';
import type { Session } from '../../data/owner/session.ts';
import type { Warehouse } from '../../data/owner/warehouse.ts';

/** The one contact an address stands for: a real one before a stub, then the smallest id, so that it is always the same. */
const contactsOf = (which: string) =>
  `select email_key, coalesce(min(contact_id) filter (not is_stub), min(contact_id)) as contact_id
  from core.contacts where ${which} group by email_key`;
export const contactsByEmailSql = contactsOf('email_key is not null');

/** Rows that name no contact but an address get the contact with that address, if there is one. */
export async function resolveContacts(session: Session, table: string): Promise<void> {
  const open = await session.one(
    `select 1 from ${table} where contact_id is null and email is not null limit 1`,
  );
  if (!open) return;
  await session.run(
    `update ${table} set contact_id = known.contact_id from (${contactsByEmailSql}) known
     where ${table}.contact_id is null and known.email_key = ${emailKeySql(`${table}.email`)}`,
  );
}

/**
 * Rows of contacts with an address but no id: the contact with that address, else an id made of it. The address itself is
 * no id, since ids appear in logs and links.
 */
export async function identifyContacts(session: Session, table: string): Promise<void> {
  await resolveContacts(session, table);
  await session.run(
    `update ${table} set contact_id = 'email-' || left(sha256(${emailKeySql('email')}), 24)
     where contact_id is null and email is not null`,
  );
}

/**
 * Events that came before their contact was known by its address are given to it.
 * @param table has the contacts just loaded, with `email_key`
 */
export function adoptEvents(session: Session, table: string): Promise<void> {
  return linkFacts(session, `email_key in (select email_key from ${table})`);
}

/**
 * Gives events that name an address only to its contact. Those that arrive by webhook wait for this: to look a contact up
 * among a million took longer than to acknowledge the event. A running load is not waited for: what comes after it
 * (the next build at the latest) links.
 */
export async function linkEvents(warehouse: Warehouse): Promise<void> {
  if (warehouse.loads.isBusy) return;
  await warehouse.loads.transaction((tx) => linkFacts(tx, 'true'));
}

/**
 * The same for events that were recorded since a time (UTC, as SQL takes it), at the price of one look at the contacts where
 * there are any.
 */
export async function linkRecentEvents(warehouse: Warehouse, since: string): Promise<void> {
  if (warehouse.loads.isBusy) return;
  const keys = (facts: string) =>
    `select ${emailKeySql('email')} as email_key from ${facts}
     where recorded_at >= timestamp '${since}' and contact_id is null and email is not null`;
  const known = await warehouse.read((session) =>
    session.rows<{ email_key: string; contact_id: string }>(
      contactsOf(`email_key in (${keys('core.email_events')} union ${keys('core.consent_events')})`),
    ),
  );
  if (known.length === 0 || warehouse.loads.isBusy) return;
  await warehouse.loads.transaction(async (tx) => {
    for (const facts of ['core.email_events', 'core.consent_events']) {
      await tx.run(
        `update ${facts} set contact_id = known.contact_id
         from (select unnest(from_json($1, '[{"email_key": "VARCHAR", "contact_id": "VARCHAR"}]'), recursive := true)) known
         where ${facts}.recorded_at >= timestamp '${since}' and ${facts}.contact_id is null and ${facts}.email is not null
           and known.email_key = ${emailKeySql(`${facts}.email`)}`,
        [JSON.stringify(known)],
      );
    }
  });
}

/** @param which condition on `email_key`: whose events */
async function linkFacts(session: Session, which: string): Promise<void> {
  for (const facts of ['core.email_events', 'core.consent_events']) {
    const unlinked = `${facts}.contact_id is null and ${facts}.email is not null`;
    if (!(await session.one(`select 1 from ${facts} where ${unlinked} limit 1`))) continue;
    await session.run(
      `update ${facts} set contact_id = known.contact_id from (${contactsByEmailSql} having ${which}) known
       where ${unlinked} and known.email_key = ${emailKeySql(`${facts}.email`)}`,
    );
  }
}
