import { toTimestamp } from '../../data/clock.ts';
import type { Session } from '../../data/owner/session.ts';
import type { World } from '../../models/engine/engine.ts';
import { findContact } from '../identity/find-contact.ts';
import { literal } from '../load/sql.ts';

/** Somebody under all the records that they had by KNOWN_AT. */
export interface OnePerson {
  contact_id: string;
  /** What was asked for, as an id. */
  asked_contact_id: string;
  members: string[];
}

/**
 * @param idOrEmail an id, of a merged contact too, or an address, as they are known now
 * @throws `not_found`
 */
export async function findPerson(
  session: Session,
  idOrEmail: string,
  knownAt: Date | undefined,
): Promise<OnePerson> {
  const asked = await findContact(session, idOrEmail);
  const row = await session.one<{ contact_id: string; members: string[] }>(
    `with known as (
       select contact_id, canonical_contact_id from core.contact_canonicals
       where recorded_at < $known_at::timestamp and (superseded_at is null or superseded_at >= $known_at::timestamp)),
     person as (select coalesce((select canonical_contact_id from known where contact_id = $asked), $asked) as contact_id)
     select contact_id, list_append(
       coalesce((select list(k.contact_id) from known k where k.canonical_contact_id = p.contact_id), []), contact_id) as members
     from person p`,
    { asked, known_at: knownAt === undefined ? '9999-12-31' : toTimestamp(knownAt) },
  );
  return {
    contact_id: row?.contact_id ?? asked,
    asked_contact_id: asked,
    members: row?.members ?? [asked],
  };
}

/**
 * Stands for the ids in compiled SQL. No text from outside can be it: a value's single quotes would be doubled, a name's double
 * ones. The same in every process, so that the compiled world is kept between them.
 */
const members = `'members'||'of one "person"'`;
const addresses = `select email_key from versions.contacts where contact_id in (${members})
  union select lower(trim(value)) from versions.contact_changes where field = 'email' and contact_id in (${members})`;
const deals = `select deal_id from versions.deals where contact_id in (${members})
  union select deal_id from versions.deal_changes where field = 'contact_id' and value in (${members})`;

/** Which rows of a table can be about the person; the models decide. Tables that are not listed are small, or about nobody. */
const conditions: Readonly<Record<string, string>> = {
  contacts: `contact_id in (${members})`,
  contact_changes: `contact_id in (${members})`,
  email_events: `contact_id in (${members})`,
  web_events: `contact_id in (${members})`,
  activities: `contact_id in (${members})`,
  orders: `contact_id in (${members})`,
  campaign_responses: `contact_id in (${members})`,
  consent_events: `contact_id in (${members}) or email_key in (${addresses})`,
  deals: `deal_id in (${deals})`,
  deal_changes: `deal_id in (${deals})`,
  deal_stage_changes: `deal_id in (${deals})`,
};

/**
 * The models over the rows of one person: what else would aggregate the whole base for one row of it. Compiled once; `inWorld`
 * puts the person into the SQL.
 */
export const onePersonWorld: World = {
  name: 'one person',
  rewrite: (text) =>
    text.replaceAll(/duckdb\.table\('versions\.(\w+)'\)/g, (table, name: string) => {
      const condition = conditions[name];
      return condition === undefined
        ? table
        : `duckdb.sql("""select * from versions.${name} where ${condition}""")`;
    }),
};

/** SQL that was compiled in `onePersonWorld`, over somebody. */
export function forPerson(sql: string, person: OnePerson): string {
  const list = person.members.map(literal).join(', ');
  return sql.replaceAll(members, () => list);
}

/**
 * The condition for the rows of `versions.<table>` that can be about some contacts; undefined where all of them are to be read.
 * @param ids what stands between the parentheses of `contact_id in (…)`: a list, or a SELECT
 * @param dealIds the same of `deal_id in (…)`; default `dealsOfContacts(ids)`
 */
export function aboutContacts(table: string, ids: string, dealIds = deals): string | undefined {
  return conditions[table]?.replaceAll(deals, () => dealIds).replaceAll(members, () => ids);
}

/** A SELECT of the ids of the deals that some contacts have or ever had; `ids` as above. */
export function dealsOfContacts(ids: string): string {
  return deals.replaceAll(members, () => ids);
}
