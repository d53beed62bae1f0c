import { Type } from 'typebox';
import { explainScore } from '../../pipelines/scores/explain.ts';
import { listRules } from '../../pipelines/scores/list-rules.ts';
import { rfmMigration } from '../../pipelines/scores/rfm-migration.ts';
import { readers } from '../access/roles.ts';
import type { Routes } from '../context.ts';
import { AnyObject, Count, Nullable, parseOptionalTime, parseTime, Time } from '../schemas.ts';

const text = Type.String();
const number = (description: string) => Type.Number({ description });
const KnownAt = Type.Optional(Time('only what had been recorded by then; default: everything'));

const Moved = {
  customers: Count('customers'),
  revenue_from: Type.String({ description: 'their revenue up to `from`, in the reporting currency' }),
  revenue_to: Type.String({ description: 'their revenue up to `to`' }),
};
const FromGroup = Nullable(Type.String({ description: 'null: not yet a customer' }));

const ScoreAt = Type.Object({
  as_of: text,
  rules_version: Type.Integer(),
  score: Nullable(Type.Number({ description: '0 to 100; null where the contact was not there yet' })),
  points: number('the rules added up'),
  cut_points: number('score = points + cut_points'),
});

const Change = Type.Object({
  points_then: number('what the rule gave at `vs`'),
  difference: number('decay + new_facts + facts_gone + changed_rules, exactly'),
  decay: number('the same facts, older'),
  new_facts: number('facts that have come, or a state that has begun to hold'),
  facts_gone: number('facts that count no more, or a state that has ceased to hold'),
  changed_rules: number('the rule itself was changed'),
  new_fact_count: Count('facts that have come'),
  gone_fact_count: Count('facts that count no more'),
});

const Rule = Type.Object({
  name: text,
  title: text,
  kind: Type.String({ description: 'behaviour: points per fact that decay; state: points while it holds' }),
  is_in_force: Type.Boolean({ description: 'false: it was in force at `vs` only' }),
  points: number('what the rule gives'),
  fact_count: Nullable(Count('facts that give something; null for a state')),
  newest_at: Nullable(Type.String({ description: 'the newest of them' })),
  max_points: Nullable(Type.Number()),
  is_capped: Type.Boolean({ description: 'the facts would give more than max_points' }),
  change: Nullable(Change),
});

/** What the scores say of people: pipelines/scores. */
export const scoreRoutes: Routes = (app, { mallard }) => {
  app.get(
    '/v1/contacts/:id/score',
    {
      schema: {
        tags: ['scores'],
        summary: 'Why a lead score is what it is',
        description:
          'Rule by rule, with the facts behind it; with `vs` also what has changed since, as a difference that adds up.',
        params: Type.Object({
          id: Type.String({ minLength: 1, maxLength: 320, description: 'an id or an e-mail address' }),
        }),
        querystring: Type.Object({
          as_of: Type.Optional(Time('as of when; default: what the marts were built as of')),
          vs: Type.Optional(Time('an earlier time to compare with')),
          known_at: KnownAt,
          rules: Type.Optional(
            Type.Union([Type.Literal('then'), Type.Literal('current')], {
              description: 'by the rules in force at each time (default), or by those of now',
            }),
          ),
        }),
        response: {
          200: Type.Object({
            contact_id: Type.String({ description: 'the record that stands for all' }),
            asked_contact_id: text,
            time_zone: Type.String({
              description: 'the account’s, in which days are cut; times here are UTC',
            }),
            known_at: Nullable(text),
            rules_of: text,
            at: ScoreAt,
            vs: Nullable(ScoreAt),
            rules: Type.Array(Rule),
            cut_difference: Nullable(
              Type.Number({ description: 'what the cut to 0–100 adds to the difference' }),
            ),
          }),
        },
      },
      config: { access: readers },
    },
    ({ params, query }) =>
      explainScore(mallard, params.id, {
        asOf: parseOptionalTime('as_of', query.as_of),
        vs: parseOptionalTime('vs', query.vs),
        knownAt: parseOptionalTime('known_at', query.known_at),
        rulesOf: query.rules,
      }),
  );

  app.get(
    '/v1/scores/rules',
    {
      schema: {
        tags: ['scores'],
        summary: 'The lead score’s rules in force, and every version of them',
        response: {
          200: Type.Object({
            file: Type.String({ description: 'where they are edited' }),
            version: Type.Integer(),
            rules: Type.Array(AnyObject('as in the file'), { description: 'in force' }),
            problem: Nullable(
              Type.String({ description: 'why the project’s file is not in force, where it is not valid' }),
            ),
            versions: Type.Array(
              Type.Object({
                version: Type.Integer(),
                created_at: text,
                hash: text,
                rules: Type.Array(AnyObject()),
              }),
              { description: 'the newest first' },
            ),
          }),
        },
      },
      config: { access: readers },
    },
    () => listRules(mallard),
  );

  app.get(
    '/v1/rfm/migration',
    {
      schema: {
        tags: ['scores'],
        summary: 'How customers moved between RFM groups',
        description: 'Group × group. Both dates with one knowledge: merged contacts count once.',
        querystring: Type.Object({
          from: Time('the earlier date'),
          to: Type.Optional(Time('the later date; default: what the marts were built as of')),
          known_at: KnownAt,
          method: Type.Optional(
            Type.Union([Type.Literal('quintiles'), Type.Literal('fixed')], {
              description: 'quintiles (default), or fixed thresholds',
            }),
          ),
        }),
        response: {
          200: Type.Object({
            from: text,
            to: text,
            known_at: Nullable(text),
            method: text,
            groups: Type.Array(text, { description: 'the best first' }),
            cells: Type.Array(Type.Object({ from_group: FromGroup, to_group: text, ...Moved })),
            from_totals: Type.Array(Type.Object({ from_group: FromGroup, ...Moved })),
            to_totals: Type.Array(Type.Object({ to_group: text, ...Moved })),
          }),
        },
      },
      config: { access: readers },
    },
    ({ query }) =>
      rfmMigration(mallard, {
        from: parseTime('from', query.from),
        to: parseOptionalTime('to', query.to),
        knownAt: parseOptionalTime('known_at', query.known_at),
        method: query.method ?? 'quintiles',
      }),
  );
};
