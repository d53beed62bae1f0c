import { expect, test } from 'vitest';
import { operatorNames, shapeOf } from '../../../models/criteria/operators.ts';
import type { CriteriaValue, FieldCondition } from '../../../models/criteria/types.ts';
import type { Leaf } from '../../../models/criteria/walk.ts';
import { conditionWords, verdictWords, type LeafValue } from '../../../models/criteria/words.ts';

const x = (operator: string, value?: CriteriaValue): FieldCondition => ({
  field: 'x',
  operator,
  ...(value === undefined ? {} : { value }),
});
const said = (leaf: Leaf, value: LeafValue, isTrue: boolean) =>
  verdictWords(leaf, { isTrue, value, zone: 'Asia/Tokyo' });

test('every operator is said in words, alone, and with the value where it holds and where it does not', () => {
  const cases: [FieldCondition, string, LeafValue, string, LeafValue, string][] = [
    [x('equals', 'lead'), 'x is lead', 'lead', 'x is lead', 'mql', 'x is mql, lead needed'],
    [x('equals', '12.10'), 'x is 12.10', '12.1', 'x is 12.1 (12.10)', null, 'x is not set, 12.10 needed'],
    [
      x('not_equals', 'a'),
      'x is other than a',
      'b',
      'x is b (other than a)',
      'a',
      'x is a, other than a needed',
    ],
    [x('in', ['a', 'b']), 'x is one of a, b', 'a', 'x is a (one of a, b)', 'c', 'x is c, one of a, b needed'],
    [x('in', 'a'), 'x is a', 'a', 'x is a (a)', 'c', 'x is c, a needed'],
    [
      x('not_in', ['a', 'b']),
      'x is none of a, b',
      'c',
      'x is c (none of a, b)',
      'a',
      'x is a, none of a, b needed',
    ],
    [
      x('not_contains', 'a'),
      'x does not contain a',
      'b',
      'x is b (text without a)',
      'ab',
      'x is ab, text without a needed',
    ],
    [
      x('ends_with', 'a'),
      'x ends with a',
      'ba',
      'x is ba (text that ends with a)',
      'b',
      'x is b, text that ends with a needed',
    ],
    [
      x('contains', 'a b'),
      'x contains a b',
      'a b',
      'x is a b (text that contains a b)',
      '',
      'x is "", text that contains a b needed',
    ],
    [
      x('starts_with', ' '),
      'x starts with " "',
      ' y',
      'x is " y" (text that starts with " ")',
      'y',
      'x is y, text that starts with " " needed',
    ],
    [x('greater_than', 3), 'x is more than 3', 4, 'x is 4 (more than 3)', 3, 'x is 3, more than 3 needed'],
    [x('at_least', 3), 'x is at least 3', 3, 'x is 3 (at least 3)', 0, 'x is 0, at least 3 needed'],
    [x('less_than', 3), 'x is less than 3', 2.5, 'x is 2.5 (less than 3)', 3, 'x is 3, less than 3 needed'],
    [x('at_most', 3), 'x is at most 3', 3, 'x is 3 (at most 3)', 4, 'x is 4, at most 3 needed'],
    [x('between', [1, 2]), 'x is from 1 to 2', 1, 'x is 1 (from 1 to 2)', 3, 'x is 3, from 1 to 2 needed'],
    [x('is_set'), 'x is set', 'a', 'x is a', null, 'x is not set, must be'],
    [x('is_not_set'), 'x is not set', null, 'x is not set', false, 'x is false, must not be set'],
    [
      x('before', '2026-01-01'),
      'x is before 2026-01-01',
      '2025-12-31',
      'x is 2025-12-31 (before 2026-01-01)',
      null,
      'x is not set, before 2026-01-01 needed',
    ],
    [
      x('after', '2026-01-01'),
      'x is after 2026-01-01',
      '2026-01-02T23:30:00Z',
      'x is 2026-01-03 08:30 (after 2026-01-01)',
      null,
      'x is not set, after 2026-01-01 needed',
    ],
    [
      x('within_last_days', 1),
      'x is within the last day',
      '2026-01-01',
      'x is 2026-01-01 (within the last day)',
      null,
      'x is not set, within the last day needed',
    ],
    [
      x('more_than_days_ago', 1),
      'x is more than 1 day ago',
      '2026-01-01',
      'x is 2026-01-01 (more than 1 day ago)',
      null,
      'x is not set, more than 1 day ago needed',
    ],
  ];
  for (const [leaf, alone, yes, holds, no, fails] of cases)
    expect([conditionWords(leaf), said(leaf, yes, true), said(leaf, no, false)]).toEqual([
      alone,
      holds,
      fails,
    ]);
  expect(new Set(cases.map(([{ operator }]) => operator))).toEqual(new Set(operatorNames));
  expect(
    cases.every(([{ operator, value }]) => (shapeOf(operator) === 'none') === (value === undefined)),
  ).toBe(true);
});

test('a behaviour says of which events and when, a long list how many more, a number of days since when', () => {
  const where = { any: [x('equals', 'a'), { all: [x('equals', 'b'), { not: x('is_set') }] }] };
  expect(conditionWords({ measure: 'e.m', where, within_days: 30, operator: 'at_least', value: 2 })).toBe(
    'e.m within the last 30 days where x is a or (x is b and not x is set) is at least 2',
  );
  expect(conditionWords(x('in', [1, 2, 3, 4, 5, 6, 7, 8]))).toBe('x is one of 1, 2, 3, 4, 5, 6 and 2 more');
  const recent = x('within_last_days', 30);
  const zone = 'UTC';
  expect(
    verdictWords(recent, { isTrue: false, value: '2026-01-01T00:00:00Z', zone, since: '2026-02-01' }),
  ).toBe('x is 2026-01-01 00:00, within the last 30 days (since 2026-02-01) needed');
});

test('sequences, what happened since, and other segments, as people say them', () => {
  const open = { source: 'e', where: x('equals', 'open') };
  const sequence = { sequence: [open, { source: 'w', within_days: 7 }], within_days: 90 };
  const words = 'e where x is open, then w within 7 days, the last within the last 90 days';
  expect(conditionWords(sequence)).toBe(words);
  expect([said(sequence, '2026-01-01T15:30:00Z', true), said(sequence, null, false)]).toEqual([
    `${words}: last on 2026-01-02 00:30`,
    `${words}: never`,
  ]);
  expect(conditionWords({ measure: 'o.m', since: open, operator: 'equals', value: 0 })).toBe(
    'o.m since the last e where x is open is 0',
  );
  expect([said({ segment: 's' }, true, true), said({ segment: 's' }, false, false)]).toEqual([
    'in the segment s',
    'not in the segment s',
  ]);
});
