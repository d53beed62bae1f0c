import { expect, test } from 'vitest';
import { standardisedDifference, type Sample } from '../../../models/statistics/standardised-difference.ts';

function sampleOf(values: readonly number[]): Sample {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { n: values.length, mean, variance: squares / (values.length - 1) };
}

test('is the distance of the means in pooled standard deviations', () => {
  // Variances 2.5 and 10, of five each: s² = (4 × 2.5 + 4 × 10) ÷ 8 = 6.25, s = 2.5; means 3 and 8.
  const [a, b] = [sampleOf([1, 2, 3, 4, 5]), sampleOf([4, 6, 8, 10, 12])];
  expect(standardisedDifference(a, b)).toBeCloseTo(-2, 12);
  expect(standardisedDifference(b, a)).toBeCloseTo(2, 12);
  // Sizes weigh: s² = (4 × 2.5 + 1 × 0.5) ÷ 5 = 2.1.
  expect(standardisedDifference(a, sampleOf([3, 4]))).toBeCloseTo((3 - 3.5) / Math.sqrt(2.1), 12);
});

test('is undefined where a group is empty or nothing varies, and one value has no spread of its own', () => {
  const some = sampleOf([1, 2, 3]);
  expect(standardisedDifference(some, { n: 0, mean: 0, variance: 0 })).toBeUndefined();
  expect(standardisedDifference(sampleOf([2, 2]), sampleOf([3, 3]))).toBeUndefined();
  expect(
    standardisedDifference({ n: 1, mean: 4, variance: NaN }, { n: 1, mean: 1, variance: NaN }),
  ).toBeUndefined();
  expect(standardisedDifference({ n: 1, mean: 4, variance: NaN }, some)).toBeCloseTo(2, 12);
});
