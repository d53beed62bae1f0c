import type { Command } from 'commander';
import { errorMessage } from '../../../data/errors.ts';
import { inSession, wholeNumber, type Cli } from '../cli.ts';
import { note, printJson, printLine, printTable, type Row } from '../output.ts';

export function jobCommands(program: Command, cli: Cli): void {
  const { streams } = cli;
  const jobs = program.command('jobs').description('What runs on schedule');

  jobs
    .command('list')
    .description('What jobs did, newest first')
    .option('--limit <n>', 'at most this many', wholeNumber, 20)
    .action(
      inSession<{ limit: number }>(async ({ client }, options) => {
        const { runs } = await client.request<{ runs: Row[] }>('GET', '/v1/jobs/runs', {
          query: { limit: options.limit },
        });
        if (options.json) return printJson(streams, runs);
        printTable(
          streams,
          runs.map(({ result: _result, ...run }) => run),
        );
      }),
    );

  jobs
    .command('run')
    .description(`Run a job now and wait for it: ${cli.jobs.names.join(', ')}, report:ID`)
    .argument('<job>')
    .addHelpText('after', '\nExample: mallard jobs run build')
    .action(
      inSession(async (session, options, name = '') => {
        const outcome = await cli.jobs.run(name, session);
        if (outcome.status === 'failed') {
          cli.fail();
          note(streams, errorMessage(outcome.error));
        }
        if (options.json) return printJson(streams, outcome);
        printLine(
          streams,
          outcome.status === 'not_due' ? 'There was nothing to do.' : `${name}: ${outcome.status}`,
        );
      }),
    );
}
