import { readFileSync } from 'node:fs';
import { CronExpressionParser } from 'cron-parser';
import { IANAZone } from 'luxon';
import { parse } from 'yaml';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { errorMessage, MallardError } from './errors.ts';
import { fileStamp } from './files.ts';
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

/**
 * - `needed`: none recorded means no mail; what was granted counts
 * - `assumed`: none recorded means mail; what was withdrawn counts
 * - `ignored`: consent is not asked for, since the mail stands on other grounds (a contract)
 */
export type ConsentRule = 'needed' | 'assumed' | 'ignored';

export const TopicSchema = Type.Object(
  {
    id: Type.String({
      pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$',
      description: 'what campaigns and consent name it by; `global` is taken',
    }),
    title: Type.String({ minLength: 1, maxLength: 200, description: 'what people read' }),
    description: Type.String({ maxLength: 1000, default: '', description: 'what they get, and how often' }),
  },
  { additionalProperties: false },
);
export type Topic = Static<typeof TopicSchema>;

/** Who may be written to, and how people say so. */
export const ConsentSettingsSchema = Type.Object(
  {
    marketing: Type.Union([Type.Literal('needed'), Type.Literal('assumed')], {
      default: 'needed',
      description:
        'what counts where no consent to purpose `marketing` is recorded; assumed: may be written to',
    }),
    transactional: Type.Union([Type.Literal('ignored'), Type.Literal('assumed'), Type.Literal('needed')], {
      default: 'ignored',
      description: 'the same for transactional mails and purpose `transactional`; ignored: not asked for',
    }),
    double_opt_in: Type.Boolean({
      default: false,
      description:
        'true: consent by a form alone (method single_opt_in) does not count until it is confirmed by mail',
    }),
    link_valid_days: Type.Integer({
      default: 7,
      minimum: 1,
      maximum: 90,
      description: 'how long the link that confirms works',
    }),
    requests_per_day: Type.Integer({
      default: 3,
      minimum: 1,
      maximum: 100,
      description: 'mails that ask one address to confirm, at most, within 24 hours',
    }),
    provider: Type.Union([Type.Literal('file'), Type.Literal('sendgrid'), Type.Literal('smtp')], {
      default: 'file',
      description: 'what sends the mails that ask to confirm',
    }),
    topics: Type.Array(TopicSchema, {
      default: [],
      description: 'what people may choose from on the preference page; none: everything or nothing',
    }),
  },
  { additionalProperties: false, default: {} },
);
export type ConsentSettings = Static<typeof ConsentSettingsSchema>;

/** How old the newest row of a table may be. */
export const FreshnessLimitSchema = Type.Object(
  {
    table: Type.String({
      pattern: '^[a-z][a-z0-9_]*$',
      description: 'a table of core that is loaded, such as email_events',
    }),
    source: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'what loads called their source; default: each source of the table by itself',
      }),
    ),
    warn_after_hours: Type.Optional(
      Type.Number({ exclusiveMinimum: 0, description: 'older: a warning, which fails nothing' }),
    ),
    error_after_hours: Type.Optional(
      Type.Number({ exclusiveMinimum: 0, description: 'older: `mallard test` and the test job fail' }),
    ),
  },
  { additionalProperties: false },
);
export type FreshnessLimit = Static<typeof FreshnessLimitSchema>;

export const SegmentSettingsSchema = Type.Object(
  {
    evaluate_touched: Type.Boolean({
      default: true,
      description:
        'evaluate the contacts that arriving events are about, within a second; false: with the evaluation of all only',
    }),
  },
  { additionalProperties: false, default: {} },
);

/** The snapshot for other tools. */
export const PublishSchema = Type.Object(
  {
    cron: Type.Optional(
      Type.String({
        description: 'when the server publishes by itself, in the account’s zone; default: never by itself',
      }),
    ),
    raw: Type.Array(Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]*$' }), {
      default: [],
      description: 'raw tables that your models read, without the schema; the others are left out',
    }),
  },
  { additionalProperties: false, default: {} },
);
export type PublishSettings = Static<typeof PublishSchema>;

/** What the account as a whole has decided. Kept in the project folder's `account.yaml`. */
export const AccountSchema = Type.Object(
  {
    name: Type.String({ default: 'Example Company', description: 'who the mails are from' }),
    time_zone: Type.String({ default: 'UTC', description: 'IANA zone in which days and weeks are cut' }),
    week_start: Type.Union([Type.Literal('monday'), Type.Literal('sunday')], {
      default: 'monday',
      description: 'the first day of the week in metrics; monday is ISO 8601',
    }),
    fiscal_year_start_month: Type.Integer({
      default: 1,
      minimum: 1,
      maximum: 12,
      description: 'the month with which the fiscal year, and its quarters, begin in metrics',
    }),
    currency: Type.String({ default: 'USD', description: 'ISO 4217, the reporting currency' }),
    postal_address: Type.String({
      default: 'Example Company, 1 Example Street, Example City',
      description: 'required in every marketing mail',
    }),
    from_email: Type.String({ default: 'hello@example.com' }),
    public_url: Type.String({ default: 'http://127.0.0.1:3000', description: 'the base of links in mails' }),
    identity: IdentitySchema,
    erasure_compaction_days: Type.Integer({
      default: 7,
      minimum: 0,
      maximum: 30,
      description:
        'days after which the bytes of a forgotten person must be out of the database file; 0: at once. The server stops answering for the seconds it takes to copy the file',
    }),
    report_recipients: Type.Array(Type.String(), { default: ['manager@example.com'] }),
    language: Type.String({
      default: 'en',
      pattern: '^[a-z]{2}$',
      description: 'of pages and mails for people whose own is unknown: en, de or fr',
    }),
    consent: ConsentSettingsSchema,
    freshness: Type.Array(FreshnessLimitSchema, {
      default: [],
      description: 'how old loaded data may be; checked by `mallard freshness` and `mallard test`',
    }),
    publish: PublishSchema,
    segments: SegmentSettingsSchema,
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
  const settings: unknown = Value.Default(AccountSchema, parsed(project, text) ?? {});
  if (Value.Check(AccountSchema, settings)) {
    checkTimeZone(project, settings);
    checkTopics(project, settings);
    checkCron(project, settings);
    return settings;
  }
  const [first] = Value.Errors(AccountSchema, settings);
  throw new MallardError(
    'bad_request',
    `${project.accountFile}: ${first?.instancePath ?? ''} ${problemOf(first?.message)}.`,
  );
}

/**
 * The settings of a running server: an edit of account.yaml counts from the next use. While the file cannot be read, the
 * settings of before stay, with one warning: a typing error must not stop what is being sent.
 */
export class LiveAccount {
  readonly #project: Project;
  #account: Account;
  #stamp: string;

  /** Throws what `readAccount` throws. */
  constructor(project: Project) {
    this.#project = project;
    this.#stamp = fileStamp(project.accountFile);
    this.#account = readAccount(project);
  }

  get current(): Account {
    const stamp = fileStamp(this.#project.accountFile);
    if (stamp === this.#stamp) return this.#account;
    this.#stamp = stamp;
    try {
      this.#account = readAccount(this.#project);
    } catch (error) {
      process.emitWarning(`${errorMessage(error)} The settings of before stay until it is corrected.`);
    }
    return this.#account;
  }
}

/** TypeBox's word for a field that the schema does not have says nothing to who wrote it. */
function problemOf(message = 'is not valid'): string {
  return message === 'schema is false' ? 'is no setting of an account' : message;
}

function parsed(project: Project, text: string): unknown {
  try {
    return parse(text);
  } catch (cause) {
    throw new MallardError('bad_request', `${project.accountFile} is not YAML: ${errorMessage(cause)}`, {
      cause,
    });
  }
}

function checkTimeZone(project: Project, { time_zone: zone }: Account): void {
  if (IANAZone.isValidZone(zone)) return;
  throw new MallardError('bad_request', `${project.accountFile}: /time_zone: ${zone} is no time zone.`, {
    remedy: 'Name it as IANA does, such as Europe/Berlin.',
  });
}

function checkTopics(project: Project, { consent }: Account): void {
  const ids = consent.topics.map((topic) => topic.id);
  const wrong = ids.find((id, index) => id === 'global' || ids.indexOf(id) !== index);
  if (wrong === undefined) return;
  throw new MallardError(
    'bad_request',
    `${project.accountFile}: /consent/topics has ${wrong === 'global' ? 'a topic called global, which means all of them' : `two topics called ${wrong}`}.`,
  );
}

function checkCron(project: Project, { publish, time_zone: zone }: Account): void {
  if (publish.cron === undefined) return;
  try {
    CronExpressionParser.parse(publish.cron, { tz: zone });
  } catch (cause) {
    throw new MallardError(
      'bad_request',
      `${project.accountFile}: /publish/cron: '${publish.cron}' is no cron expression.`,
      { remedy: 'Use five fields, such as "0 4 * * *" for every day at 4:00.', cause },
    );
  }
}
