import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Value } from 'typebox/value';
import { MallardError } from '../../../data/errors.ts';
import { BehaviourScans } from '../../../models/criteria/behaviours.ts';
import { compileCriteria } from '../../../models/criteria/compile.ts';
import { flatToTree } from '../../../models/criteria/flat.ts';
import { editDistance, nearestName } from '../../../models/criteria/nearest.ts';
import { operatorNames } from '../../../models/criteria/operators.ts';
import { parseCriteria } from '../../../models/criteria/parse.ts';
import { CriteriaSchema, CriteriaTreeSchema } from '../../../models/criteria/schema.ts';
import type { Criteria } from '../../../models/criteria/types.ts';
import { smallCatalogue } from './small-model.ts';

function refusal(work: () => unknown): MallardError {
  try {
    work();
  } catch (error) {
    if (error instanceof MallardError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

const compile = (criteria: unknown) =>
  compileCriteria(parseCriteria(criteria), {
    catalogue: smallCatalogue,
    zone: 'UTC',
    scans: new BehaviourScans('UTC'),
  });

describe('the shape of criteria', () => {
  test('a tree comes back as it is', () => {
    const tree = {
      all: [
        { field: 'name', operator: 'in', value: ['a', 'b'] },
        {
          any: [
            { not: { field: 'name', operator: 'is_set' } },
            { field: 'score', operator: 'between', value: [1, 2] },
          ],
        },
        {
          measure: 'clicks.click_count',
          where: { field: 'campaign_id', operator: 'equals', value: 'x' },
          within_days: 30,
          operator: 'at_least',
          value: 3,
        },
        { measure: 'clicks.click_count', since: { source: 'visits' }, operator: 'equals', value: 0 },
        {
          sequence: [
            { source: 'clicks', where: { field: 'campaign_id', operator: 'is_set' } },
            { source: 'visits', within_days: 7 },
          ],
          within_days: 90,
        },
        { segment: 'leads' },
      ],
    };
    expect(parseCriteria(tree)).toEqual(tree);
    expect(Value.Check(CriteriaSchema, tree)).toBe(true);
  });

  test('in the flat form AND binds tighter than OR', () => {
    const row = (field: string, logic?: string) => ({
      field,
      operator: 'equals',
      value: 'x',
      ...(logic ? { logic } : {}),
    });
    const leaf = (field: string) => ({ field, operator: 'equals', value: 'x' });
    expect(parseCriteria([row('a'), row('b', 'AND'), row('c', 'OR'), row('d', 'and')])).toEqual({
      any: [{ all: [leaf('a'), leaf('b')] }, { all: [leaf('c'), leaf('d')] }],
    });
    expect(parseCriteria([row('a', 'OR')])).toEqual(leaf('a'));
    expect(parseCriteria([row('a'), row('b')])).toEqual({ all: [leaf('a'), leaf('b')] });
    expect(parseCriteria([row('a'), row('b', 'OR')])).toEqual({ any: [leaf('a'), leaf('b')] });
  });

  test('property: the flat form means what its conjunctions and disjunctions say', () => {
    const rows = fc.array(fc.record({ truth: fc.boolean(), or: fc.boolean() }), {
      minLength: 1,
      maxLength: 12,
    });
    fc.assert(
      fc.property(rows, (list) => {
        const tree = flatToTree(
          list.map(
            ({ truth, or }) =>
              ({ field: String(truth), operator: 'equals', logic: or ? 'OR' : 'AND' }) as const,
          ),
        );
        // Split at every OR; each group must hold as a whole: that is what "AND binds tighter" means.
        const groups: boolean[][] = [];
        list.forEach(({ truth, or }, index) => {
          const group = groups.at(-1);
          if (index === 0 || or || !group) groups.push([truth]);
          else group.push(truth);
        });
        expect(truthOf(tree)).toBe(groups.some((group) => group.every(Boolean)));
      }),
    );
  });

  test.each([
    [null, '$', /not null/],
    ['text', '$', /not string/],
    [{ all: [] }, '$.all', /empty/],
    [[], '$', /empty/],
    [{ all: [{ any: {} }] }, '$.all[0].any', /list of conditions/],
    [{ all: [], any: [] }, '$', /'any' has no meaning here/],
    [{ not: { field: 'a', operator: 'is_set', valu: 1 } }, '$.not', /Did you mean 'value'/],
    [{ field: 'a' }, '$.operator', /missing/],
    [{ field: 3, operator: 'equals' }, '$.field', /is text/],
    [{ field: 'a', operator: 'equals', value: { sql: 1 } }, '$.value', /a value is/],
    [{ field: 'a', operator: 'equals', value: [[1]] }, '$.value', /a value is/],
    [{ measure: 'a.b', operator: 'equals', value: 1, within_days: '3' }, '$.within_days', /whole number/],
    [{ sequence: [{ source: 'a' }] }, '$.sequence', /2 to 10 steps/],
    [
      { sequence: [{ source: 'a', within_days: 1 }, { source: 'a' }] },
      '$.sequence[0].within_days',
      /first step/,
    ],
    [
      { sequence: [{ source: 'a' }, { source: 'a', within_days: 0 }] },
      '$.sequence[1].within_days',
      /whole number/,
    ],
    [{ sequence: [{ source: 'a' }, { wher: {} }] }, '$.sequence[1]', /Did you mean 'where'/],
    [{ measure: 'a.b', operator: 'equals', value: 1, since: 'a' }, '$.since', /is an object/],
    [{ measure: 'a.b', operator: 'equals', value: 1, since: {} }, '$.since.source', /missing/],
    [{ segment: 3 }, '$.segment', /is text/],
    [{ segment: 'a', operator: 'equals' }, '$', /'operator' has no meaning here/],
    [[{ field: 'a', operator: 'is_set', logic: 'XOR' }], '$[0].logic', /Allowed: AND, OR/],
  ])('%j is refused at %s', (criteria, path, message) => {
    const error = refusal(() => parseCriteria(criteria));
    expect(error.code).toBe('criteria_invalid');
    expect(error.fields['path']).toBe(path);
    expect(error.message).toMatch(message);
  });

  test('what is too deep or too long is refused before it is walked', () => {
    let deep: unknown = { field: 'name', operator: 'is_set' };
    for (let level = 0; level < 20_000; level++) deep = { not: deep };
    expect(refusal(() => parseCriteria(deep)).message).toMatch(/32 levels/);
    const wide = { any: Array.from({ length: 501 }, () => ({ field: 'name', operator: 'is_set' })) };
    expect(refusal(() => parseCriteria(wide)).message).toMatch(/500 conditions/);
  });
});

describe('what the catalogue allows', () => {
  test.each([
    [{ field: 'nme', operator: 'is_set' }, '$.field', "no field 'nme'. Did you mean 'name'?"],
    [{ field: 'clicks', operator: 'is_set' }, '$.field', "Did you mean 'email.last_30_days.clicks'?"],
    [
      { all: [{ field: 'name', operator: 'eqals', value: 'x' }] },
      '$.all[0].operator',
      "Did you mean 'equals'?",
    ],
    [{ field: 'name', operator: 'greater_than', value: 1 }, '$.operator', 'name is a string'],
    [{ field: 'score', operator: 'equals', value: 'many' }, '$.value', 'number takes a number, not "many"'],
    [{ field: 'score', operator: 'equals' }, '$.value', 'needs a value'],
    [{ field: 'score', operator: 'equals', value: [1] }, '$.value', 'not a list'],
    [{ field: 'score', operator: 'between', value: [2, 1] }, '$.value', 'in this order'],
    [{ field: 'score', operator: 'between', value: 1 }, '$.value', '[lowest, highest]'],
    [{ field: 'score', operator: 'in', value: [] }, '$.value', '1 to 10000 values'],
    [{ field: 'name', operator: 'is_set', value: 'x' }, '$.value', 'takes no value'],
    [{ field: 'name', operator: 'equals', value: 'a\0b' }, '$.value', 'string takes text'],
    [{ field: 'name', operator: 'equals', value: '\ud800' }, '$.value', 'string takes text'],
    [{ field: 'is_active', operator: 'equals', value: 'yes' }, '$.value', 'true or false'],
    [{ field: 'seen_at', operator: 'before', value: '02.11.2026' }, '$.value', 'an ISO day or time'],
    [{ field: 'seen_at', operator: 'before', value: '2026-02-30' }, '$.value', 'an ISO day or time'],
    [{ field: 'seen_at', operator: 'within_last_days', value: 0 }, '$.value', 'whole number of days'],
    [{ field: 'seen_at', operator: 'within_last_days', value: 1.5 }, '$.value', 'whole number of days'],
    [
      { field: 'seen_at', operator: 'between', value: ['2026-02-02', '2026-02-01'] },
      '$.value',
      'in this order',
    ],
    [{ field: 'born_date', operator: 'after', value: '2026-02-02T10:00' }, '$.value', 'an ISO day'],
    [
      { measure: 'clicks.click_cnt', operator: 'at_least', value: 1 },
      '$.measure',
      "Did you mean 'clicks.click_count'?",
    ],
    [
      { measure: 'click_count', operator: 'at_least', value: 1 },
      '$.measure',
      "Did you mean 'clicks.click_count'?",
    ],
    [
      { measure: 'clicks.click_count', operator: 'at_least', value: 1, within_days: 0 },
      '$.within_days',
      'whole number of days',
    ],
    [
      {
        not: {
          measure: 'clicks.click_count',
          operator: 'at_least',
          value: 1,
          where: { field: 'campaign', operator: 'is_set' },
        },
      },
      '$.not.where.field',
      "Did you mean 'campaign_id'?",
    ],
    [
      {
        measure: 'clicks.click_count',
        operator: 'at_least',
        value: 1,
        where: { measure: 'clicks.click_count', operator: 'at_least', value: 1 },
      },
      '$.where',
      'cannot stand inside',
    ],
    [
      { sequence: [{ source: 'clicks' }, { source: 'visit' }] },
      '$.sequence[1].source',
      "no source of events 'visit'. Did you mean 'visits'?",
    ],
    [
      {
        measure: 'clicks.click_count',
        since: { source: 'visits', where: { field: 'ur', operator: 'is_set' } },
        operator: 'equals',
        value: 0,
      },
      '$.since.where.field',
      "Did you mean 'url'?",
    ],
    [{ segment: 'leads' }, '$.segment', "there is no segment 'leads'"],
  ])('%j is refused at %s', (criteria, path, message) => {
    const error = refusal(() => compile(criteria));
    expect(error.code).toBe('criteria_invalid');
    expect(error.fields['path']).toBe(path);
    expect(error.message).toContain(message);
  });

  test('every operator name is of some type, and the schema takes what the parser takes', () => {
    for (const operator of operatorNames) {
      const leaf = { field: 'name', operator };
      expect(Value.Check(CriteriaSchema, leaf)).toBe(true);
    }
    expect(Value.Check(CriteriaTreeSchema, { all: [] })).toBe(false);
    expect(Value.Check(CriteriaTreeSchema, { field: 'name', operator: 'like', value: '%' })).toBe(false);
    expect(
      Value.Check(CriteriaSchema, [{ field: 'name', operator: 'equals', value: 'x', logic: 'OR' }]),
    ).toBe(true);
    expect(
      Value.Check(CriteriaSchema, { not: { any: [{ measure: 'a.b', operator: 'at_least', value: 1 }] } }),
    ).toBe(true);
  });
});

describe('the nearest name', () => {
  test('edit distance', () => {
    expect(editDistance('kitten', 'sitting')).toBe(3);
    expect(editDistance('', 'abc')).toBe(3);
    expect(editDistance('same', 'same')).toBe(0);
  });
  test('the beginning of a name is near it', () => {
    expect(nearestName('lifecycle', ['lives', 'lifecycle_stage'])).toBe('lifecycle_stage');
  });
  test('nothing is better than nonsense', () => {
    expect(nearestName('xyzzy', ['name', 'score'])).toBeUndefined();
  });
});

function truthOf(tree: Criteria): boolean {
  if ('all' in tree) return tree.all.every(truthOf);
  if ('any' in tree) return tree.any.some(truthOf);
  if ('not' in tree) return !truthOf(tree.not);
  return 'field' in tree && tree.field === 'true';
}
