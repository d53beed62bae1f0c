import { Type } from 'typebox';
import { toTimestamp } from '../../data/clock.ts';
import { findPerson } from '../../pipelines/consent/person.ts';
import { requestConsent } from '../../pipelines/consent/requests.ts';
import { recordOneConsent } from '../../pipelines/consent/service.ts';
import { showConsent } from '../../pipelines/consent/show.ts';
import { namedProvider } from '../../pipelines/delivery/providers/configured.ts';
import { loaders, readers } from '../access/roles.ts';
import type { Routes } from '../context.ts';
import { AnyObject, Nullable, parseOptionalTime, Time } from '../schemas.ts';

const text = Type.String();
const optional = (description: string, maxLength = 2000) =>
  Type.Optional(Type.String({ maxLength, description }));

const who = {
  contact_id: optional('whose; or by address', 200),
  email: optional('an address, whether a contact has it or not', 500),
};
const purpose = optional('what for: marketing, transactional, analytics, …; there is no default', 100);
const wording = optional('what the person read', 10_000);
const place = optional('where: the address of the form, the shop, the contract');
const actor = optional('who recorded it; default: the token’s name', 200);

const tags = ['consent'];

export const consentRoutes: Routes = (app, { mallard, env }) => {
  const { warehouse, account, clock } = mallard;

  app.post(
    '/v1/consent',
    {
      schema: {
        tags,
        summary: 'Record consent, given or withdrawn',
        description:
          'Appends to the ledger; answers after the commit. The same `consent_event_id` is recorded once. A grant recorded here does not take an unsubscribe back: only the person’s own click does.',
        body: Type.Object(
          {
            ...who,
            consent_event_id: optional('an id of yours, so that sending it again changes nothing', 200),
            channel: optional('default email', 50),
            purpose,
            topic: Type.Optional(
              Nullable(Type.String({ maxLength: 100, description: 'left out: every topic' })),
            ),
            status: Type.Union([Type.Literal('granted'), Type.Literal('withdrawn')]),
            wording,
            method: optional('how: paper, phone, single_opt_in, …', 100),
            place,
            actor,
            occurred_at: Type.Optional(Time('when it was said; default now')),
          },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object({
            consent_event_id: text,
            recorded: Type.Boolean({ description: 'false where the id was there already' }),
            marketing_refusal: Nullable(
              Type.String({ description: 'why marketing mail of this topic may still not go out' }),
            ),
          }),
        },
      },
      config: { access: loaders },
    },
    (request) => {
      const { occurred_at: at, actor: named, ...input } = request.body;
      return recordOneConsent(mallard, {
        ...input,
        actor: named ?? request.actor?.name ?? 'unknown',
        occurred_at: parseOptionalTime('occurred_at', at),
      });
    },
  );

  app.get(
    '/v1/consent',
    {
      schema: {
        tags,
        summary: 'What is recorded of a person’s consent',
        description:
          'The current state by channel, purpose and topic, suppressions, and the log; over all contacts the person was merged with.',
        querystring: Type.Object(who, { additionalProperties: false }),
        response: {
          200: Type.Object({
            contact_ids: Type.Array(text),
            current: Type.Array(AnyObject('the last word by channel, purpose and topic')),
            marketing: Type.Array(
              Type.Object({ topic: Nullable(text), allowed: Type.Boolean(), refusal: Nullable(text) }),
              { description: 'whether a marketing mail may go out now, by topic' },
            ),
            suppressions: Type.Array(AnyObject()),
            pending: Type.Array(AnyObject('a request that waits for its confirmation')),
            log: Type.Array(AnyObject('an event, the newest first')),
          }),
        },
      },
      config: { access: readers },
    },
    (request) =>
      warehouse.read(async (session) =>
        showConsent(session, account, await findPerson(session, request.query), toTimestamp(clock.now())),
      ),
  );

  app.post(
    '/v1/consent/requests',
    {
      schema: {
        tags,
        summary: 'Ask somebody to confirm their consent (double opt-in)',
        description:
          'Mails a signed link that expires; the grant is recorded when the person confirms. The answer is the same for every address, known or not, and for one that was asked too often. For the server of a sign-up form.',
        body: Type.Object(
          {
            email: Type.String({ maxLength: 500 }),
            purpose,
            topics: Type.Optional(Type.Array(Type.String({ maxLength: 100 }), { maxItems: 100 })),
            wording,
            place,
            language: optional('of mail and page: en, de, fr', 20),
            actor,
          },
          { additionalProperties: false },
        ),
        response: { 202: Type.Object({ status: Type.Literal('accepted') }) },
      },
      config: { access: loaders },
    },
    async (request, reply) => {
      const { actor: named, ...input } = request.body;
      const { request_id } = await requestConsent(
        mallard,
        { ...input, actor: named ?? request.actor?.name ?? 'unknown' },
        () => namedProvider(account.consent.provider, { project: mallard.project, clock, env }),
      );
      request.log.info({ consent_request_id: request_id }, 'consent was asked for');
      return reply.code(202).send({ status: 'accepted' });
    },
  );
};
