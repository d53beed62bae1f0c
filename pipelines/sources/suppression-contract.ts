import type { Account } from '../../data/account.ts';
import { addressKeySql } from '../../data/address.ts';
import { stillStandsSql, withoutAddressesSql } from '../consent/suppressions.ts';
import { text, timestamp, type Column, type Contract } from '../load/contracts/contract.ts';
import { literal } from '../load/sql.ts';
import type { ExportList, SuppressionExport } from './suppression-exports.ts';

export interface ImportOptions {
  account: Pick<Account, 'consent'>;
  /** Who imports. */
  actor: string;
  /** ISO UTC. */
  now: string;
  /** Group or tag, by name or id -> our topic. */
  topics: Readonly<Record<string, string>>;
  /** The topic that a whole file is about. */
  topic?: string | undefined;
}

const reasons: Record<ExportList, string> = {
  bounces: 'bounced',
  blocks: 'bounced',
  complaints: 'complained',
  invalid: 'bounced',
  unsubscribes: 'unsubscribed',
  group_unsubscribes: 'unsubscribed',
  cleaned: 'bounced',
};

/**
 * The loader's contract for one export. What must suppress nobody is refused row by row, so that it is counted and kept in
 * `raw.rejects`: blocks and bounces with a 4xx, which pass; and groups that are none of our topics, which would otherwise stop
 * a topic that nobody sends.
 */
export function exportContract(file: SuppressionExport, options: ImportOptions): Contract {
  const { now, actor } = options;
  const constant = (value: string) => ({ column: 'email', sql: () => literal(value) });
  const softBounce = { matches: '[^4].*', reason: 'a soft bounce: it passes, and suppresses nobody' };
  return {
    table: 'suppressions',
    target: 'ops.suppressions',
    kind: 'log',
    key: ['address_key', 'channel', 'scope', 'reason'],
    sameIf: { columns: ['suppressed_at'], sql: stillStandsSql },
    policy: 'freeze',
    oneOf: ['email'],
    columns: [
      // Names that no export has: a merge field called `note` is none of ours.
      text('email', { isInputOnly: true, pattern: addressPattern(file) }),
      text('export_at', { isInputOnly: true }),
      text('export_status', {
        isInputOnly: true,
        ...(file.list === 'bounces' ? { pattern: softBounce } : {}),
      }),
      text('export_why', { isInputOnly: true }),
      text('address_key', { derivedFrom: { column: 'email', sql: addressKeySql } }),
      text('channel', { derivedFrom: constant('email') }),
      scopeColumn(file, options),
      text('reason', {
        derivedFrom: file.columns.why
          ? { column: 'export_why', sql: mailchimpReasonSql }
          : constant(reasons[file.list]),
      }),
      text('export_note', { isInputOnly: true }),
      text('detail', { derivedFrom: { column: 'export_note', sql: withoutAddressesSql } }),
      timestamp('suppressed_at', {
        default: '$now',
        derivedFrom: { column: 'export_at', sql: (value) => exportTimeSql(value, now) },
      }),
      text('actor', { derivedFrom: constant(actor) }),
    ],
  };
}

/** Which column of the file fills which of the contract. */
export function exportMapping(
  { columns }: SuppressionExport,
  { topic }: ImportOptions,
): Record<string, string> {
  const { email, at, detail, status, why, group } = columns;
  const scope = topic === undefined ? group : undefined;
  const named = { email, export_at: at, export_note: detail, export_status: status, export_why: why, scope };
  return Object.fromEntries(Object.entries(named).filter(([, name]) => name !== undefined)) as Record<
    string,
    string
  >;
}

function addressPattern({ list }: SuppressionExport): NonNullable<Column['pattern']> {
  return list === 'blocks'
    ? { matches: '', reason: 'a block: it passes, and suppresses nobody' }
    : { matches: '.+@[^@\\s]+', reason: 'not an e-mail address' };
}

function scopeColumn(
  { system, columns }: SuppressionExport,
  { account, topics, topic }: ImportOptions,
): Column {
  if (topic !== undefined)
    return text('scope', { derivedFrom: { column: 'email', sql: () => literal(topic) } });
  if (columns.group === undefined)
    return text('scope', { derivedFrom: { column: 'email', sql: () => literal('global') } });
  // Mailgun's way to say everything; a group of SendGrid's that is empty says nothing.
  const everything = system === 'mailgun' ? { '*': 'global', '["*"]': 'global', global: 'global' } : {};
  const whenEmpty = system === 'mailgun' ? { default: literal('global') } : { required: true };
  const known = account.consent.topics;
  if (known.length === 0 && Object.keys(topics).length === 0 && system !== 'mailgun')
    return text('scope', whenEmpty);
  const aliases = Object.fromEntries([
    ...Object.entries(everything),
    ...known.flatMap(({ id, title }) => [
      [id.toLowerCase(), id],
      [title.toLowerCase(), id],
    ]),
    ...Object.entries(topics).map(([group, to]) => [group.toLowerCase(), to]),
  ]) as Record<string, string>;
  return text('scope', { ...whenEmpty, aliases, accepted: [...new Set(Object.values(aliases))] });
}

/** Mailchimp says why: whoever called it spam complained. */
function mailchimpReasonSql(value: string): string {
  return `case when lower(${value}) like '%spam%' or lower(${value}) like '%abuse%' then 'complained' else 'unsubscribed' end`;
}

/**
 * Unix seconds, the time of a mail's header, or ISO. A time that cannot be read, or has yet to come, is the time of the
 * import: that somebody must not be written to matters more than since when.
 */
function exportTimeSql(value: string, now: string): string {
  const mail = '%a, %d %b %Y %H:%M:%S';
  const atNow = `timestamp ${literal(now)}`;
  return `least(${atNow}, coalesce(
    case when regexp_full_match(${value}, '\\d{9,11}(\\.\\d+)?') then make_timestamp(cast(try_cast(${value} as double) * 1e6 as bigint)) end,
    try_strptime(${value}, ['${mail} GMT', '${mail} UTC']),
    timezone('UTC', try_strptime(${value}, '${mail} %z')),
    case when ${value} like '%:%+%' or ${value} like '%:%-%' then timezone('UTC', try_cast(${value} as timestamptz)) else try_cast(${value} as timestamp) end,
    ${atNow}))`;
}
