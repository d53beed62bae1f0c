import { Type } from 'typebox';
import { MallardError } from '../../data/errors.ts';
import { parseCampaign } from '../../pipelines/campaigns/definition.ts';
import { launchCampaign } from '../../pipelines/campaigns/launch.ts';
import { planCampaign } from '../../pipelines/campaigns/plan.ts';
import { getCampaign, listCampaigns, saveCampaign } from '../../pipelines/campaigns/store.ts';
import { readSwitch } from '../../pipelines/delivery/switch.ts';
import { operators, readers } from '../access/roles.ts';
import type { Routes } from '../context.ts';
import { AnyObject, AsOfBody, Count, IdParams, parseTime } from '../schemas.ts';
import { CampaignRun, Switch } from './campaign-runs.ts';

const text = Type.String();

const Definition = Type.Record(Type.String(), Type.Unknown(), {
  description:
    'see pipelines/campaigns/definition.ts: segment_ids, exclude_segment_ids, message, message_class, topic, holdout_share, arms, provider, …',
});

const Listed = {
  campaign_id: text,
  title: text,
  version: Type.Integer(),
  created_at: text,
  updated_at: text,
};
const Campaign = Type.Object({ ...Listed, definition: Definition });

const DecisionCount = Type.Object({ decision: text, reason: text, contacts: Count('contacts') });

const Plan = Type.Object(
  {
    campaign_id: text,
    as_of: text,
    target_count: Count('contacts in the target segments'),
    send_count: Count('who would get it'),
    holdout_count: Count('who would be held out'),
    excluded_count: Count('who may not or cannot get it'),
    by_reason: Type.Array(DecisionCount, { description: 'the first reason of each contact' }),
    by_any_reason: Type.Array(Type.Object({ reason: text, contacts: Count('contacts') }), {
      description: 'every reason',
    }),
    by_arm: Type.Array(Type.Object({ arm: text, contacts: Count('contacts') })),
    estimated_cost: Type.Union([Type.Object({ amount: Type.Number(), currency: text }), Type.Null()]),
    minimum_detectable_effect: Type.Unknown({
      description: 'the smallest effect the holdout can show; null without one',
    }),
    samples: Type.Array(AnyObject('a rendered mail')),
    warnings: Type.Array(text),
  },
  { additionalProperties: true },
);

const tags = ['campaigns'];

export const campaignRoutes: Routes = (app, { mallard }) => {
  const { warehouse } = mallard;

  app.get(
    '/v1/campaigns',
    {
      schema: {
        tags,
        summary: 'The campaigns',
        response: { 200: Type.Object({ campaigns: Type.Array(Type.Object(Listed)) }) },
      },
      config: { access: readers },
    },
    async () => ({ campaigns: await listCampaigns(warehouse) }),
  );

  app.get(
    '/v1/campaigns/:id',
    {
      schema: { tags, summary: 'One campaign', params: IdParams, response: { 200: Campaign } },
      config: { access: readers },
    },
    (request) => getCampaign(warehouse, request.params.id),
  );

  app.put(
    '/v1/campaigns/:id',
    {
      schema: {
        tags,
        summary: 'Create or change a campaign',
        description: 'Runs that were launched keep the definition they were launched with.',
        params: IdParams,
        body: Definition,
        response: { 200: Campaign },
      },
      config: { access: operators },
    },
    (request) => {
      const { id } = request.params;
      const given = request.body['campaign_id'];
      if (given !== undefined && given !== id) {
        throw new MallardError(
          'bad_request',
          `The body is of campaign ${JSON.stringify(given)}, the path of ${id}.`,
          { fields: { path: '/campaign_id' } },
        );
      }
      return saveCampaign(warehouse, { ...request.body, campaign_id: id });
    },
  );

  app.post(
    '/v1/campaigns/:id/plan',
    {
      schema: {
        tags,
        summary: 'What a launch would do',
        description:
          'Decided by the same SQL as a launch; writes nothing. A `definition` in the body is planned instead of the saved one.',
        params: IdParams,
        body: Type.Object(
          {
            ...AsOfBody.properties,
            samples: Type.Optional(
              Type.Integer({ minimum: 0, maximum: 20, description: 'how many rendered mails; default 3' }),
            ),
            definition: Type.Optional(Definition),
          },
          { additionalProperties: false },
        ),
        response: { 200: Plan },
      },
      config: { access: readers, audit: false },
    },
    async (request) => {
      const { as_of, samples, definition } = request.body;
      const { id } = request.params;
      const planned = definition
        ? parseCampaign({ ...definition, campaign_id: id })
        : (await getCampaign(warehouse, id)).definition;
      return planCampaign(mallard, planned, {
        ...(as_of === undefined ? {} : { asOf: parseTime('as_of', as_of) }),
        ...(samples === undefined ? {} : { samples }),
      });
    },
  );

  app.post(
    '/v1/campaigns/:id/launch',
    {
      schema: {
        tags,
        summary: 'Freeze the audience and open it for senders',
        description:
          'Answers after the commit. The same `Idempotency-Key` (default: the definition’s version) gives the same run, never a second one.',
        params: IdParams,
        headers: Type.Object({
          'idempotency-key': Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
        }),
        response: { 200: Type.Object({ ...CampaignRun.properties, sending: Switch }) },
      },
      config: { access: operators },
    },
    async (request) => {
      const key = request.headers['idempotency-key'];
      const run = await launchCampaign(mallard, request.params.id, {
        ...(key === undefined ? {} : { idempotencyKey: key }),
        ...(request.actor ? { launchedBy: request.actor.name } : {}),
      });
      return { ...run, sending: await warehouse.read(readSwitch) };
    },
  );
};
