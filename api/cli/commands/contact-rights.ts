import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Option, type Command } from 'commander';
import { findOwner } from '../../../data/owner/ownership.ts';
import { compact } from '../../../data/owner/compaction.ts';
import { systemClock } from '../../../data/clock.ts';
import { Project } from '../../../data/project.ts';
import { inSession, type Cli } from '../cli.ts';
import { note, printJson, printLine, printTable, type Row } from '../output.ts';
import { openSession, type GlobalOptions } from '../session.ts';

interface Exported {
  person: Row;
  tables: Record<string, Row[]>;
  files: Row[];
}

/** `contacts export` and `contacts forget`. */
export function contactRightsCommands(contacts: Command, { streams }: Cli): void {
  contacts
    .command('export')
    .description('Everything known of a person, for the person: JSON, and a CSV file a table')
    .argument('<id|email>')
    .option('--out <dir>', 'write into this folder; default: the JSON on stdout')
    .addOption(new Option('--format <format>').choices(['json', 'csv', 'both']).default('both'))
    .addHelpText('after', '\nExample: mallard contacts export ann@example.com --out ann')
    .action(
      inSession<{ out?: string; format: 'json' | 'csv' | 'both' }>(
        async ({ client }, options, reference = '') => {
          const exported = await client.request<Exported>(
            'GET',
            `/v1/contacts/${encodeURIComponent(reference)}/export`,
          );
          if (options.out === undefined) return printJson(streams, exported);
          const written = writeExport(options.out, exported, options.format);
          if (options.json) return printJson(streams, { files: written });
          printLine(streams, `Wrote ${written.length} files to ${options.out}.`);
          note(streams, 'They hold personal data: hand them over, and delete them here.');
        },
      ),
    );

  contacts
    .command('forget')
    .description('Erase a person everywhere, and never write to them again; says what is kept and why')
    .argument('<id|email>')
    .option('--dry-run', 'show what would be erased')
    .option('--reason <text>', 'kept with the erasure')
    .addHelpText('after', '\nExample: mallard contacts forget ann@example.com --reason "request of 3 May"')
    .action(
      inSession<{ dryRun?: boolean; reason?: string }>(async ({ client }, options, reference = '') => {
        const outcome = await client.request<Forgotten>(
          'POST',
          `/v1/contacts/${encodeURIComponent(reference)}/forget`,
          {
            body: {
              ...(options.reason === undefined ? {} : { reason: options.reason }),
              ...(options.dryRun ? { dry_run: true } : {}),
            },
          },
        );
        if (options.json) return printJson(streams, outcome);
        printForgotten(streams, outcome);
      }),
    );
}

interface Forgotten {
  status: 'forgotten' | 'already_forgotten' | 'dry_run';
  erasure_id: string | null;
  contact_count: number;
  address_count: number;
  tables: Record<string, Record<string, number>>;
  files: Row[];
  kept: Row[];
  completed_at: string | null;
  compact_by: string | null;
}

function printForgotten(streams: Cli['streams'], outcome: Forgotten): void {
  const { status, contact_count: contacts, address_count: addresses } = outcome;
  if (status === 'already_forgotten')
    return printLine(
      streams,
      `Forgotten already, at ${outcome.completed_at} (${outcome.erasure_id}). Nothing is left.`,
    );
  printLine(
    streams,
    status === 'dry_run'
      ? `Would forget a person of ${contacts} contacts and ${addresses} addresses:`
      : `Forgot a person of ${contacts} contacts and ${addresses} addresses (${outcome.erasure_id}):`,
  );
  printTable(
    streams,
    Object.entries(outcome.tables).flatMap(([table, effects]) =>
      Object.entries(effects).map(([effect, rows]) => ({ table, effect, rows })),
    ),
    ['table', 'effect', 'rows'],
  );
  if (outcome.files.length > 0) printTable(streams, outcome.files, ['file', 'treatment', 'why']);
  printLine(streams, 'Kept:');
  printTable(streams, outcome.kept, ['what', 'why']);
  if (outcome.compact_by !== null)
    printLine(
      streams,
      `The deleted bytes leave the database file by ${outcome.compact_by}, or with \`mallard compact\`.`,
    );
}

/** Answers the files written. CSV: one file a table, nested values as JSON. */
function writeExport(out: string, exported: Exported, format: 'json' | 'csv' | 'both'): string[] {
  mkdirSync(out, { recursive: true });
  const written: string[] = [];
  const write = (name: string, content: string) => {
    // Readable by its owner alone: it is all there is about somebody.
    writeFileSync(join(out, name), content, { mode: 0o600 });
    written.push(name);
  };
  if (format !== 'csv') write('export.json', `${JSON.stringify(exported, null, 2)}\n`);
  if (format === 'json') return written;
  for (const [table, rows] of Object.entries(exported.tables)) write(`${table}.csv`, toCsv(rows));
  if (exported.files.length > 0) write('files.csv', toCsv(exported.files));
  return written;
}

function toCsv(rows: readonly Row[]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const line = (values: readonly unknown[]) => `${values.map(cell).join(',')}\r\n`;
  return line(columns) + rows.map((row) => line(columns.map((column) => row[column]))).join('');
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** `mallard compact`: here where nobody has the file, else by the server that has. */
export function compactCommand(program: Command, { streams }: Cli): void {
  program
    .command('compact')
    .description(
      'Rewrite the database file without what was deleted; a running server does it itself, at once',
    )
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const project = new Project(options.project);
      project.ensureFolders();
      if ((await findOwner(project))?.url !== undefined) {
        const session = await openSession(options);
        const answer = await session.client.request('POST', '/v1/compaction', { body: {} });
        if (options.json) return printJson(streams, answer);
        return printLine(
          streams,
          `The server at ${session.serverUrl} compacts now: it answers 503 for some seconds.`,
        );
      }
      const result = await compact(project, systemClock.now());
      if (options.json) return printJson(streams, result);
      printLine(
        streams,
        `Compacted ${result.tables} tables, ${result.rows} rows: ${result.bytes_before} bytes before, ${result.bytes_after} after.`,
      );
    });
}
