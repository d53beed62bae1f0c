import { Command, CommanderError } from 'commander';
import { readEnvironment, type Environment } from '../../data/environment.ts';
import { MallardError } from '../../data/errors.ts';
import { version } from '../version.ts';
import { isoTime, type Cli, type JobsForCli } from './cli.ts';
import { campaignCommands, sendingCommands } from './commands/campaigns.ts';
import { contactCommands } from './commands/contacts.ts';
import { fieldCommands } from './commands/fields.ts';
import { importCommands } from './commands/import.ts';
import { consentCommands, suppressionCommands } from './commands/consent.ts';
import { compactCommand } from './commands/contact-rights.ts';
import { jobCommands } from './commands/jobs.ts';
import { loadCommand } from './commands/load.ts';
import { metricsCommand } from './commands/metrics.ts';
import { modelCommands } from './commands/models.ts';
import { projectCommands } from './commands/project.ts';
import { publishCommand } from './commands/publish.ts';
import { reportCommands } from './commands/reports.ts';
import { scoreCommands } from './commands/scores.ts';
import { segmentCommands } from './commands/segments.ts';
import { testCommands } from './commands/tests.ts';
import { tokenCommands } from './commands/tokens.ts';
import { whyCommand } from './commands/why.ts';
import type { Streams } from './output.ts';

export const exitCodes = { done: 0, failed: 1, usage: 2 } as const;

export interface CommandLineOptions {
  streams: Streams;
  /** Checked before anything else: a typing error in it must not show in the middle of the night. */
  env: Readonly<Record<string, string | undefined>>;
  jobs: (environment: Environment) => JobsForCli;
}

/** Runs one command line (without node and script). Answers the exit code: 0 done, 1 failed, 2 wrong usage. */
export async function runCommandLine(
  args: readonly string[],
  { streams, env, jobs }: CommandLineOptions,
): Promise<number> {
  let exitCode: number = exitCodes.done;
  try {
    const environment = readEnvironment(env);
    const cli: Cli = { streams, jobs: jobs(environment), fail: () => (exitCode = exitCodes.failed) };
    await programFor(cli, environment).parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    return explain(error, streams, args.includes('--json'));
  }
}

function programFor(cli: Cli, environment: Environment): Command {
  const program = new Command('mallard')
    .description('An analytics-first CRM marketing warehouse: one process, one DuckDB file.')
    .version(version)
    .option(
      '--project <dir>',
      'the project folder; default MALLARD_PROJECT, else ./mallard-data',
      environment.MALLARD_PROJECT ?? './mallard-data',
    )
    .option('--as-of <time>', 'as of when, ISO 8601; default now', isoTime)
    .option('--json', 'machine output on stdout')
    .showHelpAfterError('(mallard --help says more)')
    .configureOutput({
      writeOut: (text) => void cli.streams.out.write(text),
      writeErr: (text) => void cli.streams.err.write(text),
    });
  projectCommands(program, cli);
  loadCommand(program, cli);
  importCommands(program, cli);
  modelCommands(program, cli);
  metricsCommand(program, cli);
  testCommands(program, cli);
  publishCommand(program, cli);
  whyCommand(program, cli);
  fieldCommands(program, cli);
  segmentCommands(program, cli);
  scoreCommands(program, cli);
  contactCommands(program, cli);
  campaignCommands(program, cli);
  sendingCommands(program, cli);
  consentCommands(program, cli);
  suppressionCommands(program, cli);
  reportCommands(program, cli);
  jobCommands(program, cli);
  tokenCommands(program, cli);
  compactCommand(program, cli);
  throwInsteadOfExit(program);
  return program;
}

/** Global options may stand before or after the command; commander must not end the process itself. */
function throwInsteadOfExit(command: Command): void {
  command.exitOverride();
  for (const each of command.commands) {
    each.copyInheritedSettings(command);
    throwInsteadOfExit(each);
  }
}

function explain(error: unknown, { err }: Streams, asJson: boolean): number {
  // Commander has written its own message, or the help that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
  if (!(error instanceof MallardError)) {
    err.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return exitCodes.failed;
  }
  if (asJson)
    err.write(
      `${JSON.stringify({ error: { code: error.code, message: error.message, remedy: error.remedy, fields: error.fields } }, null, 2)}\n`,
    );
  else err.write(`mallard: ${error.message}\n`);
  return error.code === 'bad_usage' ? exitCodes.usage : exitCodes.failed;
}
