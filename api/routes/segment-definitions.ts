import { Type } from 'typebox';
import { applySegments } from '../../pipelines/segments/apply/apply.ts';
import { exportSegments } from '../../pipelines/segments/apply/export.ts';
import { planApply } from '../../pipelines/segments/apply/plan.ts';
import { operators, readers } from '../access/roles.ts';
import type { Routes } from '../context.ts';
import { AnyObject, Count, Nullable } from '../schemas.ts';

const text = Type.String();
const tags = ['segments'];

/** A folder of files is larger than other bodies: lists of ids and addresses stand in it. */
const bodyLimit = 32 * 1024 * 1024;

/** Its content is checked with the criteria, so that all faults of all definitions are answered at once. */
const Definition = Type.Object(
  { segment_id: text },
  {
    additionalProperties: true,
    description: '{segment_id, title, description, criteria}, as PUT /v1/segments/{id} takes them',
    examples: [
      {
        segment_id: 'customers',
        title: 'Customers',
        criteria: { field: 'lifecycle_stage', operator: 'equals', value: 'customer' },
      },
    ],
  },
);
const Request = {
  segments: Type.Array(Definition, { maxItems: 5_000 }),
  prune: Type.Optional(
    Type.Boolean({ description: 'archive the saved segments that are not among these; default false' }),
  ),
};

const Action = Type.Union([
  Type.Literal('created'),
  Type.Literal('changed'),
  Type.Literal('restored', { description: 'it was archived' }),
  Type.Literal('unchanged'),
  Type.Literal('archived'),
]);
const Version = Count('as stored before anything is applied; 0: there is none');
const UpdatedAt = Nullable(Type.String({ description: 'as stored; null: there is none' }));

const Planned = Type.Object({
  segment_id: text,
  title: text,
  action: Action,
  version: Version,
  updated_at: UpdatedAt,
  diff: Type.Array(text, { description: 'the changed lines of its YAML, behind - and +' }),
  membership: Nullable(
    Type.Object({
      entered: Count('who would enter'),
      left: Count('who would leave'),
      before: Count('members now'),
      after: Count('members then'),
    }),
  ),
  error: Nullable(Type.String({ description: 'why the new criteria cannot be evaluated' })),
});

/** Definitions as files: what `mallard segments export` and `apply` are made of. */
export const segmentDefinitionRoutes: Routes = (app, { mallard }) => {
  app.get(
    '/v1/segments/export',
    {
      schema: {
        tags,
        summary: 'Every definition, as files hold them',
        description: 'With the JSON Schema of a file, which knows the fields there are now.',
        response: {
          200: Type.Object({
            segments: Type.Array(
              Type.Object({
                segment_id: text,
                title: text,
                description: Nullable(text),
                criteria: Type.Unknown(),
              }),
            ),
            left_out: Type.Array(Type.Object({ segment_id: text, kind: text }), {
              description: 'whose definition is elsewhere: a Malloy segment’s is its model file',
            }),
            schema: AnyObject('JSON Schema, draft 7'),
          }),
        },
      },
      config: { access: readers },
    },
    () => exportSegments(mallard),
  );

  app.post(
    '/v1/segments/plan',
    {
      bodyLimit,
      schema: {
        tags,
        summary: 'What applying definitions would change, and whom it would move',
        description:
          'Writes nothing. Moves are as of the last build. Where something is wrong, `fields.faults` has every fault of every definition.',
        body: Type.Object(Request, { additionalProperties: false }),
        response: {
          200: Type.Object({
            as_of: Nullable(Type.String({ description: 'null: nothing is built yet' })),
            segments: Type.Array(Planned),
            left_alone: Type.Array(text, { description: 'saved, not among these, and staying' }),
          }),
        },
      },
      config: { access: readers, audit: false },
    },
    (request) => planApply(mallard, request.body),
  );

  app.post(
    '/v1/segments/apply',
    {
      bodyLimit,
      schema: {
        tags,
        summary: 'Make saved segments what the definitions say, all or nothing',
        description:
          'Refused with a conflict where somebody changed one of them since the plan. Members change with the next evaluation.',
        body: Type.Object(
          {
            ...Request,
            expected: Type.Array(Type.Object({ segment_id: text, version: Version, updated_at: UpdatedAt }), {
              description: 'these of every segment in the plan of the same request',
            }),
          },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object({
            segments: Type.Array(
              Type.Object({ segment_id: text, action: Action, version: Count('its version now') }),
            ),
          }),
        },
      },
      config: { access: operators },
    },
    async (request) => {
      const { expected, ...wanted } = request.body;
      return {
        segments: await applySegments(
          mallard,
          wanted,
          expected.map((segment) => ({ ...segment, version: Number(segment.version) })),
        ),
      };
    },
  );
};
