import { readdirSync } from 'node:fs';
import { request } from 'node:http';
import { gzipSync } from 'node:zlib';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { expect, test, vi } from 'vitest';
import { rowsFromArrow } from '../../api/arrow-rows.ts';
import { mediaTypes } from '../../api/results/formats.ts';
import { openTestApp, type TestApp } from './support.ts';

const deals = [
  'id;rep;stage;opened;closed;value',
  'd1;Ann;Won;01-09-2026;05-10-2026;10005534.25',
  'd2;Ann;Lost;02-09-2026;06-10-2026;0',
  'd3;Bea;Won;03-09-2026;07-10-2026;0.75',
  'd4;Bea;Won;not a date;07-10-2026;1',
].join('\r\n');

const mapping = {
  name: 'pipeline.csv',
  delimiter: ';',
  date_format: '%d-%m-%Y',
  columns: 'deal_id=id,owner_id=rep,created_at=opened,closed_at=closed,amount=value',
};

function load(
  { client }: TestApp,
  table: string,
  body: string | Buffer,
  query: Record<string, string> = {},
  type = 'text/csv',
) {
  return client.request<Record<string, unknown>>('POST', `/v1/load/${table}`, {
    query,
    headers: { 'content-type': type },
    body: Readable.from([Buffer.from(body)]),
  });
}

test('a file is loaded by its contract, counted, and changes nothing the second time', async () => {
  const server = await openTestApp();
  const first = await load(server, 'deals', deals, mapping);
  expect(first).toMatchObject({
    table: 'deals',
    rows_read: 4,
    rows_inserted: 3,
    rows_updated: 0,
    rows_unchanged: 0,
    rows_rejected: 1,
  });
  expect(first['rejects']).toMatchObject([
    { file: 'pipeline.csv', line: 5, column: 'opened', value: 'not a date' },
  ]);
  const again = await load(
    server,
    'deals',
    gzipSync(deals),
    { ...mapping, name: 'pipeline.csv.gz' },
    'application/gzip',
  );
  expect(again).toMatchObject({ rows_read: 4, rows_inserted: 0, rows_updated: 0, rows_rejected: 1 });
});

test('what was loaded can be queried, and money keeps its digits, in every format', async () => {
  const server = await openTestApp();
  await load(server, 'deals', deals, mapping);
  const query = 'run: deal_facts -> { aggregate: deal_count, deals_won, won_amount, win_rate }';
  const ask = async (accept: string) => {
    const answer = await server.client.stream('POST', '/v1/query', {
      body: { query, as_of: '2026-11-01' },
      headers: { accept },
    });
    return buffer(answer.body);
  };
  const expected = '{"deal_count":3,"deals_won":2,"won_amount":10005535.00,"win_rate":0.6666666666666666}';
  expect((await ask(mediaTypes.json)).toString()).toBe(`[${expected}]\n`);
  expect((await ask(mediaTypes.ndjson)).toString()).toBe(`${expected}\n`);
  expect((await ask(mediaTypes.csv)).toString()).toBe(
    'deal_count,deals_won,won_amount,win_rate\r\n3,2,10005535.00,0.6666666666666666\r\n',
  );
  expect(rowsFromArrow(await ask(mediaTypes.arrow))).toEqual([
    { deal_count: 3n, deals_won: 2n, won_amount: '10005535.00', win_rate: 2 / 3 },
  ]);
  expect((await ask(mediaTypes.parquet)).subarray(0, 4).toString()).toBe('PAR1');
});

test('a query is as of a time', async () => {
  const server = await openTestApp();
  await load(server, 'deals', deals, mapping);
  const won = async (as_of: string) =>
    (
      await server.client.request<{ won_count: number }[]>('POST', '/v1/query', {
        body: { query: 'run: deals -> { aggregate: won_count }', as_of },
      })
    )[0];
  expect(await won('2026-10-06')).toEqual({ won_count: 1 });
  expect(await won('2026-10-08')).toEqual({ won_count: 2 });
});

test('NDJSON, and any file as a raw table', async () => {
  const server = await openTestApp();
  const lines =
    '{"contact_id":"00001","email":"One@Example.com"}\n{"contact_id":"00002","email":"two@example.com"}\n';
  expect(await load(server, 'contacts', lines, {}, 'application/x-ndjson')).toMatchObject({
    rows_inserted: 2,
  });
  const ids = await server.mallard.warehouse.read((session) =>
    session.rows('select contact_id from core.contacts order by 1'),
  );
  expect(ids).toEqual([{ contact_id: '00001' }, { contact_id: '00002' }]);
  expect(await load(server, 'raw.anything', 'a,b\n1,x\n', { name: 'anything.csv' })).toMatchObject({
    rows_read: 1,
    rows_rejected: 0,
  });
});

test.each([
  ['an unknown table', 'nothing', 'a\n1\n', 'text/csv', 404],
  ['a table that is no name', '..%2Fetc', 'a\n1\n', 'text/csv', 400],
  ['a missing column', 'deals', 'a,b\n1,2\n', 'text/csv', 422],
  ['a type that is not read', 'deals', '<a/>', 'application/xml', 415],
])('%s is refused', async (_what, table, body, type, status) => {
  const server = await openTestApp();
  const answer = await fetch(`${server.url}/v1/load/${table}`, {
    method: 'POST',
    headers: { 'content-type': type },
    body,
  });
  expect(answer.status).toBe(status);
  expect(answer.headers.get('content-type')).toContain('application/problem+json');
});

test.each([
  ['reads a file', `run: duckdb.sql("select * from read_csv('/etc/passwd')") -> { select: * }`],
  ['names a table', `run: duckdb.table('ops.api_tokens') -> { select: * }`],
  ['calls SQL', `run: deals -> { select: x is getenv!string('HOME') }`],
  ['imports', `import 'file:///etc/passwd'\nrun: deals -> { aggregate: deal_count }`],
])('text from outside that %s is refused', async (_what, query) => {
  const { client } = await openTestApp();
  await expect(client.request('POST', '/v1/query', { body: { query } })).rejects.toMatchObject({
    code: expect.stringMatching(/^(query_refused|model_invalid)$/) as string,
  });
});

test('what does not compile is shown with its place', async () => {
  const { client } = await openTestApp();
  await expect(
    client.request('POST', '/v1/query', { body: { query: 'run: deals -> { aggregate: no_such_measure }' } }),
  ).rejects.toMatchObject({
    code: 'model_invalid',
    message: expect.stringContaining('no_such_measure') as string,
  });
});

test('an upload that breaks off is not loaded', async () => {
  const server = await openTestApp();
  const call = request(`${server.url}/v1/load/contacts`, {
    method: 'POST',
    headers: { 'content-type': 'text/csv', 'content-length': '100000' },
  });
  call.on('error', () => undefined);
  call.write('contact_id,email\nc1,one@example.com\n');
  await new Promise((resolve) => setTimeout(resolve, 200));
  call.destroy();
  await vi.waitFor(() => expect(readdirSync(server.mallard.project.staging)).toEqual([]), {
    timeout: 10_000,
  });
  expect(await server.mallard.warehouse.read((session) => session.rows('from core.contacts'))).toEqual([]);
});
