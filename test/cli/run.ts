import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../../data/package-root.ts';

export interface CliResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface RunningCli {
  /** Resolves when the command ends. */
  ended: Promise<CliResult>;
  /** Resolves when stdout holds the text; rejects if the command ends before. */
  saysOnStdout(text: string): Promise<string>;
  kill(signal: NodeJS.Signals): void;
}

/** Starts `mallard` as a process of its own, from dist/ (npm test builds it first). */
export function startCli(
  args: readonly string[],
  env: Record<string, string> = {},
  root: string = packageRoot,
): RunningCli {
  const child = spawn(process.execPath, [join(root, 'dist', 'launch.cjs'), ...args], {
    cwd: packageRoot,
    env: { ...process.env, NODE_OPTIONS: '', MALLARD_LOG_LEVEL: 'warn', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (part: Buffer) => (stdout += part.toString()));
  child.stderr.on('data', (part: Buffer) => (stderr += part.toString()));
  const ended = new Promise<CliResult>((resolve) =>
    child.once('close', (code) => resolve({ code, stdout, stderr })),
  );
  return {
    ended,
    kill: (signal) => void child.kill(signal),
    saysOnStdout: (text) =>
      new Promise((resolve, reject) => {
        const look = () => stdout.includes(text) && resolve(stdout);
        child.stdout.on('data', look);
        look();
        void ended.then((result) =>
          reject(new Error(`it ended without saying "${text}": ${result.stdout}${result.stderr}`)),
        );
      }),
  };
}

export function runCli(args: readonly string[], env: Record<string, string> = {}): Promise<CliResult> {
  return startCli(args, env).ended;
}

/** The same of a copy of the package. */
export function runCliOf(root: string, args: readonly string[]): Promise<CliResult> {
  return startCli(args, {}, root).ended;
}
