import { existsSync } from 'node:fs';
import { Option, type Command } from 'commander';
import { backtestSteps } from '../../../pipelines/segments/backtest-periods.ts';
import type { Backtest } from '../../../pipelines/segments/backtest.ts';
import { inSession, isoTime, wholeNumber, type Cli } from '../cli.ts';
import { printJson, printLine, printTable, type Streams } from '../output.ts';
import { criteriaArgument } from '../read-object.ts';

interface Options {
  from?: string;
  to?: string;
  step?: string;
  days?: number;
}

export function segmentBacktestCommand(segments: Command, { streams }: Cli): void {
  segments
    .command('backtest')
    .description('Try criteria on the past: who would have been in when, and what they did; saves nothing')
    .argument('<criteria>', 'JSON, a JSON or YAML file, or the id of a saved segment')
    .option('--from <time>', 'default: three years before --to', isoTime)
    .option('--to <time>', 'default: what the marts were built as of', isoTime)
    .addOption(
      new Option('--step <length>', 'how the time is cut').choices([...backtestSteps]).default('week'),
    )
    .option('--days <n>', 'how long after an entry is looked at', wholeNumber, 30)
    .addHelpText('after', '\nExample: mallard segments backtest engaged.yaml --from 2025-01-01 --step month')
    .action(
      inSession<Options>(async ({ client }, options, what = '') => {
        const { from, to = options.asOf, step, days } = options;
        const isId = /^[a-z][a-z0-9_-]{0,63}$/.test(what) && !existsSync(what);
        const body = {
          ...(isId ? { segment_id: what } : { criteria: criteriaArgument(what) }),
          ...(from === undefined ? {} : { from }),
          ...(to === undefined ? {} : { to }),
          step,
          days,
        };
        const answer = await client.request<Backtest>('POST', '/v1/segments/backtest', { body });
        if (options.json) return printJson(streams, answer);
        print(streams, answer);
      }),
    );
}

function print(streams: Streams, answer: Backtest): void {
  printTable(streams, answer.periods);
  printLine(streams);
  const { member_count: members, entered_count: entered, left_count: left } = answer;
  printLine(
    streams,
    `At the end ${members} members; ${entered} entered and ${left} left since ${answer.from}.`,
  );
  const median = answer.stay_days_median;
  printLine(
    streams,
    median === null
      ? 'Fewer than half of the stays have ended.'
      : `Half of the stays lasted longer than ${round(median)} days.`,
  );
  printLine(streams);
  printTable(
    streams,
    answer.members_by_age.map(({ days_min: from, days_max: to, member_count, share }) => ({
      'member for':
        from === null ? 'from the start on' : to === null ? `${from} days or more` : `${from} to ${to} days`,
      members: member_count,
      share: `${(100 * share).toFixed(1)} %`,
    })),
  );
  printLine(streams);
  const { days, entry_count: entries, measures } = answer.outcomes;
  printLine(
    streams,
    `In the ${days} days after an entry (${entries} entries), beside everybody over the same days:`,
  );
  printTable(
    streams,
    measures.map(({ outcome, per_entry, per_contact, ratio }) => ({
      outcome,
      'per entry': round(per_entry),
      'per contact': round(per_contact),
      ratio: round(ratio),
    })),
  );
  printLine(streams);
  printTable(
    streams,
    answer.leaves.map(({ leaf, followed, sample_count: count }) => ({
      condition: leaf,
      followed: count === null ? 'at every moment' : `${followed} at ${count} times`,
    })),
  );
}

function round(value: number | null): number | null {
  return value === null ? null : Number(value.toPrecision(4));
}
