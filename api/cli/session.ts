import { findOwner } from '../../data/owner/ownership.ts';
import { readEnvironment } from '../../data/environment.ts';
import { MallardError } from '../../data/errors.ts';
import { Project } from '../../data/project.ts';
import { httpClient, type ApiClient } from '../client.ts';

/** The options that every command takes. */
export interface GlobalOptions {
  project: string;
  asOf?: string;
  json?: boolean;
}

/** The API for the length of one command. */
export interface CliSession {
  client: ApiClient;
  project: Project;
  /** Where the server answers; undefined where this command owns the file itself. */
  serverUrl: string | undefined;
  close(): Promise<void>;
}

/**
 * Talks to the server that has the project (found by its owner.json), or owns the file for the length of the command, through
 * the same handlers: both ways give the same answer. `MALLARD_TOKEN` replaces the owner's own token.
 */
export async function openSession(
  options: GlobalOptions,
  env: NodeJS.ProcessEnv = process.env,
): Promise<CliSession> {
  const project = new Project(options.project);
  project.ensureFolders();
  const owner = await findOwner(project);
  if (owner?.url) {
    const client = httpClient({ url: owner.url, token: readEnvironment(env).MALLARD_TOKEN ?? owner.token });
    return { client, project, serverUrl: owner.url, close: async () => undefined };
  }
  // Loaded only where it is needed: the engine and the API take a second that a client of a server can save.
  const { openMallard, sessionOn } = await import('./local.ts');
  const session = await sessionOn(await openMallard(project));
  return { ...session, project, serverUrl: undefined };
}

/** Runs a command with a session, and closes it however the command ends. */
export async function withSession<T>(
  options: GlobalOptions,
  work: (session: CliSession) => Promise<T>,
): Promise<T> {
  const session = await openSession(options);
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

/** Throws `bad_usage`. */
export function usage(what: string, remedy?: string): MallardError {
  return new MallardError('bad_usage', what, remedy === undefined ? {} : { remedy });
}
