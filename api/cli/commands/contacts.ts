import { InvalidArgumentError, type Command } from 'commander';
import { DateTime } from 'luxon';
import { inSession, wholeNumber, type Cli } from '../cli.ts';
import { note, printJson, printLine, printTable, type Row, type Streams } from '../output.ts';
import { contactRightsCommands } from './contact-rights.ts';

interface Shown {
  contact_id: string;
  asked_contact_id: string;
  time_zone: string;
  members: Row[];
  profile: Row[];
  identities: Row[];
  consent: Row[];
  suppressions: Row[];
  segments: Row[];
  entries: { at: string; kind: string; contact_id: string | null; summary: string }[];
  previous: string | null;
}

export function contactCommands(program: Command, cli: Cli): void {
  const { streams } = cli;
  const contacts = program
    .command('contacts')
    .description('People: who is who, and everything known about one');

  contacts
    .command('show')
    .description('Everything known about a person, in time order')
    .argument('<contact>', 'an id or an e-mail address')
    .option('--limit <n>', 'how many entries, the newest', wholeNumber, 100)
    .option('--before <place>', 'what came before; as the last page says')
    .addHelpText('after', '\nExample: mallard contacts show ann@example.com --limit 20')
    .action(
      inSession<{ limit: number; before?: string }>(async ({ client }, options, contact = '') => {
        const person = await client.request<Shown>('GET', `/v1/contacts/${encodeURIComponent(contact)}`, {
          query: { limit: options.limit, before: options.before },
        });
        if (options.json) return printJson(streams, person);
        printPerson(streams, person);
      }),
    );

  contacts
    .command('merge')
    .description('Decide that two contacts are one person')
    .argument('<contact>', 'an id or an e-mail address')
    .argument('<other>', 'an id or an e-mail address')
    .option('--dry-run', 'say what would be, and write nothing')
    .addHelpText('after', '\nExample: mallard contacts merge c0000012 ann@example.com --dry-run')
    .action(
      inSession<{ dryRun?: boolean }>(async ({ client }, options, contact = '', other = '') => {
        const merged = await client.request<{
          canonical_contact_id: string;
          members: string[];
          values: Row[];
          is_merged_already: boolean;
          undone_different: number;
        }>('POST', '/v1/contacts/merge', {
          body: { contact_id: contact, other_contact_id: other, dry_run: options.dryRun ?? false },
        });
        if (options.json) return printJson(streams, merged);
        const [would, are] = options.dryRun ? ['would stand', 'would be'] : ['stands', 'are'];
        printLine(
          streams,
          merged.is_merged_already
            ? `They are one person already: ${merged.canonical_contact_id} stands for ${merged.members.join(', ')}.`
            : `${merged.members.join(', ')} ${are} one person; ${merged.canonical_contact_id} ${would} for all.`,
        );
        if (merged.undone_different > 0)
          note(streams, `${merged.undone_different} decisions that they are different no longer hold.`);
        printTable(streams, merged.values);
        buildHint(streams, options.dryRun);
      }),
    );

  contacts
    .command('unmerge')
    .description('Take a contact out of its group; no matching joins them again')
    .argument('<contact>', 'an id or an e-mail address')
    .option('--dry-run', 'say what would be, and write nothing')
    .addHelpText('after', '\nExample: mallard contacts unmerge c0000012')
    .action(
      inSession<{ dryRun?: boolean }>(async ({ client }, options, contact = '') => {
        const answer = await client.request<{ contact_id: string; others: Row[]; undone: number }>(
          'POST',
          '/v1/contacts/unmerge',
          { body: { contact_id: contact, dry_run: options.dryRun ?? false } },
        );
        if (options.json) return printJson(streams, answer);
        printLine(
          streams,
          `${answer.contact_id} ${options.dryRun ? 'would be' : 'is'} a person of its own; ${answer.undone} decisions undone. The others:`,
        );
        printTable(streams, answer.others);
        buildHint(streams, options.dryRun);
      }),
    );

  contacts
    .command('resolve')
    .description('Find contacts that share an address, a phone or a source id: they are one person')
    .option('--dry-run', 'say what would be, and write nothing')
    .addHelpText('after', '\nExample: mallard contacts resolve --dry-run')
    .action(
      inSession<{ dryRun?: boolean }>(async ({ client }, options) => {
        const answer = await client.request<Row>('POST', '/v1/contacts/resolve', {
          body: { dry_run: options.dryRun ?? false },
        });
        if (options.json) return printJson(streams, answer);
        printResolved(streams, answer);
        buildHint(streams, options.dryRun);
      }),
    );

  contacts
    .command('duplicates')
    .description('Pairs that look like one person; decides nothing')
    .option('--min-score <score>', 'from 0 to 1', score, 0.8)
    .option('--limit <n>', 'at most this many', wholeNumber, 50)
    .addHelpText('after', '\nExample: mallard contacts duplicates --min-score 0.9')
    .action(
      inSession<{ minScore: number; limit: number }>(async ({ client }, options) => {
        const report = await client.request<{
          pairs: {
            contact_id: string;
            other_contact_id: string;
            score: number;
            parts: Row;
            contact: Row;
            other: Row;
          }[];
          pair_count: number;
          compared_count: number;
          blocks_skipped: number;
          block_size_max: number;
        }>('GET', '/v1/contacts/duplicates', {
          query: { min_score: options.minScore, limit: options.limit },
        });
        if (options.json) return printJson(streams, report);
        printTable(
          streams,
          report.pairs.map(({ contact, other, parts, ...pair }) => ({
            ...pair,
            ...parts,
            who: `${say(contact)} / ${say(other)}`,
          })),
        );
        note(
          streams,
          `${report.pair_count} pairs of ${report.compared_count} compared; ${report.blocks_skipped} groups of more than ${report.block_size_max} alike were not compared.`,
        );
      }),
    );

  contactRightsCommands(contacts, cli);
}

function printPerson(streams: Streams, person: Shown): void {
  const zone = (iso: string) =>
    DateTime.fromISO(iso, { zone: 'utc' }).setZone(person.time_zone).toFormat('yyyy-MM-dd HH:mm:ss');
  const others = person.members.length - 1;
  const local = (rows: readonly Row[], field: string) =>
    rows.map((row) => ({ ...row, [field]: typeof row[field] === 'string' ? zone(row[field]) : null }));
  printLine(
    streams,
    others === 0
      ? person.contact_id
      : `${person.contact_id}, which stands for ${others} other record${others === 1 ? '' : 's'} (times in ${person.time_zone})`,
  );
  const sections: [string, readonly Row[]][] = [
    ['Records', others === 0 ? [] : local(local(person.members, 'created_at'), 'updated_at')],
    ['Profile', others === 0 ? person.profile.map(({ field, value }) => ({ field, value })) : person.profile],
    ['Other ids', person.identities],
    ['Consent', local(person.consent, 'occurred_at')],
    ['Suppressed', local(person.suppressions, 'suppressed_at')],
    ['Segments', local(person.segments, 'entered_at')],
    [
      `What happened (${person.time_zone})`,
      person.entries.map(({ at, kind, contact_id, summary }) => ({
        at: zone(at),
        kind,
        ...(others === 0 ? {} : { contact_id }),
        summary,
      })),
    ],
  ];
  for (const [title, rows] of sections) {
    if (rows.length === 0) continue;
    printLine(streams, `\n${title}`);
    printTable(streams, rows);
  }
  if (person.previous !== null) note(streams, `Earlier: --before '${person.previous}'`);
}

function printResolved(streams: Streams, answer: Row): void {
  if (answer['is_skipped']) return printLine(streams, 'Nothing has changed since the last run.');
  const decisions = Object.entries(answer['decisions'] as Record<string, number>);
  printTable(
    streams,
    decisions.map(([rule, count]) => ({ rule, new_decisions: count })),
  );
  printLine(
    streams,
    `${String(answer['merged_count'])} contacts stand for another; ${String(answer['phones_keyed'])} phone numbers keyed.`,
  );
  for (const [name, title] of [
    ['shared_by_many', 'Keys of too many contacts, which match nobody'],
    ['disputed', 'Keys of contacts that were decided to be different, which match nobody'],
    ['moved_ids', 'Ids that a load gave to another contact: look at them, and merge them if they are one'],
  ] as const) {
    const rows = answer[name] as Row[];
    if (rows.length === 0) continue;
    printLine(streams, `\n${title}`);
    printTable(streams, rows);
  }
}

function buildHint(streams: Streams, dryRun: boolean | undefined): void {
  if (!dryRun) note(streams, 'Figures and segments follow with the next `mallard build`.');
}

function say(contact: Row): string {
  return [contact['name'], contact['email'], contact['phone'], contact['company'], contact['city']]
    .filter((part) => typeof part === 'string' && part !== '')
    .join(', ');
}

function score(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError('It is not a number from 0 to 1.');
}
