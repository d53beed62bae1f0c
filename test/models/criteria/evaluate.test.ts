import fc from 'fast-check';
import { DateTime } from 'luxon';
import { describe, expect, test } from 'vitest';
import { operatorsByType, shapeOf } from '../../../models/criteria/operators.ts';
import type { Criteria, CriteriaValue, FieldType } from '../../../models/criteria/types.ts';
import { openSmallWarehouse, smallCatalogue, type SmallEvent, type SmallFact } from './small-model.ts';

const facts: SmallFact[] = [
  {
    contact_id: 'ada',
    name: 'Ada Example',
    score: 10,
    revenue: '12.10',
    is_active: true,
    born_date: '1990-05-01',
    seen_at: '2026-11-01T23:59:59.999',
    clicks: 3,
  },
  {
    contact_id: 'bob',
    name: 'bob',
    score: -1.5,
    revenue: '0.00',
    is_active: false,
    born_date: '2026-11-02',
    seen_at: '2026-10-03T00:00:00',
    clicks: 0,
  },
  {
    contact_id: 'cyd',
    name: 'Éloïse 50%_x',
    score: 0,
    revenue: '100000000000000.01',
    is_active: true,
    born_date: '2026-10-03',
    seen_at: '2026-10-02T23:59:59',
    clicks: 7,
  },
  { contact_id: 'nil' },
];
const events: SmallEvent[] = [
  ['ada', '2026-10-03T00:00:00', 'x', 5],
  ['ada', '2026-11-02T05:59:59', 'x', 7],
  ['ada', '2026-11-02T06:00:00', 'x', 1000],
  ['bob', '2026-10-02T23:59:59', 'x', null],
  ['bob', '2026-11-01T00:00:00', null, 2],
  [null, '2026-11-01T00:00:00', 'x', 2],
];

const field = (name: string, operator: string, value?: CriteriaValue): Criteria => ({
  field: name,
  operator,
  ...(value === undefined ? {} : { value }),
});

describe('each operator', () => {
  const cases: [Criteria, string[]][] = [
    [field('name', 'equals', 'bob'), ['bob']],
    [field('name', 'equals', 'BOB'), []],
    [field('name', 'not_equals', 'bob'), ['ada', 'cyd']],
    [field('name', 'in', ['bob', 'Ada Example']), ['ada', 'bob']],
    [field('name', 'in', 'bob'), ['bob']],
    [field('name', 'not_in', ['bob', 'nobody']), ['ada', 'cyd']],
    [field('name', 'not_contains', 'B'), ['ada', 'cyd']],
    [field('name', 'ends_with', 'EXAMPLE'), ['ada']],
    [field('score', 'not_in', [10, -1.5]), ['cyd']],
    [field('name', 'contains', 'EXAMPLE'), ['ada']],
    [field('name', 'contains', 'éLOÏSE'), ['cyd']],
    [field('name', 'contains', '0%_'), ['cyd']],
    [field('name', 'contains', '%'), ['cyd']],
    [field('name', 'contains', '_'), ['cyd']],
    [field('name', 'starts_with', 'B'), ['bob']],
    [field('name', 'is_set'), ['ada', 'bob', 'cyd']],
    [field('name', 'is_not_set'), ['nil']],
    [field('score', 'equals', -1.5), ['bob']],
    [field('score', 'not_equals', 0), ['ada', 'bob']],
    [field('score', 'greater_than', 0), ['ada']],
    [field('score', 'at_least', 0), ['ada', 'cyd']],
    [field('score', 'less_than', 0), ['bob']],
    [field('score', 'at_most', -0), ['bob', 'cyd']],
    [field('score', 'between', [-1.5, 0]), ['bob', 'cyd']],
    [field('score', 'in', [10, -1.5]), ['ada', 'bob']],
    [field('score', 'less_than', 1e21), ['ada', 'bob', 'cyd']],
    [field('score', 'greater_than', -1e-7), ['ada', 'cyd']],
    [field('revenue', 'equals', '12.10'), ['ada']],
    [field('revenue', 'equals', 12.1), ['ada']],
    [field('revenue', 'greater_than', '12'), ['ada', 'cyd']],
    [field('is_active', 'equals', true), ['ada', 'cyd']],
    [field('is_active', 'equals', false), ['bob']],
    [field('is_active', 'not_equals', true), ['bob']],
    [field('born_date', 'equals', '1990-05-01'), ['ada']],
    [field('born_date', 'before', '2026-10-03'), ['ada']],
    [field('born_date', 'after', '1990-05-01'), ['bob', 'cyd']],
    [field('born_date', 'between', ['1990-05-01', '2026-10-03']), ['ada', 'cyd']],
    // AS_OF is the 2nd of November, 06:00: thirty days before its start is the 3rd of October.
    [field('born_date', 'within_last_days', 30), ['bob', 'cyd']],
    [field('born_date', 'more_than_days_ago', 30), ['ada']],
    [field('seen_at', 'before', '2026-10-03'), ['cyd']],
    [field('seen_at', 'after', '2026-10-02'), ['ada', 'bob']],
    [field('seen_at', 'after', '2026-10-02T23:59:59'), ['ada', 'bob']],
    [field('seen_at', 'less_than', '2026-10-03T02:00+02:00'), ['cyd']],
    [field('seen_at', 'between', ['2026-10-03', '2026-11-01']), ['ada', 'bob']],
    [field('seen_at', 'between', ['2026-10-02T23:59:59Z', '2026-10-03T00:00:00Z']), ['bob', 'cyd']],
    [field('seen_at', 'within_last_days', 30), ['ada', 'bob']],
    [field('seen_at', 'more_than_days_ago', 30), ['cyd']],
    [field('email.last_30_days.clicks', 'at_least', 3), ['ada', 'cyd']],
    [{ not: field('email.last_30_days.clicks', 'at_least', 3) }, ['bob', 'nil']],
    [{ all: [field('is_active', 'equals', true), field('score', 'greater_than', 0)] }, ['ada']],
    [{ any: [field('name', 'is_not_set'), field('score', 'greater_than', 0)] }, ['ada', 'nil']],
  ];

  test('selects whom it says', async () => {
    const small = await openSmallWarehouse(facts, events);
    const found = await small.members(...cases.map(([tree]) => tree));
    expect(found.map((members, index) => [cases[index]?.[0], members])).toEqual(cases);
  });

  test('is false on null, so its negation holds there; only is_not_set is true', async () => {
    const samples: Record<FieldType, [string, CriteriaValue, CriteriaValue]> = {
      string: ['name', 'x', ['x', 'y']],
      number: ['score', 1, [1, 2]],
      boolean: ['is_active', true, [true]],
      date: ['born_date', '2026-01-01', ['2026-01-01', '2026-02-01']],
      timestamp: ['seen_at', '2026-01-01', ['2026-01-01', '2026-02-01']],
    };
    const small = await openSmallWarehouse([{ contact_id: 'nil' }]);
    const trees: Criteria[] = [];
    for (const [type, names] of Object.entries(operatorsByType)) {
      const [path, one, list] = samples[type as FieldType];
      for (const operator of names) {
        const shape = shapeOf(operator);
        const value = shape === 'none' ? undefined : shape === 'days' ? 30 : shape === 'one' ? one : list;
        trees.push(field(path, operator, value), { not: field(path, operator, value) });
      }
    }
    const found = await small.members(...trees);
    for (const [index, members] of found.entries()) {
      const tree = trees[index] as Criteria;
      const leaf = 'not' in tree ? tree.not : tree;
      const isTrue = ('operator' in leaf && leaf.operator === 'is_not_set') !== 'not' in tree;
      expect([tree, members]).toEqual([tree, isTrue ? ['nil'] : []]);
    }
  });
});

describe('days are the account’s', () => {
  // 2026-11-02T06:00Z is still the 1st west of -6, and already evening in the far east.
  test.each([
    ['Pacific/Pago_Pago', '2026-11-01', '2026-11-01T11:00:00'],
    ['America/New_York', '2026-11-02', '2026-11-02T05:00:00'],
    ['UTC', '2026-11-02', '2026-11-02T00:00:00'],
    ['Europe/Berlin', '2026-11-02', '2026-11-01T23:00:00'],
    ['Pacific/Auckland', '2026-11-02', '2026-11-01T11:00:00'],
    ['Pacific/Kiritimati', '2026-11-02', '2026-11-01T10:00:00'],
  ])('in %s today is the %s and began at %s', async (zone, today, start) => {
    const moved = (days: number) => DateTime.fromISO(today).plus({ days }).toISODate() ?? '';
    const startAt = DateTime.fromISO(start, { zone: 'utc' });
    const at = (seconds: number) => startAt.plus({ days: -2, seconds }).toISO({ includeOffset: false }) ?? '';
    const small = await openSmallWarehouse(
      [
        { contact_id: 'before', born_date: moved(-3), seen_at: at(-1) },
        { contact_id: 'first', born_date: moved(-2), seen_at: at(0) },
        { contact_id: 'today', born_date: today, seen_at: start },
        { contact_id: 'tomorrow', born_date: moved(1) },
      ],
      [],
      zone,
    );
    const found = await small.members(
      field('born_date', 'within_last_days', 2),
      field('born_date', 'more_than_days_ago', 2),
      field('seen_at', 'within_last_days', 2),
      field('seen_at', 'after', moved(-1)),
      field('seen_at', 'between', [today, today]),
      field('seen_at', 'before', today),
    );
    expect(found).toEqual([
      ['first', 'today'],
      ['before'],
      ['first', 'today'],
      ['today'],
      ['today'],
      ['before', 'first'],
    ]);
  });
});

describe('behaviours', () => {
  const behaviour = (
    measure: string,
    operator: string,
    value: CriteriaValue,
    more: object = {},
  ): Criteria => ({
    measure: `clicks.${measure}`,
    operator,
    value,
    ...more,
  });
  const ofX = { where: field('campaign_id', 'equals', 'x') };
  const cases: [Criteria, string[]][] = [
    [behaviour('click_count', 'at_least', 2), ['ada', 'bob']],
    // Exactly thirty days before the start of the day is inside, a second earlier is not; AS_OF itself is not.
    [behaviour('click_count', 'at_least', 2, { within_days: 30 }), ['ada']],
    [behaviour('click_count', 'at_least', 1, { within_days: 30 }), ['ada', 'bob']],
    [behaviour('click_count', 'equals', 1, ofX), ['bob']],
    [behaviour('click_count', 'equals', 0, { ...ofX, within_days: 30 }), ['bob', 'cyd', 'nil']],
    [behaviour('click_count', 'at_most', 0), ['cyd', 'nil']],
    [behaviour('spent', 'equals', 12), ['ada']],
    [behaviour('spent', 'less_than', 2), ['cyd', 'nil']],
    // A mean of nothing is no number: neither small nor large.
    [behaviour('mean_spent', 'less_than', 1000), ['ada', 'bob']],
    [{ not: behaviour('mean_spent', 'less_than', 1000) }, ['cyd', 'nil']],
    [behaviour('last_at', 'within_last_days', 1), ['ada', 'bob']],
    [behaviour('last_at', 'within_last_days', 1, ofX), ['ada']],
    [
      { all: [behaviour('click_count', 'at_least', 1), { not: behaviour('spent', 'greater_than', 2) }] },
      ['bob'],
    ],
  ];

  test('aggregate one contact’s events, and nobody’s absence is a zero', async () => {
    const small = await openSmallWarehouse(facts, events);
    const found = await small.members(...cases.map(([tree]) => tree));
    expect(found.map((members, index) => [cases[index]?.[0], members])).toEqual(cases);
    // Alone, each sees the same: a scan shared with others changes nobody's window.
    for (const [tree, members] of cases) expect(await small.members(tree)).toEqual([members]);
  });
});

describe('laws', () => {
  const paths = smallCatalogue.fields.filter(({ path }) => path !== 'contact_id');
  const leaf: fc.Arbitrary<Criteria> = fc.constantFrom(...paths).chain(({ path, type }) => {
    const scalar: fc.Arbitrary<CriteriaValue> = {
      string: fc.constantFrom('bob', 'Ada Example', 'e', ''),
      number: fc.constantFrom(-1.5, 0, 3, 10, '12.10'),
      boolean: fc.boolean(),
      date: fc.constantFrom('1990-05-01', '2026-10-03', '2026-11-02'),
      timestamp: fc.constantFrom('2026-10-03', '2026-10-02T23:59:59', '2026-11-02'),
    }[type] as fc.Arbitrary<string | number | boolean>;
    return fc.constantFrom(...operatorsByType[type]).chain((operator): fc.Arbitrary<Criteria> => {
      const shape = shapeOf(operator);
      if (shape === 'none') return fc.constant(field(path, operator));
      if (shape === 'days')
        return fc.integer({ min: 1, max: 400 }).map((days) => field(path, operator, days));
      if (shape === 'one') return scalar.map((value) => field(path, operator, value));
      return fc.tuple(scalar, scalar).map((pair) => {
        const sorted = [...(pair as (string | number)[])].sort((a, b) =>
          type === 'number' ? Number(a) - Number(b) : String(a) < String(b) ? -1 : 1,
        );
        return field(path, operator, sorted);
      });
    });
  });
  const click: fc.Arbitrary<Criteria> = fc
    .record({
      days: fc.option(fc.integer({ min: 1, max: 60 })),
      least: fc.integer({ min: 0, max: 3 }),
      where: fc.boolean(),
    })
    .map(({ days, least, where }) => ({
      measure: 'clicks.click_count',
      operator: 'at_least',
      value: least,
      ...(days === null ? {} : { within_days: days }),
      ...(where ? { where: field('campaign_id', 'equals', 'x') } : {}),
    }));
  const tree = fc.letrec<{ tree: Criteria }>((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      leaf,
      click,
      fc.record({ all: fc.array(tie('tree'), { minLength: 1, maxLength: 3 }) }),
      fc.record({ any: fc.array(tie('tree'), { minLength: 1, maxLength: 3 }) }),
      fc.record({ not: tie('tree') }),
    ),
  })).tree;

  test('property: NOT NOT, De Morgan, intersection and union, on data with nulls', async () => {
    const small = await openSmallWarehouse(facts, events);
    const everyone = facts.map((fact) => fact.contact_id);
    await fc.assert(
      fc.asyncProperty(tree, tree, async (a, b) => {
        const [inA = [], inB = [], notNotA, notA, both, either, notBoth, neitherOr, notEither, norNor] =
          await small.members(
            a,
            b,
            { not: { not: a } },
            { not: a },
            { all: [a, b] },
            { any: [a, b] },
            { not: { all: [a, b] } },
            { any: [{ not: a }, { not: b }] },
            { not: { any: [a, b] } },
            { all: [{ not: a }, { not: b }] },
          );
        expect(notNotA).toEqual(inA);
        expect(notA).toEqual(everyone.filter((id) => !inA.includes(id)));
        expect(both).toEqual(inA.filter((id) => inB.includes(id)));
        expect(either).toEqual(everyone.filter((id) => inA.includes(id) || inB.includes(id)));
        expect(notBoth).toEqual(neitherOr);
        expect(notEither).toEqual(norNor);
      }),
      { numRuns: 60 },
    );
  });
});

describe('hostile values', () => {
  const nasty = [
    "'",
    "''",
    '"',
    '`',
    '\\',
    "\\'",
    "\\\\'",
    '\\u0027',
    '%{ contact_id }',
    '"""',
    '\n',
    '\r\n',
    '\t',
    '\u2028',
    '\u0085',
    '\u0001',
    '\ufeff',
    '--',
    '/* */',
    '; drop table mart.small_facts;',
    "' or 1=1 --",
    "') } run: conn.sql('select 1') -- ",
    '$AS_OF',
    '$1',
    '#(doc)',
    '😀',
    '👩‍👩‍👧',
    'e\u0301',
    '\u202eabc',
    '%',
    '_',
    '{{',
    '',
    ' ',
    'null',
    '\ufffd',
  ];

  test('property: equality selects exactly the contact that has the value, whatever is in it', async () => {
    const piece = fc.oneof(
      fc.constantFrom(...nasty),
      fc.string({ unit: 'grapheme', maxLength: 6 }),
      fc.string({ unit: 'binary', maxLength: 4 }),
    );
    const text = fc
      .array(piece, { maxLength: 5 })
      .map((parts) => parts.join(''))
      .filter((value) => !value.includes('\0') && !/\p{Surrogate}/u.test(value));
    const values = [...new Set([...nasty, ...fc.sample(text, { numRuns: 250, seed: 7 })])];
    const small = await openSmallWarehouse(
      values.map((name, index) => ({ contact_id: String(index), name })),
    );
    const trees = values.flatMap((value) => [
      field('name', 'equals', value),
      field('name', 'in', [value, 'no such value']),
      {
        all: [
          field('name', 'contains', value),
          field('name', 'starts_with', value),
          field('name', 'equals', value),
        ],
      },
    ]);
    for (let from = 0; from < trees.length; from += 150) {
      const found = await small.members(...trees.slice(from, from + 150));
      found.forEach((members, offset) => {
        const index = Math.floor((from + offset) / 3);
        const shown = JSON.stringify([
          (from + offset) % 3,
          values[index]?.split('').map((u) => u.charCodeAt(0).toString(16)),
        ]);
        expect([shown, members]).toEqual([shown, [String(index)]]);
      });
    }
  });

  test('a line end in one value leaves another’s U+FEFF alone', async () => {
    const small = await openSmallWarehouse([
      { contact_id: 'lines', name: "it's\nhere" },
      { contact_id: 'mark', name: 'a\ufeffb' },
    ]);
    const found = await small.members(
      field('name', 'equals', "it's\nhere"),
      field('name', 'equals', 'a\ufeffb'),
    );
    expect(found).toEqual([['lines'], ['mark']]);
  });

  test('a hostile field, operator or measure name never reaches Malloy', async () => {
    const small = await openSmallWarehouse(facts);
    for (const name of nasty.filter((value) => value !== '')) {
      await expect(small.members(field(name, 'equals', 'x'))).rejects.toThrow(/there is no field/);
      await expect(small.members(field('name', name, 'x'))).rejects.toThrow(/has no operator/);
      await expect(small.members({ measure: name, operator: 'at_least', value: 1 })).rejects.toThrow(
        /no measure/,
      );
    }
  });
});
