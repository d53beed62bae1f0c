import { expect, test } from 'vitest';
import { AccountSchema, type Account } from '../../../../data/account.ts';
import { Value } from 'typebox/value';
import { daysSinceTest, valueTest } from '../../../../models/criteria/interval-tests.ts';
import { leafTree } from '../../../../models/criteria/intervals.ts';
import { givensOf } from '../../../../models/engine/givens.ts';
import { stepStarts } from '../../../../pipelines/segments/backtest-periods.ts';
import { dayStarts } from '../../../../pipelines/segments/intervals/span.ts';

const quarter = 15 * 60_000;
const zones = [
  'UTC',
  'America/Havana',
  'Asia/Beirut',
  'Africa/Cairo',
  'America/Asuncion',
  'Australia/Lord_Howe',
  'Pacific/Apia',
];

test.each(zones)('the starts of days are the values of $TODAY, each from its own time on: %s', (zone) => {
  const account = { ...(Value.Default(AccountSchema, {}) as Account), time_zone: zone };
  const today = (at: number) => new Date(`${givensOf({ asOf: new Date(at) }, account)['TODAY']}Z`).getTime();
  // Around the year's changes of the clocks; and the day that Samoa never had.
  const years = zone === 'Pacific/Apia' ? ['2011-12-20', '2012-01-10'] : ['2026-10-10', '2026-11-10'];
  for (const [first = '', last = ''] of [years, ['2026-03-01', '2026-04-10']]) {
    const from = Date.parse(`${first}T00:00:00Z`);
    const until = Date.parse(`${last}T00:00:00Z`);
    const starts = dayStarts({ from: new Date(from), until: new Date(until) }, zone).map((start) =>
      start.getTime(),
    );
    const asked = new Set<number>();
    for (let at = from; at < until; at += quarter) {
      expect(today(at), new Date(at).toISOString()).toBe(starts.findLast((start) => start <= at));
      asked.add(today(at));
    }
    expect(starts.filter((start) => start < until)).toEqual([...asked].sort((a, b) => a - b));
  }
});

test('equal conditions of a tree are one leaf', () => {
  const a = { field: 'country', operator: 'equals', value: 'DE' };
  const b = { field: 'country', operator: 'is_set' };
  expect(leafTree({ any: [{ all: [a, { not: b }] }, { not: a }] })).toEqual({
    leaves: [a, b],
    holds: '((h1 and (not h2)) or (not h1))',
  });
});

test('days since are counted from the last second of the day; what no number of days can be is no age', () => {
  const ages = (operator: string, value: number | number[]) => {
    const found = daysSinceTest(operator, value, 'UTC');
    return found?.kind === 'aging' ? found.ages.map(({ after_us, until_us }) => [after_us, until_us]) : found;
  };
  const reached = (days: number) => (days * 86_400 - 86_399) * 1e6;
  expect(ages('equals', 2)).toEqual([[reached(2), reached(3)]]);
  expect(ages('equals', 2.5)).toEqual([]);
  expect(ages('equals', 0)).toEqual([[undefined, reached(1)]]);
  expect(ages('at_most', -1)).toEqual([]);
  expect(ages('less_than', 1)).toEqual([[undefined, reached(1)]]);
  expect(ages('greater_than', 1.5)).toEqual([[reached(2), undefined]]);
  expect(ages('not_equals', 1)).toEqual([
    [undefined, reached(1)],
    [reached(2), undefined],
  ]);
  expect(ages('in', [1, 1, 4])).toEqual([
    [reached(1), reached(2)],
    [reached(4), reached(5)],
  ]);
});

test('a condition that moves with the day in a way not known is no test: it is sampled', () => {
  expect(valueTest('timestamp', 'within_last_days', 3, 'UTC')?.kind).toBe('aging');
  expect(valueTest('timestamp', 'before', '2026-03-01', 'UTC')?.kind).toBe('fixed');
  expect(valueTest('date', 'before', '2026-03-01', 'UTC')?.kind).toBe('fixed');
  expect(valueTest('date', 'within_last_days', 3, 'UTC')).toBeUndefined();
  expect(valueTest('date', 'more_than_days_ago', 3, 'Pacific/Auckland')).toBeUndefined();
  expect(valueTest('number', 'at_least', 'three', 'UTC')).toBeUndefined();
});

test('steps begin with days of the account', () => {
  const span = { from: new Date('2026-03-01T12:00:00Z'), until: new Date('2026-03-20T00:00:00Z') };
  expect(stepStarts(span, 'week', 'America/New_York').map((at) => at.toISOString())).toEqual([
    '2026-03-01T12:00:00.000Z',
    '2026-03-08T05:00:00.000Z',
    '2026-03-15T04:00:00.000Z',
  ]);
  expect(() => stepStarts({ ...span, from: new Date('2001-01-01') }, 'day', 'UTC')).toThrow(/at most/);
});
