import { Type } from 'typebox';
import { deleteTrigger, listTriggers, saveTrigger } from '../../pipelines/workflows/triggers.ts';
import { runTriggers } from '../../pipelines/workflows/run-triggers.ts';
import { operators, readers } from '../access/roles.ts';
import type { Routes } from '../context.ts';
import { AnyObject, IdParams, Nullable, parseOptionalTime, Time } from '../schemas.ts';
import { Change, TriggersResult } from './action-schemas.ts';

const text = Type.String();
const Status = Type.Union([Type.Literal('active'), Type.Literal('paused')]);
const ContactsMax = Type.Integer({
  minimum: 1,
  description: 'more than so many in one evaluation are held until somebody says so; default 10,000',
});

const Trigger = Type.Object({
  trigger_id: text,
  segment_id: text,
  change: Change,
  action: AnyObject('as for the actions of a segment'),
  contacts_max: ContactsMax,
  status: Status,
  since_at: text,
  error: Nullable(text),
  created_at: text,
  updated_at: text,
});

const tags = ['segments'];

export const segmentTriggerRoutes: Routes = (app, { mallard }) => {
  app.get(
    '/v1/segment-triggers',
    {
      schema: {
        tags,
        summary: 'What is done with whoever enters or leaves a segment',
        querystring: Type.Object({ segment_id: Type.Optional(text) }),
        response: { 200: Type.Object({ triggers: Type.Array(Trigger) }) },
      },
      config: { access: readers },
    },
    async (request) => ({ triggers: await listTriggers(mallard, { segmentId: request.query.segment_id }) }),
  );

  app.put(
    '/v1/segment-triggers/:id',
    {
      schema: {
        tags,
        summary: 'Create or change a trigger',
        description: 'It acts on what evaluations record from now on.',
        params: IdParams,
        body: Type.Object(
          {
            segment_id: text,
            change: Change,
            action: Type.Unknown({
              description: 'create_task, assign_owner, set_stage, webhook or export_list',
              examples: [
                { type: 'webhook', url: 'https://example.com/hooks', secret_env: 'MALLARD_WEBHOOK_SECRET' },
              ],
            }),
            contacts_max: Type.Optional(ContactsMax),
            status: Type.Optional(Status),
          },
          { additionalProperties: false },
        ),
        response: { 200: Trigger },
      },
      config: { access: operators },
    },
    (request) => saveTrigger(mallard, { trigger_id: request.params.id, ...request.body }),
  );

  app.delete(
    '/v1/segment-triggers/:id',
    {
      schema: {
        tags,
        summary: 'Delete a trigger',
        description: 'What it did stays logged.',
        params: IdParams,
        response: { 204: Type.Null() },
      },
      config: { access: operators },
    },
    async (request, reply) => {
      await deleteTrigger(mallard, request.params.id);
      return reply.code(204).send(null);
    },
  );

  app.post(
    '/v1/segment-triggers/run',
    {
      schema: {
        tags,
        summary: 'Act on who entered or left, where that is not done yet',
        description: 'Every evaluation does so by itself. Once per entry, logged in ops.action_runs.',
        body: Type.Object(
          {
            trigger_id: Type.Optional(text),
            dry_run: Type.Optional(Type.Boolean({ description: 'decides, and writes nothing' })),
            since: Type.Optional(Time('of a dry run: as if the changes since then were not acted on yet')),
            ignore_max: Type.Optional(Type.Boolean({ description: 'also what is held' })),
          },
          { additionalProperties: false },
        ),
        response: { 200: TriggersResult },
      },
      config: { access: operators },
    },
    (request) => {
      const { trigger_id, dry_run, since, ignore_max } = request.body;
      return runTriggers(mallard, {
        triggerId: trigger_id,
        dryRun: dry_run,
        since: parseOptionalTime('since', since),
        ignoreMax: ignore_max,
      });
    },
  );
};
