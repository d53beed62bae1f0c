import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { SingleBar } from 'cli-progress';
import type { Command } from 'commander';
import { MallardError } from '../../../data/errors.ts';
import type { Project } from '../../../data/project.ts';
import { removeStaged, stageLocalFile } from '../../../pipelines/load/stage.ts';
import type { ApiClient } from '../../client.ts';
import type { CliSession } from '../session.ts';
import { inSession, type Cli } from '../cli.ts';
import { printJson, printLine, printTable, type Row, type Streams } from '../output.ts';

export interface LoadOptions {
  columns?: string;
  dateFormat?: string;
  source?: string;
  delimiter?: string;
  format?: string;
  replaceSource?: boolean;
}

export interface LoadAnswer {
  table: string;
  rows_read: number;
  rows_inserted: number;
  rows_updated: number;
  rows_unchanged: number;
  rows_rejected: number;
  rejects: Row[];
}

export function loadCommand(program: Command, { streams }: Cli): void {
  program
    .command('load')
    .description(
      'Load files into a core table, or into raw.NAME as they are; the same file twice changes nothing',
    )
    .argument('<table>', 'a core table (contacts, deals, email_events, …), suppressions, or raw.NAME')
    .argument('<file...>', 'CSV, NDJSON or Parquet, gzipped or not')
    .option('--columns <core=file,...>', 'which column of the file is which of the table')
    .option('--date-format <format>', 'of dates that are not ISO: %d-%m-%Y')
    .option('--source <name>', 'which system the rows come from')
    .option('--delimiter <sign>', 'of a CSV; default: found out')
    .option('--format <format>', 'csv, ndjson or parquet; default: by the name')
    .option('--replace-source', 'first forget what this source brought before; for files without ids')
    .addHelpText(
      'after',
      '\nExample: mallard load deals pipeline.csv --date-format %d-%m-%Y --columns deal_id=opportunity_id,amount=close_value',
    )
    .action(
      inSession<LoadOptions, [string, string[]]>(async ({ client, project }, options, table, files) => {
        const answers: LoadAnswer[] = [];
        for (const [index, file] of files.entries()) {
          // The files of one command are one source: replacing it again would forget the file before.
          const replaceSource = index === 0 && options.replaceSource === true;
          answers.push(
            await loadFile(
              { client, project },
              table,
              file,
              { ...options, replaceSource },
              options.json ? undefined : streams,
            ),
          );
        }
        if (options.json) return printJson(streams, answers);
        for (const [index, answer] of answers.entries()) printLoad(streams, files[index] ?? '', answer);
      }),
    );
}

/**
 * Stages one file, with a bar on a terminal, and has it loaded. This process reads the file, not the server, which has
 * others to answer. Throws `not_found` where there is no such file.
 */
export async function loadFile(
  { client, project }: Pick<CliSession, 'client' | 'project'>,
  table: string,
  path: string,
  options: LoadOptions,
  streams?: Streams,
): Promise<LoadAnswer> {
  const staged = await stageWithBar(project, path, streams);
  try {
    return await requestLoad(client, table, path, staged, options);
  } finally {
    // The load removes it, unless the request was refused before.
    await removeStaged(project, staged);
  }
}

function requestLoad(
  client: ApiClient,
  table: string,
  path: string,
  staged: string,
  options: LoadOptions,
): Promise<LoadAnswer> {
  return client.request<LoadAnswer>('POST', `/v1/load/${encodeURIComponent(table)}`, {
    query: {
      name: basename(path),
      staged: basename(staged),
      columns: options.columns,
      date_format: options.dateFormat,
      source: options.source,
      delimiter: options.delimiter,
      format: options.format,
      replace_source: options.replaceSource === true ? true : undefined,
    },
  });
}

/** Stages a file of this machine, with a bar on a terminal. */
export async function stageWithBar(
  project: Project,
  path: string,
  streams: Streams | undefined,
): Promise<string> {
  const about = await stat(path).catch(() => undefined);
  if (about?.isDirectory()) {
    throw new MallardError('bad_request', `${path} is a folder.`, {
      remedy: `Name the files inside: mallard load TABLE ${path}/*.csv.`,
    });
  }
  const size = about?.size;
  if (!streams?.err.isTTY || size === undefined) return stageLocalFile(project, path);
  const bar = new SingleBar({
    stream: streams.err,
    format: `${basename(path)} {bar} {percentage}% {eta_formatted}`,
    clearOnComplete: true,
    hideCursor: true,
  });
  bar.start(size, 0);
  try {
    // What was gzipped is larger than its file.
    return await stageLocalFile(project, path, (bytes) => bar.update(Math.min(bytes, size)));
  } finally {
    bar.stop();
  }
}

function printLoad(streams: Streams, file: string, answer: LoadAnswer): void {
  const count = (rows: number) => rows.toLocaleString('en-US');
  printLine(
    streams,
    `${file} -> ${answer.table}: ${count(answer.rows_read)} rows read, ${count(answer.rows_inserted)} new, ${count(answer.rows_updated)} changed, ` +
      `${count(answer.rows_unchanged)} unchanged, ${count(answer.rows_rejected)} rejected`,
  );
  if (answer.rejects.length === 0) return;
  printLine(streams, 'The first rejects (all of them are in raw.rejects):');
  printTable(streams, answer.rejects);
}
