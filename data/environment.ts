import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { MallardError } from './errors.ts';

const text = (description: string) => Type.Optional(Type.String({ description }));

/** Everything Mallard reads from the environment; `.env.example` lists the same, a test keeps them equal. */
export const EnvironmentSchema = Type.Object({
  MALLARD_PROJECT: text('a folder'),
  MALLARD_COMPILED_MODELS: text('a folder'),
  MALLARD_LOG_LEVEL: Type.Optional(
    Type.Union(
      (['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const).map((level) =>
        Type.Literal(level),
      ),
      { description: 'trace, debug, info, warn, error, fatal or silent' },
    ),
  ),
  MALLARD_TOKEN: Type.Optional(Type.String({ pattern: '^\\S+$', description: 'a token, without spaces' })),
  SENDGRID_API_KEY: Type.Optional(Type.String({ pattern: '^\\S+$', description: 'a key, without spaces' })),
  SENDGRID_BASE_URL: Type.Optional(
    Type.String({ pattern: '^https?://\\S+$', description: 'an http:// or https:// address' }),
  ),
  MALLARD_SENDGRID_WEBHOOK_KEY: text('a public key'),
  SENDGRID_WEBHOOK_PUBLIC_KEY: text('a public key'),
  MALLARD_SMTP_URL: Type.Optional(
    Type.String({ pattern: '^smtps?://\\S+$', description: 'an smtp:// or smtps:// address' }),
  ),
  MALLARD_WEBHOOK_SECRET: text('a secret of Standard Webhooks, whsec_ and base64'),
  MALLARD_SECRET: Type.Optional(Type.String({ minLength: 16, description: 'at least 16 characters' })),
  UV_THREADPOOL_SIZE: Type.Optional(
    Type.String({ pattern: '^[1-9][0-9]{0,3}$', description: 'a whole number from 1 to 9999' }),
  ),
});
export type Environment = Static<typeof EnvironmentSchema>;

/**
 * What of `env` is Mallard's, checked; a variable that is set but empty counts as not set.
 * Throws `configuration_missing` naming every variable that is wrong, never its value: it may be a secret.
 */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>): Environment {
  const given = Object.fromEntries(
    Object.keys(EnvironmentSchema.properties).flatMap((name) => (env[name] ? [[name, env[name]]] : [])),
  );
  const wrong = Object.entries(EnvironmentSchema.properties).filter(
    ([name, schema]) => name in given && !Value.Check(schema, given[name]),
  );
  if (wrong.length === 0) return given;
  throw new MallardError(
    'configuration_missing',
    `The environment is not valid: ${wrong.map(([name, schema]) => `${name} must be ${expected(schema)}`).join('; ')}.`,
    {
      fields: { variables: wrong.map(([name]) => name) },
      remedy: 'Correct it, or unset it; .env.example lists every variable.',
    },
  );
}

function expected(schema: object): string {
  return (schema as { description: string }).description;
}
