import fc from 'fast-check';
import { Check } from 'typebox/schema';
import { expect, test } from 'vitest';
import { segmentFileSchema } from '../../../models/criteria/editor-schema.ts';
import { criteriaFaults } from '../../../models/criteria/faults.ts';
import type { CriteriaCatalogue } from '../../../models/criteria/types.ts';
import { smallCatalogue } from './small-model.ts';
import { treesOf } from './trees.ts';

const schema = segmentFileSchema(smallCatalogue);
const takes = (criteria: unknown) => Check(schema, { title: 'T', criteria });

test('property: what the server takes, no editor marks as wrong', () => {
  fc.assert(
    fc.property(treesOf(smallCatalogue), (criteria) => {
      expect(takes(criteria)).toBe(true);
    }),
    { numRuns: 200 },
  );
  expect(takes([{ field: 'name', operator: 'equals', value: 'x', logic: 'OR' }])).toBe(true);
  expect(takes({ field: 'seen_at', operator: 'greater_than', value: '2026-01-01' })).toBe(true);
  const toUrl = { source: 'visits', where: { field: 'url', operator: 'contains', value: '/pricing' } };
  expect(takes({ sequence: [{ source: 'clicks' }, { ...toUrl, within_days: 7 }], within_days: 90 })).toBe(
    true,
  );
  expect(takes({ measure: 'clicks.click_count', since: toUrl, operator: 'equals', value: 0 })).toBe(true);
  expect(takes({ not: { segment: 'leads' } })).toBe(true);
});

test.each([
  [{ field: 'nam', operator: 'equals', value: 'x' }],
  [{ field: 'name', operator: 'at_least', value: 'x' }],
  [{ field: 'score', operator: 'between', value: [1] }],
  [{ field: 'score', operator: 'is_set', value: 1 }],
  [{ field: 'score', operator: 'equals' }],
  [{ field: 'is_active', operator: 'equals', value: 'yes' }],
  [{ field: 'seen_at', operator: 'within_last_days', value: 0.5 }],
  [{ field: 'score', operator: 'in', value: [] }],
  [{ measure: 'clicks.click_cnt', operator: 'at_least', value: 1 }],
  [{ measure: 'clicks.click_count', operator: 'contains', value: '1' }],
  [{ measure: 'clicks.click_count', operator: 'at_least', value: 1, within_days: 0 }],
  // A field of contacts is none of their clicks, and a behaviour does not stand inside of another.
  [
    {
      measure: 'clicks.click_count',
      operator: 'at_least',
      value: 1,
      where: { field: 'name', operator: 'is_set' },
    },
  ],
  [
    {
      measure: 'clicks.click_count',
      operator: 'at_least',
      value: 1,
      where: { measure: 'clicks.click_count', operator: 'at_least', value: 1 },
    },
  ],
  [{ sequence: [{ source: 'clicks' }, { source: 'visit' }] }],
  [
    {
      sequence: [{ source: 'clicks' }, { source: 'visits', where: { field: 'amount', operator: 'is_set' } }],
    },
  ],
  [
    {
      measure: 'clicks.click_count',
      since: { source: 'visits', where: { field: 'amount', operator: 'is_set' } },
      operator: 'equals',
      value: 0,
    },
  ],
  [{ all: [] }],
  [{ all: [{ not: { field: 'x', operator: 'is_set' } }] }],
  [{ not: [], field: 'name' }],
])('%j is marked, as the server refuses it', (criteria) => {
  expect(takes(criteria)).toBe(false);
  expect(criteriaFaults(criteria, { catalogue: smallCatalogue, zone: 'UTC' })).not.toEqual([]);
});

test('a file has a title, and nothing that means nothing; names stand beside their docs', () => {
  const criteria = { field: 'name', operator: 'is_set' };
  expect(Check(schema, { criteria })).toBe(false);
  expect(Check(schema, { title: 'T', criteria, descripton: '' })).toBe(false);
  const documented: CriteriaCatalogue = {
    ...smallCatalogue,
    fields: [{ path: 'name', type: 'string', doc: 'What they are called.' }],
  };
  expect(segmentFileSchema(documented)).toMatchObject({
    definitions: { fields_string: { enum: ['name'], enumDescriptions: ['What they are called.'] } },
  });
  const text = JSON.stringify(schema);
  const { definitions } = schema as { definitions: Record<string, unknown> };
  for (const [, name = ''] of text.matchAll(/"\$ref":"#\/definitions\/([^"]+)"/g))
    expect(Object.keys(definitions)).toContain(name);
  expect(text).not.toMatch(/"\$ref":"(?!#\/definitions\/)/);
});
