import { describe, expect, it } from 'vitest';
import { arrows, deltaInWords, deltaOf } from '../../reports/delta.ts';
import {
  currencyAffixes,
  formatAsOf,
  formatCell,
  formatDateRange,
  formatNumber,
} from '../../reports/format.ts';
import { lastCompletePeriod } from '../../reports/period.ts';
import { timeframeOf } from '../../reports/timeframe.ts';
import { column } from './fixture.ts';

const berlin = { time_zone: 'Europe/Berlin', currency: 'EUR' };
const newYork = { time_zone: 'America/New_York', currency: 'USD' };

describe('numbers', () => {
  it.each([
    ['12345.5', { kind: 'currency' }, '€12,345.50'],
    ['12345.5', { kind: 'currency', decimals: 0 }, '€12,346'],
    ['-12345.5', { kind: 'currency', decimals: 0 }, '−€12,346'],
    ['1234567', { kind: 'currency', currency: 'USD', scale: 'm', decimals: 1 }, '$1.2M'],
    [950, { kind: 'number', scale: 'auto' }, '950'],
    [1_250_000_000, { kind: 'number', scale: 'auto' }, '1.3B'],
    [0.31415, { kind: 'percent' }, '31.4%'],
    [0.0012, { kind: 'percent', decimals: 2 }, '0.12%'],
    [1234567, undefined, '1,234,567'],
    [1234567, { kind: 'plain' }, '1234567'],
    [2.345, { kind: 'number', decimals: 1 }, '2.3'],
    [1000, { kind: 'currency', currency: 'JPY' }, '¥1,000'],
  ] as const)('%s as %o is %s', (value, format, text) => {
    expect(formatNumber(value, format, berlin)).toBe(text);
  });

  it('keeps every digit of a decimal that a double cannot hold', () => {
    expect(formatNumber('9007199254740993.07', { kind: 'currency' }, berlin)).toBe(
      '€9,007,199,254,740,993.07',
    );
  });

  it('shows no value as a dash, never as zero', () => {
    expect(formatCell(null, column('a', 'A', 'number'), berlin)).toBe('–');
    expect(formatCell(0, column('a', 'A', 'number'), berlin)).toBe('0');
  });

  it('knows where a currency has its sign', () => {
    expect(currencyAffixes('USD')).toEqual(['$', '']);
  });
});

describe('times', () => {
  it('are shown in the zone of the report, not of the machine', () => {
    const at = column('at', 'At', 'timestamp');
    expect(formatCell('2026-11-02T04:30:00Z', at, berlin)).toBe('Nov 2, 2026 05:30');
    expect(formatCell('2026-11-02T04:30:00Z', at, newYork)).toBe('Nov 1, 2026 23:30');
    expect(formatAsOf('2026-11-02T07:00:00Z', newYork)).toBe('Nov 2, 2026, 02:00 America/New_York');
  });

  it('a DATE is the day it says in any zone', () => {
    const day = column('day', 'Day', 'date');
    for (const context of [berlin, newYork, { time_zone: 'Pacific/Kiritimati', currency: 'USD' }]) {
      expect(formatCell('2026-11-02', day, context)).toBe('Nov 2, 2026');
    }
  });

  it('reads weeks, months and days off midnights of the zone, over a change to winter time', () => {
    const at = column('at', 'At', 'timestamp');
    const frame = (values: string[]) =>
      timeframeOf(
        at,
        values.map((value) => ({ at: value })),
        berlin,
      );
    expect(frame(['2026-10-18T22:00:00Z', '2026-10-25T23:00:00Z', '2026-11-08T23:00:00Z'])).toBe('week');
    expect(frame(['2026-08-31T22:00:00Z', '2026-09-30T22:00:00Z', '2026-10-31T23:00:00Z'])).toBe('month');
    expect(frame(['2026-10-24T22:00:00Z', '2026-10-25T23:00:00Z'])).toBe('day');
    // Midnights of UTC are no midnights of Berlin.
    expect(frame(['2026-10-19T00:00:00Z', '2026-10-26T00:00:00Z'])).toBeUndefined();
  });

  it('writes a range once where its ends share month or year', () => {
    expect(formatDateRange('2026-10-26', '2026-11-01')).toBe('Oct 26 – Nov 1, 2026');
    expect(formatDateRange('2026-10-05', '2026-10-11')).toBe('Oct 5 – 11, 2026');
    expect(formatDateRange('2026-12-28', '2027-01-03')).toBe('Dec 28, 2026 – Jan 3, 2027');
    expect(formatDateRange('2026-10-05', '2026-10-05')).toBe('Oct 5, 2026');
  });

  it('takes the last complete ISO week in the zone', () => {
    // Monday in Berlin is still Sunday in New York: another week is the last complete one.
    const asOf = new Date('2026-11-01T23:30:00Z');
    expect(lastCompletePeriod(asOf, 'week', 'Europe/Berlin')).toEqual({
      unit: 'week',
      first_date: '2026-10-26',
      last_date: '2026-11-01',
    });
    expect(lastCompletePeriod(asOf, 'week', 'America/New_York')).toEqual({
      unit: 'week',
      first_date: '2026-10-19',
      last_date: '2026-10-25',
    });
    expect(lastCompletePeriod(asOf, 'month', 'America/New_York')).toEqual({
      unit: 'month',
      first_date: '2026-10-01',
      last_date: '2026-10-31',
    });
  });
});

describe('deltas', () => {
  const up = { unit: 'pct', down_is_good: false } as const;

  it.each([
    [110, 100, up, 'up', 'good', '10.0%'],
    [90, 100, up, 'down', 'bad', '10.0%'],
    [90, 100, { ...up, down_is_good: true }, 'down', 'good', '10.0%'],
    [0.314, 0.302, { ...up, unit: 'ppt' }, 'up', 'good', '1.2 pp'],
    [-50, -100, up, 'up', 'good', '50.0%'],
    [100.01, 100, up, 'flat', 'neutral', '0.0%'],
    [5, 0, up, 'up', 'good', 'new'],
    [0, 0, up, 'flat', 'neutral', '0.0%'],
    [5, null, up, 'flat', 'neutral', '–'],
    [null, 5, up, 'flat', 'neutral', '–'],
  ] as const)('%s after %s (%o) is %s, %s, %s', (now, before, comparison, direction, verdict, size) => {
    expect(deltaOf(now, before, comparison)).toEqual({ direction, verdict, size });
  });

  it('are said in words where there is no colour', () => {
    expect(deltaInWords(deltaOf(90, 100, up))).toBe('down 10.0%');
    expect(deltaInWords(deltaOf(100, 100, up))).toBe('unchanged');
    expect(deltaInWords(deltaOf(3, 0, up))).toBe('up from zero');
    expect(deltaInWords(deltaOf(3, null, up))).toBe('nothing to compare with');
    expect(Object.keys(arrows)).toEqual(['up', 'down', 'flat']);
  });
});
