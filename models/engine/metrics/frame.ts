import { DateTime } from 'luxon';
import type { Account } from '../../../data/account.ts';
import { MallardError } from '../../../data/errors.ts';
import type { Metric } from './metric.ts';
import { lastPeriods, periodBetween, periodsBetween, startOfDay, type Period } from './periods.ts';
import type { MetricsRequest } from './request.ts';

const defaultDays = 365;
const defaultPeriods = 13;

/** What is asked about: the whole range, and the periods it is cut into. */
export interface Frame {
  range: Period;
  periods: readonly Period[];
}

export function frameOf(request: MetricsRequest, account: Account): Frame {
  const { unit, last, from, to, asOf } = request;
  const tomorrow = dayOf(asOf, account).plus({ days: 1 });
  const end = to === undefined ? tomorrow : parseDay('to', to, account);
  const start = from === undefined ? undefined : parseDay('from', from, account);
  if (start && start.toMillis() >= end.toMillis()) {
    throw new MallardError('bad_request', `from ${from} is not before to ${to ?? end.toISODate()}.`, {
      fields: { from, to },
      remedy: 'The first day counts, the last does not.',
    });
  }
  if (unit === undefined) {
    const first = start ?? end.minus({ days: defaultDays + (to === undefined ? 1 : 0) });
    const range = periodBetween(first, end);
    return { range, periods: [range] };
  }
  const periods = start
    ? periodsBetween(unit, start.toJSDate(), end.toJSDate(), account)
    : lastPeriods(unit, last ?? defaultPeriods, end.minus({ milliseconds: 1 }).toJSDate(), account);
  const [first, final] = [periods[0], periods.at(-1)];
  if (!first || !final) throw new RangeError('no periods');
  const zone = account.time_zone;
  const range = periodBetween(startOfDay(first.start_date, zone), startOfDay(final.end_date, zone));
  return { range, periods };
}

function dayOf(at: Date, account: Account): DateTime {
  return DateTime.fromJSDate(at, { zone: account.time_zone }).startOf('day');
}

function parseDay(field: string, text: string, account: Account): DateTime {
  const day = startOfDay(text, account.time_zone);
  if (day.isValid && /^\d{4}-\d{2}-\d{2}$/.test(text)) return day;
  throw new MallardError('bad_request', `${field}: ${text} is not a day such as 2026-10-01.`, {
    fields: { field, value: text },
  });
}

/** The period that a metric's one figure is about. Some go by a unit of their own unless a range was asked for. */
export function rangeOf(metric: Metric, frame: Frame, request: MetricsRequest, account: Account): Period {
  const asksRange = request.from !== undefined || request.to !== undefined || request.unit !== undefined;
  if (asksRange || metric.defaultUnit === undefined) {
    const last = frame.periods.at(-1);
    return metric.defaultUnit !== undefined && request.unit !== undefined && last ? last : frame.range;
  }
  // The last complete one.
  const [period] = lastPeriods(metric.defaultUnit, 2, request.asOf, account);
  if (!period) throw new RangeError('no period');
  return period;
}

export function daysOf({ start_date, end_date }: Period): { start_date: string; end_date: string } {
  return { start_date, end_date };
}
