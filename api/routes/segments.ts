import { Type } from 'typebox';
import { evaluateSegments } from '../../pipelines/segments/evaluate.ts';
import { getSegment, listSegments } from '../../pipelines/segments/listing.ts';
import {
  membersAtQuery,
  membershipHistory,
  membersQuery,
  segmentMembers,
  withLiterals,
} from '../../pipelines/segments/members.ts';
import { previewSegment } from '../../pipelines/segments/preview.ts';
import { deleteSegment, saveSegment, segmentVersions } from '../../pipelines/segments/store.ts';
import { segmentUsers } from '../../pipelines/segments/users.ts';
import { runSegmentAction } from '../../pipelines/workflows/run-action.ts';
import { runTriggers } from '../../pipelines/workflows/run-triggers.ts';
import { operators, readers } from '../access/roles.ts';
import type { Routes } from '../context.ts';
import { rowsMax, sendResult, streamedContent, timeoutMsMax } from '../results/answer.ts';
import { formatOf, mediaTypes } from '../results/formats.ts';
import { ActionResult, TriggersResult } from './action-schemas.ts';
import { AsOf, AsOfBody, Count, IdParams, Nullable, parseOptionalTime } from '../schemas.ts';
import { PreviewAnswer, PreviewRequest } from '../segment-preview.ts';

const text = Type.String();

const Criteria = Type.Unknown({
  description:
    'a tree {all|any: […]}, {not: …}, {field, operator, value}, {measure, where, within_days, since, operator, value}, {sequence: [{source, where, within_days}, …], within_days}, {segment}; or the flat list [{field, operator, value, logic}]',
  examples: [{ all: [{ field: 'lifecycle_stage', operator: 'equals', value: 'customer' }] }],
});

export const SegmentAnswer = Type.Object({
  segment_id: text,
  title: text,
  description: Nullable(text),
  kind: Type.Union([Type.Literal('criteria'), Type.Literal('static'), Type.Literal('malloy')]),
  criteria: Criteria,
  version: Count('grows with each change of the criteria or the list'),
  status: Type.Union([Type.Literal('active'), Type.Literal('archived')]),
  error: Nullable(text),
  member_count: Nullable(Type.Integer()),
  evaluated_as_of: Nullable(text),
  created_at: Nullable(text),
  updated_at: Nullable(text),
});

const UsedSegment = Type.Object({
  ...SegmentAnswer.properties,
  used_by: Type.Object(
    {
      campaigns: Type.Array(text),
      segments: Type.Array(text),
      triggers: Type.Array(text),
      workflows: Type.Array(text),
    },
    { description: 'ids; it can be archived once these are empty' },
  ),
});

const SegmentRun = Type.Object({
  segment_id: text,
  version: Type.Integer(),
  member_count: Nullable(Type.Integer()),
  entered_count: Nullable(Type.Integer()),
  left_count: Nullable(Type.Integer()),
  error: Nullable(text),
});

const tags = ['segments'];

export const segmentRoutes: Routes = (app, { mallard }) => {
  const { warehouse, engine } = mallard;

  app.get(
    '/v1/segments',
    {
      schema: {
        tags,
        summary: 'Saved segments and those of model files',
        querystring: Type.Object({ include_archived: Type.Optional(Type.Boolean()) }),
        response: { 200: Type.Object({ segments: Type.Array(SegmentAnswer) }) },
      },
      config: { access: readers },
    },
    async (request) => ({
      segments: await listSegments(mallard, { includeArchived: request.query.include_archived ?? false }),
    }),
  );

  app.get(
    '/v1/segments/:id',
    {
      schema: {
        tags,
        summary: 'One segment, and who uses it',
        params: IdParams,
        response: { 200: UsedSegment },
      },
      config: { access: readers },
    },
    async (request) => ({
      ...(await getSegment(mallard, request.params.id)),
      used_by: await warehouse.read((session) => segmentUsers(session, request.params.id)),
    }),
  );

  app.put(
    '/v1/segments/:id',
    {
      schema: {
        tags,
        summary: 'Create or change a segment',
        params: IdParams,
        body: Type.Object(
          { title: text, description: Type.Optional(Nullable(text)), criteria: Criteria },
          { additionalProperties: false },
        ),
        response: { 200: SegmentAnswer },
      },
      config: { access: operators },
    },
    (request) => saveSegment(mallard, { segment_id: request.params.id, ...request.body }),
  );

  app.delete(
    '/v1/segments/:id',
    {
      schema: {
        tags,
        summary: 'Archive a segment',
        description:
          'Its history stays; its members leave with the next evaluation. Refused while a campaign, a segment or an active workflow uses it.',
        params: IdParams,
        response: { 200: SegmentAnswer },
      },
      config: { access: operators },
    },
    async (request) => {
      await deleteSegment(mallard, request.params.id);
      return getSegment(mallard, request.params.id);
    },
  );

  app.post(
    '/v1/segments/preview',
    {
      schema: {
        tags,
        summary: 'Count criteria that are not saved',
        body: Type.Object(
          {
            criteria: Criteria,
            as_of: AsOf,
            limit: Type.Optional(
              Type.Integer({ minimum: 0, maximum: 100, description: 'how many examples; default 10' }),
            ),
            ...PreviewRequest,
          },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object({
            as_of: text,
            count: Count('who fits'),
            total: Count('contacts in all'),
            share: Nullable(Type.Number()),
            sample: Type.Array(Type.Record(Type.String(), Type.Unknown())),
            ...PreviewAnswer,
          }),
        },
      },
      config: { access: readers, audit: false },
    },
    (request) => {
      const { criteria, as_of, limit, overlap, profile } = request.body;
      return previewSegment(mallard, {
        criteria,
        asOf: parseOptionalTime('as_of', as_of),
        sampleSize: limit,
        overlap,
        profile,
      });
    },
  );

  app.post(
    '/v1/segments/evaluate',
    {
      schema: {
        tags,
        summary: 'Find out who is in each segment, and record who entered and left',
        description:
          'As of the last build, if not told otherwise. The same `run_id` is worked off once. Triggers act on who moved.',
        body: Type.Object(
          {
            ...AsOfBody.properties,
            run_id: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
            segment_ids: Type.Optional(Type.Array(text)),
          },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object({
            run_id: text,
            as_of: text,
            is_repeat: Type.Boolean(),
            duration_ms: Type.Number(),
            segments: Type.Array(SegmentRun),
            triggers: TriggersResult,
          }),
        },
      },
      config: { access: operators },
    },
    async (request) => {
      const { as_of, run_id, segment_ids } = request.body;
      const evaluated = await evaluateSegments(warehouse, engine, {
        asOf: parseOptionalTime('as_of', as_of),
        runId: run_id,
        segmentIds: segment_ids,
      });
      return { ...evaluated, triggers: await runTriggers(mallard) };
    },
  );

  app.get(
    '/v1/segments/:id/members',
    {
      schema: {
        tags,
        summary: 'Who is, or was, in a segment',
        description:
          'JSON is a page. As NDJSON, CSV, Arrow or Parquet (`Accept`) everybody is streamed: contact_id, entered_at.',
        params: IdParams,
        querystring: Type.Object({
          as_of: AsOf,
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
          after: Type.Optional(Type.String({ description: '`next` of the page before' })),
        }),
        response: {
          200: {
            description: 'the members',
            content: {
              [mediaTypes.json]: {
                schema: Type.Object({
                  members: Type.Array(Type.Object({ contact_id: text, entered_at: text })),
                  next: Nullable(text),
                }),
              },
              ...streamedContent,
            },
          },
        },
      },
      config: { access: readers },
    },
    async (request, reply) => {
      const { as_of, limit, after } = request.query;
      const { segment_id: id } = await getSegment(mallard, request.params.id);
      const at = parseOptionalTime('as_of', as_of);
      const format = formatOf(request.headers.accept);
      if (format === 'json') return segmentMembers(warehouse, id, { at, limit, after });
      const sql = withLiterals(at ? membersAtQuery(id, at) : membersQuery(id));
      return sendResult(warehouse, request, reply, {
        sql,
        format,
        rowLimit: rowsMax,
        timeoutMs: timeoutMsMax,
      });
    },
  );

  app.post(
    '/v1/segments/:id/actions',
    {
      schema: {
        tags,
        summary: 'Do something with everybody in a segment',
        description:
          'One set-based statement; once per contact and `run_id`, logged in ops.action_runs with the value before and after.',
        params: IdParams,
        body: Type.Object(
          {
            action: Type.Unknown({
              description:
                'create_task {title, due_in_days, priority}, assign_owner {strategy, owners or team}, set_stage {stage}, webhook {url, secret_env, fields}, export_list {fields}',
              examples: [{ type: 'create_task', title: 'Call them', due_in_days: 2 }],
            }),
            run_id: Type.Optional(
              Type.String({
                minLength: 1,
                maxLength: 100,
                description: 'the same one never acts on a contact twice',
              }),
            ),
            dry_run: Type.Optional(Type.Boolean({ description: 'decides, and writes nothing' })),
          },
          { additionalProperties: false },
        ),
        response: {
          200: ActionResult,
        },
      },
      config: { access: operators },
    },
    (request) => {
      const { action, run_id, dry_run } = request.body;
      return runSegmentAction(mallard, {
        segmentId: request.params.id,
        action,
        runId: run_id,
        dryRun: dry_run,
      });
    },
  );

  app.get(
    '/v1/segments/:id/history',
    {
      schema: {
        tags,
        summary: 'Who entered and left when, and the definitions it had',
        params: IdParams,
        querystring: Type.Object({
          contact_id: Type.Optional(text),
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
        }),
        response: {
          200: Type.Object({
            intervals: Type.Array(
              Type.Object({ segment_id: text, contact_id: text, entered_at: text, left_at: Nullable(text) }),
            ),
            versions: Type.Array(
              Type.Object({
                segment_id: text,
                version: Type.Integer(),
                title: Nullable(text),
                criteria: Criteria,
                created_at: text,
              }),
            ),
          }),
        },
      },
      config: { access: readers },
    },
    async (request) => ({
      versions: await segmentVersions(mallard, request.params.id),
      intervals: await membershipHistory(warehouse, {
        segmentId: request.params.id,
        contactId: request.query.contact_id,
        limit: request.query.limit,
      }),
    }),
  );
};
