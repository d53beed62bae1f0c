import { expect, test } from 'vitest';
import { sharedBase } from './support.ts';

const base = sharedBase();

test('every number of a mart and every measure says its unit', async () => {
  const { fields, measures } = await base().engine.catalogue();
  const numbers = [
    ...fields.map((field) => ({ ...field, name: `${field.mart}.${field.path}` })),
    ...measures.map((measure) => ({ ...measure, name: `${measure.source}.${measure.name}` })),
  ].filter(({ type }) => type === 'number');
  expect(numbers.length).toBeGreaterThan(150);
  expect(numbers.filter(({ unit }) => unit === undefined).map(({ name }) => name)).toEqual([]);
});

test('what is no number has no unit', async () => {
  const { fields, measures } = await base().engine.catalogue();
  expect(
    [...fields, ...measures].filter(({ type, unit }) => type !== 'number' && unit !== undefined),
  ).toEqual([]);
});
