import { emailKeySql } from '../../data/address.ts';
import type { Session } from '../../data/owner/session.ts';
import { canonicalOf, canonicalsSql } from './canonicals.ts';
import { contactsByEmailSql } from './contacts-by-email.ts';

/**
 * The persons that many ids and addresses stand for: what `findContact` is for one. Makes the temp table `found_contacts`
 * `(kind, given, contact_id)` on the session's connection: a row per distinct id (`kind` 'id') or address key ('email');
 * `contact_id` is the canonical's, null where nobody has the id or the address. Makes no stub contact.
 */
export async function createFoundContacts(
  session: Session,
  { contactIds, emails }: { contactIds: readonly string[]; emails: readonly string[] },
): Promise<void> {
  await session.run(
    `create or replace temp table found_contacts as
     with ids as (select distinct unnest(from_json($1, '["VARCHAR"]')) as given),
       addresses as (
         select ${emailKeySql('given')} as email_key, min(given) as given
         from (select unnest(from_json($2, '["VARCHAR"]')) as given) group by 1),
       own as (select email_key, contact_id from (${contactsByEmailSql}) semi join addresses using (email_key)),
       -- An address that a contact had beside its own.
       further as (
         select email_key, coalesce(min(contact_id) filter (not is_stub), min(contact_id)) as contact_id
         from (select ${emailKeySql('value')} as email_key, contact_id from core.contact_identities where kind = 'email')
         semi join addresses using (email_key) join core.contacts using (contact_id) group by 1),
       known as (select contact_id from core.contacts union select contact_id from ${canonicalsSql})
     select 'id' as kind, given, ${canonicalOf('known.contact_id')} as contact_id
     from ids left join known on known.contact_id = ids.given
     union all
     select 'email', given, ${canonicalOf('coalesce(own.contact_id, further.contact_id)')}
     from addresses left join own using (email_key) left join further using (email_key)`,
    [JSON.stringify(contactIds), JSON.stringify(emails)],
  );
}
