import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { runCommandLine } from '../../api/cli/program.ts';
import { jobsForCli } from '../../jobs/for-cli.ts';
import { tempFolder } from '../support.ts';
import type { CliResult } from './run.ts';

/**
 * A command line in this process: the same code as `mallard` from its arguments on. A process of its own takes seconds to
 * load the packages and to warm up, which only tests of the process itself need (run.ts).
 */
export async function callCli(args: readonly string[]): Promise<CliResult> {
  const said = { stdout: '', stderr: '' };
  const stream = (name: keyof typeof said) =>
    new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        said[name] += chunk.toString();
        done();
      },
    });
  const code = await runCommandLine(args, {
    streams: { out: stream('stdout'), err: stream('stderr') },
    env: {},
    jobs: () => jobsForCli(pino({ level: 'silent' })),
  });
  return { code, ...said };
}

/** The command line in this process, on a project of its own. */
export function commandLine() {
  const dir = tempFolder();
  const project = join(dir, 'project');
  mkdirSync(project);
  const run = (...args: string[]) => callCli([...args, '--project', project]);
  return { dir, project, run };
}
