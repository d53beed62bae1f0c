import { expect, test } from 'vitest';
import { inProcessClient } from '../../api/client.ts';
import { openTestApp } from './support.ts';

const leads = { field: 'lifecycle_stage', operator: 'equals', value: 'lead' };

interface Told {
  is_member: boolean;
  nodes: { path: string; text: string }[];
}

test('a segment and unsaved criteria are explained over HTTP, by whoever may read', async () => {
  const { client, app } = await openTestApp();
  await client.stream('POST', '/v1/load/contacts?name=contacts.csv', {
    body: Buffer.from(
      'contact_id,email,lifecycle_stage,created_at\na,ann@example.com,lead,2026-01-01\nb,bob@example.com,customer,2026-01-01\n',
    ),
    headers: { 'content-type': 'text/csv' },
  });
  await client.request('PUT', '/v1/segments/leads', { body: { title: 'Leads', criteria: leads } });
  const explain = (query: Record<string, string>, id = 'leads') =>
    client.request<Told>('GET', `/v1/segments/${id}/explain`, { query });
  await expect(explain({ contact_id: 'a' })).rejects.toMatchObject({ code: 'conflict' });
  await client.request('POST', '/v1/build', { body: {} });
  await client.request('POST', '/v1/segments/evaluate', { body: {} });

  expect(await explain({ contact_id: 'ann@example.com' })).toMatchObject({
    segment_id: 'leads',
    kind: 'criteria',
    version: 1,
    contact_id: 'a',
    as_of: '2026-11-02T06:00:00Z',
    is_member: true,
    nodes: [
      {
        path: '$',
        depth: 0,
        kind: 'condition',
        is_true: true,
        text: 'lifecycle_stage is lead',
        value: 'lead',
        compared_with: 'lead',
      },
    ],
    recorded: { is_member: true },
    entered: { at: '2026-11-02T06:00:00Z', cause: 'first_evaluation' },
    left: null,
  });
  expect(await explain({ contact_id: 'b', as_of: '2026-10-01' })).toMatchObject({
    is_member: false,
    entered: null,
  });
  await expect(explain({ contact_id: 'nobody' })).rejects.toMatchObject({ code: 'not_found' });
  await expect(explain({ contact_id: 'a' }, 'lead')).rejects.toMatchObject({
    code: 'not_found',
    fields: { nearest: 'leads' },
  });
  await expect(explain({})).rejects.toMatchObject({ code: 'bad_request' });
  await expect(explain({ contact_id: 'a', as_of: 'soon' })).rejects.toMatchObject({ code: 'bad_request' });

  const unsaved = (body: object) => client.request<Told>('POST', '/v1/segments/explain', { body });
  // The flat list too, with a list to compare with.
  const flat = [leads, { field: 'lifecycle_stage', operator: 'in', value: ['mql', 'customer'], logic: 'OR' }];
  expect(
    (await unsaved({ criteria: flat, contact_id: 'b' })).nodes.map(({ path, text }) => [path, text]),
  ).toEqual([
    ['$', 'Any of'],
    ['$.any[0]', 'lifecycle_stage is customer, lead needed'],
    ['$.any[1]', 'lifecycle_stage is customer (one of mql, customer)'],
  ]);
  await expect(unsaved({ criteria: { all: [] }, contact_id: 'b' })).rejects.toMatchObject({
    code: 'criteria_invalid',
  });

  const tokenOf = async (role: string, by = client) =>
    (await by.request<{ token: string }>('POST', '/v1/tokens', { body: { name: role, role } })).token;
  const admin = inProcessClient(app, await tokenOf('admin'));
  const [analyst, ingest] = [await tokenOf('analyst', admin), await tokenOf('ingest', admin)];
  const path = '/v1/segments/leads/explain';
  const query = { contact_id: 'a' };
  expect(await inProcessClient(app, analyst).request('GET', path, { query })).toMatchObject({
    is_member: true,
  });
  await expect(inProcessClient(app, ingest).request('GET', path, { query })).rejects.toMatchObject({
    code: 'forbidden',
  });
  const body = { criteria: leads, contact_id: 'a' };
  expect(await inProcessClient(app, analyst).request('POST', '/v1/segments/explain', { body })).toMatchObject(
    { is_member: true },
  );
  await expect(
    inProcessClient(app, ingest).request('POST', '/v1/segments/explain', { body }),
  ).rejects.toMatchObject({ code: 'forbidden' });

  // A preview answers what it is asked for, and no more.
  const preview = (more: object) =>
    inProcessClient(app, analyst).request<object>('POST', '/v1/segments/preview', {
      body: { criteria: leads, ...more },
    });
  expect(Object.keys(await preview({})).toSorted()).toEqual(['as_of', 'count', 'sample', 'share', 'total']);
  expect(await preview({ overlap: true, profile: true })).toMatchObject({
    count: 1,
    overlap: expect.arrayContaining([
      expect.objectContaining({ segment_id: 'leads', both: 1, jaccard: 1 }),
    ]) as object[],
    profile: {
      values: expect.arrayContaining([
        expect.objectContaining({ field: 'lifecycle_stage', value: 'lead', lift: 2, difference_points: 50 }),
      ]) as object[],
    },
  });
}, 240_000);
