import fc from 'fast-check';
import { operatorsByType, shapeOf } from '../../../models/criteria/operators.ts';
import type {
  Criteria,
  CriteriaCatalogue,
  CriteriaField,
  CriteriaScalar,
  FieldType,
} from '../../../models/criteria/types.ts';

/** Text that YAML, JSON and editors like to read as something else. */
const awkward = [
  ...[
    '',
    ' ',
    ' x',
    'x ',
    '\t',
    '\n',
    'a\n',
    '\n a',
    'a\n\n b\n',
    'a\r\nb',
    '\r',
    'a: b',
    'a #b',
    '- a',
    '? a',
    ':',
    '#',
  ],
  ...[
    'NO',
    'yes',
    'on',
    'null',
    '~',
    'true',
    '1_000',
    '0x1f',
    '1e3',
    '12:30:00',
    '2026-01-01',
    '12.50',
    '007',
    '<<',
    '=',
  ],
  ...[
    '"',
    "'",
    "it's",
    '`',
    '\\',
    '\\n',
    '{a}',
    '[a]',
    '%x',
    '@x',
    '&a',
    '*a',
    '!a',
    '|',
    '>',
    '---',
    '...',
    '{{ x }}',
  ],
  ...['\ufeffx', 'x\u0085y', 'x\u2028y', '\u0001', '\u007f', '\u202e', 'é', 'e\u0301', '😀', 'x'.repeat(200)],
];
export const text = fc.oneof(
  fc.constantFrom(...awkward),
  fc.string({ unit: 'binary', maxLength: 8 }).filter((value) => !value.includes('\0')),
);

const scalars: Record<FieldType, fc.Arbitrary<CriteriaScalar>> = {
  string: fc.oneof(text, fc.integer()),
  number: fc.oneof(
    fc.integer(),
    fc.constantFrom('12.50', '-0.01', 1e21, 1e-7, 0.1),
    // JSON, in which criteria are kept, has no negative zero.
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0 || 0),
  ),
  boolean: fc.boolean(),
  date: fc.constantFrom('1990-05-01', '2026-10-03'),
  timestamp: fc.constantFrom('2026-10-03', '2026-10-02T23:59:59', '2026-11-02T08:00:00+02:00'),
};

const before = (a: CriteriaScalar, b: CriteriaScalar) =>
  typeof a === 'string' && Number.isNaN(Number(a)) ? (a < String(b) ? -1 : 1) : Number(a) - Number(b);

/** Some operator of a type with a value that it takes. */
export function comparison(
  type: FieldType,
): fc.Arbitrary<{ operator: string; value?: CriteriaScalar | CriteriaScalar[] }> {
  return fc.constantFrom(...operatorsByType[type]).chain((operator) => {
    const shape = shapeOf(operator);
    if (shape === 'none') return fc.constant({ operator });
    if (shape === 'days')
      return fc.record({ operator: fc.constant(operator), value: fc.integer({ min: 1, max: 400 }) });
    const one = scalars[type];
    const value: fc.Arbitrary<CriteriaScalar | CriteriaScalar[]> =
      shape === 'one'
        ? one
        : shape === 'list'
          ? fc.array(one, { minLength: 1, maxLength: 4 })
          : ordered(type);
    return fc.record({ operator: fc.constant(operator), value });
  });
}

function ordered(type: FieldType): fc.Arbitrary<CriteriaScalar[]> {
  if (type === 'timestamp') return fc.constant(['2026-10-02T23:59:59', '2026-10-03']);
  return fc.tuple(scalars[type], scalars[type]).map((pair) => pair.toSorted(before));
}

/** Trees that fit a catalogue: every operator, every kind of condition, awkward values. */
export function treesOf({ fields, sources }: CriteriaCatalogue): fc.Arbitrary<Criteria> {
  const onField = (of: readonly CriteriaField[]) =>
    fc
      .constantFrom(...of)
      .chain(({ path, type }) => comparison(type).map((rest): Criteria => ({ field: path, ...rest })));
  const behaviour = fc
    .constantFrom(...sources.filter(({ measures }) => measures.length > 0))
    .chain((source) =>
      fc.tuple(
        fc.constant(source),
        fc
          .constantFrom(...source.measures)
          .chain((measure) => comparison(measure.type).map((rest) => ({ measure, rest }))),
        fc.option(onField(source.fields), { nil: undefined }),
        fc.option(fc.integer({ min: 1, max: 365 }), { nil: undefined }),
      ),
    )
    .map(([source, { measure, rest }, where, days]): Criteria => ({
      measure: `${source.name}.${measure.path}`,
      ...(where === undefined ? {} : { where }),
      ...(days === undefined ? {} : { within_days: days }),
      ...rest,
    }));
  return fc.letrec<{ tree: Criteria }>((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      onField(fields),
      behaviour,
      fc.record({ all: fc.array(tie('tree'), { minLength: 1, maxLength: 3 }) }),
      fc.record({ any: fc.array(tie('tree'), { minLength: 1, maxLength: 3 }) }),
      fc.record({ not: tie('tree') }),
    ),
  })).tree;
}
