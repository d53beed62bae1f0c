import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect, test } from 'vitest';
import type { FieldDetail, ToldCatalogue, ToldField, ToldMeasure } from '../../api/catalogue/catalogue.ts';
import type { LineageGraph } from '../../api/catalogue/graph.ts';
import { packageRoot } from '../../data/package-root.ts';
import { saveCampaign } from '../../pipelines/campaigns/store.ts';
import { deleteSegment, saveSegment } from '../../pipelines/segments/store.ts';
import { insertFixture } from '../models/fixture.ts';
import { openTestApp, type TestApp } from './support.ts';

/** A base with two segments, a campaign, and a project whose own files hold a model, a segment and a report. */
async function openServer(): Promise<TestApp> {
  const server = await openTestApp();
  const { warehouse, project } = server.mallard;
  await insertFixture(warehouse);
  for (const [folder, name, text] of [
    [
      project.models,
      'vip.malloy',
      `source: spenders is contact_facts extend {
  measure:
    #(doc) Money for each click.
    # currency
    revenue_a_click is total_revenue.sum() / nullif(email.last_30_days.clicks.sum(), 0)
  internal dimension: secret_score is total_revenue * 2
}
#(segment) name=vip title="Spenders"
source: segment_vip is spenders -> { where: total_revenue > 100 group_by: contact_id }`,
    ],
    [
      project.reports,
      'money.malloy',
      `##(report) name=money title="Money"
query: money is contact_facts -> { group_by: country aggregate: revenue where: lead_scores.score > 10 }`,
    ],
    [project.reports, 'broken.malloy', `##(report) name=broken\nquery: money is nothing -> { select: * }`],
  ] as const) {
    mkdirSync(folder, { recursive: true });
    const index = relative(folder, join(packageRoot, 'models', 'index.malloy'));
    writeFileSync(
      join(folder, name),
      `##! experimental { givens access_modifiers }\nimport '${index}'\n${text}\n`,
    );
  }
  await saveSegment(server.mallard, {
    segment_id: 'fresh',
    title: 'Fresh leads',
    criteria: {
      all: [
        { any: [{ field: 'lifecycle_stage', operator: 'equals', value: 'lead' }] },
        { not: { field: 'orders.last_30_days.order_count', operator: 'at_least', value: 1 } },
        {
          measure: 'email_events.clicks',
          where: { field: 'event_type', operator: 'equals', value: 'clicked' },
          within_days: 45,
          operator: 'at_least',
          value: 1,
        },
      ],
    },
  });
  const gone = { field: 'city', operator: 'equals', value: 'Berlin' };
  await saveSegment(server.mallard, { segment_id: 'gone', title: 'Gone', criteria: gone });
  await deleteSegment(server.mallard, 'gone');
  const template = (body: string) => ({ subject: 'Hello', format: 'text' as const, body });
  await saveCampaign(warehouse, {
    campaign_id: 'spring',
    title: 'Spring',
    segment_ids: ['fresh'],
    exclude_segment_ids: ['vip'],
    message: { template: template('Hello {{ first_name }} {{ unsubscribe_url }}') },
    arms: [{ arm: 'a' }, { arm: 'b', template: template('{% if rfm.segment == "Lost" %}?{% endif %}') }],
  });
  await saveCampaign(warehouse, {
    campaign_id: 'unfinished',
    title: 'Unfinished',
    segment_ids: ['fresh'],
    message: { template: template('{{ first_name') },
  });
  return server;
}

test('the catalogue says of every field its unit, its columns and who uses it, directly or through another', async () => {
  const { client } = await openServer();
  const { fields, measures, broken, sources } = await client.request<ToldCatalogue>('GET', '/v1/fields');
  expect([broken, sources.length > 20]).toEqual([[], true]);
  const byName = new Map<string, ToldField | ToldMeasure>([
    ...fields.map((each) => [`${each.mart}.${each.path}`, each] as const),
    ...measures.map((each) => [`${each.source}.${each.name}`, each] as const),
  ]);
  expect(byName.get('contact_facts.total_revenue')).toMatchObject({
    unit: 'currency',
    columns: ['core.exchange_rates.rate', 'core.orders.amount', 'core.orders.currency', 'core.orders.status'],
    used_by: {
      // spenders has contact_facts' measures, and one of its own.
      fields: ['contact_facts.revenue', 'spenders.revenue', 'spenders.revenue_a_click'],
      reports: [{ id: 'money', title: 'Money', via: ['contact_facts.revenue'] }],
      segments: [{ id: 'vip', title: 'Spenders', via: [] }],
      campaigns: [{ id: 'spring', title: 'Spring', via: ['segment vip'] }],
    },
  });
  const users = (name: string) => {
    const { reports, segments, campaigns } = byName.get(name)?.used_by ?? {};
    return { reports, segments, campaigns };
  };
  expect(users('contact_facts.lifecycle_stage')).toEqual({
    reports: [],
    segments: [{ id: 'fresh', title: 'Fresh leads', via: [] }],
    campaigns: [
      { id: 'spring', title: 'Spring', via: ['segment fresh'] },
      { id: 'unfinished', title: 'Unfinished', via: ['segment fresh'] },
    ],
  });
  expect(users('email_events.clicks').segments).toEqual([{ id: 'fresh', title: 'Fresh leads', via: [] }]);
  // What a window is made of.
  expect(users('orders.order_count').segments).toContainEqual({
    id: 'fresh',
    title: 'Fresh leads',
    via: ['contact_facts.orders.last_30_days.order_count'],
  });
  expect(users('contact_facts.first_name').campaigns).toEqual([{ id: 'spring', title: 'Spring', via: [] }]);
  expect(users('rfm.segment')).toMatchObject({
    segments: [{ id: 'at_risk' }, { id: 'champions' }],
    campaigns: [{ id: 'spring', via: [] }],
  });
  expect(users('lead_scores.clicked_points').reports).toEqual([
    { id: 'money', title: 'Money', via: ['contact_facts.lead_scores.score'] },
  ]);
  expect(users('contact_facts.country').reports).toEqual([{ id: 'money', title: 'Money', via: [] }]);
  // An archived segment uses nothing.
  expect(users('contact_facts.city').segments).toEqual([]);
  expect(byName.get('spenders.revenue_a_click')?.columns).toEqual(
    expect.arrayContaining(['core.orders.amount', 'core.email_events.url']),
  );
  expect([...byName.keys()].filter((name) => /secret_score|address_key/.test(name))).toEqual([]);

  const part = await client.request<ToldCatalogue>('GET', '/v1/fields', {
    query: { part: 'last_30_days.clicks' },
  });
  expect(part.fields.map(({ mart, path }) => `${mart}.${path}`)).toEqual([
    'contact_facts.email.last_30_days.clicks',
    // Its contacts'.
    'company_facts.email.last_30_days.clicks',
  ]);
  expect(part.measures).toEqual([]);
});

test('one field is found by its full name or its path alone; an unknown one names the nearest', async () => {
  const { client } = await openServer();
  const one = (name: string) => client.request<FieldDetail>('GET', `/v1/fields/${encodeURIComponent(name)}`);
  const found = await one('deal_facts.win_rate');
  expect(found).toMatchObject({
    name: 'deal_facts.win_rate',
    kind: 'measure',
    unit: 'ratio',
    is_metric: true,
  });
  expect(found.dimensions).toContain('owner_id');
  expect(found.steps.at(-1)).toMatchObject({
    field: 'deal_facts.win_rate',
    from: ['deal_facts.deals_won', 'deal_facts.deals_closed'],
  });
  // contact_facts has it, and rfm.
  expect((await one('last_ordered_at')).name).toBe('contact_facts.last_ordered_at');
  expect((await one('recency_score')).name).toBe('rfm.recency_score');
  expect((await one('rfm.recency_score')).name).toBe('rfm.recency_score');
  expect((await one('email.last_30_days.clicks')).name).toBe('contact_facts.email.last_30_days.clicks');
  expect((await one('average_deal_size')).name).toBe('deal_facts.average_deal_size');
  await expect(one('won_amount')).rejects.toMatchObject({
    code: 'not_found',
    fields: { candidates: expect.arrayContaining(['deals.won_amount', 'deal_facts.won_amount']) as string[] },
  });
  await expect(one('lifecycel_stage')).rejects.toMatchObject({
    code: 'not_found',
    fields: { nearest: 'lifecycle_stage' },
  });
});

test('values of small domains are counted in the newest build; what names a person is never listed', async () => {
  const { client, mallard } = await openServer();
  const one = (name: string) => client.request<FieldDetail>('GET', `/v1/fields/${name}`);
  expect((await one('lifecycle_stage')).values).toBeUndefined();

  await mallard.engine.build({ asOf: new Date('2026-11-02T06:00:00Z') });
  const stage = await one('lifecycle_stage');
  const counted = await mallard.warehouse.read((session) =>
    session.rows(
      'select lifecycle_stage as value, count(*)::int as row_count from mart.contact_facts group by 1 order by 2 desc, 1',
    ),
  );
  expect(stage.values).toEqual(counted);
  expect(stage.values?.length).toBeGreaterThan(3);
  expect(stage.values_as_of).toBe('2026-11-02T06:00:00Z');
  expect((await one('is_stub')).values).toEqual([
    { value: false, row_count: 59 },
    { value: true, row_count: 1 },
  ]);
  // Of a joined mart: its own rows. Numbers, times and keys have none.
  expect((await one('contact_facts.rfm.segment')).values).toEqual((await one('rfm.segment')).values);
  expect((await one('rfm.segment')).values?.length).toBeGreaterThan(1);
  for (const name of ['order_count', 'created_at', 'deal_facts.deal_id', 'deal_facts.win_rate'])
    expect((await one(name)).values, name).toBeUndefined();
  // 60 first names of persons, and none is told; nor where there are few.
  await mallard.warehouse.loads.transaction((tx) => tx.run(`update core.contacts set first_name = 'Ann'`));
  await mallard.engine.build({ asOf: new Date('2026-11-02T06:00:00Z') });
  expect(await one('first_name')).toMatchObject({ is_personal: true });
  const { fields } = await client.request<ToldCatalogue>('GET', '/v1/fields', { query: { values: true } });
  const listed = new Map(
    fields.flatMap(({ mart, path, values }) => (values ? [[`${mart}.${path}`, values]] : [])),
  );
  expect(
    [...listed.keys()].filter((name) =>
      /\..*(name$|email|phone|_key|job_title|contact_id|deal_id|span_id)/.test(name),
    ),
  ).toEqual(['contact_facts.has_email', 'deal_facts.company_name', 'company_facts.name']);
  expect(listed.get('contact_facts.country')).toEqual((await one('country')).values);

  // More than 50 different values are no small domain; a new build is counted anew.
  await mallard.warehouse.loads.transaction((tx) =>
    tx.run(`update core.contacts set country = contact_id where contact_id not in ('c40')`),
  );
  expect((await one('country')).values).toBeDefined();
  await mallard.engine.build({ asOf: new Date('2026-11-02T06:00:00Z') });
  expect((await one('country')).values).toBeUndefined();
});

test('texts that come from an address, a phone or a name are tagged personal', async () => {
  const { client } = await openServer();
  const { fields } = await client.request<ToldCatalogue>('GET', '/v1/fields');
  const source =
    /^core\.(contacts\.(email|email_key|phone|first_name|last_name|job_title)|owners\.(name|email))$/;
  const made = fields.filter(
    ({ type, columns }) => type === 'string' && columns.some((column) => source.test(column)),
  );
  expect(made.length).toBeGreaterThan(5);
  const open = made
    .filter(({ is_personal: isPersonal }) => !isPersonal)
    .map(({ mart, path }) => `${mart}.${path}`);
  expect(open).toEqual([]);
});

test('the lineage page holds every field, loads nothing and may run no other script', async () => {
  const { url } = await openServer();
  const landing = await (await fetch(url)).text();
  expect(landing).toContain('href="/v1/lineage/page"');
  const answer = await fetch(`${url}/v1/lineage/page`);
  expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(answer.headers.get('content-security-policy')).toMatch(/^default-src 'none'/);
  const page = await answer.text();
  expect(page).not.toMatch(/(src|href)="http|@import|url\(/);
  const json = /<script type="application\/json" id="graph">(.*?)<\/script>/s.exec(page)?.[1] ?? '';
  const graph = JSON.parse(json) as LineageGraph;
  expect(Object.keys(graph.entries)).toEqual(
    expect.arrayContaining(['spenders.revenue_a_click', 'deal_facts.win_rate']),
  );
  for (const name of Object.keys(graph.entries)) expect(graph.steps[name], name).toBeDefined();
  // What is no step is a column.
  const ends = Object.values(graph.steps).flatMap(({ from }) => from.filter((each) => !graph.steps[each]));
  expect(ends.filter((each) => !/^(core|ops|history)\.\w+\.(\w+|\*)$/.test(each))).toEqual([]);
  expect(ends.length).toBeGreaterThan(100);
  expect(graph.steps['spenders.revenue_a_click']).toMatchObject({ layer: 'user', file: 'models/vip.malloy' });
  expect(page).not.toContain('secret_score');
});
