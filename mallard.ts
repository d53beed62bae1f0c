/** The command line: parses, calls, prints; no logic of its own. */
import { pino } from 'pino';
import { runCommandLine } from './api/cli/program.ts';
import { jobsForCli } from './jobs/for-cli.ts';

const log = pino({ level: process.env['MALLARD_LOG_LEVEL'] ?? 'info' }, pino.destination(2));

process.exitCode = await runCommandLine(process.argv.slice(2), {
  streams: { out: process.stdout, err: process.stderr },
  jobs: jobsForCli(log),
});
