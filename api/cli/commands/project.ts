import type { Command } from 'commander';
import { portNumber, wholeNumber, type Cli } from '../cli.ts';
import type { GlobalOptions } from '../session.ts';

/** init, demo, serve. What they do is loaded when they run: it is the whole of Mallard. */
export function projectCommands(program: Command, cli: Cli): void {
  program
    .command('init')
    .description(
      'Make a project folder: an empty warehouse, account.yaml, an example model and report, what VS Code needs',
    )
    .argument('<dir>')
    .addHelpText('after', '\nExample: mallard init my-project')
    .action(async (dir: string, _options: unknown, command: Command) => {
      const { initProject } = await import('../init.ts');
      await initProject(cli, dir, command.optsWithGlobals<GlobalOptions>());
    });

  program
    .command('demo')
    .description('Generate sample history and run everything on it once, then serve')
    .option('--contacts <n>', 'how many contacts', wholeNumber, 20_000)
    .option('--seed <n>', 'the same seed gives the same history', wholeNumber, 42)
    .option('--once', 'end instead of serving')
    .option('--port <n>', 'where to serve', portNumber, 3000)
    .addHelpText('after', '\nExample: mallard demo --contacts 5000 --once')
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<
        GlobalOptions & { contacts: number; seed: number; once?: boolean; port: number }
      >();
      const { runDemo } = await import('../demo.ts');
      await runDemo(cli, options);
      if (options.once) return;
      const { serveProject } = await import('../serve-project.ts');
      await serveProject(cli, options);
    });

  program
    .command('serve')
    .description('Own the warehouse, answer the API, run the jobs')
    .option('--port <n>', 'default 3000; 0 takes a free one', portNumber, 3000)
    .option('--host <host>', 'anything but this machine needs tokens first', '127.0.0.1')
    .option('--no-jobs', 'without the timetable')
    .addHelpText('after', '\nExample: mallard serve --port 8080')
    .action(async (_options: unknown, command: Command) => {
      const { serveProject } = await import('../serve-project.ts');
      await serveProject(
        cli,
        command.optsWithGlobals<GlobalOptions & { port: number; host: string; jobs: boolean }>(),
      );
    });
}
