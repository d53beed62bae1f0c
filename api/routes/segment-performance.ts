import { Type } from 'typebox';
import { segmentMigration } from '../../pipelines/segments/migration.ts';
import { segmentPerformance } from '../../pipelines/segments/performance.ts';
import { readers } from '../access/roles.ts';
import type { Routes } from '../context.ts';
import { Count, IdParams, Nullable } from '../schemas.ts';

const text = Type.String();
const number = Type.Number();

const Rate = {
  value: Nullable(
    Type.Number({ description: 'numerator ÷ denominator, × per_days; null where the denominator is 0' }),
  ),
  numerator: number,
  denominator: Type.Number({ description: 'messages, or days of contacts' }),
  contacts: Count('persons that the numerator comes from'),
};
const ComparedRate = Type.Object({
  ...Rate,
  ratio: Nullable(Type.Number({ description: 'the members’ value ÷ this one' })),
  ratio_low: Nullable(
    Type.Number({
      description:
        'its 95 % interval (Wald, on the log scale, by person); null below five persons in either group',
    }),
  ),
  ratio_high: Nullable(number),
});

const GroupSize = Type.Object({
  contacts: Count('persons who were ever in the group in the range'),
  contact_days: Type.Number({ description: 'their days in it, in all' }),
});

const Report = Type.Object({
  as_of: Type.String({ description: 'the last build' }),
  start_date: text,
  end_date: Type.String({ description: 'the day after the last; nothing after `as_of` counts' }),
  time_zone: text,
  currency: text,
  segments: Type.Array(
    Type.Object({
      segment_id: text,
      title: text,
      status: text,
      recorded_since: Nullable(Type.String({ description: 'its first evaluation; null: never' })),
      from: Type.String({ description: 'what its figures are about: not before `recorded_since`' }),
      to: text,
      members: GroupSize,
      base: GroupSize,
      just_missed: Nullable(GroupSize),
      just_missed_reason: Nullable(Type.String({ description: 'why nobody can just miss it' })),
      figures: Type.Array(
        Type.Object({
          name: text,
          title: text,
          numerator: text,
          denominator: text,
          per_days: Nullable(Type.Integer()),
          members: Type.Object(Rate),
          base: ComparedRate,
          just_missed: Nullable(ComparedRate),
        }),
      ),
    }),
  ),
});

const Days = Type.Object(
  {
    from: Type.Optional(
      Type.String({
        description: 'first day, in the account’s zone; default: 90 days before the end',
        examples: ['2026-08-01'],
      }),
    ),
    to: Type.Optional(
      Type.String({
        description: 'the day after the last; default: up to the last build',
        examples: ['2026-11-01'],
      }),
    ),
  },
  { additionalProperties: false },
);

const Side = {
  kind: Type.String({ description: 'segment, none (in none of them), new, gone' }),
  segment_id: Nullable(text),
  title: text,
  recorded_since: Nullable(
    Type.String({ description: 'its first evaluation: before that nobody was recorded' }),
  ),
  persons: Count('persons there, each once'),
};

const description =
  'Members by the recorded intervals; base: everybody else, and they themselves when they were no members; just missed: all conditions but one of an `all` hold, as of the last build.';

const tags = ['segments'];

export const segmentPerformanceRoutes: Routes = (app, { mallard }) => {
  app.get(
    '/v1/segments/performance',
    {
      schema: {
        tags,
        summary: 'What members of each segment did while they were members',
        description,
        querystring: Days,
        response: { 200: Report },
      },
      config: { access: readers },
    },
    ({ query }) => segmentPerformance(mallard, query),
  );

  app.get(
    '/v1/segments/:id/performance',
    {
      schema: {
        tags,
        summary: 'What members of a segment did while they were members',
        description,
        params: IdParams,
        querystring: Days,
        response: { 200: Report },
      },
      config: { access: readers },
    },
    ({ params, query }) => segmentPerformance(mallard, { ...query, segmentId: params.id }),
  );

  app.get(
    '/v1/segments/migration',
    {
      schema: {
        tags,
        summary: 'Who was in which segment then, and is in which now',
        description:
          'Rows: at `from`; columns: at `to`. Where segments overlap a person counts in every pair: `persons` counts each once.',
        querystring: Type.Object(
          {
            from: Type.String({
              description: 'a day (its start) or a time, in the account’s zone without an offset',
              examples: ['2026-08-01'],
            }),
            to: Type.Optional(Type.String({ description: 'likewise; default: the last build' })),
            segments: Type.Optional(
              Type.String({ minLength: 1, description: 'ids, separated by commas; default all' }),
            ),
          },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object({
            from: text,
            to: text,
            persons: Count('persons who were there at either time'),
            is_overlapping: Type.Boolean({ description: 'somebody was in several of the segments at once' }),
            rows: Type.Array(
              Type.Object({
                ...Side,
                cells: Type.Array(
                  Type.Object({
                    kind: text,
                    segment_id: Nullable(text),
                    value: Type.Number({ description: 'numerator ÷ denominator' }),
                    numerator: Count('persons in both'),
                    denominator: Count('persons of the row'),
                  }),
                  { description: 'columns with nobody are left out' },
                ),
              }),
            ),
            columns: Type.Array(Type.Object(Side)),
          }),
        },
      },
      config: { access: readers },
    },
    ({ query: { from, to, segments } }) =>
      segmentMigration(mallard, { from, to, segmentIds: segments?.split(',') }),
  );
};
