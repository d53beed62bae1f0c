import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rateRatio, type GroupRate } from '../../../models/statistics/rate-ratio.ts';

/** Everybody did it once. */
const once = (events: number, exposure: number): GroupRate => ({
  total: events,
  squares: events,
  persons: events,
  exposure,
});

test('breast cancer after fluoroscopy (Boice and Monson 1977): 41 in 28,010 person-years, 15 in 19,017', () => {
  const { ratio, low, high } = rateRatio(once(41, 28_010), once(15, 19_017));
  expect([ratio, low, high].map((value) => value?.toFixed(2))).toEqual(['1.86', '1.03', '3.35']);
});

test('an interval needs five persons in either group, a ratio needs something to divide by', () => {
  expect(rateRatio(once(4, 10), once(100, 10))).toEqual({ ratio: 0.04, low: null, high: null });
  expect(rateRatio(once(100, 10), once(4, 10))).toMatchObject({ ratio: 25, low: null });
  expect(rateRatio(once(5, 10), once(5, 10)).low).toBeCloseTo(Math.exp(-1.96 * Math.sqrt(0.4)), 3);
  expect(rateRatio(once(0, 10), once(50, 10))).toEqual({ ratio: 0, low: null, high: null });
  expect(rateRatio(once(9, 10), once(0, 10)).ratio).toBeNull();
  expect(rateRatio(once(9, 10), once(9, 0)).ratio).toBeNull();
  expect(rateRatio(once(0, 0), once(9, 10)).ratio).toBeNull();
});

test('the events of a few are less evidence than as many of many', () => {
  const few: GroupRate = { total: 50, squares: 5 * 10 ** 2, persons: 5, exposure: 100 };
  const of = (group: GroupRate) => rateRatio(group, once(50, 100));
  expect(of(few).ratio).toBe(of(once(50, 100)).ratio);
  expect(of(few).high).toBeGreaterThan(of(once(50, 100)).high ?? Infinity);
});

test('turned round, ratio and interval are the reciprocals; the unit of money and of time is no matter', () => {
  const group = fc
    .tuple(
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 5, maxLength: 20 }),
      fc.integer({ min: 1, max: 1000 }),
    )
    .map(([each, exposure]): GroupRate => ({
      total: each.reduce((sum, y) => sum + y, 0),
      squares: each.reduce((sum, y) => sum + y ** 2, 0),
      persons: each.length,
      exposure,
    }));
  const close = (a: number | null, b: number | null) => expect((a ?? NaN) / (b ?? NaN)).toBeCloseTo(1, 9);
  fc.assert(
    fc.property(group, group, fc.integer({ min: 2, max: 1000 }), (one, other, k) => {
      const forth = rateRatio(one, other);
      const back = rateRatio(other, one);
      close(forth.ratio, 1 / (back.ratio ?? NaN));
      close(forth.low, 1 / (back.high ?? NaN));
      const cents = (rate: GroupRate) => ({ ...rate, total: rate.total * k, squares: rate.squares * k ** 2 });
      close(rateRatio(cents(one), cents(other)).high, forth.high);
    }),
  );
});
