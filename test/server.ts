import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { packageRoot } from '../data/package-root.ts';
import { Project } from '../data/project.ts';

/** A real server in a process of its own, from dist/: what `mallard serve` starts. */
export interface TestServer {
  url: string;
  /** Calls with the boot's internal token; throws on a status of 400 or more, with the answer's text. */
  call<T = unknown>(
    method: string,
    path: string,
    options?: { body?: unknown; headers?: Record<string, string> },
  ): Promise<T>;
  /** kill -9, and waits for the end. */
  kill(): Promise<void>;
  /** SIGTERM, and waits for the end; answers the exit code. */
  stop(): Promise<number | null>;
}

export async function startServer(
  projectDir: string,
  options: { jobs?: boolean; env?: Record<string, string> } = {},
): Promise<TestServer> {
  const launcher = join(packageRoot, 'dist', 'launch.cjs');
  if (!existsSync(launcher)) throw new Error('dist/ is missing: run `node setup.mjs` (npm test does)');
  const child = spawn(
    process.execPath,
    [launcher, '--project', projectDir, 'serve', '--port', '0', ...(options.jobs ? [] : ['--no-jobs'])],
    { cwd: packageRoot, env: { ...process.env, ...options.env }, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let log = '';
  child.stderr.on('data', (data: Buffer) => (log += data.toString()));
  const { url, token } = await announced(new Project(projectDir), child, () => log);

  return {
    url,
    call: async <T>(
      method: string,
      path: string,
      { body, headers }: { body?: unknown; headers?: Record<string, string> } = {},
    ) => {
      const isBytes = typeof body === 'string' || body instanceof Uint8Array;
      const response = await fetch(new URL(path, url), {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body === undefined || isBytes ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: isBytes ? (body as string) : JSON.stringify(body) }),
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
      return (text === '' ? undefined : JSON.parse(text)) as T;
    },
    kill: () => ended(child, 'SIGKILL').then(() => undefined),
    stop: () => ended(child, 'SIGTERM'),
  };
}

async function announced(
  project: Project,
  child: ChildProcess,
  log: () => string,
): Promise<{ url: string; token: string }> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}: ${log()}`);
    try {
      const owner = JSON.parse(readFileSync(project.ownerFile, 'utf8')) as {
        pid: number;
        url?: string;
        token?: string;
      };
      if (owner.pid === child.pid && owner.url && owner.token) return { url: owner.url, token: owner.token };
    } catch {
      // Not there yet, or being written.
    }
    await sleep(20);
  }
}

function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => {
    child.once('exit', (code) => resolve(code));
    child.kill(signal);
  });
}
