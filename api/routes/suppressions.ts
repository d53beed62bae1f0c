import { Type } from 'typebox';
import { addressKey } from '../../data/address.ts';
import { addSuppression } from '../../pipelines/consent/service.ts';
import { listSuppressions, suppressionReasons } from '../../pipelines/consent/suppressions.ts';
import { operators, readers } from '../access/roles.ts';
import type { Routes } from '../context.ts';
import { Nullable } from '../schemas.ts';

const text = Type.String();
const Reason = Type.Union(
  suppressionReasons.map((reason) => Type.Literal(reason)),
  { description: 'why' },
);
const Suppression = Type.Object({
  address_key: Type.String({ description: 'SHA-256 of the normalised address' }),
  channel: text,
  scope: Type.String({ description: 'global, or a topic' }),
  reason: text,
  detail: Nullable(text),
  suppressed_at: text,
  source: text,
  actor: Nullable(text),
  recorded_at: text,
  lifted_at: Nullable(Type.String({ description: 'when the person consented anew; null: it stands' })),
});

const tags = ['consent'];

export const suppressionRoutes: Routes = (app, { mallard }) => {
  app.get(
    '/v1/suppressions',
    {
      schema: {
        tags,
        summary: 'Addresses not to write to, the newest first',
        description: 'Addresses are kept as hashes only: ask by `email` to find one.',
        querystring: Type.Object(
          {
            email: Type.Optional(Type.String({ maxLength: 500 })),
            topic: Type.Optional(Type.String({ maxLength: 100, description: 'what stops this topic' })),
            reason: Type.Optional(Reason),
            limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000, description: 'default 100' })),
          },
          { additionalProperties: false },
        ),
        response: { 200: Type.Object({ suppressions: Type.Array(Suppression) }) },
      },
      config: { access: readers },
    },
    async (request) => {
      const { email, limit = 100, ...filter } = request.query;
      const key = email === undefined ? {} : { address_key: addressKey(email) };
      return {
        suppressions: await mallard.warehouse.read((session) =>
          listSuppressions(session, { ...filter, ...key, limit }),
        ),
      };
    },
  );

  app.post(
    '/v1/suppressions',
    {
      schema: {
        tags,
        summary: 'Never write to an address again',
        description:
          'Answers after the commit. There is no way to take it back but a later consent, and that only for `unsubscribed`.',
        body: Type.Object(
          {
            email: Type.Optional(Type.String({ maxLength: 500 })),
            address_key: Type.Optional(Type.String({ description: 'instead of the address' })),
            topic: Type.Optional(Type.String({ maxLength: 100, description: 'left out: everything' })),
            reason: Type.Optional(Reason),
            detail: Type.String({ minLength: 1, maxLength: 2000, description: 'why, in words' }),
            actor: Type.Optional(
              Type.String({ maxLength: 200, description: 'who; default: the token’s name' }),
            ),
          },
          { additionalProperties: false },
        ),
        response: { 200: Type.Object({ address_key: text, scope: text, added: Type.Boolean() }) },
      },
      config: { access: operators },
    },
    (request) => {
      const { actor, reason = 'manual', ...input } = request.body;
      return addSuppression(mallard, { ...input, reason, actor: actor ?? request.actor?.name ?? 'unknown' });
    },
  );
};
