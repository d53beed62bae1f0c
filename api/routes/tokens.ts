import { Type } from 'typebox';
import { admins, RoleSchema } from '../access/roles.ts';
import type { Routes } from '../context.ts';
import { IdParams, Nullable, parseTime, Time } from '../schemas.ts';

const Token = Type.Object({
  token_id: Type.String(),
  name: Type.String(),
  role: RoleSchema,
  created_at: Type.String(),
  expires_at: Nullable(Time('no longer valid from then on')),
  revoked_at: Nullable(Time('taken back then')),
});

const NewToken = Type.Object({
  ...Token.properties,
  token: Type.String({ description: 'the secret: shown this once, kept nowhere' }),
});

export const tokenRoutes: Routes = (app, { tokens }) => {
  app.post(
    '/v1/tokens',
    {
      schema: {
        tags: ['operation'],
        summary: 'Make a token',
        description: 'From the first token on, every request needs one.',
        body: Type.Object(
          {
            name: Type.String({ minLength: 1, maxLength: 100 }),
            role: RoleSchema,
            expires_at: Type.Optional(Time('default never')),
          },
          { additionalProperties: false },
        ),
        response: { 201: NewToken },
      },
      config: { access: admins },
    },
    async (request, reply) => {
      const { name, role, expires_at } = request.body;
      const made = await tokens.create({
        name,
        role,
        ...(expires_at === undefined ? {} : { expires_at: parseTime('expires_at', expires_at) }),
      });
      return reply.code(201).send(made);
    },
  );

  app.get(
    '/v1/tokens',
    {
      schema: {
        tags: ['operation'],
        summary: 'The tokens, without their secrets',
        response: { 200: Type.Object({ tokens: Type.Array(Token) }) },
      },
      config: { access: admins },
    },
    () => ({ tokens: tokens.list() }),
  );

  app.delete(
    '/v1/tokens/:id',
    {
      schema: {
        tags: ['operation'],
        summary: 'Take a token back',
        params: IdParams,
        response: { 200: Token },
      },
      config: { access: admins },
    },
    (request) => tokens.revoke(request.params.id),
  );
};
