import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { ApiClient } from '../api/client.ts';
import { readAccount } from '../data/account.ts';
import { errorMessage } from '../data/errors.ts';
import { viewFromArrow } from '../reports/arrow.ts';
import { deliverReport, reportTransport, type Delivered } from '../reports/deliver.ts';
import { renderMail, type ReportMail } from '../reports/mail-render.ts';
import { renderPage } from '../reports/page.ts';
import type { ReportData, ReportView } from '../reports/types.ts';
import type { JobContext } from './run-job.ts';

const arrowType = 'application/vnd.apache.arrow.stream';

export interface ReportRequest {
  report_id: string;
  as_of: Date;
  /** Default: the report's own. */
  recipients?: readonly string[];
  /** Sends even where the condition does not hold, or it was sent as of this time before. Default false. */
  force?: boolean;
}

export interface SentReport {
  report_run_id: string;
  status: 'sent' | 'skipped';
  subject: string;
  recipients: string[];
  /** Where the mail went: a file, or `smtp`. */
  location: string;
  /** Where the page of this run is kept. */
  page: string;
  /** Why it was skipped. */
  reason?: string;
}

type ReportContext = Pick<JobContext, 'client' | 'project' | 'clock' | 'env' | 'signal'>;

/**
 * Reads a report from the API, renders it here, sends it, and records what became of it. The same report as of the same
 * time is sent once.
 */
export async function sendReport(context: ReportContext, request: ReportRequest): Promise<SentReport> {
  const { client, project, env, clock } = context;
  const data = await readReport(context, request);
  const mail = await renderMail(data);
  const page = await keepPage(context, data, mail);
  const recipients = [...(request.recipients ?? data.recipients)];
  const answer = { report_run_id: mail.report_run_id, subject: mail.subject, recipients, page };
  const record = (status: 'sent' | 'skipped' | 'failed', error: string | null, delivered?: Delivered) =>
    client.request('POST', `/v1/reports/${encodeURIComponent(request.report_id)}/runs`, {
      body: {
        report_run_id: mail.report_run_id,
        as_of: data.as_of,
        status,
        recipients,
        message_id: delivered?.message_id ?? null,
        error,
      },
    });

  const reason = request.force ? undefined : await whyNot(client, request.report_id, data, mail);
  if (reason !== undefined) {
    await record('skipped', reason);
    return { ...answer, status: 'skipped', location: '', reason };
  }
  let delivered: Delivered;
  try {
    const from = readAccount(project);
    delivered = await deliverReport(mail, recipients, reportTransport(env, project.outbox), {
      from,
      sentAt: clock.now(),
    });
  } catch (error) {
    await record('failed', errorMessage(error));
    throw error;
  }
  await record('sent', null, delivered);
  return { ...answer, status: 'sent', location: delivered.file ?? delivered.transport };
}

/** What the views say as JSON, their rows as Arrow; all of one computation, since the as-of time is the same. */
async function readReport(
  { client, signal }: ReportContext,
  { report_id, as_of }: ReportRequest,
): Promise<ReportData> {
  const path = `/v1/reports/${encodeURIComponent(report_id)}`;
  const query = { as_of: as_of.toISOString() };
  const data = await client.request<ReportData>('GET', `${path}/data`, {
    query: { ...query, rows: false },
    signal,
  });
  const views: ReportView[] = [];
  for (const { name } of data.views) {
    const answer = await client.stream('GET', `${path}/views/${encodeURIComponent(name)}`, {
      query,
      headers: { accept: arrowType },
      signal,
    });
    views.push(viewFromArrow(await buffer(answer.body)));
  }
  return { ...data, views };
}

async function whyNot(
  client: ApiClient,
  reportId: string,
  data: ReportData,
  mail: ReportMail,
): Promise<string | undefined> {
  if (!data.is_due) return data.due_reason;
  const { runs } = await client.request<{
    runs: { report_run_id: string; status: string; occurred_at: string }[];
  }>('GET', `/v1/reports/${encodeURIComponent(reportId)}/runs`, { query: { limit: 1000 } });
  const sent = runs.find((run) => run.report_run_id === mail.report_run_id && run.status === 'sent');
  return sent && `It was sent as of this time already, at ${sent.occurred_at}.`;
}

async function keepPage({ project }: ReportContext, data: ReportData, mail: ReportMail): Promise<string> {
  const page = join(project.reportRuns, `${mail.report_run_id}.html`);
  await mkdir(project.reportRuns, { recursive: true });
  await writeFile(page, await renderPage(data));
  return page;
}
