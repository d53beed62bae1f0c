import { expect, test } from 'vitest';
import { inProcessClient } from '../../api/client.ts';
import type { TestApp } from './support.ts';
import { openTestApp } from './support.ts';

const contacts =
  'contact_id,email,phone,first_name,last_name,city,country,created_at\n' +
  'a,ann@example.com,030 1234567,Ann,Meier,Berlin,Germany,2026-01-01\n' +
  'b,ANN@example.com,,Ann,Meier,,DE,2026-02-01\n' +
  'c,a.meyer@other.example,+49 (30) 1234567,Ann,Meyer,Berlin,DE,2026-03-01\n' +
  'd,,,Anne,Meier,Berlin,DE,2026-04-01\n';

async function loaded(): Promise<TestApp> {
  const opened = await openTestApp();
  await opened.client.stream('POST', '/v1/load/contacts?name=contacts.csv', {
    body: Buffer.from(contacts),
    headers: { 'content-type': 'text/csv' },
  });
  return opened;
}

test('resolve, show, duplicates, merge and unmerge: from two keys to one person and back', async () => {
  const { client } = await loaded();
  const resolve = (dry_run: boolean) => client.request('POST', '/v1/contacts/resolve', { body: { dry_run } });
  expect(await resolve(true)).toMatchObject({ dry_run: true, merged_count: 2 });
  expect(await resolve(false)).toMatchObject({
    decisions: { shared_email: 1, shared_phone: 1, shared_source_id: 0 },
    merged_count: 2,
  });
  expect(await resolve(false)).toMatchObject({ is_skipped: true });

  const report = await client.request<{ pairs: { contact_id: string; other_contact_id: string }[] }>(
    'GET',
    '/v1/contacts/duplicates',
    { query: { min_score: 0.75 } },
  );
  expect(report.pairs).toMatchObject([{ contact_id: 'a', other_contact_id: 'd' }]);

  const merge = (contact_id: string, other_contact_id: string, dry_run?: boolean) =>
    client.request<{ values: { field: string }[] }>('POST', '/v1/contacts/merge', {
      body: { contact_id, other_contact_id, ...(dry_run === undefined ? {} : { dry_run }) },
    });
  expect(await merge('d', 'ann@example.com', true)).toMatchObject({
    canonical_contact_id: 'a',
    members: ['a', 'b', 'c', 'd'],
    dry_run: true,
  });
  await merge('d', 'ann@example.com');
  const show = (id: string, query = {}) =>
    client.request<{ entries: { kind: string; at: string }[]; previous: string | null }>(
      'GET',
      `/v1/contacts/${encodeURIComponent(id)}`,
      { query },
    );
  const person = await show('ann@example.com');
  expect(person).toMatchObject({ contact_id: 'a', asked_contact_id: 'a', time_zone: 'UTC', previous: null });
  expect(await show('d')).toEqual({ ...person, asked_contact_id: 'd' });
  const last = await show('c', { limit: 2 });
  expect(last.entries).toEqual(person.entries.slice(-2));
  expect((await show('c', { limit: 2, before: last.previous })).entries).toEqual(
    person.entries.slice(-4, -2),
  );

  expect(await client.request('POST', '/v1/contacts/unmerge', { body: { contact_id: 'd' } })).toMatchObject({
    contact_id: 'd',
    undone: 1,
    others: [
      { contact_id: 'a', canonical_contact_id: 'a' },
      { contact_id: 'b', canonical_contact_id: 'a' },
      { contact_id: 'c', canonical_contact_id: 'a' },
    ],
  });
  const after = await client.request<{ pairs: unknown[] }>('GET', '/v1/contacts/duplicates', {
    query: { min_score: 0.75 },
  });
  expect(after.pairs).toEqual([]);
});

test('what is refused: nobody, itself, nothing to part, a wrong page, an analyst who decides', async () => {
  const { app, client, mallard } = await loaded();
  const post = (name: string, body: object) => client.request('POST', `/v1/contacts/${name}`, { body });
  await expect(client.request('GET', '/v1/contacts/nobody')).rejects.toMatchObject({ code: 'not_found' });
  await expect(post('merge', { contact_id: 'a', other_contact_id: 'nobody' })).rejects.toMatchObject({
    code: 'not_found',
  });
  await expect(post('merge', { contact_id: 'd', other_contact_id: 'd' })).rejects.toMatchObject({
    code: 'bad_request',
  });
  await expect(post('unmerge', { contact_id: 'd' })).rejects.toMatchObject({ code: 'conflict' });
  await expect(client.request('GET', '/v1/contacts/a', { query: { before: 'x' } })).rejects.toMatchObject({
    code: 'bad_request',
  });
  const { token } = await client.request<{ token: string }>('POST', '/v1/tokens', {
    body: { name: 'analyst', role: 'analyst' },
  });
  const analyst = inProcessClient(app, token);
  expect(await analyst.request('GET', '/v1/contacts/a')).toMatchObject({ contact_id: 'a' });
  await expect(analyst.request('POST', '/v1/contacts/resolve', { body: {} })).rejects.toMatchObject({
    code: 'forbidden',
  });
  // What was sent is no part of the audit log: it may be an address.
  const logged = await mallard.warehouse.read((session) => session.rows('from ops.audit_log'));
  expect(JSON.stringify(logged)).not.toContain('nobody');
});
