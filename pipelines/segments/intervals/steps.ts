import type { MeasureKind } from '../../../models/engine/timelines/events.ts';
import { atNextDay, type Days } from './span.ts';
import type { Workspace } from './workspace.ts';

/**
 * Steps: `(contact_id, moment, value, before)`, a value that holds from `moment` until the contact's next row (`ends`, of all
 * but sums), and the value until then. Times before the span are the span's start. Facts count from the microsecond after them,
 * since evaluations count what was *before* AS_OF.
 */
export function measureSteps(
  work: Workspace,
  events: string,
  { kind, window, days }: { kind: MeasureKind; window: number | undefined; days: Days },
): string {
  if (kind === 'sum') return sumSteps(work, events, window, days);
  return window === undefined
    ? extremeSteps(work, events, kind)
    : movingSteps(work, events, kind, window, days);
}

/** Steps with `before` and `ends`, of `(contact_id, moment, value)`; nothing comes before the first. */
export function withNeighbours(work: Workspace, steps: string): string {
  return `select *, lag(value) over in_order as before, lead(moment, 1, ${work.until}) over in_order as ends
    from (${steps}) window in_order as (partition by contact_id order by moment)`;
}

function begins(work: Workspace): string {
  return `greatest(e.moment + interval 1 microsecond, ${work.from})`;
}

/** What may still be in a window when the span begins. */
function recent(work: Workspace, events: string, window: number): string {
  return `(from ${events} where moment >= ${work.from} - interval (${window + 3}) day)`;
}

/** An event has left the window where a day begins so many days after it, or later. */
function left(days: Days, relation: string, columns: string, window: number): string {
  return atNextDay(days, {
    columns,
    relation,
    time: `r.moment + interval (${window}) day + interval 1 microsecond`,
  });
}

/** Each event adds its value, and takes it away when it leaves the window. */
function sumSteps(work: Workspace, events: string, window: number | undefined, days: Days): string {
  const relation = window === undefined ? events : recent(work, events, window);
  const gone =
    window === undefined
      ? ''
      : `union all by name ${left(days, relation, 't.contact_id, -t.value as value', window)}`;
  return `select contact_id, moment, sum(step) over in_order as value, value - step as before
    from (
      select contact_id, moment, sum(value) as step
      from (select e.contact_id, ${begins(work)} as moment, e.value from ${relation} e ${gone})
      where moment < ${work.until} group by contact_id, moment)
    window in_order as (partition by contact_id order by moment)`;
}

function extremeSteps(work: Workspace, events: string, kind: MeasureKind): string {
  return `select contact_id, moment, ${kind}(found) over in_order as value,
      ${kind}(found) over (in_order rows between unbounded preceding and 1 preceding) as before,
      lead(moment, 1, ${work.until}) over in_order as ends
    from (select e.contact_id, ${begins(work)} as moment, ${kind}(e.value) as found from ${events} e group by all)
    window in_order as (partition by contact_id order by moment)`;
}

/** The smallest or largest of what is in the window, at each moment at which something enters or leaves it. */
function movingSteps(work: Workspace, events: string, kind: MeasureKind, window: number, days: Days): string {
  const lives = left(days, recent(work, events, window), 't.contact_id, t.moment as begun, t.value', window);
  return withNeighbours(
    work,
    `with lives as (
        select e.contact_id, ${begins(work).replace('e.moment', 'e.begun')} as begins, e.moment as ends, e.value from (${lives}) e where e.moment > ${work.from}),
      moments as (select contact_id, begins as moment from lives union select contact_id, ends from lives where ends < ${work.until})
      select m.contact_id, m.moment, ${kind}(l.value) as value
      from moments m left join lives l on l.contact_id = m.contact_id and l.begins <= m.moment and m.moment < l.ends
      group by m.contact_id, m.moment`,
  );
}
