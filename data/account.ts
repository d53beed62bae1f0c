import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { MallardError } from './errors.ts';
import type { Project } from './project.ts';

/** Who counts as one person (pipelines/identity). */
export const IdentitySchema = Type.Object(
  {
    match_on: Type.Array(
      Type.Union([Type.Literal('email'), Type.Literal('phone'), Type.Literal('source_id')]),
      {
        default: ['email', 'phone', 'source_id'],
        description: 'contacts that share one of these are one person',
      },
    ),
    gmail: Type.Boolean({
      default: false,
      description:
        'dots and +tags of Gmail addresses do not tell persons apart; what is written to stays as given',
    }),
    default_country: Type.Optional(
      Type.String({
        pattern: '^[A-Z]{2}$',
        description:
          'ISO 3166 code: where phone numbers are from that name no country; none: such numbers match nobody',
      }),
    ),
    max_shared: Type.Integer({
      default: 10,
      minimum: 2,
      description: 'a key that more contacts than this share (a switchboard, info@) matches nobody',
    }),
    auto_merge: Type.Boolean({ default: true, description: 'match before each build' }),
  },
  { additionalProperties: false, default: {} },
);
export type IdentitySettings = Static<typeof IdentitySchema>;

/** What the account as a whole has decided. Kept in the project folder's `account.yaml`. */
export const AccountSchema = Type.Object(
  {
    name: Type.String({ default: 'Example Company', description: 'who the mails are from' }),
    time_zone: Type.String({ default: 'UTC', description: 'IANA zone in which days and weeks are cut' }),
    currency: Type.String({ default: 'USD', description: 'ISO 4217, the reporting currency' }),
    postal_address: Type.String({
      default: 'Example Company, 1 Example Street, Example City',
      description: 'required in every marketing mail',
    }),
    from_email: Type.String({ default: 'hello@example.com' }),
    public_url: Type.String({ default: 'http://127.0.0.1:3000', description: 'the base of links in mails' }),
    identity: IdentitySchema,
    report_recipients: Type.Array(Type.String(), { default: ['manager@example.com'] }),
  },
  { additionalProperties: false },
);
export type Account = Static<typeof AccountSchema>;

/** Reads `account.yaml`, filling in defaults. Throws `bad_request` naming the field that is wrong. */
export function readAccount(project: Project): Account {
  let text = '';
  try {
    text = readFileSync(project.accountFile, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const settings: unknown = Value.Default(AccountSchema, parse(text) ?? {});
  if (Value.Check(AccountSchema, settings)) return settings;
  const [first] = Value.Errors(AccountSchema, settings);
  throw new MallardError(
    'bad_request',
    `${project.accountFile}: ${first?.instancePath ?? ''} ${first?.message ?? 'is not valid'}.`,
  );
}
