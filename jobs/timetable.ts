import { CronExpressionParser } from 'cron-parser';

/** The files of jobs/workers/. */
export type WorkerName =
  'ingest' | 'build' | 'evaluate' | 'test' | 'publish' | 'send' | 'reconcile' | 'reports' | 'compact';

export interface TimetableEntry {
  /** What job_runs know it by. */
  job: string;
  worker: WorkerName;
  /** Five fields, or six with seconds first. Left out: it runs after another job only. */
  cron?: string;
  /** IANA zone of the cron. */
  time_zone: string;
  /** Runs when this job has succeeded. */
  after?: string;
  /** Whether one run makes up for those missed while nothing ran. Pointless for what is due again in a minute. */
  catch_up: boolean;
  /** The run is ended by force after this long. */
  timeout_ms: number;
  /** For the worker: `report_id` for a report. */
  arguments?: Record<string, string>;
}

/** A report with a schedule, from its `#(report)` line. */
export interface ScheduledReport {
  report_id: string;
  cron: string;
  time_zone: string;
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/**
 * When everything runs.
 * @param timeZone the account's, in which "at two in the night" is meant
 * @param options publishCron: the account's; without one nothing is published unasked
 */
export function buildTimetable(
  timeZone: string,
  reports: readonly ScheduledReport[],
  options: { publishCron?: string | undefined } = {},
): TimetableEntry[] {
  return [
    {
      job: 'ingest',
      worker: 'ingest',
      cron: '* * * * *',
      time_zone: timeZone,
      catch_up: false,
      timeout_ms: 6 * hourMs,
    },
    {
      job: 'build',
      worker: 'build',
      cron: '0 2 * * *',
      time_zone: timeZone,
      catch_up: true,
      timeout_ms: 6 * hourMs,
    },
    {
      job: 'evaluate',
      worker: 'evaluate',
      after: 'build',
      time_zone: timeZone,
      catch_up: false,
      timeout_ms: hourMs,
    },
    {
      job: 'test',
      worker: 'test',
      after: 'build',
      time_zone: timeZone,
      catch_up: false,
      timeout_ms: hourMs,
    },
    {
      job: 'send',
      worker: 'send',
      cron: '*/10 * * * * *',
      time_zone: timeZone,
      catch_up: false,
      timeout_ms: 6 * hourMs,
    },
    {
      job: 'reconcile',
      worker: 'reconcile',
      cron: '13 * * * *',
      time_zone: timeZone,
      catch_up: false,
      timeout_ms: hourMs,
    },
    {
      job: 'compact',
      worker: 'compact',
      cron: '37 * * * *',
      time_zone: timeZone,
      catch_up: false,
      timeout_ms: hourMs,
    },
    ...(options.publishCron === undefined
      ? []
      : [
          {
            job: 'publish',
            worker: 'publish' as const,
            cron: options.publishCron,
            time_zone: timeZone,
            catch_up: true,
            timeout_ms: hourMs,
          },
        ]),
    ...reports.map(({ report_id, cron, time_zone }): TimetableEntry => ({
      job: `report:${report_id}`,
      worker: 'reports',
      cron,
      time_zone,
      catch_up: true,
      timeout_ms: hourMs,
      arguments: { report_id },
    })),
  ];
}

/** When a cron was last due, at or before `now`. */
export function lastDue({ cron, time_zone }: { cron: string; time_zone: string }, now: Date): Date {
  // `prev` is strictly before; a run that is due this very moment counts.
  const justAfter = new Date(now.getTime() + 1);
  return CronExpressionParser.parse(cron, { currentDate: justAfter, tz: time_zone }).prev().toDate();
}

export interface Missed {
  count: number;
  /** The last of them. */
  scheduled_for: Date;
}

const countMax = 1000;

/** What of a cron fell after `since` and not after `now`; undefined where nothing did. The count stops at 1,000. */
export function missedSince(
  entry: { cron: string; time_zone: string },
  since: Date,
  now: Date,
): Missed | undefined {
  const last = lastDue(entry, now);
  if (last <= since) return undefined;
  let count = 1;
  for (let due = lastDue(entry, new Date(last.getTime() - 1)); due > since && count < countMax; count += 1) {
    due = lastDue(entry, new Date(due.getTime() - 1));
  }
  return { count, scheduled_for: last };
}
