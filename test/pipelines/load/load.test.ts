import { readdirSync } from 'node:fs';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { loadTable, parseColumns, sourceOf } from '../../../pipelines/load/load.ts';
import { stageFile } from '../../../pipelines/load/stage.ts';
import { openTestWarehouse } from '../../support.ts';
import { counts, loadText, rowsOf } from './support.ts';

const events = [
  'event_id,event_type,contact_id,email,occurred_at,open_count',
  'e1,delivered,c1,a@example.com,2026-01-01T10:00:00Z,0',
  'e2,open,c2,,2026-01-01T12:00:00+02:00,1',
  'e3,CLICKED,,b@example.com,2026-01-01 09:00:00,2',
].join('\n');

describe('by key', () => {
  test('the same file twice changes nothing; a corrected file corrects, whatever its name', async () => {
    const { warehouse } = await openTestWarehouse();
    const first = await loadText(warehouse, 'email_events', events);
    expect(counts(first)).toEqual([3, 3, 0, 0, 0]);
    expect(first).toMatchObject({
      columns_ignored: ['open_count'],
      columns_kept: [],
      stubs: { contacts: 2 },
    });
    const before = await rowsOf(warehouse, 'select * from core.email_events order by event_id');
    expect(counts(await loadText(warehouse, 'email_events', events, { name: 'again.csv' }))).toEqual([
      3, 0, 0, 3, 0,
    ]);
    expect(await rowsOf(warehouse, 'select * from core.email_events order by event_id')).toEqual(before);

    const corrected = events.replace('2026-01-01 09:00:00', '2025-12-31 09:00:00');
    expect(counts(await loadText(warehouse, 'email_events', corrected, { name: 'corrected.csv' }))).toEqual([
      3, 0, 1, 2, 0,
    ]);
    expect(
      await rowsOf(
        warehouse,
        `select event_id, event_type, occurred_at, source from core.email_events order by event_id`,
      ),
    ).toEqual([
      {
        event_id: 'e1',
        event_type: 'delivered',
        occurred_at: '2026-01-01T10:00:00Z',
        source: 'email_events',
      },
      { event_id: 'e2', event_type: 'opened', occurred_at: '2026-01-01T10:00:00Z', source: 'email_events' },
      { event_id: 'e3', event_type: 'clicked', occurred_at: '2025-12-31T09:00:00Z', source: 'corrected' },
    ]);
  });

  test('a column the file does not have keeps its value, an empty one loses it', async () => {
    const { warehouse } = await openTestWarehouse();
    await loadText(warehouse, 'owners', 'owner_id,name,team,is_active\n1,Ann,North,no\n2,Bea,North,yes\n');
    expect(counts(await loadText(warehouse, 'owners', 'owner_id,team\n1,\n2,North\n'))).toEqual([
      2, 0, 1, 1, 0,
    ]);
    expect(
      await rowsOf(warehouse, `select owner_id, name, team, is_active from core.owners order by 1`),
    ).toEqual([
      { owner_id: '1', name: 'Ann', team: null, is_active: false },
      { owner_id: '2', name: 'Bea', team: 'North', is_active: true },
    ]);
  });

  test('a corrected fact is recorded anew, a corrected thing keeps when it was first known', async () => {
    const { warehouse } = await openTestWarehouse();
    await loadText(warehouse, 'orders', 'order_id,ordered_at,amount\n1,2026-01-01,5\n2,2026-01-01,5\n');
    await loadText(warehouse, 'companies', 'company_id,name\n1,One\n');
    for (const table of ['orders', 'companies']) {
      await warehouse.loads.transaction((tx) =>
        tx.run(`update core.${table} set recorded_at = '2026-02-01'`),
      );
    }
    await loadText(warehouse, 'orders', 'order_id,ordered_at,amount\n1,2026-01-01,6\n2,2026-01-01,5\n');
    await loadText(warehouse, 'companies', 'company_id,name\n1,Two\n');
    const recorded = await rowsOf(warehouse, `select recorded_at from core.orders order by order_id`);
    expect(recorded).toEqual([
      { recorded_at: '2026-11-02T06:00:00Z' },
      { recorded_at: '2026-02-01T00:00:00Z' },
    ]);
    expect(await rowsOf(warehouse, `select name, recorded_at from core.companies`)).toEqual([
      { name: 'Two', recorded_at: '2026-02-01T00:00:00Z' },
    ]);
  });

  test('composite keys with an empty part are the same row again', async () => {
    const { warehouse } = await openTestWarehouse();
    const csv = 'spend_date,channel,campaign_id,amount\n2026-01-01,search,,10\n2026-01-01,search,c1,20\n';
    expect(counts(await loadText(warehouse, 'spend', csv))).toEqual([2, 2, 0, 0, 0]);
    expect(counts(await loadText(warehouse, 'spend', csv.replace(',10', ',11')))).toEqual([2, 0, 1, 1, 0]);
    expect(await rowsOf(warehouse, `select sum(amount) as amount from core.spend`)).toEqual([
      { amount: '31.00' },
    ]);
  });
});

describe('rows without an id', () => {
  const csv =
    'contact_id,ordered_at,amount\nc1,2026-01-01,5\nc1,2026-01-01,5.00\nc2,2026-01-02,7\n,2026-01-03,9\n';

  test('identical rows are all kept, and loaded once', async () => {
    const { warehouse } = await openTestWarehouse();
    expect(counts(await loadText(warehouse, 'orders', csv))).toEqual([4, 4, 0, 0, 0]);
    expect(counts(await loadText(warehouse, 'orders', csv))).toEqual([4, 0, 0, 4, 0]);
    // The same content of another source is another row.
    expect(counts(await loadText(warehouse, 'orders', csv, { source: 'shop 2' }))).toEqual([4, 4, 0, 0, 0]);
    expect(
      await rowsOf(
        warehouse,
        `select count(distinct order_id)::int as ids, count(contact_id)::int as contacts from core.orders`,
      ),
    ).toEqual([{ ids: 8, contacts: 6 }]);
  });

  test('replaceSource deletes what the files of that source no longer have', async () => {
    const { warehouse } = await openTestWarehouse();
    await loadText(warehouse, 'orders', csv);
    await loadText(warehouse, 'orders', csv, { source: 'other' });
    const result = await loadText(warehouse, 'orders', csv.replace('c2,2026-01-02,7', 'c2,2026-01-02,8'), {
      replaceSource: true,
    });
    expect(counts(result)).toEqual([4, 1, 0, 3, 0]);
    expect(result.rows_deleted).toBe(1);
    expect(
      await rowsOf(warehouse, `select source, sum(amount) as amount from core.orders group by 1 order by 1`),
    ).toEqual([
      { source: 'orders', amount: '27.00' },
      { source: 'other', amount: '26.00' },
    ]);
  });

  test('ids and no ids may be mixed in one file', async () => {
    const { warehouse } = await openTestWarehouse();
    const mixed =
      'order_id,ordered_at,amount\n7,2026-01-01,5\n,2026-01-01,5\n,2026-01-01,5\n7,2026-01-01,5\n';
    expect(counts(await loadText(warehouse, 'orders', mixed))).toEqual([4, 3, 0, 1, 0]);
    expect(counts(await loadText(warehouse, 'orders', mixed))).toEqual([4, 0, 0, 4, 0]);
  });
});

describe('formats', () => {
  const expected = [
    { owner_id: '00001', name: 'Ann', is_active: true, created_at: '2026-01-02T00:00:00Z' },
    { owner_id: '2', name: 'Bea; "B"', is_active: false, created_at: null },
  ];
  const select = `select owner_id, name, is_active, created_at from core.owners order by owner_id`;
  const csv = (delimiter: string) =>
    [
      ['Owner ID', 'name', 'is_active', 'created_at'],
      ['00001', ' Ann ', 'Yes', '2026-01-02'],
      ['2', '"Bea; ""B"""', '0', ''],
    ]
      .map((row) => row.join(delimiter))
      .join('\r\n');

  test.each([',', ';', '\t', '|'])('CSV with %j', async (delimiter) => {
    const { warehouse } = await openTestWarehouse();
    expect(counts(await loadText(warehouse, 'owners', csv(delimiter)))).toEqual([2, 2, 0, 0, 0]);
    expect(await rowsOf(warehouse, select)).toEqual(expected);
  });

  test.each([
    ['gzip', (text: string) => gzipSync(text)],
    ['a byte order mark', (text: string) => Buffer.from(`\ufeff${text}`)],
    ['UTF-16', (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le')],
    ['mixed line ends', (text: string) => Buffer.from(text.replace('\r\n', '\n').concat('\r'))],
    [
      'a delimiter at the end of every line',
      (text: string) => Buffer.from(text.replaceAll('\r\n', ',\r\n').concat(',\n')),
    ],
    ['blank lines first', (text: string) => Buffer.from(`\n\n${text}\n\n`)],
  ])('CSV with %s', async (_name, encode) => {
    const { warehouse } = await openTestWarehouse();
    expect(counts(await loadText(warehouse, 'owners', encode(csv(',')), { name: 'owners.csv.gz' }))).toEqual([
      2, 2, 0, 0, 0,
    ]);
    expect(await rowsOf(warehouse, select)).toEqual(expected);
  });

  test('NDJSON, with a line that is no object', async () => {
    const { warehouse } = await openTestWarehouse();
    const lines = [
      '{"owner_id":"00001","name":" Ann ","is_active":true,"created_at":"2026-01-02"}',
      '',
      '{"owner_id":2,"name":"Bea; \\"B\\"","is_active":false,"created_at":null}',
      '{"owner_id":3,',
      '[4]',
      '{"name":"nobody"}',
    ];
    const result = await loadText(warehouse, 'owners', lines.join('\n'), { name: 'owners.ndjson' });
    expect(counts(result)).toEqual([5, 2, 0, 0, 3]);
    expect(await rowsOf(warehouse, select)).toEqual(expected);
    expect(result.rejects).toEqual([
      { file: 'owners.ndjson', line: 4, column: null, value: null, reason: 'not a JSON object' },
      { file: 'owners.ndjson', line: 5, column: null, value: null, reason: 'not a JSON object' },
      { file: 'owners.ndjson', line: 6, column: 'owner_id', value: null, reason: 'missing' },
    ]);
  });

  test('Parquet with its own types', async () => {
    const { warehouse, project } = await openTestWarehouse();
    const path = `${project.staging}/owners.parquet`;
    await warehouse.loads.exclusive((session) =>
      session.run(
        `copy (select * from (values ('00001', ' Ann ', true, timestamptz '2026-01-02 02:00:00+02'), ('2', 'Bea; "B"', false, null), (null, 'x', true, null))
           v(owner_id, name, is_active, created_at)) to '${path}' (format parquet)`,
      ),
    );
    const result = await loadTable(warehouse, { table: 'owners', files: [{ path, name: 'owners.parquet' }] });
    expect(counts(result)).toEqual([3, 2, 0, 0, 1]);
    expect(await rowsOf(warehouse, select)).toEqual(expected);
    expect(result.rejects).toMatchObject([{ line: 3, column: 'owner_id', reason: 'missing' }]);
    expect(await rowsOf(warehouse, `select line_text from raw.rejects`)).toEqual([
      { line_text: '{"owner_id":null,"name":"x","is_active":true,"created_at":null}' },
    ]);
    expect(readdirSync(project.staging)).toEqual([]);
  });

  test('dates of a given format only', async () => {
    const { warehouse } = await openTestWarehouse();
    const deals =
      'deal_id,created_at,expected_close_date\nd1,31-12-2025 23:30,01-02-2026 00:00\nd2,2025-12-31 10:00,\n';
    const result = await loadText(warehouse, 'deals', deals, { dateFormat: '%d-%m-%Y %H:%M' });
    expect(counts(result)).toEqual([2, 1, 0, 0, 1]);
    expect(await rowsOf(warehouse, `select created_at, expected_close_date from core.deals`)).toEqual([
      { created_at: '2025-12-31T23:30:00Z', expected_close_date: '2026-02-01' },
    ]);
    const orders = 'order_id,ordered_at,amount\n1,1767225600.5,2\n';
    await loadText(warehouse, 'orders', orders, { dateFormat: 'epoch' });
    expect(await rowsOf(warehouse, `select ordered_at from core.orders`)).toEqual([
      { ordered_at: '2026-01-01T00:00:00.500Z' },
    ]);
  });

  test('several files load as one, each a source of its own', async () => {
    const { warehouse, project } = await openTestWarehouse();
    const stage = (text: string) => stageFile(project, Readable.from([text]), 'x');
    const files = [
      { path: await stage('owner_id,name\n1,Ann\n'), name: 'a.csv' },
      { path: await stage('owner_id,name\n1,Anna\n2,Bea\n'), name: 'b.csv' },
    ];
    const steps: string[] = [];
    const result = await loadTable(warehouse, { table: 'owners', files }, ({ step, file }) =>
      steps.push(`${step} ${file}`),
    );
    expect(counts(result)).toEqual([3, 2, 1, 0, 0]);
    expect(await rowsOf(warehouse, `select name, source from core.owners order by 1`)).toEqual([
      { name: 'Anna', source: 'b' },
      { name: 'Bea', source: 'b' },
    ]);
    expect(
      await rowsOf(
        warehouse,
        `select source, file, rows_read::int as n, length(file_hash)::int as h from raw.loads order by 1`,
      ),
    ).toEqual([
      { source: 'a', file: 'a.csv', n: 1, h: 64 },
      { source: 'b', file: 'b.csv', n: 2, h: 64 },
    ]);
    expect(steps.at(0)).toBe('reading a.csv');
    expect(steps.at(-1)).toBe('done b.csv');
    // One bad file: nothing of the others stays.
    const more = [
      { path: await stage('owner_id,name\n3,Cem\n'), name: 'c.csv' },
      { path: await stage('nothing\n3\n'), name: 'd.csv' },
    ];
    await expect(loadTable(warehouse, { table: 'owners', files: more })).rejects.toThrow(
      /d.csv has no column for owner_id/,
    );
    expect(await rowsOf(warehouse, `select count(*)::int as n from core.owners`)).toEqual([{ n: 2 }]);
    expect(readdirSync(project.staging)).toEqual([]);
  });
});

test('the unsubscribes of the old system: a column of addresses', async () => {
  const { warehouse } = await openTestWarehouse();
  const csv = 'E-Mail\n Ann@Example.com \n\nbea@example.com\nann@example.com\nnobody\n';
  const result = await loadText(warehouse, 'suppressions', csv);
  expect(counts(result)).toEqual([4, 2, 0, 1, 1]);
  expect(result.rejects).toMatchObject([
    { line: 6, column: 'E-Mail', value: 'nobody', reason: 'not an e-mail address' },
  ]);
  expect(
    await rowsOf(
      warehouse,
      `select address_key = sha256('ann@example.com') as is_ann, channel, scope, reason, suppressed_at from ops.suppressions order by 1 desc`,
    ),
  ).toMatchObject([
    {
      is_ann: true,
      channel: 'email',
      scope: 'global',
      reason: 'imported',
      suppressed_at: '2026-11-02T06:00:00Z',
    },
    { is_ann: false },
  ]);
  expect(counts(await loadText(warehouse, 'suppressions', csv))).toEqual([4, 0, 0, 3, 1]);
  const hashes = `address_key,reason,suppressed_at\n${'AB'.repeat(32)},Bounce,2020-01-01\nabc,manual,\n`;
  expect(counts(await loadText(warehouse, 'suppressions', hashes))).toEqual([2, 1, 0, 0, 1]);
});

test('names of sources and mappings', () => {
  expect(['/tmp/a/orders.2026.csv.gz', 'C:\\x\\y.NDJSON', 'plain', '', '.csv'].map(sourceOf)).toEqual([
    'orders.2026',
    'y',
    'plain',
    'file',
    'file',
  ]);
  expect(parseColumns('a=b, c = d e')).toEqual({ a: 'b', c: 'd e' });
  expect(() => parseColumns('a')).toThrow(/not core_name=file_name/);
});
