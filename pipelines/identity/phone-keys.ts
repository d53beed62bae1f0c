import { setImmediate as afterIo } from 'node:timers/promises';
import type { Session } from '../../data/owner/session.ts';
import { phoneKey, regionOf } from './phone-text.ts';

/** The rest, parsed in JavaScript at about 11 µs each, lets the server's other work in between. */
const atOnce = 2_000;

const separators = ' .()/-\u00a0';
/**
 * Country codes, of two digits and of three, whose numbers stand as written. The others (52, 54, 55, 261, 298, 370, 375, 378, 69x,
 * 993) have digits of old dialling plans that libphonenumber takes out or puts in; a property compares the two.
 */
const plainCodes = [
  '2[07]|3[0-469]|4[013-9]|5[13678]|6[0-6]|8[1246]|9[0-58]',
  '2[1-5][0-9]|26[02-9]|29[01]|35[0-9]|37[1-4679]|38[0-9]|42[0-9]|5[09][0-9]|6[78][0-9]|8[58][0-9]|9[67][0-9]|99[24-8]',
].join('|');
const quickNumber = `[+](1[2-9][0-9]{9}|7[2-79][0-9]{9}|(${plainCodes})[1-9][0-9]{6,9})`;

/**
 * E.164 of a text that is it already once its separators are taken out; null for anything else, which needs a country or
 * `phoneKey`. A trunk `(0)` inside is not for the quick way.
 */
export function quickPhoneKeySql(phone: string): string {
  const bare = `translate(${phone}, '${separators}', '')`;
  return `case when starts_with(${phone}, '+') and not contains(${phone}, '(0') and regexp_full_match(${bare}, '${quickNumber}') then ${bare} end`;
}

/** The same of ten digits from the United States or Canada. @param region SQL of an ISO 3166 code, or null */
export function nationalPhoneKeySql(phone: string, region: string): string {
  const bare = `translate(${phone}, '${separators}', '')`;
  return `case when ${region} in ('US', 'CA') and regexp_full_match(${bare}, '[2-9][0-9]{2}[2-9][0-9]{6}') then '+1' || ${bare} end`;
}

/**
 * The keys of a landing's phone numbers that are not E.164 as written, in a temporary table `<landing>_phones (phone, country,
 * phone_key)`: once for each distinct pair of texts. For `storePhoneKeys`, which drops it.
 * @param landing `table`, and whether it has `country`; without, the known contact's country counts
 * @param defaultCountry ISO 3166, for numbers whose contact has no (known) country
 */
export async function keyPhones(
  session: Session,
  landing: { table: string; columns: readonly string[] },
  defaultCountry: string | undefined,
): Promise<void> {
  if (!landing.columns.includes('phone')) return;
  await makePhoneKeys(
    session,
    phonesTable(landing),
    `select phone, country from (${landingPhonesSql(landing)}) where quick_key is null`,
    defaultCountry,
  );
}

/**
 * Gives the contacts of a landing the keys that `keyPhones` made; after `mergeLanding`, in its transaction. A number that was
 * taken away takes its key along.
 */
export async function storePhoneKeys(
  session: Session,
  landing: { table: string; columns: readonly string[] },
): Promise<void> {
  if (!landing.columns.includes('phone')) return;
  const keys = phonesTable(landing);
  await session.run(
    `update core.contacts set phone_key = k.phone_key
     from (select l.contact_id, coalesce(l.quick_key, p.phone_key) as phone_key from (${landingPhonesSql(landing)}) l
           left join ${keys} p on p.phone = l.phone and p.country = l.country) k
     where core.contacts.contact_id = k.contact_id and core.contacts.phone_key is distinct from k.phone_key`,
  );
  await session.run(`drop table ${keys}`);
}

/** Keys for contacts that have a number and no key: those loaded before there were keys, or without a country. */
export async function backfillPhoneKeys(
  session: Session,
  defaultCountry: string | undefined,
): Promise<number> {
  const open = `phone is not null and phone_key is null`;
  if (!(await session.one(`select 1 from core.contacts where ${open} limit 1`))) return 0;
  const quick = await session.run(
    `update core.contacts set phone_key = ${quickPhoneKeySql('phone')} where ${open} and ${quickPhoneKeySql('phone')} is not null`,
  );
  const keys = 'identity_backfill';
  await makePhoneKeys(
    session,
    keys,
    `select phone, coalesce(country, '') as country from core.contacts where ${open}`,
    defaultCountry,
  );
  const count = await session.run(
    `update core.contacts set phone_key = k.phone_key from ${keys} k
     where core.contacts.phone_key is null and core.contacts.phone = k.phone and coalesce(core.contacts.country, '') = k.country
       and k.phone_key is not null`,
  );
  await session.run(`drop table ${keys}`);
  return quick + count;
}

function phonesTable(landing: { table: string }): string {
  return `${landing.table}_phones`;
}

function landingPhonesSql({ table, columns }: { table: string; columns: readonly string[] }): string {
  const [country, known] = columns.includes('country')
    ? ['l.country', '']
    : ['c.country', 'left join core.contacts c on c.contact_id = l.contact_id'];
  return `select l.contact_id, l.phone, coalesce(${country}, '') as country, ${quickPhoneKeySql('l.phone')} as quick_key
    from ${table} l ${known} where l._faults is null`;
}

/**
 * Makes temp table `into (phone, country, phone_key)` of the distinct pairs of `phonesSql (phone, country)`; `country` is ''
 * where unknown.
 */
export async function makePhoneKeys(
  session: Session,
  into: string,
  phonesSql: string,
  defaultCountry: string | undefined,
): Promise<void> {
  await session.run(
    `create or replace temp table ${into} as
     select distinct phone, country, cast(null as varchar) as region, cast(null as varchar) as phone_key
     from (${phonesSql}) where phone is not null`,
  );
  const countries = await session.rows<{ country: string }>(`select distinct country from ${into}`);
  const regions = countries.map(({ country }) => ({
    country,
    region: regionOf(country) ?? defaultCountry ?? null,
  }));
  await session.run(
    `create or replace temp table ${into} as
     select k.phone, k.country, r.region, coalesce(${quickPhoneKeySql('k.phone')}, ${nationalPhoneKeySql('k.phone', 'r.region')}) as phone_key
     from ${into} k join (select unnest(from_json($1, '[{"country":"VARCHAR","region":"VARCHAR"}]'), recursive := true)) r using (country)`,
    [JSON.stringify(regions)],
  );
  await parseRest(session, into);
}

/** What the quick way does not know, a text and region once. */
async function parseRest(session: Session, into: string): Promise<void> {
  const rest = await session.rows<{ phone: string; region: string | null }>(
    `select distinct phone, region from ${into} where phone_key is null and regexp_matches(phone, '[0-9]')`,
  );
  const parsed: { phone: string; region: string; phone_key: string }[] = [];
  for (const [index, { phone, region }] of rest.entries()) {
    if (index % atOnce === atOnce - 1) await afterIo();
    const key = phoneKey(phone, region ?? undefined);
    if (key !== undefined) parsed.push({ phone, region: region ?? '', phone_key: key });
  }
  for (let from = 0; from < parsed.length; from += 100_000) {
    await session.run(
      `update ${into} set phone_key = p.phone_key
       from (select unnest(from_json($1, '[{"phone":"VARCHAR","region":"VARCHAR","phone_key":"VARCHAR"}]'), recursive := true)) p
       where ${into}.phone = p.phone and coalesce(${into}.region, '') = p.region`,
      [JSON.stringify(parsed.slice(from, from + 100_000))],
    );
  }
}
