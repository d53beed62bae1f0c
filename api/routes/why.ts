import { Type } from 'typebox';
import { partNames } from '../../models/engine/why/types.ts';
import { explainChange } from '../../models/engine/why/why.ts';
import { builtOrNow } from '../../pipelines/segments/as-of.ts';
import { readers } from '../access/roles.ts';
import type { Routes } from '../context.ts';
import { AnyObject, Count, Nullable, parseOptionalTime, parseTime, Time } from '../schemas.ts';

const rowsDefault = 5;
const rowsMax = 1000;
const timeoutMsDefault = 300_000;

const text = Type.String();
const oneOf = <T extends string>(values: readonly T[], description = '') =>
  Type.Unsafe<T>(Type.String({ enum: [...values], description }));
const decimal = (description: string) => Type.String({ description, examples: ['-0.02'] });

const figures = {
  value: Nullable(decimal('a decimal of at most 12 places; null where there is none')),
  numerator: Nullable(decimal('of a count or a sum the value itself')),
  denominator: Nullable(decimal('null for a count or a sum')),
};

const Side = Type.Object({
  as_of: text,
  known_at: Nullable(Type.String({ description: 'null: everything that is recorded' })),
  from: Nullable(Type.String({ description: 'the period; null where the metric has none' })),
  to: Nullable(text),
  ...figures,
});

const Contribution = Nullable(
  Type.Object({ numerator: figures.numerator, denominator: figures.denominator }),
);

const Row = Type.Object({
  key: Type.String({ description: 'the primary key of the metric’s source' }),
  before: Contribution,
  after: Contribution,
  weight: decimal('its share of the part’s change of the value'),
  fields: AnyObject('a few other fields, as they are now or were last'),
  recorded: Type.Optional(
    Type.Object(
      { table: text, source: text, at: text },
      { description: 'of late and corrected rows: when the newest record came, or was deleted' },
    ),
  ),
});

const Part = Type.Object({
  part: oneOf(partNames),
  change: Type.Object(figures, { description: 'null where the part cannot be computed' }),
  row_count: Nullable(Count('rows that count differently; null where they cannot be told apart')),
  rows: Type.Array(Row, { description: 'those that weigh most' }),
  everything_else: Type.Object({ row_count: Count('the other rows'), weight: decimal('theirs together') }),
  rows_add_up: Type.Boolean({
    description: 'false for a count of distinct things or a mean without a stated numerator',
  }),
});

const Definition = Type.Object({
  status: oneOf(
    ['same', 'changed', 'unavailable', 'unknown'],
    'unavailable: the definitions of then cannot be used any more, and `then` is by those of now; unknown: nothing was built before then',
  ),
  then: Nullable(Type.Object({ version: text, created_at: Nullable(text) })),
  now: Type.Object({ version: text }),
  measures: Type.Array(Type.Object({ name: text, before: Nullable(text), after: Nullable(text) })),
  files: Type.Array(text, { description: 'changed files that the metric depends on' }),
});

export const whyRoutes: Routes = (app, { mallard }) => {
  const { warehouse } = mallard;
  app.get(
    '/v1/metrics/:name/why',
    {
      schema: {
        tags: ['models'],
        summary: 'Why a metric changed',
        description:
          'Splits the change since an earlier figure exactly into changed definitions, merged people, late facts, corrected facts, time passed and new facts, with the rows that weigh most. A value that is missing counts as 0.',
        params: Type.Object({
          name: Type.String({ maxLength: 200, description: 'its name' }),
        }),
        querystring: Type.Object(
          {
            vs: Time('the time of the earlier figure: as of it, as known at it, by the definitions of then'),
            as_of: Type.Optional(
              Time('as of when is now; default what the marts were built as of, else now'),
            ),
            from: Type.Optional(
              Type.String({
                description:
                  'first day of the period of both sides; default what the metric is about at each',
                examples: ['2026-10-01'],
              }),
            ),
            to: Type.Optional(Type.String({ description: 'the day after the last' })),
            rows: Type.Optional(
              Type.Integer({
                minimum: 0,
                maximum: rowsMax,
                description: `rows of each part, default ${rowsDefault}; 0 looks at none, which is faster`,
              }),
            ),
          },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object({
            metric: text,
            unit: Nullable(text),
            then: Side,
            now: Side,
            change: Type.Object(figures),
            parts: Type.Array(Part, { description: 'they add up to `change`, to the last digit' }),
            definition: Definition,
            notes: Type.Array(text),
          }),
        },
      },
      config: { access: readers },
    },
    async (request) => {
      const { vs, as_of: asOf, from, to, rows = rowsDefault } = request.query;
      return explainChange(mallard, {
        metric: request.params.name,
        vs: parseTime('vs', vs),
        asOf: parseOptionalTime('as_of', asOf) ?? (await builtOrNow(warehouse)),
        from,
        to,
        rows,
        timeoutMs: timeoutMsDefault,
      });
    },
  );
};
