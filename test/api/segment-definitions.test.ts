import { expect, test } from 'vitest';
import { inProcessClient } from '../../api/client.ts';
import type { ApplyPlan } from '../../pipelines/segments/apply/plan.ts';
import { openTestApp } from './support.ts';

const customers = {
  segment_id: 'customers',
  title: 'Customers',
  criteria: { field: 'lifecycle_stage', operator: 'equals', value: 'customer' },
};
const kiwis = {
  segment_id: 'kiwis',
  title: 'Kiwis',
  description: 'From New Zealand',
  criteria: [{ field: 'country', operator: 'equals', value: 'NZ' }],
};

async function loaded() {
  const opened = await openTestApp();
  await opened.client.stream('POST', '/v1/load/contacts?name=contacts.csv', {
    body: Buffer.from(
      'contact_id,email,country,lifecycle_stage,created_at\na,a@example.com,NZ,customer,2026-01-01\nb,b@example.com,NZ,lead,2026-01-01\n',
    ),
    headers: { 'content-type': 'text/csv' },
  });
  await opened.client.request('POST', '/v1/build', { body: {} });
  return opened;
}

test('definitions are planned, applied and exported over HTTP', async () => {
  const { client, mallard } = await loaded();
  const segments = [customers, kiwis];
  const plan = await client.request<ApplyPlan>('POST', '/v1/segments/plan', { body: { segments } });
  expect(plan).toEqual({
    as_of: '2026-11-02T06:00:00Z',
    left_alone: [],
    segments: [
      {
        segment_id: 'customers',
        title: 'Customers',
        action: 'created',
        version: 0,
        updated_at: null,
        diff: [],
        membership: { entered: 1, left: 0, before: 0, after: 1 },
        error: null,
      },
      expect.objectContaining({ membership: { entered: 2, left: 0, before: 0, after: 2 } }) as object,
    ],
  });
  const { segments: none } = await client.request<{ segments: { kind: string }[] }>('GET', '/v1/segments');
  expect(none.filter(({ kind }) => kind === 'criteria')).toEqual([]);

  const apply = (expected: object[]) =>
    client.request('POST', '/v1/segments/apply', { body: { segments, expected } });
  expect(await apply(plan.segments)).toEqual({
    segments: [
      { segment_id: 'customers', action: 'created', version: 1 },
      { segment_id: 'kiwis', action: 'created', version: 1 },
    ],
  });
  // Applied a second time by somebody who has not seen that.
  await expect(apply(plan.segments)).rejects.toMatchObject({
    code: 'conflict',
    fields: { segments: [{ segment_id: 'customers' }, { segment_id: 'kiwis' }] },
  });
  await expect(apply([])).rejects.toMatchObject({ code: 'conflict' });

  const exported = await client.request<object>('GET', '/v1/segments/export');
  expect(exported).toMatchObject({
    segments: [
      { ...customers, description: null },
      { ...kiwis, criteria: kiwis.criteria[0] },
    ],
    left_out: [{ segment_id: 'at_risk', kind: 'malloy' }, {}, {}],
    schema: { required: ['title', 'criteria'] },
  });
  // The plan reads; applying is in the audit log.
  const log = await mallard.warehouse.read((session) =>
    session.rows(`select action from ops.audit_log where action like '%/v1/segments/%'`),
  );
  expect(log).toEqual([{ action: 'POST /v1/segments/apply' }]);
});

test('who may read may plan and export; only operators apply', async () => {
  const { app, client } = await openTestApp();
  const { token } = await client.request<{ token: string }>('POST', '/v1/tokens', {
    body: { name: 'ann', role: 'analyst' },
  });
  const analyst = inProcessClient(app, token);
  const body = { segments: [customers] };
  const plan = await analyst.request<ApplyPlan>('POST', '/v1/segments/plan', { body });
  expect(plan).toMatchObject({ as_of: null, segments: [{ membership: null }] });
  await analyst.request('GET', '/v1/segments/export');
  await expect(
    analyst.request('POST', '/v1/segments/apply', { body: { ...body, expected: plan.segments } }),
  ).rejects.toMatchObject({ code: 'forbidden' });
});

test('what is wrong is a problem with all faults; what is no request at all, with its place', async () => {
  const { client } = await openTestApp();
  const plan = (body: unknown) => client.request('POST', '/v1/segments/plan', { body });
  await expect(
    plan({ segments: [{ ...customers, criteria: { all: [{}, { field: 'x' }] } }, { segment_id: 'x' }] }),
  ).rejects.toMatchObject({
    code: 'bad_request',
    fields: {
      faults: [
        { segment_id: 'customers', path: '$.all[0].field' },
        { segment_id: 'customers', path: '$.all[1].operator' },
        { segment_id: 'x', path: 'title' },
        { segment_id: 'x', path: 'criteria' },
      ],
    },
  });
  await expect(plan({ segments: [{ ...customers, criteria: {} }] })).rejects.toMatchObject({
    code: 'criteria_invalid',
    status: 422,
  });
  await expect(plan({ segments: [{ title: 'no id' }] })).rejects.toMatchObject({
    code: 'bad_request',
    message: expect.stringContaining('body/segments/0') as string,
  });
  await expect(
    client.request('POST', '/v1/segments/apply', { body: { segments: [customers] } }),
  ).rejects.toMatchObject({ code: 'bad_request' });
});
