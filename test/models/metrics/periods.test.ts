import fc from 'fast-check';
import { DateTime } from 'luxon';
import { expect, test } from 'vitest';
import {
  earlier,
  lastPeriods,
  periodBetween,
  periodsBetween,
  startOfDay,
} from '../../../models/engine/metrics/periods.ts';

const berlin = { time_zone: 'Europe/Berlin', week_start: 'monday', fiscal_year_start_month: 1 } as const;
const at = (text: string) => new Date(text);
const labels = (periods: { label: string }[]) => periods.map(({ label }) => label);

test("months are cut in the account's zone, over the change of its clocks", () => {
  const [october] = lastPeriods('month', 1, at('2026-09-30T22:30:00Z'), berlin);
  expect(october).toEqual({
    start_date: '2026-10-01',
    end_date: '2026-11-01',
    start: at('2026-09-30T22:00:00Z'),
    // Winter time has begun.
    end: at('2026-10-31T23:00:00Z'),
    previous_start_date: '2026-09-01',
    label: '2026-10',
  });
});

test('weeks begin on Monday or Sunday, and the ISO year is that of their Thursday', () => {
  const monday = lastPeriods('week', 2, at('2027-01-01T12:00:00Z'), berlin);
  expect(monday.map(({ start_date, label }) => [start_date, label])).toEqual([
    ['2026-12-21', '2026-W52'],
    ['2026-12-28', '2026-W53'],
  ]);
  const sunday = { ...berlin, week_start: 'sunday' } as const;
  const [week] = lastPeriods('week', 1, at('2026-11-01T12:00:00Z'), sunday);
  expect(week).toMatchObject({ start_date: '2026-11-01', end_date: '2026-11-08', label: '2026-W45' });
});

test('quarters and years follow the fiscal year, which is named after the year it ends in', () => {
  expect(labels(lastPeriods('quarter', 3, at('2026-11-25T00:00:00Z'), berlin))).toEqual([
    '2026-Q2',
    '2026-Q3',
    '2026-Q4',
  ]);
  const february = { ...berlin, fiscal_year_start_month: 2 };
  const quarters = lastPeriods('quarter', 2, at('2027-01-31T12:00:00Z'), february);
  expect(quarters.map(({ start_date, end_date, label }) => [start_date, end_date, label])).toEqual([
    ['2026-08-01', '2026-11-01', 'FY2027-Q3'],
    ['2026-11-01', '2027-02-01', 'FY2027-Q4'],
  ]);
  expect(labels(lastPeriods('year', 1, at('2027-02-01T12:00:00Z'), february))).toEqual(['FY2028']);
});

test('periods lie end to end and cover the range, in any zone, unit and calendar', () => {
  const zone = fc.constantFrom('UTC', 'Europe/Berlin', 'America/Sao_Paulo', 'Asia/Kathmandu', 'Pacific/Apia');
  const unit = fc.constantFrom('day', 'week', 'month', 'quarter', 'year');
  const day = fc.date({ min: at('2009-01-01'), max: at('2031-12-31'), noInvalidDate: true });
  fc.assert(
    fc.property(
      zone,
      unit,
      fc.constantFrom('monday', 'sunday'),
      fc.integer({ min: 1, max: 12 }),
      day,
      fc.integer({ min: 1, max: 500 }),
      (time_zone, each, week_start, fiscal_year_start_month, from, days) => {
        const to = new Date(from.getTime() + days * 86_400_000);
        const calendar = { time_zone, week_start, fiscal_year_start_month };
        const periods = periodsBetween(each, from, to, calendar);
        expect(periods[0]?.start.getTime()).toBeLessThanOrEqual(from.getTime());
        expect(periods.at(-1)?.end.getTime()).toBeGreaterThanOrEqual(to.getTime());
        // Each ends where the next one begins, and knows when the one before it began.
        const later = periods.slice(1);
        const sooner = periods.slice(0, -1);
        expect(sooner.map(({ end_date, end }) => [end_date, end])).toEqual(
          later.map(({ start_date, start }) => [start_date, start]),
        );
        expect(later.map(({ previous_start_date }) => previous_start_date)).toEqual(
          sooner.map(({ start_date }) => start_date),
        );
        expect(later.map((period) => earlier(period, 'previous', each, calendar))).toEqual(sooner);
        for (const period of periods) {
          expect(startOfDay(period.start_date, time_zone).toMillis()).toBe(period.start.getTime());
        }
      },
    ),
  );
});

test('whole months are compared with whole months, other ranges with as many days before them, or the same days a year ago', () => {
  const day = (text: string) => DateTime.fromISO(text, { zone: 'Europe/Berlin' });
  const range = periodBetween(day('2026-03-02'), day('2026-04-01'));
  expect(earlier(range, 'previous', undefined, berlin)).toMatchObject({
    start_date: '2026-01-31',
    end_date: '2026-03-02',
  });
  expect(earlier(range, 'year', undefined, berlin)).toMatchObject({
    start_date: '2025-03-02',
    end_date: '2025-04-01',
  });
  const quarter = periodBetween(day('2026-04-01'), day('2026-07-01'));
  expect(earlier(quarter, 'previous', undefined, berlin)).toMatchObject({
    start_date: '2026-01-01',
    end_date: '2026-04-01',
  });
});
