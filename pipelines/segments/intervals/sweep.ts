import type { Moves } from './moves.ts';
import type { Workspace } from './workspace.ts';

/**
 * The stretches in which an expression over leaves holds: SELECT of `(contact_id, valid_from, valid_to)`, from `valid_from` on, before
 * `valid_to`, which is null where it still holds at the span's end. One pass over each contact's moves, in order of time.
 * @param leaves what `h0`, `h1`, … of the expression are
 */
export function sweepSql(work: Workspace, leaves: readonly Moves[], holds: string): string {
  const columns = leaves.map((_, index) => index);
  const rows = leaves.map(
    ({ table }, own) =>
      `select contact_id, moment, ${columns.map((index) => (index === own ? `move as m${index}` : `0 as m${index}`)).join(', ')} from ${table}`,
  );
  const sums = columns.map((index) => `sum(m${index})::int as m${index}`).join(', ');
  const held = columns.map((index) => `${leaves[index]?.base} + sum(m${index}) over so_far > 0 as h${index}`);
  return `select contact_id, moment as valid_from, nullif(until, ${work.until}) as valid_to
    from (
      select contact_id, moment, holds, lead(moment, 1, ${work.until}) over (partition by contact_id order by moment) as until
      from (
        select contact_id, moment, holds, lag(holds, 1, false) over (partition by contact_id order by moment) as held
        from (
          select contact_id, moment, (${holds}) as holds from (
            select contact_id, moment, ${held.join(', ')}
            from (select contact_id, moment, ${sums} from (${rows.join(' union all ')}) group by contact_id, moment)
            window so_far as (partition by contact_id order by moment))))
      where holds <> held)
    where holds`;
}
