import type { MeasureKind } from '../../../models/engine/timelines/events.ts';
import { atNextDay } from './span.ts';
import type { Workspace } from './workspace.ts';

/**
 * Steps: `(contact_id, moment, value)`, a value that holds from `moment` until the contact's next row. Times before the span are the
 * span's start. Facts count from the microsecond after them, since evaluations count what was *before* AS_OF.
 */
export function measureSteps(
  work: Workspace,
  events: string,
  { kind, days, daysTable }: { kind: MeasureKind; days: number | undefined; daysTable: string },
): string {
  const begins = `greatest(e.moment + interval 1 microsecond, ${work.from})`;
  if (days === undefined) {
    const begun = `select e.contact_id, ${begins} as moment, ${kind}(e.value) as value from ${events} e group by all`;
    return `select contact_id, moment, ${kind}(value) over (partition by contact_id order by moment) as value from (${begun})`;
  }
  // The day begins so many days after the event that the event lies before the window.
  const left = (relation: string, columns: string) =>
    atNextDay(daysTable, work.span, {
      columns,
      relation,
      time: `r.moment + interval (${days}) day + interval 1 microsecond`,
    });
  const recent = `(from ${events} where moment >= ${work.from} - interval (${days + 3}) day)`;
  if (kind === 'sum') {
    return `select contact_id, moment, sum(value) over (partition by contact_id order by moment) as value from (
        select contact_id, moment, sum(value) as value from (
          select e.contact_id, ${begins} as moment, e.value from ${recent} e
          union all by name ${left(recent, 't.contact_id, -t.value as value')})
        where moment < ${work.until} group by contact_id, moment)`;
  }
  // The smallest or largest of what is in the window, at each moment at which something enters or leaves it.
  return `with lives as (
      select contact_id, greatest(begun + interval 1 microsecond, ${work.from}) as begins, moment as ends, value
      from (${left(recent, 't.contact_id, t.moment as begun, t.value')}) where moment > ${work.from}),
    moments as (select contact_id, begins as moment from lives union select contact_id, ends from lives where ends < ${work.until})
    select m.contact_id, m.moment, ${kind}(l.value) as value
    from moments m left join lives l on l.contact_id = m.contact_id and l.begins <= m.moment and m.moment < l.ends
    group by m.contact_id, m.moment`;
}
