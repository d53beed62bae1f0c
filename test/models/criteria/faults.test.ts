import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkCriteria, criteriaFaults } from '../../../models/criteria/faults.ts';
import type { Criteria } from '../../../models/criteria/types.ts';
import { smallCatalogue } from './small-model.ts';
import { treesOf } from './trees.ts';

const options = { catalogue: smallCatalogue, zone: 'UTC' };
const faults = (input: unknown) =>
  criteriaFaults(input, options).map((error) => ({ ...error.fields, message: error.message }));
const active = { field: 'is_active', operator: 'equals', value: true };

test('every fault of a tree is told, each with its own path', () => {
  const found = faults({
    all: [
      active,
      { field: 'scor', operator: 'at_least', value: 1 },
      { any: [{ not: { field: 'score', operator: 'bigger_than', value: 1 } }, 3, active] },
      { measure: 'clicks.click_count', operator: 'at_least' },
      { measure: 'clicks.click_count', where: { field: 'x' }, operator: 'at_least', value: 1 },
    ],
  });
  expect(found).toMatchObject([
    {
      path: '$.all[1].field',
      nearest: 'score',
      message: expect.stringContaining("Did you mean 'score'?") as string,
    },
    { path: '$.all[2].any[0].not.operator', operator: 'bigger_than' },
    { path: '$.all[2].any[1]' },
    { path: '$.all[3].value' },
    { path: '$.all[4].where.operator' },
  ]);
  expect(found[1]?.message).toContain('greater_than');
});

test('of the flat list, with the paths of its rows', () => {
  expect(
    faults([active, { field: 'scor', operator: 'is_set', logic: 'OR' }, { ...active, operator: 'like' }]),
  ).toMatchObject([{ path: '$[1].field' }, { path: '$[2].operator' }]);
  expect(faults([{ ...active, logic: 'XOR' }])).toMatchObject([{ path: '$[0].logic' }]);
});

test('of a level, once its parts are sound', () => {
  expect(faults({ all: [active], any: [active] })).toMatchObject([{ path: '$' }]);
  expect(faults({ all: [] })).toMatchObject([{ path: '$.all' }]);
  expect(faults(undefined)).toMatchObject([{ path: '$' }]);
  expect(faults({ all: Array.from({ length: 501 }, () => active) })).toHaveLength(1);
});

test('neither depth nor breadth from outside is a way to exhaust it', () => {
  let deep: unknown = { field: 'no', operator: 'no' };
  for (let level = 0; level < 100_000; level++) deep = { not: deep };
  expect(faults(deep)).toHaveLength(1);
  const started = performance.now();
  expect(
    faults({ all: Array.from({ length: 50_000 }, () => ({ field: 'no', operator: 'no' })) }),
  ).toHaveLength(50);
  expect(performance.now() - started).toBeLessThan(5_000);
});

test('property: a tree that fits has no fault; n of its leaves spoilt have n', () => {
  fc.assert(
    fc.property(treesOf(smallCatalogue), fc.integer({ min: 1, max: 4 }), (tree, every) => {
      expect(faults(tree)).toEqual([]);
      expect(checkCriteria(tree, options)).toEqual(tree);
      let [leaves, spoilt] = [0, 0];
      const spoil = (node: Criteria): unknown => {
        if ('all' in node) return { all: node.all.map(spoil) };
        if ('any' in node) return { any: node.any.map(spoil) };
        if ('not' in node) return { not: spoil(node.not) };
        if (leaves++ % every !== 0) return node;
        spoilt++;
        return { ...node, operator: 'likes' };
      };
      expect(faults(spoil(tree))).toHaveLength(Math.min(spoilt, 50));
    }),
    { numRuns: 200 },
  );
});
