import type { IdentitySettings } from '../../data/account.ts';
import { emailKeySql } from '../../data/address.ts';
import type { Session } from '../../data/owner/session.ts';
import { makePhoneKeys } from './phone-keys.ts';

/** What a shared key is called in core.contact_merges, the surest first: in this order decisions are made. */
export const matchRules = {
  source_id: 'shared_source_id',
  email: 'shared_email',
  phone: 'shared_phone',
} as const;
export type MatchRule = (typeof matchRules)[keyof typeof matchRules];

/** An address key as it matches where the account says that Gmail's dots and +tags do not tell persons apart. */
export function gmailKeySql(emailKey: string): string {
  const local = `replace(split_part(split_part(${emailKey}, '@', 1), '+', 1), '.', '')`;
  return `case when ${emailKey} like '%@gmail.com' or ${emailKey} like '%@googlemail.com'
    then coalesce(nullif(${local}, ''), split_part(${emailKey}, '@', 1)) || '@gmail.com' else ${emailKey} end`;
}

/**
 * Makes temp table `identity_keys (rule, key, contact_id)`: every key that more than one contact has, with all who have it.
 * Beside the columns of core.contacts, core.contact_identities gives further addresses (kind `email`), numbers (`phone`) and
 * ids in other systems (any other kind).
 */
export async function findSharedKeys(session: Session, settings: IdentitySettings): Promise<void> {
  await session.run(
    'create or replace temp table identity_keys (rule varchar, key varchar, contact_id varchar)',
  );
  for (const kind of settings.match_on) {
    const holders = await holdersSql(session, kind, settings);
    // The keys first: to number all holders of all keys took four times as long.
    await session.run(
      `insert into identity_keys
       with holders as (${holders}),
         shared as (select key from holders group by key having count(*) > 1)
       select distinct '${matchRules[kind]}', key, contact_id from holders semi join shared using (key)`,
    );
  }
  await session.run('drop table if exists temp.identity_phones');
}

/** `(key, contact_id)`: a contact may have several. */
async function holdersSql(
  session: Session,
  kind: keyof typeof matchRules,
  settings: IdentitySettings,
): Promise<string> {
  if (kind === 'source_id') {
    return `select kind || chr(10) || value as key, contact_id from core.contact_identities where kind not in ('email', 'phone')`;
  }
  if (kind === 'email') {
    const key = (of: string) => (settings.gmail ? gmailKeySql(of) : of);
    return `select ${key('email_key')} as key, contact_id from core.contacts where email_key is not null and email_key <> ''
      union all
      select ${key(emailKeySql('value'))}, contact_id from core.contact_identities where kind = 'email'`;
  }
  const others = `select i.contact_id, i.value as phone, coalesce(c.country, '') as country
    from core.contact_identities i left join core.contacts c using (contact_id) where i.kind = 'phone'`;
  await makePhoneKeys(session, 'identity_phones', others, settings.default_country);
  return `select phone_key as key, contact_id from core.contacts where phone_key is not null
    union all
    select p.phone_key, o.contact_id from (${others}) o join identity_phones p using (phone, country) where p.phone_key is not null`;
}
