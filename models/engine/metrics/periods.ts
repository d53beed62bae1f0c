import { DateTime } from 'luxon';
import type { Account } from '../../../data/account.ts';
import type { PeriodUnit } from './metric.ts';

/** A stretch of whole days in the account's zone. */
export interface Period {
  /** First day, and the day after the last, in the account's zone: 'yyyy-MM-dd'. */
  start_date: string;
  end_date: string;
  /** The same as instants. */
  start: Date;
  end: Date;
  /** First day of the period before. */
  previous_start_date: string;
  /** `2026-10`, `2026-Q3`, `2026-W47`, `FY2026`; of days and ranges the first day. */
  label: string;
}

type Calendar = Pick<Account, 'time_zone' | 'week_start' | 'fiscal_year_start_month'>;

/** The period that begins on `start` and ends before `end`, with one before it of as many months, where it is whole months, or days. */
export function periodBetween(start: DateTime, end: DateTime, label?: string, previous?: DateTime): Period {
  const day = (at: DateTime) => at.toFormat('yyyy-MM-dd');
  const isMonths = start.day === 1 && end.day === 1;
  const length = isMonths
    ? { months: Math.round(end.diff(start, 'months').months) }
    : { days: Math.round(end.diff(start, 'days').days) };
  const before = previous ?? start.minus(length);
  return {
    start_date: day(start),
    end_date: day(end),
    start: start.toJSDate(),
    end: end.toJSDate(),
    previous_start_date: day(before),
    label: label ?? day(start),
  };
}

/**
 * The periods of a unit that touch [from, to), oldest first. Weeks begin on the account's first day of the week, quarters and
 * years with its fiscal year.
 */
export function periodsBetween(unit: PeriodUnit, from: Date, to: Date, calendar: Calendar): Period[] {
  const periods: Period[] = [];
  for (let start = startOf(unit, from, calendar); start.toMillis() < to.getTime();) {
    const end = move(start, unit, 1);
    periods.push(periodBetween(start, end, labelOf(unit, start, calendar), move(start, unit, -1)));
    start = end;
  }
  return periods;
}

/** The last `count` periods of a unit, that of `at` the last of them. */
export function lastPeriods(unit: PeriodUnit, count: number, at: Date, calendar: Calendar): Period[] {
  const last = startOf(unit, at, calendar);
  return periodsBetween(
    unit,
    move(last, unit, 1 - count).toJSDate(),
    move(last, unit, 1).toJSDate(),
    calendar,
  );
}

/** The period before, or the same one a year ago. */
export function earlier(
  period: Period,
  by: 'previous' | 'year',
  unit: PeriodUnit | undefined,
  calendar: Calendar,
): Period {
  const at = (date: string) => startOfDay(date, calendar.time_zone);
  const [start, end] = [at(period.start_date), at(period.end_date)];
  if (by === 'year') return periodBetween(start.minus({ years: 1 }), end.minus({ years: 1 }));
  const before = at(period.previous_start_date);
  return periodBetween(
    before,
    start,
    unit && labelOf(unit, before, calendar),
    unit && move(before, unit, -1),
  );
}

/** When a day ('yyyy-MM-dd') begins in a zone. By its noon, for midnight does not exist on every day. */
export function startOfDay(date: string, zone: string): DateTime {
  return DateTime.fromISO(`${date}T12:00`, { zone }).startOf('day');
}

function startOf(
  unit: PeriodUnit,
  at: Date,
  { time_zone: zone, week_start: weekStart, fiscal_year_start_month: month }: Calendar,
): DateTime {
  const local = DateTime.fromJSDate(at, { zone });
  if (unit === 'day' || unit === 'month') return local.startOf(unit);
  if (unit === 'week') {
    return weekStart === 'monday'
      ? local.startOf('week')
      : local.plus({ days: 1 }).startOf('week').minus({ days: 1 });
  }
  const months = unit === 'year' ? 12 : 3;
  const into = (local.month - month + 12) % months;
  return local.startOf('month').minus({ months: into });
}

function move(start: DateTime, unit: PeriodUnit, count: number): DateTime {
  // Where midnight does not exist (clocks go forward at it), a day begins later, and the next one at midnight again.
  const moved = start.plus({ [unit]: count }).startOf('day');
  // Nor does every day: Apia had no 30 December 2011, and luxon goes on from such a one.
  return count < 0 && moved.toMillis() >= start.toMillis() ? move(start, unit, count - 1) : moved;
}

function labelOf(unit: PeriodUnit, start: DateTime, { fiscal_year_start_month: month }: Calendar): string {
  if (unit === 'day') return start.toFormat('yyyy-MM-dd');
  // Of a week that begins on a Sunday the ISO number is that of its Monday.
  if (unit === 'week') return start.plus({ days: 1 }).toFormat("kkkk-'W'WW");
  if (unit === 'month') return start.toFormat('yyyy-MM');
  // A fiscal year is named after the calendar year in which it ends.
  const year = month === 1 || start.month < month ? start.year : start.year + 1;
  const fiscal = month === 1 ? '' : 'FY';
  if (unit === 'year') return `${fiscal}${year}`;
  return `${fiscal}${year}-Q${Math.floor(((start.month - month + 12) % 12) / 3) + 1}`;
}
