import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ApiClient } from '../../../api/client.ts';
import { packageRoot } from '../../../data/package-root.ts';
import type { Mallard } from '../../../pipelines/context.ts';
import { openTestApp } from '../../api/support.ts';

const index = `import '${join(packageRoot, 'models', 'index.malloy')}'\n`;

const mine = `##! experimental.givens
${index}
source: survey is duckdb.table('raw.survey') extend { primary_key: contact_id }
#(extends) contact_facts
source: my_contact_facts is contact_facts extend {
  join_one: survey with contact_id
  join_many: answers is duckdb.table('raw.survey') on contact_id = answers.contact_id
  dimension:
    #(doc) True from 1,000 on.
    is_big_spender is total_revenue >= 1000
    survey_day is survey.answered_at::date
}
`;

const bigSpender = { field: 'is_big_spender', operator: 'equals', value: true };

async function withContacts() {
  const base = await openTestApp();
  const { client, mallard } = base;
  await mallard.warehouse.loads.transaction(async (tx) => {
    await tx.run(`insert into core.contacts (contact_id, email, email_key, first_name, lifecycle_stage, created_at, source, recorded_at)
      select 'c' || n, 'c' || n || '@example.com', 'c' || n || '@example.com', 'Name' || n, 'lead', timestamp '2026-01-01', 't', timestamp '2026-01-01'
      from range(1, 6) t(n)`);
    await tx.run(`insert into core.consent_events (consent_event_id, contact_id, status, occurred_at, source, recorded_at)
      select contact_id, contact_id, 'granted', '2026-02-01', 't', '2026-02-01' from core.contacts`);
    await tx.run(`insert into core.orders (order_id, contact_id, ordered_at, amount, currency, status, source, recorded_at)
      select 'o' || n, 'c' || n, timestamp '2026-05-01', n * 400, 'USD', 'completed', 't', timestamp '2026-05-01' from range(1, 6) t(n)`);
    await tx.run(
      `create table raw.survey as select 'c' || n as contact_id, n as grade, timestamp '2026-06-01 12:00' as answered_at from range(3, 5) t(n)`,
    );
  });
  await client.request('POST', '/v1/build', { body: {} });
  const write = (name: string, text: string) => writeFileSync(join(mallard.project.models, name), text);
  return { ...base, write };
}

interface Preview {
  count: number;
  total: number;
  sample: Record<string, unknown>[];
}
const preview = (client: ApiClient, criteria: object) =>
  client.request<Preview>('POST', '/v1/segments/preview', { body: { criteria } });

interface Fields {
  fields: { path: string; mart: string; source?: string; file?: string; doc?: string }[];
  contact_source: string;
  broken: { file: string; message: string }[];
}
const fieldsOf = (client: ApiClient) => client.request<Fields>('GET', '/v1/fields');

async function evaluate(client: ApiClient) {
  const { segments } = await client.request<{
    segments: { segment_id: string; member_count: number | null; error: string | null }[];
  }>('POST', '/v1/segments/evaluate', { body: {} });
  return new Map(segments.map((segment) => [segment.segment_id, segment]));
}

async function save(client: ApiClient, id: string, criteria: object) {
  await client.request('PUT', `/v1/segments/${id}`, { body: { title: id, criteria } });
}

/** Whether contact_facts is read from its table: what a query of the source scans. */
async function readsTable({ engine, clock }: Mallard): Promise<boolean> {
  const { sql } = await engine.compileSql('run: my_contact_facts -> { select: contact_id, is_big_spender }', {
    asOf: clock.now(),
    restricted: true,
  });
  return sql.includes('mart.contact_facts') && !sql.includes('core.');
}

test('the project’s own fields are fields of contacts: in the catalogue, previews, segments, from the built table', async () => {
  const { client, mallard, write } = await withContacts();
  await expect(preview(client, bigSpender)).rejects.toMatchObject({ code: 'criteria_invalid' });
  write('mine.malloy', mine);

  const { fields, contact_source: source, broken } = await fieldsOf(client);
  expect([source, broken]).toEqual(['my_contact_facts', []]);
  expect(
    fields
      .filter(({ file }) => file !== undefined)
      .map(({ path }) => path)
      .toSorted(),
  ).toEqual(
    ['is_big_spender', 'survey.answered_at', 'survey.contact_id', 'survey.grade', 'survey_day'].toSorted(),
  );
  expect(fields.find(({ path }) => path === 'is_big_spender')).toMatchObject({
    path: 'is_big_spender',
    type: 'boolean',
    doc: 'True from 1,000 on.',
    mart: 'contact_facts',
    source: 'my_contact_facts',
    file: 'models/mine.malloy',
  });
  expect(fields.filter(({ path }) => path === 'lifecycle_stage')).toHaveLength(1);

  const both = { all: [bigSpender, { field: 'survey.grade', operator: 'at_least', value: 3 }] };
  const found = await preview(client, both);
  expect([found.count, found.total]).toEqual([2, 5]);
  expect(found.sample[0]).toMatchObject({ is_big_spender: true });
  expect(await readsTable(mallard)).toBe(true);

  await save(client, 'big', bigSpender);
  await save(client, 'graded', both);
  await save(client, 'leads', { field: 'lifecycle_stage', operator: 'equals', value: 'lead' });
  const runs = await evaluate(client);
  expect(['big', 'graded', 'leads'].map((id) => runs.get(id)?.member_count)).toEqual([3, 2, 5]);
});

test('a file that breaks takes its fields with it, and only the segments that need them', async () => {
  const { client, write } = await withContacts();
  write('mine.malloy', mine);
  await save(client, 'big', bigSpender);
  await save(client, 'leads', { field: 'lifecycle_stage', operator: 'equals', value: 'lead' });
  await evaluate(client);
  write('mine.malloy', mine.replace('total_revenue', 'totl_revenue'));
  const { contact_source: source, broken } = await fieldsOf(client);
  expect(source).toBe('contact_facts');
  expect(broken).toMatchObject([
    { file: 'models/mine.malloy', message: expect.stringContaining('totl_revenue') as string },
  ]);
  const runs = await evaluate(client);
  expect(runs.get('leads')).toMatchObject({ member_count: 5, error: null });
  expect(runs.get('big')).toMatchObject({
    member_count: null,
    error: expect.stringContaining('is_big_spender') as string,
  });
});

test('what cannot stand for contact_facts is refused by name, and contact_facts stays', async () => {
  const { client, mallard, write } = await withContacts();
  const cases: [string, RegExp][] = [
    [
      `#(extends) contact_facts\nsource: some is contact_facts extend { where: country = 'DE' }`,
      /has a `where:`/,
    ],
    [`#(extends) contact_facts\nsource: less is contact_facts extend { except: last_name }`, /no last_name/],
    [`#(extends) contact_facts\nsource: by_country is contact_facts -> { group_by: country }`, /primary key/],
    [`#(extends) deals\nsource: my_deals is deals extend { dimension: x is 1 }`, /only contact_facts/],
  ];
  for (const [text, message] of cases) {
    write('wrong.malloy', `${index}${text}\n`);
    const { contact_source: source, broken } = await fieldsOf(client);
    expect([text, source]).toEqual([text, 'contact_facts']);
    expect(broken).toMatchObject([
      { file: 'models/wrong.malloy', message: expect.stringMatching(message) as string },
    ]);
  }
  rmSync(join(mallard.project.models, 'wrong.malloy'));

  // A second one is told of, the first counts; what extends the tagged source is no second one.
  write(
    'a.malloy',
    `${mine}\nsource: more is my_contact_facts extend { dimension: y is 1 }\n#(doc) More.\nsource: still_more is more extend { dimension: yy is 1 }\n`,
  );
  write(
    'b.malloy',
    `${index}#(extends) contact_facts\nsource: other_facts is contact_facts extend { dimension: z is 1 }\n`,
  );
  const { contact_source: source, broken, fields } = await fieldsOf(client);
  expect(source).toBe('my_contact_facts');
  expect(broken).toMatchObject([
    {
      file: 'models/b.malloy',
      message: expect.stringMatching(/other_facts: my_contact_facts of models\/a\.malloy/) as string,
    },
  ]);
  expect(fields.some(({ path }) => path === 'z' || path === 'y')).toBe(false);
});

test('a join that matches several rows of a contact is refused, for who uses it', async () => {
  const { client, mallard, write } = await withContacts();
  write('mine.malloy', mine);
  await save(client, 'big', bigSpender);
  await save(client, 'graded', { field: 'survey.grade', operator: 'at_least', value: 1 });
  await mallard.warehouse.loads.transaction((tx) =>
    tx.run(`insert into raw.survey values ('c3', 5, timestamp '2026-06-02')`),
  );
  await expect(
    preview(client, { field: 'survey.grade', operator: 'at_least', value: 1 }),
  ).rejects.toMatchObject({
    code: 'model_invalid',
    fields: { source: 'my_contact_facts', contact_id: 'c3', rows: 2 },
  });
  expect((await preview(client, bigSpender)).count).toBe(3);
  const runs = await evaluate(client);
  expect(runs.get('big')).toMatchObject({ member_count: 3, error: null });
  expect(runs.get('graded')).toMatchObject({
    error: expect.stringContaining('2 rows of contact c3') as string,
  });
});

test('a campaign’s mail may name them; a template that names nobody’s field is refused as before', async () => {
  const { client, mallard, write } = await withContacts();
  write('mine.malloy', mine);
  await save(client, 'big', bigSpender);
  await evaluate(client);
  const campaign = (body: string) => ({
    title: 'Thanks',
    segment_ids: ['big'],
    message: { template: { subject: 'For {{ first_name }}', body, format: 'text' } },
  });
  const put = (body: string) => client.request('PUT', '/v1/campaigns/thanks', { body: campaign(body) });
  const plan = () =>
    client.request<{
      send_count: number;
      by_reason: { reason: string; contacts: number }[];
      samples: { text: string; contact_id: string }[];
    }>('POST', '/v1/campaigns/thanks/plan', { body: {} });

  await put(
    'Big: {{ is_big_spender }}, {{ survey.grade | default: "no grade" }}, {{ survey_day | default: "never" }}',
  );
  const texts = (await plan()).samples.map(({ text }) => text.split('\n')[0] ?? '');
  expect(texts.toSorted((a, b) => a.localeCompare(b))).toEqual([
    'Big: true, 3, 2026-06-01',
    'Big: true, 4, 2026-06-01',
    'Big: true, no grade, never',
  ]);

  // Without a default, who has none would get a mail with a hole.
  await put('You gave us a {{ survey.grade }}');
  expect((await plan()).by_reason).toContainEqual({
    decision: 'excluded',
    reason: 'render_failed',
    contacts: 1,
  });
  const run = await client.request<{ campaign_run_id: string }>('POST', '/v1/campaigns/thanks/launch', {
    body: {},
  });
  const frozen = await mallard.warehouse.read((session) =>
    session.rows(
      `select contact_id, decision, variables from ops.audience where campaign_run_id = $1 order by contact_id`,
      [run.campaign_run_id],
    ),
  );
  expect(frozen).toMatchObject([
    { contact_id: 'c3', decision: 'send', variables: { survey: { grade: 3 } } },
    { contact_id: 'c4', decision: 'send', variables: { survey: { grade: 4 } } },
    { contact_id: 'c5', decision: 'excluded' },
  ]);

  await mallard.warehouse.loads.transaction((tx) =>
    tx.run(`insert into raw.survey values ('c4', 5, timestamp '2026-06-02')`),
  );
  await expect(plan()).rejects.toMatchObject({ code: 'model_invalid' });
  await put('{{ survey.grde }}').catch(() => undefined);
  await expect(plan()).rejects.toMatchObject({ code: 'template_invalid' });
});
