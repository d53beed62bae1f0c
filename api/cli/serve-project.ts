import { findOwner } from '../../data/owner/ownership.ts';
import { readEnvironment } from '../../data/environment.ts';
import { errorMessage, MallardError } from '../../data/errors.ts';
import { Project } from '../../data/project.ts';
import { isGoneSender } from '../../pipelines/delivery/sender-id.ts';
import { expireLeasesOfGone } from '../../pipelines/delivery/unknown.ts';
import { recover } from '../../pipelines/campaigns/launch.ts';
import { httpClient } from '../client.ts';
import { serve } from '../serve.ts';
import type { Cli, RunningJobs } from './cli.ts';
import { note, printLine } from './output.ts';
import { openMallard } from './local.ts';
import type { GlobalOptions } from './session.ts';

export interface ServeProjectOptions extends GlobalOptions {
  port: number;
  host?: string;
  /** Default true. */
  jobs?: boolean;
}

/**
 * Owns the project until SIGINT or SIGTERM: first finishes what a crash interrupted, then listens, then starts the jobs;
 * stops in the reverse order, so that nothing acknowledged is lost and no job meets a closed door.
 */
export async function serveProject({ streams, jobs }: Cli, options: ServeProjectOptions): Promise<void> {
  const project = new Project(options.project);
  const owner = await findOwner(project).catch(() => undefined);
  if (owner?.url)
    return printLine(streams, `Process ${owner.pid} serves this project already, at ${owner.url}.`);
  const mallard = await openMallard(project);
  const stopped = stopSignal();
  const undo: (() => Promise<void>)[] = [() => mallard.warehouse.close()];
  try {
    for (const run of await recover(mallard))
      note(streams, `Launch of ${run.campaign_id} was interrupted: it is ${run.status} now.`);
    const unknown = await expireLeasesOfGone(mallard, isGoneSender);
    if (unknown > 0)
      note(streams, `A sender was killed: whether ${unknown} recipients got their mail is unknown.`);
    let scheduler: RunningJobs | undefined;
    const server = await serve({
      mallard,
      port: options.port,
      ...(options.host === undefined ? {} : { host: options.host }),
      logger: {
        level: readEnvironment(process.env).MALLARD_LOG_LEVEL ?? 'warn',
        stream: streams.err,
        redact: ['req.headers.authorization'],
      },
      triggerJob: async (job) => {
        if (!scheduler)
          throw new MallardError('conflict', 'The jobs have not started.', {
            remedy: 'Try again in a moment.',
          });
        await scheduler.run(job);
      },
    });
    undo.push(() => server.close());
    printLine(
      streams,
      `Serving ${project.dir} at ${server.url} (API reference: ${server.url}/docs). Ctrl-C stops it.`,
    );
    if (options.jobs !== false) {
      const { url, internalToken: token } = server;
      const starting = jobs.start({
        client: httpClient({ url, token }),
        url,
        token,
        projectDir: project.dir,
        timeZone: mallard.account.time_zone,
      });
      undo.push(async () => (await starting).stop());
      // Reading the reports compiles them: a signal must not wait for that.
      await Promise.race([starting.then((started) => (scheduler = started)), stopped]);
    }
    note(streams, `${await stopped}: stopping.`);
  } finally {
    for (const step of undo.toReversed())
      await step().catch((error: unknown) => note(streams, `While stopping: ${errorMessage(error)}`));
  }
}

/** Resolves at the first SIGINT or SIGTERM; the second ends the process at once, for the impatient. */
function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        resolve(signal);
        process.once(signal, () => process.exit(130));
      });
    }
  });
}
