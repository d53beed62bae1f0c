import fc from 'fast-check';
import { expect, test } from 'vitest';
import { lineDiff, shownDiff } from '../../../pipelines/segments/apply/line-diff.ts';

const lines = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 12 });

test('property: what is not added is the old text, what is not taken away the new one, with the fewest lines', () => {
  fc.assert(
    fc.property(lines, lines, (before, after) => {
      const diff = lineDiff(before, after);
      expect(diff.filter(({ sign }) => sign !== '+').map(({ line }) => line)).toEqual(before);
      expect(diff.filter(({ sign }) => sign !== '-').map(({ line }) => line)).toEqual(after);
      expect(diff.filter(({ sign }) => sign === ' ')).toHaveLength(longestCommon(before, after));
    }),
  );
});

/** By trying everything. */
function longestCommon(a: readonly string[], b: readonly string[]): number {
  const [first, ...rest] = a;
  if (first === undefined) return 0;
  const at = b.indexOf(first);
  const without = longestCommon(rest, b);
  return at < 0 ? without : Math.max(without, 1 + longestCommon(rest, b.slice(at + 1)));
}

test('texts too long to compare line by line are replaced where they differ', () => {
  const many = (prefix: string) => Array.from({ length: 3_000 }, (_, i) => `${prefix}${i}`);
  const diff = lineDiff(['same', ...many('a'), 'end'], ['same', ...many('b'), 'end']);
  expect(diff).toHaveLength(6_002);
  expect(diff.filter(({ sign }) => sign === ' ').map(({ line }) => line)).toEqual(['same', 'end']);
});

test('shown are the changed lines and some around them', () => {
  const before = ['1', '2', '3', '4', '5', '6', '7', '8', '9'];
  const after = ['1', '2', '3', '4', 'five', '6', '7', '8', '9'];
  expect(shownDiff(lineDiff(before, after), 1)).toEqual(['  …', '  4', '- 5', '+ five', '  6', '  …']);
  expect(shownDiff(lineDiff(before, before), 1)).toEqual([]);
  expect(shownDiff(lineDiff([], ['x']), 1)).toEqual(['+ x']);
});
