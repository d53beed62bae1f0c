import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { mediaTypes } from '../../api/results/formats.ts';
import { sendReport } from '../../jobs/send-report.ts';
import { viewFromArrow } from '../../reports/arrow.ts';
import type { ReportData } from '../../reports/types.ts';
import { openTestApp, type TestApp } from './support.ts';

const asOf = '2026-11-02T06:00:00.000Z';

function context({ client, mallard }: TestApp) {
  return {
    client,
    project: mallard.project,
    clock: mallard.clock,
    signal: new AbortController().signal,
    env: {},
  };
}

test('a report is listed, computed, read view by view as Arrow, and shown as a page', async () => {
  const { client, url } = await openTestApp();
  const { reports, broken } = await client.request<{
    reports: { report_id: string; cron?: string }[];
    broken: object[];
  }>('GET', '/v1/reports');
  expect(broken).toEqual([]);
  expect(reports.find((report) => report.report_id === 'weekly')?.cron).toBeDefined();

  const data = await client.request<ReportData>('GET', '/v1/reports/weekly/data', { query: { as_of: asOf } });
  expect(data).toMatchObject({ report_id: 'weekly', as_of: asOf });
  expect(data.views.length).toBeGreaterThanOrEqual(4);
  const withoutRows = await client.request<ReportData>('GET', '/v1/reports/weekly/data', {
    query: { as_of: asOf, rows: false },
  });
  expect(withoutRows.views.every((view) => view.rows.length === 0)).toBe(true);
  for (const view of data.views) {
    const answer = await client.stream('GET', `/v1/reports/weekly/views/${view.name}`, {
      query: { as_of: asOf },
      headers: { accept: mediaTypes.arrow },
    });
    expect(answer.headers['content-type']).toBe(mediaTypes.arrow);
    expect(viewFromArrow(await buffer(answer.body))).toEqual(view);
  }
  await expect(client.request('GET', '/v1/reports/weekly/views/none')).rejects.toMatchObject({
    code: 'not_found',
  });
  await expect(client.request('GET', '/v1/reports/none/data')).rejects.toMatchObject({ code: 'not_found' });

  const page = await fetch(`${url}/v1/reports/weekly/page?as_of=${asOf}`);
  expect(page.headers.get('content-type')).toContain('text/html');
  expect(await page.text()).toContain(data.title);
});

test('a report is sent once as of a time, and every run is recorded', async () => {
  const server = await openTestApp();
  const request = { report_id: 'weekly', as_of: new Date(asOf) };
  const sent = await sendReport(context(server), { ...request, force: true });
  expect(sent).toMatchObject({ status: 'sent', recipients: ['manager@example.com'] });
  const mail = await readFile(sent.location, 'utf8');
  expect(mail).toMatch(/^Message-ID: <report\.weekly/im);
  expect(mail).toContain('Content-Type: image/png');
  expect(await readFile(sent.page, 'utf8')).toContain('<!doctype html>');

  const again = await sendReport(context(server), request);
  expect(again).toMatchObject({ status: 'skipped', report_run_id: sent.report_run_id });

  const { runs } = await server.client.request<{ runs: object[] }>('GET', '/v1/reports/weekly/runs');
  expect(runs).toMatchObject([
    { status: 'skipped', error: again.reason },
    { status: 'sent', recipients: ['manager@example.com'], as_of: '2026-11-02T06:00:00Z' },
  ]);
});

test('a report that cannot be sent says so in its runs, and fails', async () => {
  const server = await openTestApp();
  const env = { MALLARD_SMTP_URL: 'smtp://127.0.0.1:9' };
  const failing = sendReport(
    { ...context(server), env },
    { report_id: 'weekly', as_of: new Date(asOf), force: true },
  );
  await expect(failing).rejects.toMatchObject({ code: 'provider_failed' });
  const { runs } = await server.client.request<{ runs: object[] }>('GET', '/v1/reports/weekly/runs');
  expect(runs).toMatchObject([{ status: 'failed', error: expect.stringContaining('SMTP') as string }]);
});
