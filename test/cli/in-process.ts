import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { runCommandLine } from '../../api/cli/program.ts';
import { tempFolder } from '../support.ts';

/** The command line in this process, on a project of its own. */
export function commandLine() {
  const dir = tempFolder();
  const project = join(dir, 'project');
  mkdirSync(project);
  const run = async (...args: string[]) => {
    const said = { out: '', err: '' };
    const stream = (name: 'out' | 'err') =>
      new Writable({
        write: (chunk: Buffer, _encoding, done) => {
          said[name] += chunk.toString();
          done();
        },
      });
    const code = await runCommandLine([...args, '--project', project], {
      streams: { out: stream('out'), err: stream('err') },
      env: {},
      jobs: () => ({
        names: [],
        run: () => Promise.reject(new Error('none')),
        sendReport: () => Promise.reject(new Error('none')),
        start: () => Promise.reject(new Error('none')),
      }),
    });
    return { code, ...said };
  };
  return { dir, project, run };
}
