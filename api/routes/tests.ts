import { Type } from 'typebox';
import { freshness } from '../../pipelines/tests/freshness.ts';
import { testRuns, testStates } from '../../pipelines/tests/history.ts';
import { runTests } from '../../pipelines/tests/run.ts';
import type { Routes } from '../context.ts';
import { readers } from '../access/roles.ts';
import { AsOf, asOfOrNow, Nullable, NullableCount, parseOptionalTime, Time } from '../schemas.ts';

const Severity = Type.Union([Type.Literal('warn'), Type.Literal('error')]);
const Status = Type.Union(
  [Type.Literal('passed'), Type.Literal('warned'), Type.Literal('failed'), Type.Literal('errored')],
  { description: 'warned: failed with severity warn; errored: it could not run' },
);

const TestResult = Type.Object({
  name: Type.String(),
  model: Type.String({ description: 'its file' }),
  doc: Type.Optional(Type.String({ description: 'what is wrong where it fails' })),
  severity: Severity,
  status: Status,
  passed: Type.Boolean(),
  failing_count: NullableCount,
  sample_rows: Type.Array(Type.Unknown(), { description: 'the first rows that break the rule' }),
  sql: Type.String(),
  error: Type.Optional(Type.String({ description: 'why it could not run' })),
  duration_ms: Type.Number(),
});

const FreshnessRow = Type.Object({
  table: Type.String(),
  source: Nullable(Type.String()),
  recorded_at: Nullable(Type.String({ description: 'of its newest row' })),
  occurred_at: Nullable(Type.String({ description: 'of the newest thing it tells of' })),
  age_hours: Nullable(Type.Number({ description: 'since recorded_at; the limits are about this' })),
  warn_after_hours: Nullable(Type.Number()),
  error_after_hours: Nullable(Type.Number()),
  status: Type.Union(
    [Type.Literal('passed'), Type.Literal('warned'), Type.Literal('failed'), Type.Literal('unlimited')],
    { description: 'unlimited: nobody set a limit' },
  ),
});

const TestBody = Type.Object(
  {
    as_of: Type.Optional(
      Time(
        'as of when; default: data tests as of the newest build, freshness as of now. A stated time is not kept',
      ),
    ),
    known_at: Type.Optional(Time('only what had been recorded by then; not kept')),
    names: Type.Optional(
      Type.Array(Type.String(), { description: 'tests, or files of tests; default all, and freshness' }),
    ),
    rows: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 1000,
        description: 'failing rows to show of each test; default 5',
      }),
    ),
  },
  { additionalProperties: false },
);

const TestRun = Type.Object({
  run_id: Type.String(),
  kind: Type.Union([Type.Literal('data'), Type.Literal('freshness')]),
  test: Type.String(),
  model: Type.String(),
  severity: Severity,
  status: Status,
  failing_count: Nullable(Type.Number()),
  error: Nullable(Type.String()),
  as_of: Type.String(),
  known_at: Nullable(Type.String()),
  duration_ms: Type.Number(),
  recorded_at: Type.String(),
});

const TestState = Type.Object({
  kind: Type.Union([Type.Literal('data'), Type.Literal('freshness')]),
  test: Type.String(),
  model: Type.String(),
  status: Status,
  failing_count: Nullable(Type.Number()),
  recorded_at: Type.String({ description: 'when it last ran' }),
  failing_since: Nullable(Type.String({ description: 'the first run since which it has not passed' })),
  last_passed_at: Nullable(Type.String()),
});

export const testRoutes: Routes = (app, { mallard }) => {
  app.post(
    '/v1/test',
    {
      schema: {
        tags: ['models'],
        summary: 'Run the data tests, and check the limits of freshness',
        description:
          'A test that cannot run is a failure of its own and does not stop the others. What each said is kept, its rows are not.',
        body: TestBody,
        response: {
          200: Type.Object({
            run_id: Type.Optional(Type.String()),
            as_of: Type.String(),
            passed: Type.Boolean({ description: 'warnings aside' }),
            tests: Type.Array(TestResult),
            freshness: Type.Array(FreshnessRow, { description: 'where account.yaml sets limits' }),
          }),
        },
      },
      config: { access: readers, audit: false },
    },
    async ({ body: { as_of: asOf, known_at: knownAt, names, rows } }) =>
      runTests(mallard, {
        asOf: parseOptionalTime('as_of', asOf),
        knownAt: parseOptionalTime('known_at', knownAt),
        names,
        rows,
      }),
  );

  app.get(
    '/v1/tests/runs',
    {
      schema: {
        tags: ['models'],
        summary: 'What the tests said so far: where each stands, and its runs',
        querystring: Type.Object({
          test: Type.Optional(Type.String({ description: 'only this one' })),
          limit: Type.Optional(
            Type.Integer({
              minimum: 1,
              maximum: 10_000,
              description: 'of the runs, newest first; default 200',
            }),
          ),
        }),
        response: { 200: Type.Object({ tests: Type.Array(TestState), runs: Type.Array(TestRun) }) },
      },
      config: { access: readers },
    },
    async ({ query: { test, limit } }) => ({
      tests: await testStates(mallard.warehouse, { test }),
      runs: await testRuns(mallard.warehouse, { test, limit: limit ?? 200 }),
    }),
  );

  app.get(
    '/v1/freshness',
    {
      schema: {
        tags: ['models'],
        summary: 'How old what each source brought is, and whether that is too old',
        querystring: Type.Object({
          as_of: AsOf,
          known_at: Type.Optional(Time('only what had been recorded by then')),
        }),
        response: {
          200: Type.Object({
            as_of: Type.String(),
            passed: Type.Boolean({ description: 'nothing is older than its error limit' }),
            sources: Type.Array(FreshnessRow),
          }),
        },
      },
      config: { access: readers },
    },
    async ({ query }) => {
      const asOf = asOfOrNow(mallard.clock, query.as_of);
      const knownAt = parseOptionalTime('known_at', query.known_at);
      const sources = await freshness(mallard.warehouse, {
        limits: mallard.account.freshness,
        asOf,
        knownAt,
      });
      return {
        as_of: asOf.toISOString(),
        passed: sources.every(({ status }) => status !== 'failed'),
        sources,
      };
    },
  );
};
