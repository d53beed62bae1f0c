import { expect, test } from 'vitest';
import type { FreshnessLimit } from '../../../data/account.ts';
import { freshness, type Freshness } from '../../../pipelines/tests/freshness.ts';
import type { TestAnswer } from '../../../pipelines/tests/run.ts';
import { openTestApp } from '../../api/support.ts';
import { openTestWarehouse } from '../../support.ts';

const at = (text: string) => new Date(`${text}:00Z`);

async function withEvents() {
  const { warehouse } = await openTestWarehouse();
  await warehouse.loads.transaction(async (tx) => {
    await tx.run(`insert into core.email_events (event_id, event_type, occurred_at, source, recorded_at) values
      ('e1', 'sent', timestamp '2026-11-01 00:00', 'sendgrid', timestamp '2026-11-01 01:00'),
      ('e2', 'sent', timestamp '2026-11-01 20:00', 'sendgrid', timestamp '2026-11-01 22:00'),
      ('e3', 'sent', timestamp '2026-11-05 00:00', 'sendgrid', timestamp '2026-11-01 23:00'),
      ('e4', 'sent', timestamp '2026-10-01 00:00', 'mailgun', timestamp '2026-10-02 00:00')`);
    await tx.run(`insert into raw.loads (batch_id, table_name, source, file, rows_read, rows_inserted, rows_updated, rows_unchanged,
        rows_rejected, started_at, recorded_at)
      values ('b', 'email_events', 'empty', 'x.csv', 0, 0, 0, 0, 0, timestamp '2026-11-01', timestamp '2026-11-01')`);
  });
  const check = async (
    limits: FreshnessLimit[],
    options: Partial<Parameters<typeof freshness>[1]> = {},
  ): Promise<Freshness[]> =>
    freshness(warehouse, { limits, asOf: at('2026-11-02T06:00'), unlimited: false, ...options });
  return { warehouse, check };
}

const of = (rows: readonly Freshness[]) =>
  rows.map(({ source, status, age_hours: age }) => [source, status, age]);

test('each source of a table is held to the limit, or to its own; what never came fails', async () => {
  const { check } = await withEvents();
  const limit = { table: 'email_events', warn_after_hours: 6, error_after_hours: 48 };
  // The newest that had happened by then: e3 tells of a day to come.
  expect(of(await check([limit]))).toEqual([
    ['empty', 'failed', null],
    ['mailgun', 'failed', 750],
    ['sendgrid', 'warned', 8],
  ]);
  expect(
    of(await check([limit, { table: 'email_events', source: 'mailgun', error_after_hours: 1000 }])),
  ).toContainEqual(['mailgun', 'passed', 750]);
  expect(of(await check([{ table: 'email_events', source: 'postmark', warn_after_hours: 1 }]))).toEqual([
    ['postmark', 'warned', null],
  ]);
  expect(of(await check([{ table: 'orders', error_after_hours: 24 }]))).toEqual([[null, 'failed', null]]);
  expect(await check([])).toEqual([]);
  const all = await check([], { unlimited: true });
  expect(of(all)).toContainEqual(['sendgrid', 'unlimited', 8]);
  expect(all.find(({ source }) => source === 'sendgrid')).toMatchObject({
    table: 'email_events',
    recorded_at: '2026-11-01T22:00:00Z',
    occurred_at: '2026-11-01T20:00:00Z',
  });
});

test('as of a past time, and as known at another, later rows do not count', async () => {
  const { check } = await withEvents();
  const limits = [{ table: 'email_events', source: 'sendgrid', error_after_hours: 10 }];
  const sendgrid = async (options: Partial<Parameters<typeof freshness>[1]>) =>
    of(await check(limits, options));
  expect(await sendgrid({ asOf: at('2026-11-01T12:00') })).toEqual([['sendgrid', 'failed', 11]]);
  expect(await sendgrid({ knownAt: at('2026-11-01T10:00') })).toEqual([['sendgrid', 'failed', 29]]);
  expect(await sendgrid({ asOf: at('2026-11-06T00:00') })).toEqual([['sendgrid', 'failed', 97]]);
});

test('a row that was superseded was the newest once', async () => {
  const { warehouse, check } = await withEvents();
  await warehouse.loads.transaction((tx) =>
    tx.run(
      `insert into history.email_events select *, timestamp '2026-11-02 05:00' from core.email_events where event_id = 'e2'`,
    ),
  );
  await warehouse.loads.transaction((tx) =>
    tx.run(`update core.email_events set recorded_at = timestamp '2026-11-02 05:00' where event_id = 'e2'`),
  );
  const limits = [{ table: 'email_events', source: 'sendgrid', error_after_hours: 10 }];
  expect(of(await check(limits, { asOf: at('2026-11-02T00:00') }))).toEqual([['sendgrid', 'passed', 2]]);
});

test('a limit on a table that does not exist names those that do', async () => {
  const { check } = await withEvents();
  await expect(check([{ table: 'emails' }])).rejects.toMatchObject({
    code: 'bad_request',
    remedy: expect.stringContaining('email_events') as string,
  });
});

test('over HTTP: part of the tests and of their history, and by itself', async () => {
  const { client, mallard } = await openTestApp();
  await mallard.warehouse.loads.transaction((tx) =>
    tx.run(`insert into core.orders (order_id, ordered_at, amount, source, recorded_at)
            values ('o1', timestamp '2026-10-30', 5, 'shop', timestamp '2026-10-31')`),
  );
  mallard.account.freshness.push({ table: 'orders', error_after_hours: 24 });
  const answer = await client.request<TestAnswer>('POST', '/v1/test', { body: {} });
  expect(answer.tests.every(({ status }) => status === 'passed')).toBe(true);
  expect(answer.passed).toBe(false);
  expect(answer.freshness).toMatchObject([
    { table: 'orders', source: 'shop', status: 'failed', age_hours: 54 },
  ]);
  const { tests } = await client.request<{ tests: object[] }>('GET', '/v1/tests/runs');
  expect(tests[0]).toMatchObject({
    kind: 'freshness',
    test: 'freshness of orders from shop',
    status: 'failed',
    failing_since: '2026-11-02T06:00:00Z',
  });
  const alone = await client.request<{ passed: boolean; sources: object[] }>('GET', '/v1/freshness', {
    query: { as_of: '2026-10-31T06:00:00Z' },
  });
  expect(alone).toMatchObject({
    passed: true,
    sources: [{ source: 'shop', status: 'passed', age_hours: 6 }],
  });
});
