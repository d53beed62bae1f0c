import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { httpClient } from '../../api/client.ts';
import { acceptEmailEvents } from '../../pipelines/sources/intake.ts';
import { openTestApp, type TestApp } from './support.ts';

async function prepared(): Promise<TestApp> {
  const server = await openTestApp();
  const csv = (text: string) => ({
    body: Readable.from([Buffer.from(text)]),
    headers: { 'content-type': 'text/csv' },
  });
  await server.client.request(
    'POST',
    '/v1/load/contacts',
    csv(
      'contact_id,email,first_name,phone\nc1,ann@example.com,Ann,+49 170 5550001\nc2,bob@example.com,Bob,\n',
    ),
  );
  await server.client.request(
    'POST',
    '/v1/load/orders',
    csv('order_id,contact_id,ordered_at,amount\no1,c1,2026-01-01,10.50\no2,c2,2026-01-02,20\n'),
  );
  await server.client.request('POST', '/v1/build', { body: {} });
  return server;
}

const rows = (server: TestApp, sql: string) => server.mallard.warehouse.read((session) => session.rows(sql));

test('export, dry run, forget, forget again over HTTP; revenue stays, and the log does not say who it was', async () => {
  const server = await prepared();
  const { client } = server;
  const exported = await client.request<{ tables: Record<string, object[]>; person: object }>(
    'GET',
    '/v1/contacts/ann%40example.com/export',
  );
  expect(exported.person).toMatchObject({ contact_ids: ['c1'], emails: ['ann@example.com'] });
  expect(exported.tables['core.orders']).toMatchObject([{ order_id: 'o1', amount: '10.50' }]);
  expect(Object.keys(exported.tables)).toEqual(
    expect.arrayContaining(['core.contacts', 'core.orders', 'mart.contact_facts', 'mart.rfm']),
  );
  const forget = (body: object) =>
    client.request<{ status: string; erasure_id: string }>('POST', '/v1/contacts/c1/forget', { body });
  expect(await forget({ dry_run: true })).toMatchObject({ status: 'dry_run', contact_count: 1 });
  const outcome = await forget({ reason: 'by letter' });
  expect(outcome).toMatchObject({ status: 'forgotten', compact_by: '2026-11-09T06:00:00Z' });
  expect(await forget({})).toMatchObject({ status: 'already_forgotten', erasure_id: outcome.erasure_id });
  await expect(client.request('GET', '/v1/contacts/c1/export')).rejects.toMatchObject({ code: 'not_found' });
  await expect(client.request('POST', '/v1/contacts/c9/forget', { body: {} })).rejects.toMatchObject({
    code: 'not_found',
  });
  expect(await rows(server, 'select sum(amount) as total from core.orders')).toEqual([{ total: '30.50' }]);
  const log = await rows(
    server,
    `select actor, action, subject, detail from ops.audit_log where action like '%contacts%' and action not like '%load%'`,
  );
  expect(log).toEqual([{ actor: 'local', action: 'contacts.export', subject: null, detail: null }]);
  expect(await rows(server, 'select requested_by, reason, status from ops.erasures')).toEqual([
    { requested_by: 'local', reason: 'by letter', status: 'completed' },
  ]);
  // The next build has no row of the person, and one contact less.
  await client.request('POST', '/v1/build', { body: {} });
  expect(await rows(server, 'select contact_id from mart.contact_facts')).toEqual([{ contact_id: 'c2' }]);
  expect(await client.request('GET', '/v1/compaction')).toEqual({
    due_at: '2026-11-09T06:00:00.000Z',
    is_due: false,
  });
  // No server here that could close the file.
  await expect(client.request('POST', '/v1/compaction', { body: {} })).rejects.toMatchObject({
    code: 'conflict',
  });
});

test('an event that comes after its person was forgotten counts, and names nobody', async () => {
  const server = await prepared();
  await server.client.request('POST', '/v1/contacts/c1/forget', { body: {} });
  const event = (id: string, email: string, type: 'opened' | 'complained') => ({
    event_id: id,
    event_type: type,
    contact_id: null,
    email,
    campaign_id: 'spring',
    campaign_run_id: null,
    message_id: null,
    delivery_id: null,
    url: `https://example.com/?to=${email}`,
    agent_class: 'human' as const,
    agent_reason: null,
    bounce_class: null,
    reason: `said ${email}`,
    ip: '192.0.2.1',
    user_agent: 'Mail',
    occurred_at: '2026-11-01T10:00:00Z',
    source: 'sendgrid',
  });
  const counts = await acceptEmailEvents(server.mallard.warehouse, {
    rows: [
      event('e1', 'Ann@example.com', 'opened'),
      event('e2', 'ann@example.com', 'complained'),
      event('e3', 'bob@example.com', 'opened'),
    ],
    rejects: [],
  });
  expect(counts.accepted).toBe(3);
  expect(
    await rows(
      server,
      'select event_id, campaign_id, email, ip, url from core.email_events order by event_id',
    ),
  ).toEqual([
    { event_id: 'e1', campaign_id: 'spring', email: null, ip: null, url: null },
    { event_id: 'e2', campaign_id: 'spring', email: null, ip: null, url: null },
    {
      event_id: 'e3',
      campaign_id: 'spring',
      email: 'bob@example.com',
      ip: '192.0.2.1',
      url: 'https://example.com/?to=bob@example.com',
    },
  ]);
  expect(await rows(server, 'from core.consent_events')).toEqual([]);
  expect(await rows(server, 'select reason from ops.suppressions')).toEqual([{ reason: 'forgotten' }]);
});

test('only an operator may export or forget', async () => {
  const { client, url } = await prepared();
  const tokens: Record<string, string> = {};
  const admin = await client.request<{ token: string }>('POST', '/v1/tokens', {
    body: { name: 'admin', role: 'admin' },
  });
  for (const role of ['analyst', 'sender', 'ingest', 'operator']) {
    const made = await httpClient({ url, token: admin.token }).request<{ token: string }>(
      'POST',
      '/v1/tokens',
      {
        body: { name: role, role },
      },
    );
    tokens[role] = made.token;
  }
  for (const role of ['analyst', 'sender', 'ingest']) {
    const as = httpClient({ url, token: tokens[role] });
    await expect(as.request('GET', '/v1/contacts/c1/export')).rejects.toMatchObject({ code: 'forbidden' });
    await expect(as.request('POST', '/v1/contacts/c1/forget', { body: {} })).rejects.toMatchObject({
      code: 'forbidden',
    });
  }
  const operator = httpClient({ url, token: tokens['operator'] });
  expect(await operator.request('POST', '/v1/contacts/c1/forget', { body: {} })).toMatchObject({
    status: 'forgotten',
  });
});
