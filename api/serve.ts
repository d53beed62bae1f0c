import { randomBytes } from 'node:crypto';
import type { FastifyServerOptions } from 'fastify';
import { MallardError } from '../data/errors.ts';
import type { Mallard } from '../pipelines/context.ts';
import { isLoopbackHost } from './access/loopback.ts';
import { TokenStore } from './access/tokens.ts';
import { buildApp } from './app.ts';
import type { App, RequestCompaction, TriggerJob } from './context.ts';

export interface ServeOptions {
  mallard: Mallard;
  /** Default 127.0.0.1. Anything that is not this machine needs tokens first. */
  host?: string;
  /** Default 3000; 0 takes a free one. */
  port?: number;
  logger?: FastifyServerOptions['logger'];
  triggerJob?: TriggerJob;
  requestCompaction?: RequestCompaction;
}

export interface Server {
  app: App;
  url: string;
  /** The secret of this boot: jobs and the same user's commands call with it. */
  internalToken: string;
  /** Stops listening and waits for the requests that run, at most 10 s. The warehouse is the caller's to close. */
  close(): Promise<void>;
}

/** A secret for one boot. */
export function newInternalToken(): string {
  return randomBytes(32).toString('base64url');
}

/**
 * Listens, and tells other commands of the same user where (owner.json, readable by its owner alone).
 * Throws `configuration_missing` where it would be open to the network without any token, `conflict` where the port is taken or
 * not this user's to take.
 */
export async function serve({
  mallard,
  host = '127.0.0.1',
  port = 3000,
  logger,
  triggerJob,
  requestCompaction,
}: ServeOptions): Promise<Server> {
  const tokens = new TokenStore(mallard.warehouse);
  await tokens.load();
  if (!isLoopbackHost(host) && !tokens.any) {
    throw new MallardError(
      'configuration_missing',
      `There are no tokens, so ${host} would be open to everybody on the network.`,
      {
        remedy: 'Make one with `mallard tokens create --name NAME --role admin`, or listen on 127.0.0.1.',
      },
    );
  }
  const internalToken = newInternalToken();
  const app = buildApp({
    mallard,
    tokens,
    internalToken,
    ...(logger === undefined ? {} : { logger }),
    ...(triggerJob ? { triggerJob } : {}),
    ...(requestCompaction ? { requestCompaction } : {}),
  });
  try {
    await app.listen({ host, port });
  } catch (error) {
    await app.close();
    throw listenError(error, host, port);
  }
  const url = reachableUrl(app, host);
  mallard.warehouse.announce({ url, token: internalToken });
  return { app, url, internalToken, close: () => closeApp(app) };
}

/** Why the operating system does not let us listen, for the cases that a user can mend. */
function listenError(cause: unknown, host: string, port: number): unknown {
  const refused = (what: string, remedy: string) => new MallardError('conflict', what, { remedy, cause });
  switch ((cause as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE':
      return refused(`Port ${port} of ${host} is taken.`, 'Choose another with --port.');
    case 'EACCES':
      return refused(`This user may not listen on port ${port}.`, 'Choose one from 1024 on with --port.');
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return refused(`${host} is no address of this machine.`, 'Choose one of its own with --host.');
    default:
      return cause;
  }
}

const closeGraceMs = 10_000;

/** Requests that run may end; a caller that does not read its answer must not hold the process for ever. */
async function closeApp(app: App): Promise<void> {
  const force = setTimeout(() => app.server.closeAllConnections(), closeGraceMs);
  await app.close();
  clearTimeout(force);
}

/** The URL for callers on this machine; a wildcard host is reached over loopback. */
function reachableUrl(app: App, host: string): string {
  const address = app.server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const name = ['0.0.0.0', '::'].includes(host) ? '127.0.0.1' : host;
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}`;
}
