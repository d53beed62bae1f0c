import { canonicalsSql } from '../identity/canonicals.ts';

/** `(contact_id, …)` of a relation with the id that stands for each now; `rest` are its other columns. */
export const asPersons = (relation: string, rest: string) =>
  `select coalesce(k.canonical_contact_id, r.contact_id) as contact_id, ${rest}
   from ${relation} r left join ${canonicalsSql} k on k.contact_id = r.contact_id`;

/**
 * Memberships as they were recorded, one row a stretch of a record: segment_id, contact_id (the canonical's), entered_at, left_at
 * ('infinity' where it lasts), position (the larger, the later it was written). In from entered_at on until just before left_at.
 * The stretches of one person overlap where several of its records were in.
 * @param condition which of `ops.segment_changes`
 */
export function stretchesSql(condition: string): string {
  return `with changes as (
      select segment_id, contact_id, change, changed_at, c.rowid as position,
        lead(changed_at) over (partition by segment_id, contact_id order by c.rowid) as next_at
      from ops.segment_changes c where ${condition})
    ${asPersons('changes', `r.segment_id, r.changed_at as entered_at, coalesce(r.next_at, timestamp 'infinity') as left_at, r.position`)}
    where r.change = 'entered' and (r.next_at is null or r.next_at > r.changed_at)`;
}

/**
 * When persons were members: the same with left_at null where it lasts, and of several records the times together: a stretch in
 * which any of them was in, is one.
 * @param condition which of `ops.segment_changes`
 */
export function intervalsSql(condition: string): string {
  return `with stretches as (${stretchesSql(condition)}),
    begun as (
      select *, entered_at > coalesce(max(left_at) over before_it, timestamp '-infinity') as is_new from stretches
      window before_it as (partition by segment_id, contact_id order by entered_at, position rows between unbounded preceding and 1 preceding)),
    numbered as (
      select *, count(*) filter (is_new) over (partition by segment_id, contact_id order by entered_at, position rows unbounded preceding) as stretch from begun)
    select segment_id, contact_id, min(entered_at) as entered_at, nullif(max(left_at), timestamp 'infinity') as left_at,
      max(position) as position
    from numbered group by segment_id, contact_id, stretch`;
}
