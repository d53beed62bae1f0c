import { createHash } from 'node:crypto';
import { readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MallardError } from '../errors.ts';
import type { Project } from '../project.ts';

/** What `owner.json` says about the process that has the file. `url` and `token` are there once it serves. */
export interface Owner {
  pid: number;
  url?: string;
  /** The internal token of this boot, for commands of the same user. */
  token?: string;
  started_at: string;
}

/**
 * Holds the project for one opener. DuckDB's own lock is not enough: it is silent towards a second opening in the same
 * process or a worker thread, which loses rows (FACTS), and reading the file drops it. A listening unix socket is held by
 * exactly one opener and vanishes with the process, however it ends.
 */
export class Ownership {
  readonly #project: Project;
  readonly #server: Server;
  #owner: Owner;

  private constructor(project: Project, server: Server, owner: Owner) {
    this.#project = project;
    this.#server = server;
    this.#owner = owner;
  }

  /** Throws `file_owned` with the owner's pid and URL. */
  static async acquire(project: Project, startedAt: Date): Promise<Ownership> {
    const path = socketPath(project);
    let server = await tryListen(path);
    if (!server && !(await answers(path))) {
      // Left by a process that was killed: nobody listens.
      rmSync(path, { force: true });
      server = await tryListen(path);
    }
    if (!server) throw ownedError(project);
    const ownership = new Ownership(project, server, {
      pid: process.pid,
      started_at: startedAt.toISOString(),
    });
    ownership.#write();
    return ownership;
  }

  /** Publishes where this owner can be reached. */
  announce(address: { url: string; token: string }): void {
    this.#owner = { ...this.#owner, ...address };
    this.#write();
  }

  release(): Promise<void> {
    rmSync(this.#project.ownerFile, { force: true });
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #write(): void {
    // The token inside is as good as a password: readable by its owner alone.
    writeFileSync(this.#project.ownerFile, JSON.stringify(this.#owner), { mode: 0o600 });
  }
}

/** Who has the project, or undefined where nobody answers. */
export async function findOwner(project: Project): Promise<Owner | undefined> {
  const owner = readOwner(project);
  return owner && (await answers(socketPath(project))) ? owner : undefined;
}

export function ownedError(project: Project, cause?: unknown): MallardError {
  const owner = readOwner(project);
  const who = owner ? `process ${owner.pid}${owner.url ? ` at ${owner.url}` : ''}` : 'another process';
  return new MallardError('file_owned', `The warehouse in ${project.dir} is owned by ${who}.`, {
    fields: { pid: owner?.pid, url: owner?.url },
    cause,
  });
}

function readOwner(project: Project): Owner | undefined {
  try {
    return JSON.parse(readFileSync(project.ownerFile, 'utf8')) as Owner;
  } catch {
    return undefined;
  }
}

/** In the system's temporary folder: a socket's path may have 107 bytes only, and a project can lie deep. */
function socketPath(project: Project): string {
  const id = createHash('sha256').update(realpathSync(project.dir)).digest('hex').slice(0, 24);
  return process.platform === 'win32' ? `\\\\.\\pipe\\mallard-${id}` : join(tmpdir(), `mallard-${id}.sock`);
}

function tryListen(path: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.end());
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
    );
    server.listen(path, () => {
      server.unref();
      resolve(server);
    });
  });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
