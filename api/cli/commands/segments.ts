import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { Option, type Command } from 'commander';
import { mediaTypes, type Format } from '../../results/formats.ts';
import { asOfOf, inSession, wholeNumber, type Cli } from '../cli.ts';
import { printJson, printLine, printTable, type Row } from '../output.ts';
import { criteriaArgument, idOf, parseObject, readObject, without } from '../read-object.ts';
import { segmentListCommands } from './segments-lists.ts';
import { segmentTriggerCommands } from './segments-triggers.ts';
import { segmentFileCommands } from './segments-files.ts';
import { segmentBacktestCommand } from './segments-backtest.ts';
import { segmentMigrationCommand } from './segments-migration.ts';
import { segmentPerformanceCommand } from './segments-performance.ts';

import type { SegmentPreview } from '../../../pipelines/segments/preview.ts';
import { printPreview } from './preview-lines.ts';
import { segmentExplainCommand } from './segments-explain.ts';

interface PreviewOptions {
  limit: number;
  overlap?: boolean;
  profile?: boolean;
}

export function segmentCommands(program: Command, cli: Cli): void {
  const { streams } = cli;
  const segments = program.command('segments').description('Who fits which criteria');
  segmentTriggerCommands(segments, cli);
  segmentPerformanceCommand(segments, cli);
  segmentMigrationCommand(segments, cli);
  segmentBacktestCommand(segments, cli);

  segments
    .command('list')
    .description('The segments and their sizes')
    .action(
      inSession(async ({ client }, options) => {
        const answer = await client.request<{ segments: Row[] }>('GET', '/v1/segments');
        if (options.json) return printJson(streams, answer.segments);
        printTable(streams, answer.segments, [
          'segment_id',
          'title',
          'kind',
          'status',
          'member_count',
          'evaluated_as_of',
          'error',
        ]);
      }),
    );

  segments
    .command('save')
    .description('Save a segment from a JSON or YAML file: {segment_id, title, criteria}')
    .argument('<file>')
    .addHelpText('after', '\nExample: mallard segments save engaged.yaml')
    .action(
      inSession(async ({ client }, options, file = '') => {
        const segment = readObject(file);
        const saved = await client.request<Row>(
          'PUT',
          `/v1/segments/${encodeURIComponent(idOf(segment, 'segment_id', file))}`,
          { body: without(segment, 'segment_id') },
        );
        if (options.json) return printJson(streams, saved);
        printLine(streams, `Saved ${String(saved['segment_id'])}, version ${String(saved['version'])}.`);
      }),
    );

  segments
    .command('preview')
    .description('How many fit criteria, and a few of them; saves nothing')
    .argument('<criteria>', 'JSON, or a JSON or YAML file')
    .option('--limit <n>', 'how many examples', wholeNumber, 5)
    .option('--overlap', 'also who of them is in which segment')
    .option('--profile', 'also what sets them apart from all contacts')
    .addHelpText(
      'after',
      `\nExample: mallard segments preview '{"field":"lifecycle_stage","operator":"equals","value":"lead"}'`,
    )
    .action(
      inSession<PreviewOptions>(async ({ client }, options, file = '') => {
        const { limit, overlap, profile } = options;
        const preview = await client.request<SegmentPreview>('POST', '/v1/segments/preview', {
          body: { criteria: criteriaArgument(file), limit, overlap, profile, ...asOfOf(options) },
        });
        if (options.json) return printJson(streams, preview);
        printPreview(streams, preview);
      }),
    );

  segments
    .command('evaluate')
    .description('Find out who is in each segment now')
    .argument('[segment_id...]', 'default: all')
    .action(
      inSession<object, [string[]]>(async ({ client }, options, segmentIds) => {
        const answer = await client.request<{ segments: Row[] }>('POST', '/v1/segments/evaluate', {
          body: { ...asOfOf(options), ...(segmentIds.length > 0 ? { segment_ids: segmentIds } : {}) },
        });
        if (options.json) return printJson(streams, answer);
        printTable(streams, answer.segments);
      }),
    );

  segments
    .command('members')
    .description('Who is in a segment; with --format everybody, streamed')
    .argument('<segment_id>')
    .option('--limit <n>', 'of a table or --json: at most this many', wholeNumber, 100)
    .addOption(
      new Option('--format <format>', 'how all of them travel').choices([
        'ndjson',
        'csv',
        'arrow',
        'parquet',
      ]),
    )
    .option('--out <file>', 'write there')
    .addHelpText('after', '\nExample: mallard segments members at_risk --format csv --out at_risk.csv')
    .action(
      inSession<{ limit: number; format?: Exclude<Format, 'json'>; out?: string }>(
        async ({ client }, options, id = '') => {
          const path = `/v1/segments/${encodeURIComponent(id)}/members`;
          if (options.format !== undefined || options.out !== undefined) {
            const answer = await client.stream('GET', path, {
              headers: { accept: mediaTypes[options.format ?? 'csv'] },
              query: { as_of: options.asOf },
            });
            const target = options.out === undefined ? streams.out : createWriteStream(options.out);
            return pipeline(answer.body, target, { end: options.out !== undefined });
          }
          const answer = await client.request<{ members: Row[] }>('GET', path, {
            query: { limit: options.limit, as_of: options.asOf },
          });
          if (options.json) return printJson(streams, answer.members);
          printTable(streams, answer.members);
        },
      ),
    );

  segmentExplainCommand(segments, cli);

  segments
    .command('act')
    .description('Do something with everybody in a segment, once each; the action is JSON')
    .argument('<segment_id>')
    .argument('<action>', '{"type": "create_task", "title": "Call"} and the like')
    .option('--run-id <id>', 'the same id again acts on nobody twice')
    .option('--dry-run', 'decide, and write nothing')
    .addHelpText(
      'after',
      `\nExample: mallard segments act at_risk '{"type": "create_task", "title": "Call them"}'`,
    )
    .action(
      inSession<{ runId?: string; dryRun?: boolean }>(async ({ client }, options, id = '', action = '') => {
        const body = {
          action: parseObject(action, 'The action'),
          ...(options.runId === undefined ? {} : { run_id: options.runId }),
          ...(options.dryRun ? { dry_run: true } : {}),
        };
        const answer = await client.request<Row>('POST', `/v1/segments/${encodeURIComponent(id)}/actions`, {
          body,
        });
        if (options.json) return printJson(streams, answer);
        printTable(streams, [answer], ['run_id', 'action', 'dry_run', 'matched', 'acted', 'skipped']);
      }),
    );

  segmentListCommands(segments, cli);
  segmentFileCommands(segments, cli);
}
