import { Type } from 'typebox';
import { backtestSegment } from '../../pipelines/segments/backtest.ts';
import { readers } from '../access/roles.ts';
import type { Routes } from '../context.ts';
import { Count, Nullable, parseOptionalTime, Time } from '../schemas.ts';

const Step = Type.Union([Type.Literal('day'), Type.Literal('week'), Type.Literal('month')]);
const text = Type.String();

const Backtest = Type.Object({
  from: text,
  to: text,
  step: Step,
  periods: Type.Array(
    Type.Object({
      starts_at: text,
      member_count: Count('as of starts_at'),
      entered_count: Count('after starts_at, up to the next one'),
      left_count: Count('likewise'),
    }),
  ),
  member_count: Count('at the end'),
  entered_count: Count('stays that began'),
  left_count: Count('stays that ended'),
  stay_days_median: Nullable(Type.Number()),
  members_by_age: Type.Array(
    Type.Object({
      days_min: Nullable(Type.Integer()),
      days_max: Nullable(Type.Integer()),
      member_count: Count('present members'),
      share: Type.Number(),
    }),
  ),
  outcomes: Type.Object({
    days: Type.Integer(),
    entry_count: Count('entries of which all days are over'),
    measures: Type.Array(
      Type.Object({
        outcome: text,
        per_entry: Nullable(Type.Number()),
        per_contact: Nullable(Type.Number()),
        ratio: Nullable(Type.Number()),
      }),
    ),
  }),
  leaves: Type.Array(
    Type.Object({
      leaf: text,
      followed: Type.Union([Type.Literal('exact'), Type.Literal('sampled')]),
      sample_count: Nullable(Type.Integer()),
    }),
  ),
});

export const segmentBacktestRoutes: Routes = (app, { mallard }) => {
  app.post(
    '/v1/segments/backtest',
    {
      schema: {
        tags: ['segments'],
        summary: 'Try a segment on the past',
        description:
          'Who would have been in it at every moment, who entered and left, and what they did then. Criteria over events, windows and the history of contacts are followed exactly; `leaves` says which others were evaluated once a week only.',
        body: Type.Object(
          {
            criteria: Type.Optional(
              Type.Unknown({
                description: 'a tree or the flat list, as for a preview; or segment_id',
                examples: [
                  { measure: 'email_events.clicks', within_days: 30, operator: 'at_least', value: 3 },
                ],
              }),
            ),
            segment_id: Type.Optional(text),
            from: Type.Optional(Time('default three years before `to`')),
            to: Type.Optional(Time('default what the marts were built as of')),
            step: Type.Optional(Step),
            days: Type.Optional(
              Type.Integer({ minimum: 1, maximum: 365, description: 'after an entry; default 30' }),
            ),
          },
          { additionalProperties: false },
        ),
        response: { 200: Backtest },
      },
      config: { access: readers, audit: false },
    },
    (request) => {
      const { criteria, segment_id, from, to, step, days } = request.body;
      return backtestSegment(mallard, {
        criteria,
        segmentId: segment_id,
        from: parseOptionalTime('from', from),
        to: parseOptionalTime('to', to),
        step,
        days,
      });
    },
  );
};
