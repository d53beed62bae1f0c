import { createServer } from 'node:http';
import { systemClock } from '../../data/clock.ts';
import { compact, readCompaction } from '../../data/owner/compaction.ts';
import { findOwner } from '../../data/owner/ownership.ts';
import { readEnvironment } from '../../data/environment.ts';
import { errorCodes, errorMessage, MallardError } from '../../data/errors.ts';
import { Project } from '../../data/project.ts';
import { isGoneSender } from '../../pipelines/delivery/sender-id.ts';
import { expireLeasesOfGone } from '../../pipelines/delivery/unknown.ts';
import { recover } from '../../pipelines/campaigns/launch.ts';
import { startTouchedLoop } from '../../pipelines/segments/touched/loop.ts';
import { runTriggers } from '../../pipelines/workflows/run-triggers.ts';
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
 * Owns the project until SIGINT or SIGTERM. Where deleted bytes wait to leave the database file (pipelines/rights), it
 * compacts before it opens, and in between when it is asked to: then it closes as for a signal, and opens again behind the
 * same port. Swapping the file under open connections would be quicker and is not done: see data/owner/compaction.ts.
 */
export async function serveProject(cli: Cli, options: ServeProjectOptions): Promise<void> {
  const { streams } = cli;
  const project = new Project(options.project);
  const owner = await findOwner(project).catch(() => undefined);
  if (owner?.url)
    return printLine(streams, `Process ${owner.pid} serves this project already, at ${owner.url}.`);
  const stopped = stopSignal();
  project.ensureFolders();
  if (readCompaction(project)) await compactBetween(streams, project);
  let { port } = options;
  for (;;) {
    const end = await serveUntil(cli, { ...options, port }, project, stopped);
    if (end.why === 'stopped') return;
    port = end.port;
    const door = await closedDoor(port, options.host);
    await compactBetween(streams, project);
    await door.close();
    if (await isSettled(stopped)) return;
  }
}

/** A compaction that fails leaves the file as it was: better to serve than to stand still. The job tries again. */
async function compactBetween(streams: Cli['streams'], project: Project): Promise<void> {
  try {
    const { bytes_before: before, bytes_after: after } = await compact(project, systemClock.now());
    note(streams, `Compacted the database file: ${before} bytes before, ${after} after.`);
  } catch (error) {
    note(streams, errorMessage(error));
  }
}

/**
 * First finishes what a crash interrupted, then listens, then starts the jobs; stops in the reverse order, so that nothing
 * acknowledged is lost and no job meets a closed door.
 */
async function serveUntil(
  { streams, jobs }: Cli,
  options: ServeProjectOptions,
  project: Project,
  stopped: Promise<string>,
): Promise<{ why: 'stopped' | 'compaction'; port: number }> {
  const mallard = await openMallard(project);
  const undo: (() => Promise<void>)[] = [() => mallard.warehouse.close()];
  try {
    for (const run of await recover(mallard))
      note(streams, `Launch of ${run.campaign_id} was interrupted: it is ${run.status} now.`);
    const unknown = await expireLeasesOfGone(mallard, isGoneSender);
    if (unknown > 0)
      note(streams, `A sender was killed: whether ${unknown} recipients got their mail is unknown.`);
    let scheduler: RunningJobs | undefined;
    let requestCompaction = (): void => undefined;
    const compaction = new Promise<'compaction'>((resolve) => {
      requestCompaction = () => resolve('compaction');
    });
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
      requestCompaction,
    });
    undo.push(() => server.close());
    const touched = startTouchedLoop(mallard, {
      isOn: () => mallard.account.segments.evaluate_touched,
      onError: (error) => server.app.log.error(error, 'touched contacts were not evaluated; trying again'),
      // Not waited for: a webhook may take its time.
      onResult: ({ entered_count: entered, left_count: left }) => {
        if (entered + left === 0) return;
        runTriggers(mallard).catch((error: unknown) => server.app.log.error(error, 'triggers did not run'));
      },
    });
    undo.push(() => touched.stop());
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
    const why = await Promise.race([stopped, compaction]);
    note(streams, why === 'compaction' ? 'Closing the file to compact it.' : `${why}: stopping.`);
    return {
      why: why === 'compaction' ? 'compaction' : 'stopped',
      port: Number(new URL(server.url).port) || options.port,
    };
  } finally {
    for (const step of undo.toReversed())
      await step().catch((error: unknown) => note(streams, `While stopping: ${errorMessage(error)}`));
  }
}

/** Answers 503 to everybody, so that a webhook's sender knows to come again. */
async function closedDoor(port: number, host = '127.0.0.1'): Promise<{ close(): Promise<void> }> {
  const door = createServer((_request, response) => {
    response.writeHead(503, {
      'content-type': 'application/problem+json; charset=utf-8',
      'retry-after': '5',
      connection: 'close',
    });
    const error = new MallardError('shutting_down', 'The database file is being compacted.');
    response.end(
      JSON.stringify({
        type: `urn:mallard:problem:${error.code}`,
        title: errorCodes[error.code].title,
        status: 503,
        detail: error.message,
        code: error.code,
        remedy: error.remedy,
      }),
    );
  });
  await new Promise<void>((resolve) => {
    // Without the door callers find the port closed, which says the same less kindly.
    door.once('error', () => resolve());
    door.listen(port, host, resolve);
  });
  return {
    close: () =>
      new Promise((resolve) => {
        if (!door.listening) return resolve();
        door.close(() => resolve());
        door.closeAllConnections();
      }),
  };
}

async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  return Promise.race([promise.then(() => true), Promise.resolve(false)]);
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
