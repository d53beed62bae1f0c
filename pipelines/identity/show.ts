import { MallardError } from '../../data/errors.ts';
import type { Session } from '../../data/owner/session.ts';
import type { Warehouse } from '../../data/owner/warehouse.ts';
import { findContact } from './find-contact.ts';
import { describePerson, type MergedValue } from './merge.ts';
import { personSql, timelineSql } from './timeline-sql.ts';

export interface PersonMember {
  contact_id: string;
  /** Null where the id has no contact of its own. */
  source: string | null;
  is_stub: boolean;
  created_at: string | null;
  updated_at: string | null;
}

export interface PersonEntry {
  /** UTC. */
  at: string;
  /** created, changed, identity, merged, consent, suppressed, email, web, activity, order, deal, audience, delivery, segment, task … */
  kind: string;
  /** The record that it stands under; null for what is known of the address alone. */
  contact_id: string | null;
  /** One line for people. */
  summary: string;
  detail: object;
}

export interface Person {
  /** The one that stands for all. */
  contact_id: string;
  /** What was asked for, as an id. */
  asked_contact_id: string;
  members: PersonMember[];
  /** Each value with the member that it comes from and the rule by which it wins. */
  profile: MergedValue[];
  identities: { contact_id: string; kind: string; value: string; source: string }[];
  /** What was said last, by channel, purpose and topic. */
  consent: { channel: string; purpose: string; topic: string | null; status: string; occurred_at: string }[];
  suppressions: { channel: string; scope: string; reason: string; suppressed_at: string; source: string }[];
  /** Segments that the person is in now. */
  segments: { segment_id: string; entered_at: string }[];
  /** In time order, the newest last; a page. */
  entries: PersonEntry[];
  /** Pass as `before` for what lies before this page; null where nothing does. */
  previous: string | null;
}

/**
 * Everything that is known of a person, under all its records.
 * @param idOrEmail an id, of a merged contact too, or an address
 * @param options `limit`: entries, default 100, at most 10,000. `before`: the `previous` of the page after.
 * @throws `not_found`; `bad_request` where `before` is none
 */
export async function showContact(
  warehouse: Warehouse,
  idOrEmail: string,
  options: { limit?: number | undefined; before?: string | undefined } = {},
): Promise<Person> {
  const limit = Math.min(Math.max(options.limit ?? 100, 1), 10_000);
  const before = parseCursor(options.before);
  return warehouse.read(async (session) => {
    const asked = await findContact(session, idOrEmail);
    const { canonical_contact_id: id, members: ids, values } = await describePerson(session, asked);
    const params = { members: JSON.stringify(ids) };
    const read = await session.rows<PersonEntry & { id: string }>(timelineSql(), {
      ...params,
      before_at: before?.at ?? null,
      before_key: before?.key ?? null,
      rows: limit + 1,
    });
    const page = read.slice(0, limit);
    const first = page.at(-1);
    return {
      contact_id: id,
      asked_contact_id: asked,
      members: await readMembers(session, ids, id),
      profile: values,
      identities: await session.rows(
        `with ${personSql} select contact_id, kind, value, source from core.contact_identities
         where contact_id in (select contact_id from members) order by kind, value`,
        params,
      ),
      consent: await session.rows(
        `with ${personSql} select channel, purpose, topic, arg_max(status, (occurred_at, status)) as status, max(occurred_at) as occurred_at
         from core.consent_events where contact_id in (select contact_id from members) or email_key in (select email_key from addresses)
         group by all order by all`,
        params,
      ),
      suppressions: await session.rows(
        `with ${personSql} select channel, scope, reason, suppressed_at, source from ops.suppressions
         where address_key in (select address_key from addresses) order by suppressed_at`,
        params,
      ),
      segments: await session.rows(
        `with ${personSql} select segment_id, min(entered_at) as entered_at from ops.segment_memberships_open
         where contact_id in (select contact_id from members) group by segment_id order by segment_id`,
        params,
      ),
      entries: page
        .toReversed()
        .map(({ at, kind, contact_id, summary, detail }) => ({ at, kind, contact_id, summary, detail })),
      previous: read.length > limit && first ? `${first.at}~${first.kind}:${first.id}` : null,
    };
  });
}

function readMembers(session: Session, ids: readonly string[], canonical: string): Promise<PersonMember[]> {
  return session.rows<PersonMember>(
    `select m.contact_id, c.source, coalesce(c.is_stub, true) as is_stub, c.created_at, c.updated_at
     from (select unnest(from_json($1, '["VARCHAR"]')) as contact_id) m left join core.contacts c on c.contact_id = m.contact_id
     order by m.contact_id <> $2, m.contact_id`,
    [JSON.stringify(ids), canonical],
  );
}

/** `<time>~<kind>:<id>`. Throws `bad_request`. */
function parseCursor(cursor: string | undefined): { at: string; key: string } | undefined {
  if (cursor === undefined) return undefined;
  const [, at, key] = /^(\d{4,6}-\d\d-\d\dT[\d:.]+)Z~(.+)$/s.exec(cursor) ?? [];
  if (at !== undefined && key !== undefined) return { at, key };
  throw new MallardError('bad_request', `before: ${cursor} is no place in a timeline.`, {
    fields: { field: 'before' },
    remedy: 'Pass the `previous` of the page after it.',
  });
}
