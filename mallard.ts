/** The command line: parses, calls, prints; no logic of its own. */
import { pino } from 'pino';
import { runCommandLine } from './api/cli/program.ts';
import { jobsForCli } from './jobs/for-cli.ts';

process.exitCode = await runCommandLine(process.argv.slice(2), {
  streams: { out: process.stdout, err: process.stderr },
  env: process.env,
  jobs: ({ MALLARD_LOG_LEVEL: level = 'info' }) => jobsForCli(pino({ level }, pino.destination(2))),
});
