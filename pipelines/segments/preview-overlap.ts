import type { Session } from '../../data/owner/session.ts';
import { canonicalsSql } from '../identity/canonicals.ts';
import { openPersonsSql } from './members.ts';

/** How the previewed and one segment's present members meet. Persons are compared, not records. */
export interface SegmentOverlap {
  segment_id: string;
  /** Its present members. */
  member_count: number;
  /** Who is among both. */
  both: number;
  /** both ÷ the previewed; null where there are none. */
  of_preview: number | null;
  /** both ÷ the segment's members. */
  of_segment: number;
  /** both ÷ who is among either (Jaccard, 1901): 1 where they are the same people, 0 where nobody is in both. */
  jaccard: number;
}

/**
 * The overlap with every segment that has members, the largest first: one pass over the open memberships.
 * @param sql a row per contact; `column` says who fits
 */
export async function readOverlap(session: Session, sql: string, column: string): Promise<SegmentOverlap[]> {
  return session.rows<SegmentOverlap>(
    `with previewed as (
       select distinct coalesce(k.canonical_contact_id, p.contact_id) as contact_id
       from (${sql}) p left join ${canonicalsSql} k on k.contact_id = p.contact_id where p.${column}),
     met as (
       select o.segment_id, count(*)::int as member_count, count(p.contact_id)::int as common
       from ${openPersonsSql} o left join previewed p using (contact_id) group by o.segment_id)
     select segment_id, member_count, common as "both", common / nullif(n, 0) as of_preview,
       common / member_count as of_segment, common / (n + member_count - common) as jaccard
     from met, (select count(*) as n from previewed) order by common desc, jaccard desc, segment_id`,
  );
}
