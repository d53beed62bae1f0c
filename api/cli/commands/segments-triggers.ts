import type { Command } from 'commander';
import { inSession, isoTime, wholeNumber, type Cli } from '../cli.ts';
import { note, printJson, printLine, printTable, type Row } from '../output.ts';
import { parseObject } from '../read-object.ts';

interface Ran {
  runs: Row[];
  errors: { trigger_id: string; error: string }[];
}

/** `mallard segments triggers …`. */
export function segmentTriggerCommands(segments: Command, cli: Cli): void {
  const { streams } = cli;
  const triggers = segments
    .command('triggers')
    .description('What is done with whoever enters or leaves a segment');

  triggers
    .command('list', { isDefault: true })
    .description('The triggers, and what they failed by')
    .argument('[segment_id]')
    .action(
      inSession(async ({ client }, options, segment) => {
        const { triggers: found } = await client.request<{ triggers: Row[] }>('GET', '/v1/segment-triggers', {
          query: segment === undefined ? {} : { segment_id: segment },
        });
        if (options.json) return printJson(streams, found);
        printTable(streams, found, [
          'trigger_id',
          'segment_id',
          'change',
          'action',
          'status',
          'since_at',
          'error',
        ]);
      }),
    );

  triggers
    .command('save')
    .description('Act on who enters (or leaves) a segment from now on; the action is JSON')
    .argument('<trigger_id>')
    .argument('<segment_id>')
    .argument('<action>', '{"type": "create_task", "title": "Call"} and the like')
    .option('--left', 'who leaves, instead of who enters')
    .option('--max <n>', 'hold it where more contacts move at once (default: 10000)', wholeNumber)
    .option('--paused', 'save it, and do nothing yet')
    .addHelpText(
      'after',
      `\nExample: mallard segments triggers save call-them at_risk '{"type": "create_task", "title": "Call them"}'`,
    )
    .action(
      inSession<{ left?: boolean; max?: number; paused?: boolean }>(
        async ({ client }, options, id = '', segment = '', action = '') => {
          const saved = await client.request<Row>('PUT', `/v1/segment-triggers/${encodeURIComponent(id)}`, {
            body: {
              segment_id: segment,
              change: options.left ? 'left' : 'entered',
              action: parseObject(action, 'The action'),
              ...(options.max === undefined ? {} : { contacts_max: options.max }),
              ...(options.paused ? { status: 'paused' } : {}),
            },
          });
          if (options.json) return printJson(streams, saved);
          printLine(
            streams,
            `Saved ${id}: ${String(saved['change'])} ${segment}, ${String(saved['status'])}.`,
          );
        },
      ),
    );

  triggers
    .command('delete')
    .description('Delete a trigger; what it did stays logged')
    .argument('<trigger_id>')
    .action(
      inSession(async ({ client }, options, id = '') => {
        await client.request('DELETE', `/v1/segment-triggers/${encodeURIComponent(id)}`);
        if (options.json) return printJson(streams, { deleted: id });
        printLine(streams, `Deleted ${id}.`);
      }),
    );

  triggers
    .command('run')
    .description('Act now on who moved, where that is not done yet; every evaluation does so by itself')
    .argument('[trigger_id]')
    .option('--dry-run', 'decide, and write nothing')
    .option('--since <time>', 'of a dry run: as if nothing had been done since then', isoTime)
    .option('--ignore-max', 'also where more contacts moved at once than the trigger allows')
    .addHelpText('after', '\nExample: mallard segments triggers run call-them --dry-run --since 2026-10-01')
    .action(
      inSession<{ dryRun?: boolean; since?: string; ignoreMax?: boolean }>(
        async ({ client }, options, id) => {
          const answer = await client.request<Ran>('POST', '/v1/segment-triggers/run', {
            body: {
              ...(id === undefined ? {} : { trigger_id: id }),
              ...(options.dryRun ? { dry_run: true } : {}),
              ...(options.since === undefined ? {} : { since: options.since }),
              ...(options.ignoreMax ? { ignore_max: true } : {}),
            },
          });
          if (answer.errors.length > 0) cli.fail();
          if (options.json) return printJson(streams, answer);
          printTable(streams, answer.runs, [
            'trigger_id',
            'change',
            'action',
            'dry_run',
            'matched',
            'acted',
            'skipped',
          ]);
          for (const { trigger_id, error } of answer.errors) note(streams, `${trigger_id}: ${error}`);
        },
      ),
    );
}
