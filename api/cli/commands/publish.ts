import type { Command } from 'commander';
import type { Published } from '../../../pipelines/publish/publish.ts';
import { inSession, type Cli } from '../cli.ts';
import { printJson, printLine } from '../output.ts';

export function publishCommand(program: Command, cli: Cli): void {
  const { streams } = cli;
  program
    .command('publish')
    .description('Write a read-only snapshot for VS Code, DuckDB, Python; also while the server runs')
    .addHelpText('after', '\nExample: mallard publish')
    .action(
      inSession(async ({ client }, options) => {
        const done = await client.request<Published>('POST', '/v1/publish', { body: {} });
        if (options.json) return printJson(streams, done);
        printLine(
          streams,
          `Published ${done.rows} rows of ${done.tables} tables to ${done.file} (${Math.ceil(done.bytes / 1024 ** 2)} MB, ${done.duration_ms} ms).`,
        );
        printLine(streams, `Its marts are as of ${done.as_of}.`);
      }),
    );
}
