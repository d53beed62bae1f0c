import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Annotations, Model } from '@malloydata/malloy';
import { CronExpressionParser } from 'cron-parser';
import { IANAZone } from 'luxon';
import { errorMessage, MallardError } from '../data/errors.ts';
import { compileReport, type ReportContext } from './engine.ts';
import type { BrokenReport, ReportDefinition } from './types.ts';

export interface ReportList {
  reports: ReportDefinition[];
  broken: BrokenReport[];
}

/**
 * Every report: ours and those of the project's `reports/`. A file without a `##(report)` line is none (a shared
 * calendar, say). A file that does not compile, or whose line is wrong, is listed as broken; the others still work.
 * A project's report of the same id replaces ours.
 */
export async function listReports(context: ReportContext): Promise<ReportList> {
  const found = new Map<string, ReportDefinition>();
  const broken: BrokenReport[] = [];
  for (const origin of ['package', 'project'] as const) {
    const folder = origin === 'package' ? context.project.packageReports : context.project.reports;
    const own = new Set<string>();
    for (const file of await malloyFiles(folder)) {
      try {
        const report = await readReport(file, origin, context);
        if (!report) continue;
        if (own.has(report.report_id)) {
          throw new MallardError(
            'conflict',
            `${file}: another file of this folder has the report id '${report.report_id}' already.`,
            {
              remedy: 'Give it another name=….',
            },
          );
        }
        own.add(report.report_id);
        found.set(report.report_id, report);
      } catch (error) {
        broken.push({ report_id: basename(file, '.malloy'), file, origin, error: errorMessage(error) });
      }
    }
  }
  const reports = [...found.values()].sort((a, b) => (a.report_id < b.report_id ? -1 : 1));
  return { reports, broken };
}

/** One report by its id. Throws `not_found`, or the error that makes it a broken one. */
export async function findReport(context: ReportContext, reportId: string): Promise<ReportDefinition> {
  const { reports, broken } = await listReports(context);
  const report = reports.find((candidate) => candidate.report_id === reportId);
  if (report) return report;
  const failed = broken.find((candidate) => candidate.report_id === reportId);
  // Read again for the error itself, with its fields.
  if (failed) await readReport(failed.file, failed.origin, context);
  throw new MallardError('not_found', `There is no report '${reportId}'.`, {
    fields: { report_id: reportId, known: reports.map((candidate) => candidate.report_id) },
    remedy: `Known reports: ${reports.map((candidate) => candidate.report_id).join(', ') || 'none'}.`,
  });
}

async function malloyFiles(folder: string): Promise<string[]> {
  try {
    const names = await readdir(folder);
    return names
      .filter((name) => name.endsWith('.malloy'))
      .sort()
      .map((name) => join(folder, name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Undefined where the file says nothing of being a report. */
async function readReport(
  file: string,
  origin: ReportDefinition['origin'],
  context: ReportContext,
): Promise<ReportDefinition | undefined> {
  const { model } = await compileReport(context, file, { asOf: context.clock.now() });
  const annotations = reportAnnotations(model);
  if (!annotations) return undefined;
  const { tag, log } = annotations.parseAsTag('report');
  const problem = log.find((entry) => entry.severity === 'error');
  const refuse = (what: string, remedy: string): never => {
    throw new MallardError('model_invalid', `${file}: the ##(report) line ${what}.`, {
      fields: { file },
      remedy,
    });
  };
  if (problem)
    refuse(`cannot be read: ${problem.message}`, 'Quote texts: title="…" recipients=["a@example.com"].');

  const reportId = tag.text('name') ?? basename(file, '.malloy');
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(reportId)) {
    refuse(`has the name '${reportId}'`, 'Use letters, digits, _ and - only.');
  }
  const timeZone = tag.text('time_zone') ?? context.account.time_zone;
  if (!IANAZone.isValidZone(timeZone))
    refuse(`has the time zone '${timeZone}'`, 'Use an IANA name, such as Europe/Berlin.');
  const cron = tag.text('cron');
  if (cron !== undefined && !isCron(cron, timeZone)) {
    refuse(`has the cron expression '${cron}'`, 'Use five fields, such as "0 8 * * 1" for Mondays at 8:00.');
  }
  const condition = tag.text('condition');
  if (condition !== undefined && !model.namedQueries.some((query) => query.name === condition)) {
    refuse(`names the condition '${condition}', which is no query of the file`, 'Name one of its queries.');
  }
  const period = tag.text('period');
  if (period !== undefined && period !== 'day' && period !== 'week' && period !== 'month') {
    refuse(`has the period '${period}'`, 'Use day, week or month.');
  }
  const description = tag.text('description');
  return {
    report_id: reportId,
    title: tag.text('title') ?? reportId,
    ...(description === undefined ? {} : { description }),
    file,
    origin,
    ...(cron === undefined ? {} : { cron }),
    time_zone: timeZone,
    recipients: tag.textArray('recipients') ?? context.account.report_recipients,
    ...(condition === undefined ? {} : { condition }),
    ...(period === undefined ? {} : { period: period as NonNullable<ReportDefinition['period']> }),
  };
}

/** `##(report)` of the file itself, or `#(report)` on one of its queries. */
function reportAnnotations(model: Model): Annotations | undefined {
  if (model.annotations.texts('report').length > 0) return model.annotations;
  for (const query of model.namedQueries) {
    const { annotations } = model.getPreparedQueryByName(query.name);
    if (annotations.texts('report').length > 0) return annotations;
  }
  return undefined;
}

function isCron(cron: string, timeZone: string): boolean {
  if (cron.trim().split(/\s+/).length !== 5) return false;
  try {
    CronExpressionParser.parse(cron, { tz: timeZone });
    return true;
  } catch {
    return false;
  }
}
