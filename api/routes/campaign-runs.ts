import { Type } from 'typebox';
import { cancelRun, pauseRun, resumeRun } from '../../pipelines/campaigns/control.ts';
import { getRun, listRuns } from '../../pipelines/campaigns/launch.ts';
import { campaignResults, whyContact } from '../../pipelines/campaigns/results.ts';
import { readSwitch, resumeSending, stopSending } from '../../pipelines/delivery/switch.ts';
import { resendUnknown, resolveUnknown } from '../../pipelines/delivery/unknown.ts';
import { operators, readers } from '../access/roles.ts';
import type { Routes } from '../context.ts';
import { AnyObject, Count, IdParams, NullableCount } from '../schemas.ts';

const text = Type.String();
const nullableText = Type.Union([text, Type.Null()]);

const runFields = {
  campaign_run_id: text,
  campaign_id: text,
  status: Type.Union([
    Type.Literal('launching'),
    Type.Literal('sending'),
    Type.Literal('paused'),
    Type.Literal('completed'),
    Type.Literal('cancelled'),
    Type.Literal('failed'),
  ]),
  as_of: text,
  launched_at: text,
  launched_by: nullableText,
  completed_at: nullableText,
  audience_count: NullableCount,
  send_count: NullableCount,
  holdout_count: NullableCount,
  excluded_count: NullableCount,
  error: nullableText,
  updated_at: text,
};
const ListedRun = Type.Object(runFields);
export const CampaignRun = Type.Object({
  ...runFields,
  definition: Type.Unknown({ description: 'as it was launched' }),
});

const Counted = Type.Array(AnyObject());
export const Switch = Type.Object({
  stopped: Type.Boolean(),
  by: nullableText,
  at: nullableText,
  reason: nullableText,
});

const SwitchBody = Type.Object(
  {
    reason: Type.Optional(
      Type.String({ minLength: 1, maxLength: 2000, description: 'why, for everybody who asks' }),
    ),
    by: Type.Optional(Type.String({ maxLength: 200, description: 'who; default: the token’s name' })),
  },
  { additionalProperties: false },
);

const tags = ['campaigns'];

export const campaignRunRoutes: Routes = (app, { mallard }) => {
  const { warehouse } = mallard;

  app.get(
    '/v1/campaign-runs',
    {
      schema: {
        tags,
        summary: 'The runs, newest first',
        querystring: Type.Object({ campaign_id: Type.Optional(text) }),
        response: { 200: Type.Object({ runs: Type.Array(ListedRun), sending: Switch }) },
      },
      config: { access: readers },
    },
    async (request) => ({
      runs: await listRuns(warehouse, request.query.campaign_id),
      sending: await warehouse.read(readSwitch),
    }),
  );

  app.get(
    '/v1/campaign-runs/:id',
    {
      schema: { tags, summary: 'One run', params: IdParams, response: { 200: CampaignRun } },
      config: { access: readers },
    },
    (request) => getRun(warehouse, request.params.id),
  );

  app.get(
    '/v1/campaign-runs/:id/results',
    {
      schema: {
        tags,
        summary: 'What came of a run',
        description: 'By assignment: every contact counts where it was drawn, whatever happened to it.',
        params: IdParams,
        response: {
          200: Type.Object({
            run: ListedRun,
            by_reason: Counted,
            by_outcome: Counted,
            outcome_reasons: Counted,
            events: Counted,
            batches: Counted,
          }),
        },
      },
      config: { access: readers },
    },
    (request) => campaignResults(warehouse, request.params.id),
  );

  app.get(
    '/v1/campaign-runs/:id/contacts/:contact_id',
    {
      schema: {
        tags,
        summary: 'Why a contact did, or did not, get the mail',
        params: Type.Object({ id: text, contact_id: text }),
        response: {
          200: Type.Object(
            {
              campaign_run_id: text,
              contact_id: text,
              decision: text,
              reason: text,
              explanation: text,
              outcomes: Counted,
              events: Counted,
            },
            { additionalProperties: true },
          ),
        },
      },
      config: { access: readers },
    },
    (request) => whyContact(warehouse, request.params.id, request.params.contact_id),
  );

  const controls = [
    ['pause', 'Hand out no more batches', pauseRun],
    ['resume', 'Go on', resumeRun],
    ['cancel', 'End for good; what is sent stays sent', cancelRun],
  ] as const;
  for (const [name, summary, change] of controls) {
    app.post(
      `/v1/campaign-runs/:id/${name}`,
      {
        schema: { tags, summary, params: IdParams, response: { 200: CampaignRun } },
        config: { access: operators },
      },
      (request) => change(warehouse, request.params.id),
    );
  }

  app.post(
    '/v1/campaign-runs/:id/resolve-unknown',
    {
      schema: {
        tags,
        summary: 'Resolve unknown outcomes by what the provider has told',
        params: IdParams,
        response: { 200: Type.Object({ resolved: Count('recipients') }) },
      },
      config: { access: operators },
    },
    async (request) => ({ resolved: await resolveUnknown(mallard, request.params.id) }),
  );

  app.post(
    '/v1/campaign-runs/:id/resend-unknown',
    {
      schema: {
        tags,
        summary: 'Send again to those whose outcome is unknown',
        description: 'Some of them may have the mail already: only an operator can decide that.',
        params: IdParams,
        response: { 200: Type.Object({ freed: Count('recipients that will be sent to again') }) },
      },
      config: { access: operators },
    },
    async (request) => ({ freed: await resendUnknown(mallard, request.params.id) }),
  );

  app.get(
    '/v1/sending',
    {
      schema: { tags, summary: 'Whether all sending is stopped', response: { 200: Switch } },
      config: { access: readers },
    },
    () => warehouse.read(readSwitch),
  );
  app.post(
    '/v1/sending/stop',
    {
      schema: {
        tags,
        summary: 'Stop all sending of all campaigns',
        description: 'From the next batch on, and over a restart. Who and why are in the audit log.',
        body: SwitchBody,
        response: { 200: Switch },
      },
      config: { access: operators, audit: false },
    },
    ({ body, actor }) => stopSending(warehouse, body.by ?? actor?.name ?? 'unknown', body.reason),
  );
  app.post(
    '/v1/sending/resume',
    {
      schema: {
        tags,
        summary: 'Let campaigns be sent again',
        body: SwitchBody,
        response: { 200: Switch },
      },
      config: { access: operators, audit: false },
    },
    ({ body, actor }) => resumeSending(warehouse, body.by ?? actor?.name ?? 'unknown', body.reason),
  );
};
