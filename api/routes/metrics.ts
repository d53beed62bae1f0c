import { Type, type Static } from 'typebox';
import type { CohortUnit } from '../../models/engine/metrics/cohorts.ts';
import { isPeriodUnit } from '../../models/engine/metrics/metric.ts';
import { MallardError } from '../../data/errors.ts';
import { builtOrNow } from '../../pipelines/segments/as-of.ts';
import { readers } from '../access/roles.ts';
import type { Routes } from '../context.ts';
import { Nullable, parseOptionalTime, Time } from '../schemas.ts';

const Figure = {
  value: Nullable(Type.Number({ description: 'null where the denominator is 0' })),
  numerator: Nullable(Type.Number()),
  denominator: Nullable(Type.Number({ description: 'null for counts and sums' })),
};
const Compared = {
  ...Figure,
  previous: Type.Optional(Type.Object(Figure, { description: 'the period before, or a year ago' })),
  change: Type.Optional(Nullable(Type.Number({ description: 'value − previous value' }))),
  relative_change: Type.Optional(Nullable(Type.Number({ description: 'change ÷ previous value' }))),
};
const Days = { start_date: Type.String(), end_date: Type.String({ description: 'the day after the last' }) };
const Part = Type.Object({ name: Type.String(), definition: Type.String() });

const MetricSchema = Type.Object({
  name: Type.String(),
  title: Type.String(),
  definition: Type.String(),
  unit: Type.Optional(Type.String({ examples: ['ratio', 'currency', 'days', 'deals'] })),
  kind: Type.String({ description: 'flow: by its time; period: between two days; state: as of a moment' }),
  source: Type.String({ description: 'the Malloy source' }),
  field: Type.String({ description: 'its field that is the metric' }),
  dimensions: Type.Array(Type.String(), { description: 'what it can honestly be sliced by' }),
  parts: Type.Optional(
    Type.Object({ numerator: Part, denominator: Part }, { description: 'what is divided by what' }),
  ),
  period: Type.Optional(Type.Object(Days)),
  ...Compared,
  freshness: Type.Object({
    as_of: Type.String(),
    known_at: Nullable(Type.String()),
    built_at: Nullable(
      Type.String({ description: 'when the marts read were built; null: computed from the facts' }),
    ),
    newest_recorded_at: Nullable(
      Type.String({ description: 'when the newest row known came to the tables it is made of' }),
    ),
    newest_fact_at: Nullable(Type.String({ description: 'the last moment that the facts tell of' })),
  }),
  slices: Type.Optional(
    Type.Array(
      Type.Object({
        period: Type.Optional(Type.Object({ label: Type.String(), ...Days, is_complete: Type.Boolean() })),
        slice: Type.Record(
          Type.String(),
          Nullable(Type.Union([Type.String(), Type.Number(), Type.Boolean()])),
        ),
        ...Compared,
      }),
    ),
  ),
});

const List = (description: string) =>
  Type.Optional(Type.String({ description: `${description}, separated by commas`, minLength: 1 }));

const MetricsQuery = Type.Object(
  {
    metrics: List('names; default all that can be sliced as asked'),
    by: List('dimensions'),
    where: List("conditions such as lead_source=website; nothing after '=' means not known"),
    period: Type.Optional(
      Type.String({
        enum: ['day', 'week', 'month', 'quarter', 'year'],
        description: 'cut into these, in the account’s zone',
      }),
    ),
    last: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 400,
        description: 'how many periods, the running one too; default 13',
      }),
    ),
    from: Type.Optional(
      Type.String({ description: 'first day; default 365 days ago', examples: ['2026-01-01'] }),
    ),
    to: Type.Optional(Type.String({ description: 'the day after the last', examples: ['2026-10-01'] })),
    compare: Type.Optional(
      Type.String({ enum: ['previous', 'year'], description: 'with the period before, or a year ago' }),
    ),
    as_of: Type.Optional(Time('as of when; default when the marts were last built')),
    known_at: Type.Optional(Time('only what had been recorded by then')),
  },
  { additionalProperties: false },
);

const Cell = Type.Object({
  customers: Type.Integer(),
  share: Type.Number({ description: 'customers ÷ size' }),
  orders: Type.Integer(),
  revenue: Type.Number({ description: 'in the reporting currency' }),
});

const CohortQuery = Type.Object(
  {
    period: Type.Optional(Type.String({ enum: ['week', 'month', 'quarter', 'year'], default: 'month' })),
    where: List("conditions such as lead_source=website; nothing after '=' means not known"),
    as_of: Type.Optional(Time('as of when; default when the marts were last built')),
    known_at: Type.Optional(Time('only what had been recorded by then')),
  },
  { additionalProperties: false },
);

export const metricRoutes: Routes = (app, { mallard }) => {
  app.get(
    '/v1/metrics',
    {
      schema: {
        tags: ['models'],
        summary: 'Metrics',
        description:
          'Each metric as one object: value, numerator, denominator, definition, freshness; by dimension and by period where asked. A dimension that a metric cannot honestly carry is refused (`dimension_refused`, with those it can) where the metric is named, else the metric is left out and listed.',
        querystring: MetricsQuery,
        response: {
          200: Type.Object({
            as_of: Type.String(),
            known_at: Nullable(Type.String()),
            time_zone: Type.String(),
            currency: Type.String(),
            by: Type.Array(Type.String()),
            unit: Type.Optional(Type.String()),
            compare: Type.Optional(Type.String()),
            metrics: Type.Array(MetricSchema),
            left_out: Type.Array(
              Type.Object({
                name: Type.String(),
                title: Type.String(),
                reason: Type.String(),
                dimensions: Type.Array(Type.String()),
              }),
            ),
          }),
        },
      },
      config: { access: readers },
    },
    async (request) => {
      const query = request.query;
      const { warehouse } = mallard;
      const asOf = parseOptionalTime('as_of', query.as_of) ?? (await builtOrNow(warehouse));
      return mallard.engine.computeMetrics({
        asOf,
        knownAt: parseOptionalTime('known_at', query.known_at),
        metrics: listOf(query.metrics),
        by: listOf(query.by),
        where: listOf(query.where)?.map(filterOf),
        ...restOf(query),
      });
    },
  );

  app.get(
    '/v1/cohorts',
    {
      schema: {
        tags: ['models'],
        summary: 'Cohorts of customers',
        description:
          'Customers by the period of their first order × periods since; null for periods that have not begun.',
        querystring: CohortQuery,
        response: {
          200: Type.Object({
            as_of: Type.String(),
            known_at: Nullable(Type.String()),
            unit: Type.String(),
            definition: Type.String(),
            cohorts: Type.Array(
              Type.Object({ cohort: Type.String(), size: Type.Integer(), cells: Type.Array(Nullable(Cell)) }),
            ),
          }),
        },
      },
      config: { access: readers },
    },
    async ({ query }) => {
      const { warehouse } = mallard;
      return mallard.engine.computeCohorts({
        unit: cohortUnit(query.period),
        where: listOf(query.where)?.map(filterOf),
        asOf: parseOptionalTime('as_of', query.as_of) ?? (await builtOrNow(warehouse)),
        knownAt: parseOptionalTime('known_at', query.known_at),
      });
    },
  );
};

function cohortUnit(text: string | undefined): CohortUnit {
  return text === 'week' || text === 'quarter' || text === 'year' ? text : 'month';
}

function restOf({ period, last, from, to, compare }: Static<typeof MetricsQuery>) {
  return {
    unit: period !== undefined && isPeriodUnit(period) ? period : undefined,
    last,
    from,
    to,
    compare: compare === 'previous' || compare === 'year' ? compare : undefined,
  } as const;
}

function listOf(text: string | undefined): string[] | undefined {
  return text?.split(',').map((item) => item.trim());
}

function filterOf(text: string): { dimension: string; value: string | null } {
  const at = text.indexOf('=');
  if (at > 0) return { dimension: text.slice(0, at), value: text.slice(at + 1) || null };
  throw new MallardError('bad_request', `where: ${text} is no condition such as lead_source=website.`, {
    fields: { field: 'where', value: text },
  });
}
