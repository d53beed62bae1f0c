import { expect, test } from 'vitest';
import { addContacts } from '../pipelines/segments/fixture.ts';
import { openTestApp } from './support.ts';

interface ListAnswer {
  segment: { version: number; kind: string };
  matched: number;
  unknown_ids: string[];
}

async function withContacts() {
  const { app, client, mallard, url } = await openTestApp();
  await mallard.warehouse.loads.transaction((tx) =>
    addContacts(tx, [
      { contact_id: 'a', lifecycle_stage: 'lead' },
      { contact_id: 'b', lifecycle_stage: 'lead' },
      { contact_id: 'c' },
    ]),
  );
  await mallard.engine.build({ asOf: mallard.clock.now() });
  const list = (id: string, body: object) =>
    client.request<ListAnswer>('POST', `/v1/segments/${id}/list`, { body });
  return { app, client, mallard, url, list };
}

test('a list over HTTP: made, changed, evaluated beside the others, and its members read', async () => {
  const { client, list } = await withContacts();
  expect(
    await list('fair', {
      title: 'The fair',
      contact_ids: ['a', 'x'],
      emails: ['C@example.com', 'y@example.com'],
    }),
  ).toEqual({
    segment: {
      segment_id: 'fair',
      title: 'The fair',
      description: null,
      kind: 'static',
      criteria: null,
      version: 1,
      status: 'active',
      error: null,
      member_count: null,
      evaluated_as_of: null,
      created_at: '2026-11-02T06:00:00Z',
      updated_at: '2026-11-02T06:00:00Z',
    },
    matched: 2,
    already: 0,
    added: 2,
    removed: 0,
    unknown_ids: ['x'],
    unknown_id_count: 1,
    unknown_emails: ['y@example.com'],
    unknown_email_count: 1,
  });
  await client.request('PUT', '/v1/segments/leads', {
    body: { title: 'Leads', criteria: { field: 'lifecycle_stage', operator: 'equals', value: 'lead' } },
  });
  await list('leads_now', { title: 'Leads now', from_segment: 'leads' });
  await list('fair', {
    mode: 'remove',
    from_criteria: { field: 'contact_id', operator: 'equals', value: 'a' },
  });
  const run = await client.request<{ segments: { segment_id: string; member_count: number }[] }>(
    'POST',
    '/v1/segments/evaluate',
    { body: {} },
  );
  expect(Object.fromEntries(run.segments.map((one) => [one.segment_id, one.member_count]))).toMatchObject({
    fair: 1,
    leads: 2,
    leads_now: 2,
  });
  const { members } = await client.request<{ members: { contact_id: string }[] }>(
    'GET',
    '/v1/segments/fair/members',
  );
  expect(members.map(({ contact_id }) => contact_id)).toEqual(['c']);
  const { versions } = await client.request<{ versions: { version: number; criteria: unknown }[] }>(
    'GET',
    '/v1/segments/fair/history',
  );
  expect(versions.map(({ version, criteria }) => [version, criteria])).toEqual([
    [2, null],
    [1, null],
  ]);
});

test('a long list goes through, and a body that is wrong is named', async () => {
  const { list } = await withContacts();
  const many = Array.from({ length: 300_000 }, (_, i) => `nobody-of-this-name-${i}@example.com`);
  expect(await list('long', { title: 'Long', emails: [...many, 'a@example.com'] })).toMatchObject({
    matched: 1,
    unknown_email_count: 300_000,
  });
  await expect(list('long', { mode: 'append', emails: ['a@example.com'] })).rejects.toMatchObject({
    code: 'bad_request',
    message: expect.stringContaining('mode') as string,
  });
  await expect(list('long', { mode: 'add', emails: 'a@example.com' })).rejects.toMatchObject({
    code: 'bad_request',
  });
  await expect(list('long', { mode: 'add' })).rejects.toMatchObject({
    code: 'bad_request',
    message: expect.stringContaining('from_segment') as string,
  });
});

test('who uses a segment is shown, refuses its deletion, and follows a renaming', async () => {
  const { client, list } = await withContacts();
  await list('fair', { title: 'The fair', contact_ids: ['a'] });
  await client.request('PUT', '/v1/campaigns/hello', {
    body: {
      title: 'Hello',
      segment_ids: ['fair'],
      message: {
        template: { subject: 'Hello', body: 'Hello {{ first_name | default: "you" }}', format: 'text' },
      },
    },
  });
  const show = (id: string) => client.request<object>('GET', `/v1/segments/${id}`);
  const usedBy = { campaigns: ['hello'], segments: [], workflows: [] };
  expect(await show('fair')).toMatchObject({ segment_id: 'fair', used_by: usedBy });
  expect(await show('champions')).toMatchObject({ used_by: { campaigns: [] } });
  await expect(client.request('DELETE', '/v1/segments/fair')).rejects.toMatchObject({
    code: 'conflict',
    fields: { segment_id: 'fair', ...usedBy },
  });
  expect(
    await client.request('POST', '/v1/segments/fair/rename', {
      body: { segment_id: 'fair-26', title: 'Fair 26' },
    }),
  ).toMatchObject({ segment_id: 'fair-26', title: 'Fair 26', version: 1 });
  expect(await show('fair-26')).toMatchObject({ used_by: usedBy });
  expect(await client.request('GET', '/v1/campaigns/hello')).toMatchObject({
    definition: { segment_ids: ['fair-26'] },
  });
  await expect(show('fair')).rejects.toMatchObject({ code: 'not_found' });
  await expect(client.request('POST', '/v1/segments/fair-26/rename', { body: {} })).rejects.toMatchObject({
    code: 'bad_request',
  });
});
