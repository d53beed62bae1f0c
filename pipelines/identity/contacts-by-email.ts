import { emailKeySql } from '../../data/address.ts';
import type { Session } from '../../data/owner/session.ts';

/** The one contact an address stands for: a real one before a stub, then the smallest id, so that it is always the same. */
const contactsByEmailSql = `select email_key, coalesce(min(contact_id) filter (not is_stub), min(contact_id)) as contact_id
  from core.contacts where email_key is not null group by email_key`;

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
export async function adoptEvents(session: Session, table: string): Promise<number> {
  let adopted = 0;
  for (const events of ['core.email_events', 'core.consent_events']) {
    const orphan = await session.one(
      `select 1 from ${events} where contact_id is null and email is not null limit 1`,
    );
    if (!orphan) continue;
    adopted += await session.run(
      `update ${events} set contact_id = known.contact_id
       from (${contactsByEmailSql} having email_key in (select email_key from ${table})) known
       where ${events}.contact_id is null and known.email_key = ${emailKeySql(`${events}.email`)}`,
    );
  }
  return adopted;
}
