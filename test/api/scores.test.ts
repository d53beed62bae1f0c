import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { inProcessClient } from '../../api/client.ts';
import { openTestApp, type TestApp } from './support.ts';

async function loaded(): Promise<TestApp> {
  const opened = await openTestApp();
  const load = (table: string, text: string) =>
    opened.client.stream('POST', `/v1/load/${table}?name=${table}.csv`, {
      body: Buffer.from(text),
      headers: { 'content-type': 'text/csv' },
    });
  await load('contacts', 'contact_id,email,created_at\na,ann@example.com,2026-01-01\n');
  await load('orders', 'order_id,contact_id,ordered_at,amount\n1,a,2026-08-04,100\n2,a,2026-11-01,50\n');
  await load('rfm_groups', 'recency_score,value_score,group_name\n5,3,Darlings\n');
  await opened.client.request('POST', '/v1/build', { body: {} });
  return opened;
}

test('a score is explained over HTTP, by address, against an earlier time', async () => {
  const { client, app } = await loaded();
  const explain = (query: Record<string, string>, who = 'ann@example.com') =>
    client.request<{ at: { score: number }; rules: { name: string; change: object | null }[] }>(
      'GET',
      `/v1/contacts/${encodeURIComponent(who)}/score`,
      { query },
    );
  const told = await explain({ vs: '2026-08-05' });
  expect(told).toMatchObject({
    contact_id: 'a',
    time_zone: 'UTC',
    at: { as_of: '2026-11-02T06:00:00Z', score: 22.38, rules_version: 1 },
    vs: { as_of: '2026-08-05T00:00:00Z', score: 14.88 },
  });
  expect(told.rules.find(({ name }) => name === 'ordered')).toMatchObject({
    points: 22.38,
    fact_count: 2,
    newest_at: '2026-11-01T00:00:00Z',
    change: { decay: -7.38, new_facts: 14.88, new_fact_count: 1 },
  });
  expect((await explain({ as_of: '2026-09-01' })).rules[0]?.change).toBeNull();
  await expect(explain({}, 'nobody')).rejects.toMatchObject({ code: 'not_found' });
  await expect(explain({ vs: 'yesterday' })).rejects.toMatchObject({ code: 'bad_request' });
  await expect(explain({ rules: 'other' })).rejects.toMatchObject({ code: 'bad_request' });
  const { token } = await client.request<{ token: string }>('POST', '/v1/tokens', {
    body: { name: 'analyst', role: 'analyst' },
  });
  expect(await inProcessClient(app, token).request('GET', '/v1/contacts/a/score')).toMatchObject({
    at: { score: 22.38 },
  });
});

test('the rules are listed with their versions; a file that is not valid is told of, by the build too', async () => {
  const { client, mallard } = await loaded();
  const listed = () =>
    client.request<{
      version: number;
      problem: string | null;
      rules: { name: string }[];
      versions: object[];
    }>('GET', '/v1/scores/rules');
  const before = await listed();
  expect(before).toMatchObject({ version: 1, problem: null, versions: [{ version: 1 }] });
  expect(before.rules.map(({ name }) => name)).toContain('clicked');
  writeFileSync(mallard.project.leadScoreFile, 'rules:\n  - { name: x, title: X, points: 1, when: 3 }\n');
  const after = await listed();
  expect(after).toMatchObject({ version: 1, rules: before.rules });
  expect(after.problem).toMatch(/rule x: \$\.rules\[0\]\.when/);
  const built = await client.request<{ marts: { mart: string; warning?: string }[] }>('POST', '/v1/build', {
    body: {},
  });
  expect(built.marts.filter(({ warning }) => warning).map(({ mart }) => mart)).toEqual(['lead_scores']);
});

test('the migration between RFM groups, by either method', async () => {
  const { client } = await loaded();
  const migration = (query: Record<string, string>) => client.request('GET', '/v1/rfm/migration', { query });
  expect(await migration({ from: '2026-10-01', method: 'fixed' })).toMatchObject({
    from: '2026-10-01T00:00:00Z',
    to: '2026-11-02T06:00:00Z',
    known_at: null,
    cells: [
      {
        from_group: 'Potential loyalists',
        to_group: 'Potential loyalists',
        customers: 1,
        revenue_from: '100.00',
        revenue_to: '150.00',
      },
    ],
  });
  expect(await migration({ from: '2026-01-01', to: '2026-11-02' })).toMatchObject({
    method: 'quintiles',
    cells: [{ from_group: null, customers: 1, revenue_to: '150.00' }],
    from_totals: [{ from_group: null }],
  });
  await expect(migration({})).rejects.toMatchObject({ code: 'bad_request' });
  await expect(migration({ from: '2026-12-01' })).rejects.toMatchObject({ code: 'bad_request' });
});
