import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Command } from 'commander';
import { errorMessage, MallardError } from '../../../data/errors.ts';
import { isTableFile } from '../../../pipelines/sources/import/files.ts';
import { systems, type SystemName } from '../../../pipelines/sources/import/systems.ts';
import type { ImportedFile, ImportResult } from '../../../pipelines/sources/import/types.ts';
import { removeStaged } from '../../../pipelines/load/stage.ts';
import { inSession, type Cli } from '../cli.ts';
import { note, printJson, printLine, printTable, type Row, type Streams } from '../output.ts';
import type { CliSession } from '../session.ts';
import { suppressionImport } from './import-suppressions.ts';
import { stageWithBar } from './load.ts';

export function importCommands(program: Command, cli: Cli): void {
  const parent = program.command('import').description('Bring everything over from another system');
  for (const system of Object.keys(systems) as SystemName[]) systemCommand(parent, system, cli);
  suppressionImport(parent, cli);
}

function systemCommand(parent: Command, system: SystemName, { streams }: Cli): void {
  const { title } = systems[system];
  parent
    .command(system)
    .description(
      `Import a folder of ${title}'s tables, as Fivetran exports them; the same folder twice changes nothing`,
    )
    .argument('<dir>', 'the folder: contact.csv, contact_data.csv.gz, deal.parquet …')
    .addHelpText(
      'after',
      `\nWhat becomes of which field: pipelines/sources/${system}/README.md\nExample: mallard import ${system} ~/Downloads/${system}-export`,
    )
    .action(
      inSession(async (session, options, dir = '') => {
        const result = await importFolder(session, system, dir, options.json ? undefined : streams);
        if (options.json) printJson(streams, result);
        else printImport(streams, result);
      }),
    );
}

/** Stages a folder's tables and has them imported. Throws `not_found` for a folder that is none. */
async function importFolder(
  { client, project }: CliSession,
  system: SystemName,
  dir: string,
  streams: Streams | undefined,
): Promise<ImportResult> {
  const names = await tableFiles(dir, streams);
  const staged: { name: string; path: string }[] = [];
  try {
    for (const name of names)
      staged.push({ name, path: await stageWithBar(project, join(dir, name), streams) });
    if (streams) note(streams, `Importing ${staged.length} files …`);
    return await client.request<ImportResult>('POST', `/v1/imports/${system}`, {
      body: { files: staged.map(({ name, path }) => ({ name, staged: basename(path) })) },
    });
  } finally {
    // The import removes them, unless the request was refused before.
    for (const { path } of staged) await removeStaged(project, path);
  }
}

async function tableFiles(dir: string, streams: Streams | undefined): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch((error: unknown) => {
    throw new MallardError('not_found', `${dir} cannot be read as a folder: ${errorMessage(error)}.`, {
      cause: error,
      fields: { dir },
      remedy: 'Name the folder that the export was unpacked into.',
    });
  });
  const files = entries.filter((entry) => !entry.isDirectory() && !entry.name.startsWith('.'));
  const others = files.filter(({ name }) => !isTableFile(name)).map(({ name }) => name);
  if (streams && others.length > 0)
    note(streams, `Left alone, no tables by their names: ${others.join(', ')}`);
  const tables = files.filter(({ name }) => isTableFile(name)).map(({ name }) => name);
  if (tables.length > 0) return tables.sort();
  throw new MallardError('bad_request', `${dir} has no CSV, NDJSON or Parquet file.`, {
    fields: { dir },
    remedy: 'Name the folder that the export was unpacked into.',
  });
}

function printImport(streams: Streams, result: ImportResult): void {
  const mapped = result.files.filter((file) => file.status === 'mapped');
  printTable(streams, mapped.flatMap(rowsOf));
  const raw = result.files.filter((file) => file.status === 'raw');
  if (raw.length > 0) {
    printLine(streams, '\nKept as they are:');
    printTable(
      streams,
      raw.map((file) => ({
        file: file.file,
        kept_in: file.raw_table,
        rows: file.rows_raw,
        why: Object.keys(file.reasons).join('; '),
      })),
    );
  }
  printSkipped(streams, mapped);
  const unused = mapped.filter((file) => file.columns_unused.length > 0);
  if (unused.length > 0) {
    printLine(streams, '\nColumns with values that nothing is made of:');
    for (const file of unused) printLine(streams, `  ${file.file}: ${file.columns_unused.join(', ')}`);
  }
  const empty = result.files.filter((file) => file.status === 'empty').map(({ file }) => file);
  if (empty.length > 0) printLine(streams, `\nWithout rows: ${empty.join(', ')}`);
  for (const { rule, pairs, recorded } of result.merges)
    if (pairs > 0)
      printLine(streams, `\nContacts that are one person, by ${rule}: ${pairs}, of them new: ${recorded}`);
  for (const [table, rows] of Object.entries(result.deleted))
    printLine(streams, `\nDeleted in the system: ${rows} rows of ${table}`);
  printRejects(streams, mapped);
}

function rowsOf(file: ImportedFile): Row[] {
  const row = (into: ImportedFile['into'][number] | undefined): Row => ({
    file: file.file,
    becomes: into?.table ?? '',
    read: into?.rows_read ?? null,
    new: into?.rows_inserted ?? null,
    changed: into?.rows_updated ?? null,
    unchanged: into?.rows_unchanged ?? null,
    rejected: into?.rows_rejected ?? null,
  });
  const rows = file.into.length === 0 ? [row(undefined)] : file.into.map(row);
  // What is of the whole file stands once.
  return rows.map((one, index) => ({
    ...one,
    file: index === 0 ? file.file : '',
    rows: index === 0 ? file.rows : null,
    used: index === 0 ? file.rows_used : null,
    kept_raw: index === 0 ? file.rows_raw : null,
  }));
}

function printSkipped(streams: Streams, mapped: readonly ImportedFile[]): void {
  const rows = mapped.flatMap((file) =>
    Object.entries(file.reasons).map(([why, count]) => ({
      file: file.file,
      kept_in: file.raw_table,
      rows: count,
      why,
    })),
  );
  if (rows.length === 0) return;
  printLine(streams, '\nRows of them kept as they are:');
  printTable(streams, rows);
}

function printRejects(streams: Streams, mapped: readonly ImportedFile[]): void {
  const rejects = mapped.flatMap((file) => file.into.flatMap((into) => into.rejects));
  const unreadable = mapped.filter((file) => file.rows_unreadable > 0);
  for (const file of unreadable)
    printLine(streams, `\n${file.file}: ${file.rows_unreadable} lines are no records (in raw.rejects).`);
  if (rejects.length === 0) return;
  printLine(streams, '\nThe first rejects (all of them are in raw.rejects):');
  printTable(streams, rejects);
}
