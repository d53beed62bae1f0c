import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Model, NamedQueryDef, PreparedResult } from '@malloydata/malloy';
import { columnTypeOf, toCell } from './cells.ts';
import { compileReport, type CompiledReport, type ReportContext, type RunOptions } from './engine.ts';
import { findReport } from './list.ts';
import { lastCompletePeriod } from './period.ts';
import { columnTags, docOf, readable, viewTags } from './tags.ts';
import type { ReportColumn, ReportData, ReportDefinition, ReportView, Timeframe } from './types.ts';

/** More rows than anybody reads in a report; a view that is cut says so. */
const defaultRowLimit = 500;

export interface RunReportOptions extends RunOptions {
  /** Of each view. Default 500. */
  rowLimit?: number | undefined;
  /** Where the page of this run can be opened. */
  pageUrl?: string | undefined;
}

/**
 * Computes a report as of a time: every view of its file, in the file's order. What comes back is plain JSON, from
 * which the page and the mail are rendered without the warehouse.
 * Throws `not_found`, `model_invalid`.
 */
export async function runReport(
  context: ReportContext,
  reportId: string,
  options: RunReportOptions,
): Promise<ReportData> {
  const report = await findReport(context, reportId);
  // The twin of `period` for the file: reports/calendar.malloy cuts its weeks by it.
  const givens = { REPORT_TIME_ZONE: report.time_zone };
  const compiled = await compileReport(context, report.file, options, givens);
  const { model } = compiled;
  const lines = (await readFile(report.file, 'utf8')).split(/\r?\n/);
  const due = await isDue(report, compiled, options);
  const views: ReportView[] = [];
  for (const query of ownQueries(model, report)) {
    const prepared = model.getPreparedQueryByName(query.name);
    const { is_hidden: isHidden, ...tags } = viewTags(prepared.annotations, query.name);
    if (isHidden || query.name === report.condition) continue;
    const rowLimit = options.rowLimit ?? defaultRowLimit;
    // One more than is shown tells a full result from a cut one.
    const result = await compiled.run(prepared, { ...options, rowLimit: rowLimit + 1 });
    const columns = columnsOf(result.prepared, result.rows);
    const kept = result.rows.slice(0, rowLimit);
    views.push({
      name: query.name,
      ...tags,
      columns,
      rows: kept.map((row) =>
        Object.fromEntries(columns.map((column) => [column.name, toCell(row[column.name], column.type)])),
      ),
      is_truncated: result.rows.length > rowLimit,
      malloy: textAt(lines, query),
    });
  }
  return {
    report_id: report.report_id,
    title: report.title,
    ...(report.description === undefined ? {} : { description: report.description }),
    as_of: options.asOf.toISOString(),
    time_zone: report.time_zone,
    currency: context.account.currency,
    account_name: context.account.name,
    recipients: report.recipients,
    ...(report.period ? { period: lastCompletePeriod(options.asOf, report.period, report.time_zone) } : {}),
    ...due,
    ...(options.pageUrl === undefined ? {} : { page_url: options.pageUrl }),
    views,
  };
}

async function isDue(
  report: ReportDefinition,
  compiled: CompiledReport,
  options: RunReportOptions,
): Promise<Pick<ReportData, 'is_due' | 'due_reason'>> {
  if (report.condition === undefined) return { is_due: true, due_reason: 'The report has no condition.' };
  const prepared = compiled.model.getPreparedQueryByName(report.condition);
  const { rows } = await compiled.run(prepared, { ...options, rowLimit: 1 });
  const [answer] = Object.values(rows[0] ?? {});
  const label = docOf(prepared.annotations) ?? readable(report.condition);
  return answer === true
    ? { is_due: true, due_reason: `The condition '${report.condition}' holds (${label}).` }
    : { is_due: false, due_reason: `The condition '${report.condition}' does not hold (${label}).` };
}

/** The queries written in the report's own file, from top to bottom. */
function ownQueries(model: Model, report: ReportDefinition): NamedQueryDef[] {
  return model.namedQueries
    .filter((query) => query.location && isFile(query.location.url, report.file))
    .sort((a, b) => (a.location?.range.start.line ?? 0) - (b.location?.range.start.line ?? 0));
}

function isFile(url: string, path: string): boolean {
  return url.startsWith('file:') && fileURLToPath(url) === path;
}

function columnsOf(prepared: PreparedResult, rows: readonly Record<string, unknown>[]): ReportColumn[] {
  return prepared.resultExplore.allFields.flatMap((field): ReportColumn[] => {
    if (!field.isAtomicField()) return [];
    const values = rows.map((row) => row[field.name]);
    const type = columnTypeOf(field.type, values);
    const timeframe = 'timeframe' in field ? (field.timeframe as Timeframe | undefined) : undefined;
    return [
      {
        name: field.name,
        type,
        is_measure: field.sourceWasMeasureLike(),
        ...columnTags(field.annotations, field.name),
        ...(timeframe === undefined ? {} : { timeframe }),
      },
    ];
  });
}

/** The Malloy text of a query, with its tags: the lines of its definition and the annotations just above. */
function textAt(lines: readonly string[], query: NamedQueryDef): string {
  const range = query.location?.range;
  if (!range) return '';
  let first = range.start.line;
  while (first > 0 && /^\s*(#|\/\/)(?!#)/.test(lines[first - 1] ?? '')) first -= 1;
  return lines
    .slice(first, range.end.line + 1)
    .join('\n')
    .trimEnd();
}
