import { DateTime } from 'luxon';
import { toTimestamp } from '../../../data/clock.ts';
import type { Session } from '../../../data/owner/session.ts';

/** Which times are looked at: `from` and later, before `until`. */
export interface Span {
  from: Date;
  until: Date;
  /** Only facts before this are looked at; default all of the span. */
  factsUntil?: Date | undefined;
}

/** A time as an SQL literal. */
export function sqlTime(date: Date): string {
  return `timestamp '${toTimestamp(date)}'`;
}

const quarter = 15 * 60_000;
const day = 24 * 60 * 60_000;

/**
 * The starts of the account's days, ascending, from the day of `from` to the first after `until`: the values of `$TODAY`, found
 * by the same call that makes the given. A day of 24 hours is told by its ends; around a change of the clocks every quarter of
 * an hour is asked, since a zone may have two starts of one day, an hour apart.
 */
export function dayStarts({ from, until }: Span, zone: string): Date[] {
  const today = (at: number) => DateTime.fromMillis(at, { zone }).startOf('day').toMillis();
  const starts = [today(from.getTime())];
  for (let last = starts[0] ?? 0; last < until.getTime(); last = starts.at(-1) ?? 0) {
    const next = last + day;
    if (today(next) === next && today(next - 1) === last) {
      starts.push(next);
      continue;
    }
    let at = last + quarter;
    while (today(at) <= last) at += quarter;
    starts.push(today(at));
  }
  return starts.map((start) => new Date(start));
}

/** The starts of days as SQL can look them up. */
export interface Days {
  /** Of each UTC date the first three starts at or after its midnight. */
  table: string;
  span: Span;
  /** The start of the span's first day, at or before the span's own. */
  first: Date;
}

/**
 * Makes the temporary table `name`. An equality join finds with it the first start at or after any time of the span, many times as
 * fast as an inequality would.
 */
export async function createDays(session: Session, name: string, span: Span, zone: string): Promise<Days> {
  const starts = dayStarts({ from: span.from, until: new Date(span.until.getTime() + 3 * day) }, zone);
  const first = starts[0] ?? span.from;
  await session.run(
    `create or replace temp table ${name} as
     with starts as (select unnest(from_json($1, '["TIMESTAMP"]')) as start),
       dates as (select unnest(generate_series(date_trunc('day', $2::timestamp), $3::timestamp, interval 1 day)) as date)
     select date::date as utc_date, starts[1] as first, starts[2] as second, starts[3] as third
     from (select date, (select list(start order by start) from starts where start >= date and start < date + interval 4 day) as starts from dates)`,
    [JSON.stringify(starts.map(toTimestamp)), toTimestamp(first), toTimestamp(span.until)],
  );
  return { table: name, span, first };
}

/**
 * `select <columns>, <the first start of a day at or after `time`, within the span> as moment from <relation>`.
 * @param time an expression over `r`, the relation's alias
 */
export function atNextDay(
  { table, span, first }: Days,
  { columns, time, relation }: { columns: string; time: string; relation: string },
): string {
  const until = sqlTime(span.until);
  const start = `case when d.utc_date is null then ${until} when t.due <= d.first then d.first when t.due <= d.second then d.second else d.third end`;
  return `select ${columns}, greatest(least(${start}, ${until}), ${sqlTime(span.from)}) as moment
    from (select r.*, greatest(${time}, ${sqlTime(first)}) as due from ${relation} r) t
    left join ${table} d on d.utc_date = t.due::date`;
}
