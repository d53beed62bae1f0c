import { Type } from 'typebox';
import { explainCriteria, explainSegment } from '../../pipelines/segments/explain.ts';
import { readers } from '../access/roles.ts';
import type { Routes } from '../context.ts';
import { AsOf, Count, IdParams, Nullable, parseOptionalTime } from '../schemas.ts';

const text = Type.String();
const Contact = Type.String({
  minLength: 1,
  maxLength: 320,
  description: 'an id, of a merged contact too, or an e-mail address',
});
const Scalar = Type.Union([text, Type.Number(), Type.Boolean()]);
const Value = (description: string) =>
  Type.Union([text, Type.Number(), Type.Boolean(), Type.Null()], { description });

const Node = Type.Object({
  path: Type.String({ description: 'in the tree', examples: ['$.all[0].any[1]'] }),
  depth: Count('0 for the root'),
  kind: Type.String({ description: 'all, any, not, segment, or condition' }),
  is_true: Type.Boolean(),
  text: Type.String({
    description: 'a sentence',
    examples: ['email.last_30_days.clicks is 0, at least 1 needed'],
  }),
  condition: Nullable(Type.String({ description: 'the condition alone; null of all, any and not' })),
  field: Nullable(Type.String({ description: 'a field’s path, or a behaviour’s measure' })),
  operator: Nullable(text),
  value: Value('what decided it; null too where the contact has none'),
  compared_with: Nullable(Type.Union([Scalar, Type.Array(Scalar)])),
  since: Nullable(Type.String({ description: 'what a number of days reaches back to: UTC, or a day' })),
});

const Flipped = Type.Object({
  path: text,
  condition: text,
  was: Value('at the evaluation before'),
  is: Value('at this one'),
  is_true: Type.Boolean({ description: 'at this one; it was the other before' }),
  text: Type.String({ examples: ['lifecycle_stage is customer, lead needed; it was lead'] }),
});

const Move = Type.Object({
  change: Type.Union([Type.Literal('entered'), Type.Literal('left')]),
  at: Type.String({ description: 'what the evaluation that found it was as of' }),
  version: Count('of the definition'),
  run_id: text,
  recorded_at: text,
  contact_id: Type.String({ description: 'the id that it was recorded for' }),
  cause: Type.String({
    description:
      'conditions (`flipped` says which), late_facts (recorded since, about the time before), definition, new_contact, first_evaluation, archived, or untold (`reason` says why)',
  }),
  reason: text,
  previous_as_of: Nullable(Type.String({ description: 'what the evaluation before was as of' })),
  previous_version: Nullable(Type.Integer()),
  flipped: Type.Array(Flipped),
});

const Explanation = Type.Object({
  segment_id: Nullable(Type.String({ description: 'null for criteria that are not saved' })),
  title: Nullable(text),
  kind: Type.Union([Type.Literal('criteria'), Type.Literal('malloy'), Type.Literal('static')]),
  version: Nullable(Type.Integer({ description: 'of the definition that was asked' })),
  file: Nullable(Type.String({ description: 'the model file, where the definition is Malloy' })),
  contact_id: Type.String({ description: 'the record that stands for all' }),
  asked_contact_id: text,
  as_of: text,
  time_zone: Type.String({ description: 'the account’s, in which days are cut; times here are UTC' }),
  is_member: Type.Boolean({ description: 'by the definition' }),
  nodes: Type.Array(Node, { description: 'the tree, each node after the one that it is in' }),
  recorded: Nullable(
    Type.Object({ is_member: Type.Boolean() }, { description: 'by evaluations up to then' }),
  ),
  entered: Nullable(Move),
  left: Nullable(Move),
  notes: Type.Array(text, { description: 'what one should know' }),
});

const tags = ['segments'];

/** Why somebody is, or is not, in a segment: pipelines/segments/explain.ts. */
export const segmentExplainRoutes: Routes = (app, { mallard }) => {
  app.get(
    '/v1/segments/:id/explain',
    {
      schema: {
        tags,
        summary: 'Why a contact is, or is not, in a segment',
        description:
          'Each condition true or false with the value that decided it, and when the contact last entered and left and why. At a past time by the definition in force then.',
        params: IdParams,
        querystring: Type.Object({ contact_id: Contact, as_of: AsOf }),
        response: { 200: Explanation },
      },
      config: { access: readers },
    },
    ({ params, query }) =>
      explainSegment(mallard, params.id, {
        contact: query.contact_id,
        asOf: parseOptionalTime('as_of', query.as_of),
      }),
  );

  app.post(
    '/v1/segments/explain',
    {
      schema: {
        tags,
        summary: 'Why a contact fits, or does not fit, criteria that are not saved',
        body: Type.Object(
          {
            criteria: Type.Unknown({ description: 'as for a preview' }),
            contact_id: Contact,
            as_of: AsOf,
          },
          { additionalProperties: false },
        ),
        response: { 200: Explanation },
      },
      config: { access: readers, audit: false },
    },
    ({ body }) =>
      explainCriteria(mallard, body.criteria, {
        contact: body.contact_id,
        asOf: parseOptionalTime('as_of', body.as_of),
      }),
  );
};
