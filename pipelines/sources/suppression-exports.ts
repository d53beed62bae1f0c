import { MallardError } from '../../data/errors.ts';

/**
 * The lists of addresses not to write to, as other systems export them, told apart by their columns:
 *
 * - SendGrid: bounces and blocks `status,reason,email,created`, spam reports `email,ip,created`, invalid addresses
 *   `reason,email,created`, unsubscribes `email,created`, group unsubscribes `email,group_id,group_name,created_at`; times are
 *   Unix seconds. Bounces and blocks have the same columns: the file's name, or the user, says which.
 * - Mailgun: bounces `address,code,error,created_at`, complaints `address,created_at`, unsubscribes `address,tags,created_at`,
 *   as CSV or as the API's JSON (`items`); times as in mail headers.
 * - Mailchimp: the audience export's files of unsubscribed (`UNSUB_TIME`, …) and cleaned (`CLEAN_TIME`, …) members.
 */
export const systems = ['sendgrid', 'mailgun', 'mailchimp'] as const;
export type System = (typeof systems)[number];

export const lists = [
  'bounces',
  'blocks',
  'complaints',
  'invalid',
  'unsubscribes',
  'group_unsubscribes',
  'cleaned',
] as const;
export type ExportList = (typeof lists)[number];

export interface SuppressionExport {
  system: System;
  list: ExportList;
  /** What we call it -> the file's column. */
  columns: { email: string; at?: string; detail?: string; status?: string; group?: string; why?: string };
}

export interface Told {
  from?: System | undefined;
  list?: ExportList | undefined;
  /** `group` is told by the name of the group, or by its id. */
  groupBy?: 'name' | 'id';
}

/**
 * What a file is.
 * @param columns the file's, in any case
 * @throws `contract_violated` where the columns are of none of the exports, or of several and nothing says which
 */
export function tellExport(fileName: string, columns: readonly string[], told: Told = {}): SuppressionExport {
  const find = (...names: string[]) =>
    names.flatMap((name) => columns.find((one) => one.trim().toLowerCase() === name) ?? [])[0];
  const system = told.from ?? systemOf(find);
  const email =
    system === 'mailgun'
      ? find('address')
      : system === 'mailchimp'
        ? find('email address', 'email')
        : find('email');
  if (!system || email === undefined) throw unknownExport(fileName, columns, told.from);
  const list = told.list ?? tellers[system](find, fileName.toLowerCase());
  if (!list) throw unsure(fileName, system);
  const group =
    list === 'group_unsubscribes' || system === 'mailgun'
      ? told.groupBy === 'id'
        ? find('group_id', 'group_name', 'tags', 'tag')
        : find('group_name', 'group', 'group_id', 'tags', 'tag')
      : undefined;
  return {
    system,
    list,
    columns: withoutUndefined({
      email,
      at: find('created', 'created_at', 'unsub_time', 'clean_time'),
      detail: find('reason', 'error', 'unsub_campaign_title', 'clean_campaign_title'),
      status: list === 'bounces' ? find('status', 'code') : undefined,
      group,
      why: system === 'mailchimp' ? find('unsub_reason') : undefined,
    }),
  };
}

type Find = (...names: string[]) => string | undefined;

function systemOf(find: Find): System | undefined {
  if (find('email address') && find('unsub_time', 'clean_time', 'leid', 'euid')) return 'mailchimp';
  if (find('address') && find('created_at', 'code', 'error', 'tags')) return 'mailgun';
  return find('email') && find('created', 'created_at', 'group_id', 'group_name') ? 'sendgrid' : undefined;
}

const tellers: Record<System, (find: Find, name: string) => ExportList | undefined> = {
  sendgrid: (find, name) => {
    if (find('group_id', 'group_name', 'group')) return 'group_unsubscribes';
    const named = namedList(name);
    if (find('status'))
      return named === 'bounces' || named === 'blocks' || named === 'complaints' ? named : undefined;
    if (find('ip')) return 'complaints';
    if (find('reason')) return 'invalid';
    return named === 'group_unsubscribes' || named === 'complaints' ? named : 'unsubscribes';
  },
  mailgun: (find, name) => {
    if (find('code', 'error')) return 'bounces';
    if (find('tags', 'tag')) return 'unsubscribes';
    return namedList(name) === 'unsubscribes' ? 'unsubscribes' : 'complaints';
  },
  mailchimp: (find) => (find('unsub_time') ? 'unsubscribes' : find('clean_time') ? 'cleaned' : undefined),
};

/** What a file's name says: SendGrid calls them `suppression_bounces.csv`, `suppression_blocks.csv`, … */
function namedList(name: string): ExportList | undefined {
  if (/block/.test(name)) return 'blocks';
  if (/bounce/.test(name)) return 'bounces';
  if (/spam|complain/.test(name)) return 'complaints';
  if (/invalid/.test(name)) return 'invalid';
  if (/group/.test(name)) return 'group_unsubscribes';
  return /unsub/.test(name) ? 'unsubscribes' : undefined;
}

function unknownExport(fileName: string, columns: readonly string[], from: System | undefined): MallardError {
  const what =
    from === undefined ? 'a suppression export that is known here' : `a suppression export of ${from}`;
  return new MallardError(
    'contract_violated',
    `${fileName} is not ${what}; it has ${columns.join(', ') || 'no columns'}.`,
    {
      fields: { file: fileName, file_columns: [...columns] },
      remedy: 'Load any other list with `mallard load suppressions FILE --columns email=…`.',
    },
  );
}

function unsure(fileName: string, system: System): MallardError {
  const why =
    system === 'mailchimp'
      ? 'has neither UNSUB_TIME nor CLEAN_TIME: these members are subscribed'
      : 'may be bounces or blocks, which have the same columns';
  return new MallardError('contract_violated', `${fileName} ${why}.`, {
    fields: { file: fileName, system },
    remedy:
      system === 'mailchimp'
        ? 'Import the files of unsubscribed and cleaned members.'
        : 'Say which with --list bounces, blocks or complaints.',
  });
}

function withoutUndefined(values: Record<string, string | undefined>): SuppressionExport['columns'] {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined),
  ) as SuppressionExport['columns'];
}
