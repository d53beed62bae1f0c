import type { Command } from 'commander';
import { asOfOf, inSession, isoTime, wholeNumber, type Cli } from '../cli.ts';
import { printJson, printLine, printTable, type Streams } from '../output.ts';
import type { CliSession, GlobalOptions } from '../session.ts';
import type { TestResult } from '../../../models/engine/types.ts';
import type { Freshness } from '../../../pipelines/tests/freshness.ts';
import type { TestRun, TestState } from '../../../pipelines/tests/history.ts';
import type { TestAnswer } from '../../../pipelines/tests/run.ts';

interface TestOptions extends GlobalOptions {
  rows?: number;
  history?: boolean;
  knownAt?: string;
}

/** test, freshness */
export function testCommands(program: Command, cli: Cli): void {
  const { streams } = cli;

  program
    .command('test')
    .description('Run the data tests of the models and check freshness; exit 1 where one fails')
    .argument('[name...]', 'only these tests, or the tests of these files')
    .option('--rows <n>', 'failing rows to show of each test; default 5', wholeNumber)
    .option('--history', 'run nothing: since when tests fail, and when they last passed')
    .option('--known-at <time>', 'only what had been recorded by then', isoTime)
    .addHelpText(
      'after',
      '\nExamples: mallard test\n          mallard test contacts_contact_id_is_unique --rows 50\n          mallard test --history',
    )
    .action(
      inSession<TestOptions, [string[]]>((session, options, names) =>
        options.history === true
          ? showHistory(streams, session, options, names)
          : runTests(cli, session, options, names),
      ),
    );

  program
    .command('freshness')
    .description('How old what each source brought is; exit 1 where one is older than its error limit')
    .option('--known-at <time>', 'only what had been recorded by then', isoTime)
    .addHelpText(
      'after',
      '\nLimits stand in account.yaml: freshness: [{table: email_events, source: sendgrid, warn_after_hours: 6, error_after_hours: 24}]' +
        '\nExample: mallard freshness',
    )
    .action(
      inSession<{ knownAt?: string }>(async ({ client }, options) => {
        const answer = await client.request<{ passed: boolean; sources: Freshness[] }>(
          'GET',
          '/v1/freshness',
          {
            query: { ...asOfOf(options), known_at: options.knownAt },
          },
        );
        if (!answer.passed) cli.fail();
        if (options.json) return printJson(streams, answer);
        printTable(streams, answer.sources);
      }),
    );
}

async function runTests(
  cli: Cli,
  { client }: CliSession,
  options: TestOptions,
  names: readonly string[],
): Promise<void> {
  const { streams } = cli;
  const answer = await client.request<TestAnswer>('POST', '/v1/test', {
    body: {
      ...asOfOf(options),
      ...(options.knownAt === undefined ? {} : { known_at: options.knownAt }),
      ...(names.length > 0 ? { names } : {}),
      ...(options.rows === undefined ? {} : { rows: options.rows }),
    },
  });
  if (!answer.passed) cli.fail();
  if (options.json) return printJson(streams, answer);
  printTable(
    streams,
    answer.tests.map(({ status, name, failing_count, model }) => ({
      result: shown(status),
      test: name,
      failing: failing_count,
      model,
    })),
  );
  for (const test of answer.tests.filter(({ status }) => status !== 'passed')) printFailure(streams, test);
  if (answer.freshness.length > 0) {
    printLine(streams);
    printTable(
      streams,
      answer.freshness.map(({ status, ...row }) => ({ result: shown(status), ...row })),
    );
  }
  const failed = [...answer.tests, ...answer.freshness].filter(({ status }) =>
    ['failed', 'errored'].includes(status),
  ).length;
  printLine(streams, `\nAs of ${answer.as_of}: ${failed === 0 ? 'nothing fails' : `${failed} fail`}.`);
}

/** The rows themselves, as a table: that is what somebody has to mend. */
function printFailure(streams: Streams, test: TestResult): void {
  printLine(streams, `\n${shown(test.status)} ${test.name} (${test.model})`);
  if (test.doc !== undefined) printLine(streams, test.doc);
  if (test.error !== undefined) return printLine(streams, test.error.trimEnd());
  if (test.sample_rows.length > 0) printTable(streams, test.sample_rows);
  const left = (test.failing_count ?? 0) - test.sample_rows.length;
  if (left > 0)
    printLine(streams, `and ${left} more: mallard test ${test.name} --rows ${test.failing_count ?? 0}`);
}

function shown(status: string): string {
  return status === 'failed' || status === 'errored' ? status.toUpperCase() : status;
}

async function showHistory(
  streams: Streams,
  { client }: CliSession,
  options: TestOptions,
  names: readonly string[],
): Promise<void> {
  const answers = [];
  for (const test of names.length > 0 ? names : [undefined]) {
    answers.push(
      await client.request<{ tests: TestState[]; runs: TestRun[] }>('GET', '/v1/tests/runs', {
        query: { test },
      }),
    );
  }
  const tests = answers.flatMap((answer) => answer.tests);
  const runs = answers.flatMap((answer) => answer.runs);
  if (options.json) return printJson(streams, { tests, runs });
  printTable(streams, tests, [
    ...['status', 'test', 'failing_count', 'failing_since', 'last_passed_at', 'recorded_at', 'model'],
  ]);
  if (names.length === 0 || runs.length === 0) return;
  printLine(streams);
  printTable(streams, runs, [
    'recorded_at',
    'test',
    'status',
    'failing_count',
    'as_of',
    'duration_ms',
    'error',
  ]);
}
