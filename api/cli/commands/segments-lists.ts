import { readFileSync } from 'node:fs';
import { Option, type Command } from 'commander';
import { readListFile } from '../../../pipelines/segments/list-file.ts';
import { listModes } from '../../../pipelines/segments/list-input.ts';
import { inSession, type Cli, type GlobalsOf } from '../cli.ts';
import { printJson, printLine, printTable, type Row, type Streams } from '../output.ts';
import { criteriaArgument } from '../read-object.ts';
import { usage, type CliSession } from '../session.ts';

interface ListOptions {
  id: string;
  title?: string;
  mode?: string;
  column?: string;
}

interface ListAnswer {
  segment: { segment_id: string; version: number };
  matched: number;
  already: number;
  added: number;
  removed: number;
  unknown_ids: string[];
  unknown_id_count: number;
  unknown_emails: string[];
  unknown_email_count: number;
}

interface Users {
  campaigns: string[];
  segments: string[];
  workflows: string[];
}

export function segmentListCommands(segments: Command, { streams }: Cli): void {
  const listOptions = (command: Command) =>
    command
      .requiredOption('--id <segment_id>', 'the list’s own id')
      .option('--title <title>', 'needed for a new list')
      .addOption(
        new Option('--mode <mode>', 'what becomes of the list; default create').choices([...listModes]),
      );

  listOptions(
    segments
      .command('freeze')
      .description('Keep who is in a segment, or fits criteria, now as a list that stays as it is')
      .argument('<source>', 'a segment’s id, criteria as JSON, or a JSON or YAML file of them'),
  )
    .addHelpText('after', '\nExample: mallard segments freeze at_risk --id at_risk_q4 --title "At risk, Q4"')
    .action(
      inSession<ListOptions>(async (session, options, source = '') => {
        const isCriteria = /^\s*[{[]|\.(json|ya?ml)$/i.test(source);
        await changeList(streams, session, options, {
          ...(isCriteria ? { from_criteria: criteriaArgument(source) } : { from_segment: source }),
        });
      }),
    );

  listOptions(
    segments
      .command('list-from')
      .description(
        'Make or change a list from a file of contact ids and e-mail addresses: one a line, or CSV with a column contact_id or email',
      )
      .argument('<file>'),
  )
    .option('--column <name>', 'the column of ids or addresses, where it has another name')
    .addHelpText(
      'after',
      '\nExample: mallard segments list-from fair.csv --id fair_2026 --title "Met at the fair"\n' +
        'Example: mallard segments list-from late.txt --id fair_2026 --mode add',
    )
    .action(
      inSession<ListOptions>(async (session, options, file = '') => {
        await changeList(streams, session, options, readListFile(textOf(file), file, options.column));
      }),
    );

  segments
    .command('show')
    .description('One segment: what it is, and who uses it')
    .argument('<segment_id>')
    .addHelpText('after', '\nExample: mallard segments show at_risk')
    .action(
      inSession(async ({ client }, options, id = '') => {
        const answer = await client.request<Row & { used_by: Users }>(
          'GET',
          `/v1/segments/${encodeURIComponent(id)}`,
        );
        if (options.json) return printJson(streams, answer);
        const { used_by: usedBy, ...segment } = answer;
        const users = Object.entries(usedBy).flatMap(([kind, ids]) =>
          (ids as string[]).map((user) => ({ used_by: kind, id: user })),
        );
        printTable(
          streams,
          Object.entries(segment).map(([field, value]) => ({ field, value })),
        );
        printLine(streams);
        if (users.length === 0) return printLine(streams, 'Nothing uses it.');
        printTable(streams, users);
      }),
    );

  segments
    .command('rename')
    .description('Change a segment’s id, with its history and all that names it, or its title')
    .argument('<segment_id>')
    .argument('[new_id]')
    .option('--title <title>', 'the new title')
    .addHelpText('after', '\nExample: mallard segments rename win_back lapsed_2026 --title "Lapsed"')
    .action(
      inSession<{ title?: string }>(async ({ client }, options, id = '', newId?: string) => {
        if (newId === undefined && options.title === undefined)
          throw usage('Neither a new id nor a title is given.', 'Give a new id, --title, or both.');
        const renamed = await client.request<Row>('POST', `/v1/segments/${encodeURIComponent(id)}/rename`, {
          body: {
            ...(newId === undefined ? {} : { segment_id: newId }),
            ...(options.title === undefined ? {} : { title: options.title }),
          },
        });
        if (options.json) return printJson(streams, renamed);
        printLine(streams, `${id} is ${String(renamed['segment_id'])} now: ${String(renamed['title'])}.`);
      }),
    );
}

async function changeList(
  streams: Streams,
  { client }: CliSession,
  options: GlobalsOf<ListOptions>,
  members: object,
): Promise<void> {
  const { id, title, mode } = options;
  const answer = await client.request<ListAnswer>('POST', `/v1/segments/${encodeURIComponent(id)}/list`, {
    body: { ...members, ...(title === undefined ? {} : { title }), ...(mode === undefined ? {} : { mode }) },
  });
  if (options.json) return printJson(streams, answer);
  const { segment, matched, already, added, removed } = answer;
  printLine(
    streams,
    `${segment.segment_id}, version ${segment.version}: ${matched} contacts, ${already} on the list before; ${added} added, ${removed} removed.`,
  );
  printUnknown(streams, 'id', answer.unknown_ids, answer.unknown_id_count);
  printUnknown(streams, 'address', answer.unknown_emails, answer.unknown_email_count);
}

function printUnknown(streams: Streams, what: string, some: readonly string[], count: number): void {
  if (count === 0) return;
  const rest = count > some.length ? ` and ${count - some.length} more` : '';
  printLine(streams, `Unknown, and left out, by ${what} (${count}): ${some.join(', ')}${rest}`);
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw usage(`There is no file ${file}.`, 'Check the path.');
    throw error;
  }
}
