import { InvalidArgumentError, type Command } from 'commander';
import { DateTime } from 'luxon';
import type { ApiClient } from '../client.ts';
import type { Streams } from './output.ts';
import { withSession, type CliSession, type GlobalOptions } from './session.ts';

/** What jobs can do for the command line; given by mallard.ts, since jobs/ lies above api/. */
export interface JobsForCli {
  names: readonly string[];
  /** Runs one job in this process through the client. Answers how it ended. */
  run(name: string, session: CliSession): Promise<{ status: string; error?: string; result?: unknown }>;
  /** Computes, renders and sends one report now. */
  sendReport(session: CliSession, request: ReportRequest): Promise<SentReport>;
  /** Starts the timetable for a server; answers how to trigger and stop it. */
  start(server: {
    client: ApiClient;
    url: string;
    token: string;
    projectDir: string;
    timeZone: string;
  }): Promise<RunningJobs>;
}

/** The timetable of a server, running. */
export interface RunningJobs {
  run(job: string): Promise<void>;
  stop(): Promise<void>;
}

export interface ReportRequest {
  report_id: string;
  /** ISO; default now. */
  as_of?: string;
  /** Default: the report's own. */
  recipients?: string[];
  /** Send it even where its condition does not hold, or where it was sent as of this time before. Default false. */
  force?: boolean;
}

export interface SentReport {
  report_run_id: string;
  status: 'sent' | 'skipped';
  subject: string;
  recipients: string[];
  /** Where the mail went: a file, or a host. */
  location: string;
  /** Why it was skipped. */
  reason?: string;
}

export interface Cli {
  streams: Streams;
  jobs: JobsForCli;
  /** The process's exit code so far. */
  fail(): void;
}

export type GlobalsOf<T> = T & GlobalOptions;

/**
 * A command's handler with its arguments, its options (the global ones too) and an open session. `[name...]` is one argument, a
 * list.
 */
export type SessionAction<Options, Args extends (string | string[])[]> = (
  session: CliSession,
  options: GlobalsOf<Options>,
  ...args: Args
) => Promise<void>;

type CommanderAction = (...passed: unknown[]) => Promise<void>;

/** Commander's action around a session. Commander passes arguments, then options, then the command. */
export function inSession<Options>(work: SessionAction<Options, string[]>): CommanderAction;
export function inSession<Options, Args extends (string | string[])[]>(
  work: SessionAction<Options, Args>,
): CommanderAction;
export function inSession<Options, Args extends (string | string[])[]>(
  work: SessionAction<Options, Args>,
): CommanderAction {
  return (...passed) => {
    const command = passed.at(-1) as Command;
    const options = command.optsWithGlobals<GlobalsOf<Options>>();
    const args = passed.slice(0, -2) as Args;
    return withSession(options, (session) => work(session, options, ...args));
  };
}

export function asOfOf(options: GlobalOptions): { as_of?: string } {
  return options.asOf === undefined ? {} : { as_of: options.asOf };
}

/** For commander: an ISO time, as it was written. */
export function isoTime(text: string): string {
  if (!DateTime.fromISO(text).isValid)
    throw new InvalidArgumentError('It is not an ISO 8601 time such as 2026-11-01 or 2026-11-01T08:00:00Z.');
  return text;
}

/** For commander: a TCP port; 0 takes a free one. */
export function portNumber(text: string): number {
  const port = wholeNumber(text);
  if (port > 65_535) throw new InvalidArgumentError('It is not a port: those go from 0 to 65535.');
  return port;
}

export function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It is not a whole number.');
  return Number(text);
}
