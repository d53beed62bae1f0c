import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readAccount } from '../../data/account.ts';
import { fixedClock } from '../../data/clock.ts';
import { packageRoot } from '../../data/package-root.ts';
import { ModelEngine } from '../../models/engine/engine.ts';
import { reportBlocks } from '../../reports/blocks.ts';
import type { ReportContext } from '../../reports/engine.ts';
import { findReport, listReports } from '../../reports/list.ts';
import { renderMail } from '../../reports/mail-render.ts';
import { renderPage } from '../../reports/page.ts';
import { runReport } from '../../reports/run.ts';
import type { ReportData } from '../../reports/types.ts';
import { openTestWarehouse } from '../support.ts';

const monday = new Date('2026-11-02T07:00:00Z');
const clock = fixedClock('2026-11-02T07:00:00Z');

async function openReports(account = '', files: Record<string, string> = {}) {
  const { project, warehouse } = await openTestWarehouse({ clock });
  writeFileSync(project.accountFile, account);
  mkdirSync(project.reports, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(project.reports, name), text);
  const context: ReportContext = {
    project,
    warehouse,
    engine: new ModelEngine(warehouse),
    clock,
    account: readAccount(project),
  };
  /** The models as a file of the project names them. */
  const models = relative(project.reports, join(packageRoot, 'models'));
  return { context, project, warehouse, models };
}

type Opened = Awaited<ReturnType<typeof openReports>>['warehouse'];

/** Orders every 3 hours over half a year with a quiet week in August, leads, deals and e-mail events. */
async function seed(warehouse: Opened): Promise<void> {
  await warehouse.loads.transaction(async (tx) => {
    await tx.run(`insert into core.orders
      select 'o' || i, 'c' || (i % 50), null, null, timestamp '2026-05-01' + interval (i * 3) hour, 20 + (i * 37 % 100), null, 1,
        case when i % 20 = 0 then 'cancelled' else 'completed' end, 'web', 'test', timestamp '2026-05-01'
      from range(1600) t(i)
      where not (timestamp '2026-05-01' + interval (i * 3) hour between timestamp '2026-08-03' and timestamp '2026-08-10 06:00:00')`);
    await tx.run(`insert into core.contacts (contact_id, email, email_key, lead_source, created_at, is_stub, source, recorded_at)
      select 'c' || i, 'c' || i || '@example.com', 'c' || i || '@example.com', 'Referral',
        timestamp '2026-05-01 23:30:00' + interval (i) day, false, 'test', timestamp '2026-05-01' from range(190) t(i)`);
    await tx.run(`insert into core.deals (deal_id, stage, amount, lead_source, created_at, closed_at, source, recorded_at)
      select 'd' || i, (['Negotiation', 'Proposal', 'Won', 'Won', 'Lost'])[i % 5 + 1], 1000 + i * 13,
        case i % 3 when 0 then 'Referral' when 1 then 'Webinar' end, timestamp '2026-05-01' + interval (i * 12) hour,
        case when i % 5 >= 2 then timestamp '2026-05-11' + interval (i * 12) hour end, 'test', timestamp '2026-05-01'
      from range(340) t(i)`);
    await tx.run(`insert into core.email_events (event_id, event_type, contact_id, campaign_id, message_id, agent_class, occurred_at, source, recorded_at)
      select 'e' || i, (['sent', 'delivered', 'opened', 'clicked'])[i % 4 + 1], 'c' || (i // 4), 'newsletter-' || (i % 8 // 4), 'm',
        case when i % 4 = 3 then 'machine' when i % 4 > 1 then 'human' end, timestamp '2026-10-06' + interval (i * 10) minute, 'test', timestamp '2026-05-01'
      from range(3600) t(i)`);
  });
}

function rowOf(data: ReportData, view: string): Record<string, unknown> {
  return data.views.find(({ name }) => name === view)?.rows[0] ?? {};
}

describe('the weekly report', () => {
  it('gives the figures that SQL written by hand gives, weeks cut in the account’s zone', async () => {
    const { context, warehouse } = await openReports('time_zone: America/New_York\ncurrency: EUR\n');
    await seed(warehouse);
    const data = await runReport(context, 'weekly', { asOf: monday });

    // New York is on summer time (-4) until November 1st 2026, then at -5.
    const from = `timestamp '2026-10-26 04:00:00'`;
    const to = `timestamp '2026-11-02 05:00:00'`;
    const before = `timestamp '2026-10-19 04:00:00'`;
    const hand = await warehouse.read((session) =>
      session.one(`select
        (select sum(amount)::varchar from core.orders where status = 'completed' and ordered_at >= ${from} and ordered_at < ${to}) revenue_of_week,
        (select sum(amount)::varchar from core.orders where status = 'completed' and ordered_at >= ${before} and ordered_at < ${from}) revenue_before,
        (select count(*)::int from core.orders where status = 'completed' and ordered_at >= ${from} and ordered_at < ${to}) orders_of_week,
        (select count(*)::int from core.orders where status = 'completed' and ordered_at >= ${before} and ordered_at < ${from}) orders_before`),
    );
    expect(rowOf(data, 'sales')).toEqual(hand);
    // One contact a day at 19:30 New York time.
    expect(rowOf(data, 'leads')).toEqual({ new_leads: 7, new_leads_before: 7 });

    expect(data).toMatchObject({
      time_zone: 'America/New_York',
      currency: 'EUR',
      as_of: '2026-11-02T07:00:00.000Z',
      period: { unit: 'week', first_date: '2026-10-26', last_date: '2026-11-01' },
      is_due: true,
    });
    const weeks = data.views.find(({ name }) => name === 'revenue_by_week')?.rows ?? [];
    expect(weeks).toHaveLength(26);
    expect(weeks.at(-1)).toEqual({
      week_start: '2026-10-26',
      weekly_revenue: rowOf(data, 'sales')['revenue_of_week'],
    });
    expect(weeks.at(-2)).toEqual({
      week_start: '2026-10-19',
      weekly_revenue: rowOf(data, 'sales')['revenue_before'],
    });
    // A week without an order is 0 and not left out.
    expect(weeks.find((week) => week['week_start'] === '2026-08-03')).toEqual({
      week_start: '2026-08-03',
      weekly_revenue: '0.00',
    });
    expect(rowOf(data, 'email_campaigns')).toMatchObject({
      delivered: expect.any(Number) as number,
      open_rate: 1,
      click_rate: 0,
      unsubscribed: 0,
    });

    const mail = await renderMail(data);
    expect(mail.subject).toContain('Weekly marketing report, Oct 26 – Nov 1, 2026: Revenue €');
    expect(mail.attachments.map(({ filename }) => filename)).toEqual([
      'revenue_by_week.png',
      'won_by_lead_source.png',
      'pipeline_by_stage.png',
    ]);
    expect(mail.text).toContain('in the week of Oct 26, 2026');
    expect(await renderPage(data, { runtime: 'none' })).toContain('won_amount');
  });

  it('can be repeated for any past day: last week’s report said what this one compares with', async () => {
    const { context, warehouse } = await openReports('time_zone: Europe/Berlin\n');
    await seed(warehouse);
    const now = await runReport(context, 'weekly', { asOf: monday });
    const then = await runReport(context, 'weekly', { asOf: new Date('2026-10-26T07:00:00Z') });
    expect(rowOf(then, 'sales')['revenue_of_week']).toBe(rowOf(now, 'sales')['revenue_before']);
    expect(rowOf(then, 'wins')['win_rate_of_week']).toBe(rowOf(now, 'wins')['win_rate_before']);
    expect(then.period?.first_date).toBe('2026-10-19');
    expect(await runReport(context, 'weekly', { asOf: monday })).toEqual(now);
  });

  it('is read from its tags: kinds, titles, formats, comparisons, docs', async () => {
    const { context, warehouse } = await openReports();
    await seed(warehouse);
    const data = await runReport(context, 'weekly', { asOf: monday, pageUrl: 'http://127.0.0.1:3000/x' });
    expect(data.views.map(({ name, renderer, title }) => [name, renderer, title])).toEqual([
      ['sales', 'big_value', 'The week in figures'],
      ['leads', 'big_value', 'Leads'],
      ['wins', 'big_value', 'Wins'],
      ['revenue_by_week', 'line_chart', 'Revenue by week'],
      ['won_by_lead_source', 'bar_chart', 'Won amount by lead source'],
      ['pipeline_by_stage', 'bar_chart', 'Open pipeline by stage'],
      ['email_campaigns', 'table', 'E-mail campaigns'],
    ]);
    const columns = (view: string) => data.views.find(({ name }) => name === view)?.columns ?? [];
    expect(columns('wins')).toEqual([
      {
        name: 'win_rate_of_week',
        label: 'Win rate',
        type: 'number',
        is_measure: true,
        is_hidden: false,
        format: { kind: 'percent' },
        doc: 'Win rate: won ÷ (won + lost) deals that closed in the week; open ones are left out.',
      },
      {
        name: 'win_rate_before',
        label: 'Win rate before',
        type: 'number',
        is_measure: true,
        is_hidden: true,
        comparison: { of: 'win_rate_of_week', label: 'vs week before', unit: 'ppt', down_is_good: false },
      },
    ]);
    // A measure of the models brings its own doc and format.
    expect(columns('email_campaigns')[2]).toMatchObject({
      label: 'Opened',
      format: { kind: 'percent' },
      doc: expect.stringMatching(/unique human opens ÷ delivered/i) as string,
    });
    const visible = data.views
      .flatMap((view) => view.columns)
      .filter((column) => column.is_measure && !column.is_hidden);
    expect(visible.filter((column) => !column.doc).map((column) => column.name)).toEqual([]);
    expect(data.views.find(({ name }) => name === 'wins')?.malloy).toMatch(
      /^# big_value\nquery: wins is deals_by_week -> \{[^]*\}$/,
    );
    expect(reportBlocks(data).map((block) => block.kind)).toEqual([
      'big_values',
      'chart',
      'chart',
      'chart',
      'table',
    ]);
  });

  it('is not due on an empty warehouse, and can be looked at all the same', async () => {
    const { context } = await openReports();
    const data = await runReport(context, 'weekly', { asOf: monday });
    expect(data.is_due).toBe(false);
    expect(data.due_reason).toMatch(/'has_activity' does not hold \(Something happened in the last 26 weeks/);
    expect(await renderPage(data)).toContain('Not sent by mail');
    expect((await renderMail(data)).html).toContain('How these figures are computed');
  });
});

describe('reports of the project', () => {
  const report = (models: string, line: string, body = '') => `##! experimental.givens
##(report) ${line}
import "${models}/index.malloy"
${body}
`;

  it('are listed beside ours; a broken one is listed as such and the others work', async () => {
    const { context, project, models } = await openReports();
    const write = (name: string, text: string) => writeFileSync(join(project.reports, name), text);
    write(
      'good.malloy',
      report(
        models,
        'title="Deals, open" recipients=["a@example.com", "b@example.com"] time_zone="Asia/Tokyo"',
        'query: open is deals -> { aggregate: open_count }',
      ),
    );
    write('shared.malloy', '##! experimental.givens\nsource: nothing is duckdb.sql("select 1 as one")');
    write('typo.malloy', report(models, 'name=typo', 'query: a is dealz -> { aggregate: deal_count }'));
    write('cron.malloy', report(models, 'name=cron cron="every monday"'));
    write('zone.malloy', report(models, 'name=zone time_zone="Mars/Olympus"'));
    write('condition.malloy', report(models, 'name=condition condition=nothing_here'));
    write('tags.malloy', report(models, 'name=tags recipients=[a@example.com'));

    const { reports, broken } = await listReports(context);
    expect(reports.map(({ report_id, origin }) => [report_id, origin])).toEqual([
      ['good', 'project'],
      ['weekly', 'package'],
    ]);
    expect(reports[0]).toMatchObject({
      title: 'Deals, open',
      recipients: ['a@example.com', 'b@example.com'],
      time_zone: 'Asia/Tokyo',
    });
    expect(reports[1]).toMatchObject({
      cron: '0 8 * * 1',
      recipients: ['manager@example.com'],
      time_zone: 'UTC',
      condition: 'has_activity',
    });
    const errors = Object.fromEntries(broken.map(({ report_id, error }) => [report_id, error]));
    expect(Object.keys(errors).sort()).toEqual(['condition', 'cron', 'tags', 'typo', 'zone']);
    expect(errors['typo']).toMatch(/typo\.malloy:4:\d+: .*dealz/);
    expect(errors['cron']).toContain('every monday');
    expect(errors['zone']).toContain('Mars/Olympus');
    expect(errors['condition']).toContain('nothing_here');
    await expect(findReport(context, 'typo')).rejects.toMatchObject({ code: 'model_invalid' });
    await expect(findReport(context, 'none')).rejects.toMatchObject({
      code: 'not_found',
      message: expect.stringContaining('good, weekly') as string,
    });
  });

  it('replace ours of the same id', async () => {
    const { context, project, models } = await openReports();
    writeFileSync(
      join(project.reports, 'mine.malloy'),
      report(models, 'name=weekly title="Mine"', 'query: d is deals -> { aggregate: deal_count }'),
    );
    const data = await runReport(context, 'weekly', { asOf: monday });
    expect(data.title).toBe('Mine');
    expect(data.views.map(({ name, rows }) => [name, rows])).toEqual([['d', [{ deal_count: 0 }]]]);
  });

  it('read every tag, cell type and limit', async () => {
    const { context, project, models } = await openReports();
    writeFileSync(
      join(project.reports, 'kinds.malloy'),
      report(
        models,
        'title="Kinds" condition=never',
        `source: kinds is duckdb.sql("""
  select i, 'n' || i as name, i::bigint * 9007199254740993 as big, (i / 4)::double as share, (i * 1000)::decimal(18,2) as money,
    i % 2 = 0 as even, date '2026-11-01' + i::int as day_of, timestamp '2026-11-01 06:30:00' + interval (i) hour as at_time
  from range(3) t(i)""")

# label="Everything" description="below the title"
query: everything is kinds -> {
  group_by:
    name
    # number=id
    big
    # percent { decimals=2 }
    share
    # currency=eur1k
    money
    even
    day_of
    # label="At"
    at_time
    month_of is day_of.month
    # number="#,##0.0"
    i
  order_by: name
  limit: 3
}

# bar_chart.stack
# bar_chart { x=name y=total series=even size=lg series.limit=4 title="Bars" subtitle="Sub" }
query: bars is kinds -> { group_by: name, even; aggregate: total is money.sum() }

# line_chart { y=['a', 'b'] interpolate=step }
query: lines is kinds -> { group_by: day_of; aggregate: a is i.sum(), b is share.sum() }

# big_value { neutral_threshold=20 }
query: values is kinds -> {
  aggregate:
    # description="What it costs"
    cost is money.sum()
    # hidden
    # big_value { comparison_field=cost down_is_good=true }
    cost_before is money.sum() * 1.1
}

query: never is kinds -> { aggregate: is_news is count() > 5 }
`,
      ),
    );
    const data = await runReport(context, 'kinds', { asOf: monday, rowLimit: 2 });
    expect(data.is_due).toBe(false);
    expect(data.views.map(({ name }) => name)).toEqual(['everything', 'bars', 'lines', 'values']);
    const [everything, bars, lines, values] = data.views;
    expect(everything?.is_truncated).toBe(true);
    expect(everything?.subtitle).toBe('below the title');
    expect(everything?.rows).toHaveLength(2);
    expect(everything?.rows[1]).toEqual({
      name: 'n1',
      big: '9007199254740993',
      share: 0.25,
      money: '1000.00',
      even: false,
      day_of: '2026-11-02',
      at_time: '2026-11-01T07:30:00Z',
      month_of: '2026-11-01',
      i: 1,
    });
    expect(
      everything?.columns.map(({ name, type, format, timeframe }) => [name, type, format, timeframe]),
    ).toEqual([
      ['name', 'string', undefined, undefined],
      ['big', 'integer', { kind: 'plain', decimals: 0 }, undefined],
      ['share', 'number', { kind: 'percent', decimals: 2 }, undefined],
      ['money', 'decimal', { kind: 'currency', currency: 'EUR', decimals: 1, scale: 'k' }, undefined],
      ['even', 'boolean', undefined, undefined],
      ['day_of', 'date', undefined, undefined],
      ['at_time', 'timestamp', undefined, undefined],
      ['month_of', 'date', undefined, 'month'],
      ['i', 'integer', { kind: 'number', decimals: 1 }, undefined],
    ]);
    expect(bars?.chart).toEqual({
      x: 'name',
      y: ['total'],
      series: 'even',
      is_stacked: true,
      series_limit: 4,
      height_px: 280,
    });
    expect([bars?.title, bars?.subtitle]).toEqual(['Bars', 'Sub']);
    expect(lines?.chart).toEqual({ y: ['a', 'b'], interpolate: 'step' });
    expect(values?.neutral_threshold).toBe(20);
    const [tiles] = reportBlocks({ ...data, views: data.views.slice(3) });
    expect(tiles?.kind === 'big_values' && tiles.values).toMatchObject([
      { label: 'Cost', doc: 'What it costs', delta: { direction: 'flat', size: '9.1%' } },
    ]);
    expect((await renderMail(data)).text).toContain('€1.0K');
  });
});
