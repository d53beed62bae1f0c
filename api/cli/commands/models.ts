import { createWriteStream } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { Option, type Command } from 'commander';
import { mediaTypes, type Format } from '../../results/formats.ts';
import { asOfOf, inSession, isoTime, wholeNumber, type Cli } from '../cli.ts';
import { note, printJson, printLine, printTable, type Row } from '../output.ts';
import type { CliSession, GlobalOptions } from '../session.ts';

const tableRowsDefault = 100;

/** build, query */
export function modelCommands(program: Command, cli: Cli): void {
  const { streams } = cli;

  program
    .command('build')
    .description('Build the marts, as of --as-of or now')
    .option('--mart <name...>', 'only these')
    .addHelpText('after', '\nExample: mallard build --as-of 2026-11-01')
    .action(
      inSession<{ mart?: string[] }>(async ({ client }, options) => {
        const built = await client.request<{ as_of: string; marts: Row[] }>('POST', '/v1/build', {
          body: { ...asOfOf(options), ...(options.mart ? { marts: options.mart } : {}) },
        });
        if (options.json) return printJson(streams, built);
        printTable(
          streams,
          built.marts.map(({ warning: _warning, ...mart }) => mart),
        );
        printLine(streams, `Built as of ${built.as_of}.`);
        for (const { warning } of built.marts) if (typeof warning === 'string') note(streams, warning);
      }),
    );

  program
    .command('query')
    .description('Run a Malloy query over the models')
    .argument('<malloy>', 'for example: run: deals -> { aggregate: deal_count }')
    .addOption(
      new Option('--format <format>', 'how rows are printed')
        .choices(['table', ...Object.keys(mediaTypes)])
        .default('table'),
    )
    .option('--out <file>', 'write there')
    .option('--known-at <time>', 'only what had been recorded by then', isoTime)
    .option('--row-limit <n>', 'at most this many rows', wholeNumber)
    .option('--timeout-ms <n>', 'give up after this long', wholeNumber)
    .addHelpText(
      'after',
      "\nExample: mallard query 'run: deal_facts -> { aggregate: deal_count, win_rate }' --json",
    )
    .action(
      inSession<QueryOptions>((session, options, malloy = '') => runQuery(cli, session, options, malloy)),
    );
}

interface QueryOptions {
  format: 'table' | Format;
  out?: string;
  knownAt?: string;
  rowLimit?: number;
  timeoutMs?: number;
}

async function runQuery(
  { streams }: Cli,
  { client }: CliSession,
  options: QueryOptions & GlobalOptions,
  query: string,
): Promise<void> {
  const format = options.json ? 'json' : options.format;
  const asTable = format === 'table' && options.out === undefined;
  const rowLimit = options.rowLimit ?? (asTable ? tableRowsDefault : undefined);
  const answer = await client.stream('POST', '/v1/query', {
    // A table is read as Arrow: it keeps the digits of decimals, which JSON.parse does not.
    headers: { accept: asTable ? mediaTypes.arrow : mediaTypes[format === 'table' ? 'csv' : format] },
    body: {
      query,
      ...asOfOf(options),
      ...(options.knownAt === undefined ? {} : { known_at: options.knownAt }),
      ...(rowLimit === undefined ? {} : { row_limit: rowLimit }),
      ...(options.timeoutMs === undefined ? {} : { timeout_ms: options.timeoutMs }),
    },
  });
  const cutAt = answer.headers['x-truncated-at'];
  if (cutAt !== undefined)
    note(
      streams,
      `There are more rows: only the first ${String(cutAt)} are shown. Raise --row-limit, or use --format ndjson.`,
    );
  if (!asTable) {
    const target = options.out === undefined ? streams.out : createWriteStream(options.out);
    return pipeline(answer.body, target, { end: options.out !== undefined });
  }
  const { rowsFromArrow } = await import('../../arrow-rows.ts');
  const rows = rowsFromArrow(await buffer(answer.body));
  printTable(streams, rows);
  if (rows.length === rowLimit) note(streams, `At most ${rowLimit} rows are shown: see --row-limit.`);
}
