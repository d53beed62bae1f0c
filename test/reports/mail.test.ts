import { loadImage } from 'canvas';
import { describe, expect, it } from 'vitest';
import { renderMail, reportRunId } from '../../reports/mail-render.ts';
import type { ReportData } from '../../reports/types.ts';
import { weeklyFixture } from './fixture.ts';
import { golden } from './golden.ts';

describe('renderMail', () => {
  it('is as reviewed', async () => {
    const mail = await renderMail(weeklyFixture);
    expect(mail.subject).toBe('Weekly marketing report, Oct 26 – Nov 1, 2026: Revenue $48,210 (▲ 8.4%)');
    expect(mail.html).toBe(golden('weekly.mail.html', mail.html));
    expect(mail.text).toBe(golden('weekly.mail.txt', mail.text));
  });

  it('shows each picture by CID, with an alt text that says the finding', async () => {
    const { html, attachments } = await renderMail(weeklyFixture);
    const images = [...html.matchAll(/<img src="cid:([^"]+)"[^>]* alt="([^"]+)"/g)].map(([, cid, alt]) => ({
      cid,
      alt,
    }));
    expect(images.map((image) => image.cid)).toEqual(attachments.map((attachment) => attachment.cid));
    expect(images.map((image) => image.alt)).toEqual([
      expect.stringContaining('Revenue was $48,210 in the week of Oct 26, 2026, up 8.4%'),
      expect.stringContaining('Referral leads with $184,300'),
    ]);
    for (const { content } of attachments)
      expect((await loadImage(Buffer.from(content))).width).toBe(2 * 592);
  });

  it('writes every figure as text too: without pictures nothing is lost', async () => {
    const { html, text } = await renderMail(weeklyFixture);
    for (const figure of ['$48,210', '$184,300', '18,204', '31.2%', '0.12%', '1.2 pp']) {
      expect(html.replaceAll(/ alt="[^"]*"/g, '')).toContain(figure);
      expect(text).toContain(figure);
    }
  });

  it('has preview text, a language, a role on layout tables, and stays under the size at which Gmail cuts', async () => {
    const { html } = await renderMail(weeklyFixture);
    expect(html).toMatch(/<body[^>]*>\s*<div style="display:none[^>]*>Orders 412 \(▲ 3.3%\) · New leads 96/);
    expect(html).toContain('<html lang="en"');
    const tables = [...html.matchAll(/<table[^>]*>/g)].map(([table]) => table);
    expect(
      tables.every((table) => table.includes('role="presentation"') || table.includes('aria-label=')),
    ).toBe(true);
    expect(Buffer.byteLength(html)).toBeLessThan(80_000);
  });

  it('loads nothing from anywhere', async () => {
    const { html } = await renderMail(weeklyFixture);
    const urls = [...html.matchAll(/(?:src|href|url\()\s*=?\s*"?((?:https?:)?\/\/[^"\s)]+)/g)].map(
      ([, url]) => url,
    );
    expect(urls).toEqual(['http://127.0.0.1:3000/reports/weekly?as_of=2026-11-02T07%3A00%3A00Z']);
  });

  it('escapes what comes from data', async () => {
    const hostile: ReportData = {
      ...weeklyFixture,
      title: '<script>alert(1)</script>',
      account_name: '"><img src=x onerror=alert(1)>',
      views: weeklyFixture.views.map((view) => ({
        ...view,
        title: `${view.title} "><b>`,
        rows: view.rows.map((row) => ('lead_source' in row ? { ...row, lead_source: '<i>"x"</i>' } : row)),
      })),
    };
    const { html } = await renderMail(hostile);
    expect(html).not.toMatch(/<script>|<img src=x|"><b>|<i>/);
    expect(html).toContain('&lt;i&gt;');
  });

  it('is the same for the same data, to the byte', async () => {
    expect(await renderMail(weeklyFixture)).toEqual(await renderMail(structuredClone(weeklyFixture)));
  });

  it('says what the figures mean and when they were true', async () => {
    const { html, text } = await renderMail(weeklyFixture);
    for (const part of [html, text]) {
      expect(part).toContain('How these figures are computed');
      expect(part).toContain('Unique human clicks ÷ delivered; unsubscribe links excluded.');
      expect(part).toContain('Nov 2, 2026, 08:00 Europe/Berlin');
    }
  });
});

it('names a run by its report and as-of time alone', () => {
  const run = reportRunId(weeklyFixture);
  expect(run).toMatch(/^weekly\.2026-11-02\.[0-9a-f]{12}$/);
  expect(reportRunId({ ...weeklyFixture })).toBe(run);
  expect(reportRunId({ ...weeklyFixture, as_of: '2026-11-09T07:00:00Z' })).not.toBe(run);
});
