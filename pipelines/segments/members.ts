import { toTimestamp } from '../../data/clock.ts';
import type { Warehouse } from '../../data/owner/warehouse.ts';
import { literal } from '../load/sql.ts';
import { canonicalsSql, memberIdsSql } from '../identity/canonicals.ts';
import { asPersons, intervalsSql } from './recorded-intervals.ts';

export interface Query {
  sql: string;
  params: Record<string, unknown>;
}

export interface Member {
  contact_id: string;
  /** UTC: when the contact entered, as of the evaluation that found it. */
  entered_at: string;
}

export interface MemberPage {
  members: Member[];
  /** Pass as `after` for the next page; null on the last. */
  next: string | null;
}

/**
 * The open memberships as persons, one row each: a relation `(segment_id, contact_id)`. Only merged contacts can be in twice, so
 * only their rows are made distinct.
 */
export const openPersonsSql = `(
  with grouped as (
    select contact_id, canonical_contact_id from ${canonicalsSql}
    union select canonical_contact_id, canonical_contact_id from ${canonicalsSql})
  select segment_id, contact_id from ops.segment_memberships_open anti join grouped using (contact_id)
  union all
  select distinct segment_id, canonical_contact_id from ops.segment_memberships_open join grouped using (contact_id))`;

/**
 * Members of each segment: persons, though two records of one may be in. Counted as rows less those that are too many, since only
 * merged contacts can be: to count distinct ids of 3.6M memberships would take a second.
 */
export const memberCountsSql = `
  with grouped as (
      select contact_id, canonical_contact_id from ${canonicalsSql}
      union select canonical_contact_id, canonical_contact_id from ${canonicalsSql}),
    doubled as (
      select segment_id, count(*) - count(distinct g.canonical_contact_id) as too_many
      from ops.segment_memberships_open join grouped g using (contact_id) group by segment_id)
  select segment_id, (count(*) - coalesce(any_value(d.too_many), 0))::int as member_count
  from ops.segment_memberships_open left join doubled d using (segment_id) group by segment_id`;

/**
 * Members now, by contact_id: for `warehouse.stream`, or as a subquery. Columns: contact_id, the canonical's; entered_at, the
 * first of its records that is in.
 */
export function membersQuery(segmentId: string): Query {
  return {
    sql: `select contact_id, min(entered_at) as entered_at
      from (${asPersons('(from ops.segment_memberships_open where segment_id = $segment_id)', 'r.entered_at')})
      group by contact_id order by contact_id`,
    params: { segment_id: segmentId },
  };
}

/**
 * Members at a past time, from the recorded changes; columns as above. A change counts from its own moment on. Of several
 * changes at one moment (a definition changed and was evaluated again as of the same build) the last recorded stands;
 * rows of an append-only table are numbered in the order in which they were written. Whose a membership was, is said by who
 * counts as one person now.
 */
export function membersAtQuery(segmentId: string, at: Date): Query {
  return {
    sql: `
      select contact_id, min(entered_at) as entered_at from (${asPersons(
        `(select contact_id, arg_max(change, c.rowid) as last_change, arg_max(changed_at, c.rowid) as entered_at
        from ops.segment_changes c where segment_id = $segment_id and changed_at <= $at::timestamp group by contact_id)`,
        'r.last_change, r.entered_at',
      )})
      where last_change = 'entered' group by contact_id order by contact_id`,
    params: { segment_id: segmentId, at: toTimestamp(at) },
  };
}

/** A query of members as one text, for what streams SQL without parameters. Its parameters are texts. */
export function withLiterals({ sql, params }: Query): string {
  return sql.replaceAll(/\$(\w+)/g, (_, name: string) => literal(String(params[name])));
}

/**
 * A page of members, by contact_id.
 * @param options `at`: at a past time instead of now. `limit`: default 100, at most 10,000. `after`: the last page's `next`.
 */
export async function segmentMembers(
  warehouse: Warehouse,
  segmentId: string,
  options: { at?: Date | undefined; limit?: number | undefined; after?: string | undefined } = {},
): Promise<MemberPage> {
  const limit = Math.min(Math.max(options.limit ?? 100, 1), 10_000);
  const { sql, params } = options.at ? membersAtQuery(segmentId, options.at) : membersQuery(segmentId);
  const rows = await warehouse.read((session) =>
    session.rows<Member>(
      `select * from (${sql}) where $after::varchar is null or contact_id > $after::varchar order by contact_id limit $rows`,
      { ...params, after: options.after ?? null, rows: limit + 1 },
    ),
  );
  const members = rows.slice(0, limit);
  return { members, next: rows.length > limit ? (members.at(-1)?.contact_id ?? null) : null };
}

export interface MembershipInterval {
  segment_id: string;
  contact_id: string;
  /** UTC; a member from this moment on … */
  entered_at: string;
  /** … until just before this one; null where it still is. */
  left_at: string | null;
}

/**
 * When contacts were members, the newest first: of a segment, of a contact, or of both. At most `limit` rows (default 1,000). Of
 * several records of one person the times together: a stretch in which any of them was in, is one.
 */
export async function membershipHistory(
  warehouse: Warehouse,
  options: { segmentId?: string | undefined; contactId?: string | undefined; limit?: number | undefined },
): Promise<MembershipInterval[]> {
  return warehouse.read((session) =>
    session.rows<MembershipInterval>(
      `select segment_id, contact_id, entered_at, left_at
       from (${intervalsSql(`($segment_id::varchar is null or segment_id = $segment_id::varchar)
         and ($contact_id::varchar is null or contact_id in ${memberIdsSql('$contact_id::varchar')})`)})
       order by position desc limit $rows`,
      {
        segment_id: options.segmentId ?? null,
        contact_id: options.contactId ?? null,
        rows: options.limit ?? 1_000,
      },
    ),
  );
}
