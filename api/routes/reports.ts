import { Type } from 'typebox';
import { MallardError } from '../../data/errors.ts';
import { viewToArrow } from '../../reports/arrow.ts';
import { listReports } from '../../reports/list.ts';
import { runReport } from '../../reports/run.ts';
import type { ReportData } from '../../reports/types.ts';
import { operators, readers } from '../access/roles.ts';
import type { Routes } from '../context.ts';
import { listReportRuns, recordReportRun } from '../report-runs.ts';
import { mediaTypes } from '../results/formats.ts';
import { AnyObject, AsOfQuery, asOfOrNow, IdParams, Nullable, parseTime, Time } from '../schemas.ts';

const text = Type.String();

const Report = Type.Object(
  {
    report_id: text,
    title: text,
    file: text,
    origin: text,
    cron: Type.Optional(text),
    time_zone: text,
    recipients: Type.Array(text),
  },
  { additionalProperties: true },
);
const Broken = Type.Object({ report_id: text, file: text, origin: text, error: text });

const ReportRun = Type.Object({
  report_run_id: text,
  report_id: text,
  as_of: text,
  status: Type.Union([Type.Literal('sent'), Type.Literal('skipped'), Type.Literal('failed')]),
  recipients: Type.Array(text),
  message_id: Nullable(text),
  error: Nullable(text),
  occurred_at: text,
});

const tags = ['reports'];

export const reportRoutes: Routes = (app, { mallard }) => {
  const { warehouse, clock, account } = mallard;
  const compute = recentReports((reportId, asOf) =>
    runReport(mallard, reportId, {
      asOf,
      pageUrl: `${account.public_url.replace(/\/+$/, '')}/v1/reports/${encodeURIComponent(reportId)}/page?as_of=${asOf.toISOString()}`,
      timeoutMs: 120_000,
    }),
  );

  app.get(
    '/v1/reports',
    {
      schema: {
        tags,
        summary: 'The reports, ours and the project’s',
        response: {
          200: Type.Object({
            reports: Type.Array(Report),
            broken: Type.Array(Broken, { description: 'files that do not compile, and why' }),
          }),
        },
      },
      config: { access: readers },
    },
    () => listReports(mallard),
  );

  app.get(
    '/v1/reports/:id/data',
    {
      schema: {
        tags,
        summary: 'The figures of a report',
        description:
          'As of a time; without one, now. `rows=false` leaves the rows to be read view by view as Arrow.',
        params: IdParams,
        querystring: Type.Object({ ...AsOfQuery.properties, rows: Type.Optional(Type.Boolean()) }),
        response: { 200: AnyObject('reports/types.ts: ReportData') },
      },
      config: { access: readers },
    },
    async (request) => {
      const data = await compute(request.params.id, asOfOrNow(clock, request.query.as_of));
      return request.query.rows === false
        ? { ...data, views: data.views.map((view) => ({ ...view, rows: [] })) }
        : data;
    },
  );

  app.get(
    '/v1/reports/:id/views/:view',
    {
      schema: {
        tags,
        summary: 'One view of a report',
        description: 'As Arrow, whose metadata holds what the tags of the view say; or as JSON.',
        params: Type.Object({ id: text, view: text }),
        querystring: AsOfQuery,
        response: {
          200: {
            description: 'the view',
            content: {
              [mediaTypes.json]: { schema: AnyObject('reports/types.ts: ReportView') },
              [mediaTypes.arrow]: { schema: Type.String() },
            },
          },
        },
      },
      config: { access: readers },
    },
    async (request, reply) => {
      const { id, view: name } = request.params;
      const data = await compute(id, asOfOrNow(clock, request.query.as_of));
      const view = data.views.find((each) => each.name === name);
      if (!view) {
        throw new MallardError('not_found', `The report ${id} has no view ${name}.`, {
          fields: { views: data.views.map((each) => each.name) },
        });
      }
      if (request.headers.accept?.includes(mediaTypes.arrow))
        return reply.type(mediaTypes.arrow).send(Buffer.from(viewToArrow(view)));
      return reply.type(mediaTypes.json).send(view);
    },
  );

  app.get(
    '/v1/reports/:id/page',
    {
      schema: {
        tags,
        summary: 'The report as a page',
        params: IdParams,
        querystring: AsOfQuery,
        response: {
          200: {
            description: 'one file that works offline',
            content: { 'text/html': { schema: Type.String() } },
          },
        },
      },
      config: { access: readers },
    },
    async (request, reply) => {
      const data = await compute(request.params.id, asOfOrNow(clock, request.query.as_of));
      // Vega and the canvas take most of a second to load: only who looks at a page waits for them.
      const { renderPage } = await import('../../reports/page.ts');
      return reply
        .type('text/html; charset=utf-8')
        .header(
          'content-security-policy',
          "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline' 'unsafe-eval'; img-src data:; font-src data:; frame-ancestors 'none'",
        )
        .send(await renderPage(data));
    },
  );

  app.get(
    '/v1/reports/:id/runs',
    {
      schema: {
        tags,
        summary: 'When a report was sent, newest first',
        params: IdParams,
        querystring: Type.Object({ limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })) }),
        response: { 200: Type.Object({ runs: Type.Array(ReportRun) }) },
      },
      config: { access: readers },
    },
    async (request) => ({
      runs: await listReportRuns(warehouse, request.params.id, request.query.limit ?? 50),
    }),
  );

  app.post(
    '/v1/reports/:id/runs',
    {
      schema: {
        tags,
        summary: 'Record that a report was sent, or why not',
        params: IdParams,
        body: Type.Object(
          {
            report_run_id: text,
            as_of: Time('what the figures were as of'),
            status: ReportRun.properties.status,
            recipients: Type.Array(text),
            message_id: Nullable(text),
            error: Nullable(text),
          },
          { additionalProperties: false },
        ),
        response: { 201: Type.Object({ report_run_id: text }) },
      },
      config: { access: operators, audit: false },
    },
    async (request, reply) => {
      const { as_of, ...run } = request.body;
      await recordReportRun(warehouse, {
        ...run,
        report_id: request.params.id,
        as_of: parseTime('as_of', as_of),
      });
      return reply.code(201).send({ report_run_id: run.report_run_id });
    },
  );
};

const keptReports = 8;
const keptMs = 60_000;

/**
 * Keeps the last few computed reports for a minute by report and exact as-of time, so that a worker which reads view by
 * view gets views of one computation, and they are computed once.
 */
function recentReports(
  compute: (reportId: string, asOf: Date) => Promise<ReportData>,
): (reportId: string, asOf: Date) => Promise<ReportData> {
  const kept = new Map<string, Promise<ReportData>>();
  return (reportId, asOf) => {
    const key = `${reportId}\n${asOf.toISOString()}`;
    const known = kept.get(key);
    if (known) return known;
    const computing = compute(reportId, asOf);
    kept.set(key, computing);
    const forget = () => void (kept.get(key) === computing && kept.delete(key));
    computing.catch(forget);
    setTimeout(forget, keptMs).unref();
    for (const oldest of kept.keys()) {
      if (kept.size <= keptReports) break;
      kept.delete(oldest);
    }
    return computing;
  };
}
