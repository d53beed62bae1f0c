import type { JobsForCli } from '../api/cli/cli.ts';
import type { CliSession } from '../api/cli/session.ts';
import { readAccount } from '../data/account.ts';
import { systemClock } from '../data/clock.ts';
import { MallardError } from '../data/errors.ts';
import { Project } from '../data/project.ts';
import { runJob, type JobContext } from './run-job.ts';
import type { Log } from './scheduler.ts';
import { buildTimetable, type ScheduledReport, type WorkerName } from './timetable.ts';
import { loadJob, workerNames } from './workers/index.ts';

const reportJob = /^report:(.+)$/;

/** What mallard.ts hands to the command line: jobs run in its process, through whatever client it has. */
export function jobsForCli(log: Log): JobsForCli {
  return {
    names: workerNames.filter((name) => name !== 'reports'),
    run: async (name, session) => {
      const reportId = reportJob.exec(name)?.[1];
      const worker = reportId === undefined ? name : 'reports';
      if (!isWorker(worker)) {
        throw new MallardError('not_found', `There is no job ${name}.`, {
          remedy: `Jobs: ${workerNames.join(', ')}, report:ID.`,
        });
      }
      return runJob(
        name,
        await loadJob(worker),
        contextOf(session, reportId === undefined ? {} : { report_id: reportId }),
      );
    },
    sendReport: async (session, { as_of, ...request }) => {
      // Vega and the canvas load for reports only.
      const { sendReport } = await import('./send-report.ts');
      const context = contextOf(session, {});
      return sendReport(context, {
        ...request,
        as_of: as_of === undefined ? context.clock.now() : new Date(as_of),
      });
    },
    start: async ({ client, url, token, projectDir, timeZone }) => {
      const { reports, broken } = await client.request<{
        reports: (Partial<ScheduledReport> & { report_id: string; time_zone: string })[];
        broken: object[];
      }>('GET', '/v1/reports');
      for (const report of broken) log.error(report, 'a report is broken, and will not be sent');
      const scheduled = reports.filter((report): report is ScheduledReport => report.cron !== undefined);
      const { startScheduler } = await import('./scheduler.ts');
      const { mailAlerts } = await import('./alert.ts');
      const { publish } = readAccount(new Project(projectDir));
      return startScheduler({
        timetable: buildTimetable(timeZone, scheduled, { publishCron: publish.cron }),
        client,
        url,
        token,
        projectDir,
        clock: systemClock,
        log,
        alert: mailAlerts({ project: new Project(projectDir), clock: systemClock, env: process.env }),
      });
    },
  };
}

function isWorker(name: string): name is WorkerName {
  return (workerNames as string[]).includes(name);
}

function contextOf({ client, project }: CliSession, args: Record<string, string>): JobContext {
  return {
    client,
    project,
    clock: systemClock,
    signal: new AbortController().signal,
    arguments: args,
    env: process.env,
  };
}
