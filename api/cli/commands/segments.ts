import type { Command } from 'commander';
import { asOfOf, inSession, wholeNumber, type Cli } from '../cli.ts';
import { printJson, printLine, printTable, type Row } from '../output.ts';
import { idOf, parseObject, readObject } from '../objects.ts';
import { segmentBacktestCommand } from './segments-backtest.ts';

export function segmentCommands(program: Command, cli: Cli): void {
  const { streams } = cli;
  const segments = program.command('segments').description('Who fits which criteria');
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
    .addHelpText(
      'after',
      `\nExample: mallard segments preview '{"field":"lifecycle_stage","operator":"equals","value":"lead"}'`,
    )
    .action(
      inSession<{ limit: number }>(async ({ client }, options, file = '') => {
        const read = /^\s*[{[]/.test(file) ? parseObject(file, 'The criteria') : readObject(file);
        const preview = await client.request<Row>('POST', '/v1/segments/preview', {
          body: { criteria: read['criteria'] ?? read, limit: options.limit, ...asOfOf(options) },
        });
        printJson(streams, preview);
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
    .description('Who is in a segment')
    .argument('<segment_id>')
    .option('--limit <n>', 'at most this many', wholeNumber, 100)
    .action(
      inSession<{ limit: number }>(async ({ client }, options, id = '') => {
        const answer = await client.request<{ members: Row[] }>(
          'GET',
          `/v1/segments/${encodeURIComponent(id)}/members`,
          {
            query: { limit: options.limit, as_of: options.asOf },
          },
        );
        if (options.json) return printJson(streams, answer.members);
        printTable(streams, answer.members);
      }),
    );

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
}

function without(value: Row, field: string): Row {
  const { [field]: _left, ...rest } = value;
  return rest;
}
