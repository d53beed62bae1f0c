import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { parse as parseCsv } from 'csv-parse/sync';
import { expect, onTestFinished, test, vi } from 'vitest';
import { buildApp } from '../../api/app.ts';
import { rowsFromArrow } from '../../api/arrow-rows.ts';
import { httpClient, inProcessClient, type ApiClient } from '../../api/client.ts';
import { sendResult } from '../../api/results/answer.ts';
import { formatOf, mediaTypes, type Format } from '../../api/results/formats.ts';
import type { Warehouse } from '../../data/owner/warehouse.ts';
import { openTestMallard } from './support.ts';

interface Rig {
  client: ApiClient;
  warehouse: Warehouse;
  get: (sql: string, format: Format, options?: { rowLimit?: number; timeoutMs?: number }) => Promise<Buffer>;
}

/** The app with one more route that answers any SQL, so that types can be tried that Malloy would not make. */
async function openRig(): Promise<Rig> {
  const mallard = await openTestMallard();
  const app = buildApp({ mallard, env: {} });
  onTestFinished(() => app.close());
  app.post('/sql', { config: { access: 'public' } }, (request, reply) => {
    const {
      sql,
      rowLimit = 10_000,
      timeoutMs = 30_000,
    } = request.body as { sql: string; rowLimit?: number; timeoutMs?: number };
    return sendResult(mallard.warehouse, request, reply, {
      sql,
      format: formatOf(request.headers.accept),
      rowLimit,
      timeoutMs,
    });
  });
  const client = inProcessClient(app);
  return {
    client,
    warehouse: mallard.warehouse,
    get: async (sql, format, options = {}) => {
      const answer = await client.stream('POST', '/sql', {
        body: { sql, ...options },
        headers: { accept: mediaTypes[format] },
      });
      return buffer(answer.body);
    },
  };
}

const someTypes = (rows: number) => `
  select i::bigint + 9007199254740992 as big, (i / 4)::decimal(18, 2) as money, if(i % 3 = 0, null, 'a "quoted", ' || i) as text,
    '' as empty, timestamp '2026-01-01' + to_milliseconds(i) as at, date '2026-01-01' as day, i % 2 = 0 as even, i / 8 as double
  from range(${rows}) t(i) order by i`;

test('JSON keeps every digit, at every depth', async () => {
  const { get } = await openRig();
  const text = await get(
    `select 10005534.00::decimal(18,2) as won, 9007199254740993::bigint as big, {a: 1.50::decimal(5,2), b: [2.00::decimal(9,2), null]} as nested,
       'nan'::double as nan, 'infinity'::double as infinite, 0.1::double as tenth, timestamp '2026-11-02 06:00:00.5' as at,
       170141183460469231731687303715884105727::hugeint as huge, '{"b": [1]}'::json as json, 'é"\n' as text, null as nothing`,
    'json',
  );
  expect(text.toString()).toBe(
    '[{"won":10005534.00,"big":9007199254740993,"nested":{"a":1.50,"b":[2.00,null]},"nan":null,"infinite":null,"tenth":0.1,' +
      '"at":"2026-11-02T06:00:00.500Z","huge":170141183460469231731687303715884105727,"json":{"b":[1]},"text":"é\\"\\n","nothing":null}]\n',
  );
});

test('every format says the same', async () => {
  const { get, warehouse } = await openRig();
  const sql = someTypes(5_000);
  const expected = await warehouse.read((session) => session.rows(sql));
  expect(rowsFromArrow(await get(sql, 'arrow'))).toEqual(expected);

  const comparable = expected.map((row) => ({
    ...row,
    big: Number(row['big']),
    money: Number(row['money']),
  }));
  expect(JSON.parse((await get(sql, 'json')).toString())).toEqual(comparable);
  const lines = (await get(sql, 'ndjson')).toString().trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(comparable);

  const csv = parseCsv<Record<string, string>>(await get(sql, 'csv'), { columns: true });
  const texts = expected.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [
        name,
        String((value as string | number | bigint | boolean | null) ?? ''),
      ]),
    ),
  );
  expect(csv).toEqual(texts);

  const path = `${warehouse.project.staging}/answer.parquet`;
  await import('node:fs/promises').then(async ({ writeFile }) => writeFile(path, await get(sql, 'parquet')));
  expect(await warehouse.read((session) => session.rows(`from '${path}'`))).toEqual(expected);
});

test('no rows are an empty answer of each format', async () => {
  const { get } = await openRig();
  const sql = 'select 1 as a where false';
  expect((await get(sql, 'json')).toString()).toBe('[]\n');
  expect((await get(sql, 'ndjson')).toString()).toBe('');
  expect((await get(sql, 'csv')).toString()).toBe('a\r\n');
  expect(rowsFromArrow(await get(sql, 'arrow'))).toEqual([]);
});

test('rows beyond the limit are cut, and JSON says so', async () => {
  const { client, get } = await openRig();
  const request = (rows: number) =>
    client.stream('POST', '/sql', {
      body: { sql: `from range(${rows}) t(i)`, rowLimit: 3000 },
      headers: { accept: mediaTypes.json },
    });
  const cut = await request(3001);
  expect(cut.headers['x-truncated-at']).toBe('3000');
  expect(JSON.parse((await buffer(cut.body)).toString())).toHaveLength(3000);
  const whole = await request(3000);
  expect(whole.headers['x-truncated-at']).toBeUndefined();
  expect(JSON.parse((await buffer(whole.body)).toString())).toHaveLength(3000);
  for (const format of ['arrow', 'parquet'] as const)
    await get(`from range(5000) t(i)`, format, { rowLimit: 3000 });
  expect(rowsFromArrow(await get(`from range(5000) t(i)`, 'arrow', { rowLimit: 3000 }))).toHaveLength(3000);
});

test('JSON, which is held whole, ends at 64 MB with what to ask for instead; what is streamed does not', async () => {
  const { get } = await openRig();
  const sql = `select repeat('x', 1000000) as x from range(70)`;
  await expect(get(sql, 'json')).rejects.toMatchObject({
    code: 'payload_too_large',
    remedy: expect.stringContaining('NDJSON') as string,
  });
  expect((await get(sql, 'ndjson')).length).toBeGreaterThan(70_000_000);
});

const endless =
  'select count(*) as n from range(10000000) a, range(10000000) b where a.range % 7 = b.range % 11';

test.each(['json', 'ndjson', 'arrow', 'csv', 'parquet'] as const)(
  'a query that never ends is stopped as 408: %s',
  async (format) => {
    const { get, warehouse } = await openRig();
    await expect(get(endless, format, { timeoutMs: 300 })).rejects.toMatchObject({
      code: 'query_timeout',
      fields: { timeout_ms: 300 },
    });
    await expect(warehouse.read((session) => session.one('select 1 as one'))).resolves.toEqual({ one: 1 });
  },
);

test.each([
  ['reads a file', `select * from read_csv('/etc/passwd')`],
  ['writes', 'create table core.x (a int)'],
  ['deletes', 'delete from core.contacts'],
  ['is two statements', 'select 1; select 2'],
  ['copies out', `copy (select 1) to 'x.csv'`],
  ['changes a setting', 'set threads = 1'],
  ['attaches', `attach 'x.db'`],
])('text that %s is refused, in each format', async (_what, sql) => {
  const { get } = await openRig();
  for (const format of ['json', 'parquet'] as const) {
    const error: unknown = await get(sql, format).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: expect.stringMatching(/^(query_refused|model_invalid)$/) as string });
  }
});

test('a staged Parquet answer does not stay behind', async () => {
  const { get, warehouse } = await openRig();
  await get('select 1 as a', 'parquet');
  const { readdir } = await import('node:fs/promises');
  await vi.waitFor(async () => expect(await readdir(warehouse.project.staging)).toEqual([]));
});

test('the Accept header decides, by its weights', () => {
  expect(formatOf(undefined)).toBe('json');
  expect(formatOf('text/html, text/csv;q=0.9, application/x-ndjson;q=0.95')).toBe('ndjson');
  expect(formatOf('application/vnd.apache.arrow.stream')).toBe('arrow');
  expect(formatOf('image/png, */*;q=0.1')).toBe('json');
  expect(() => formatOf('image/png')).toThrow(expect.objectContaining({ code: 'unsupported_media_type' }));
});

test('a query whose caller has gone is stopped, and gives its place to the next', async () => {
  const mallard = await openTestMallard();
  const app = buildApp({ mallard, env: {} });
  onTestFinished(() => app.close());
  const ended: string[] = [];
  app.post('/sql', { config: { access: 'public' } }, async (request, reply) => {
    try {
      return await sendResult(mallard.warehouse, request, reply, {
        sql: endless,
        format: 'json',
        rowLimit: 1,
        timeoutMs: 60_000,
      });
    } catch (error) {
      ended.push((error as Error).message);
      throw error;
    }
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const client = httpClient({ url: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}` });
  const leaving = new AbortController();
  // More than may run at once: the last ones leave while they wait.
  const calls = Array.from({ length: 10 }, () =>
    client.request('POST', '/sql', { body: {}, signal: leaving.signal }).catch(() => 'left'),
  );
  await vi.waitFor(() => expect(app.server.listening).toBe(true));
  await new Promise((resolve) => setTimeout(resolve, 500));
  leaving.abort();
  expect(await Promise.all(calls)).toEqual(Array.from({ length: 10 }, () => 'left'));
  await vi.waitFor(() => expect(ended).toHaveLength(10), { timeout: 10_000 });
  expect(new Set(ended).size).toBe(1);
  expect(ended[0]).toContain('The caller has gone');
});
