import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openTestWarehouse } from '../../support.ts';
import { counts, loadText, rowsOf } from './support.ts';

const rejectsSql = `select file, line::int as line, column_name, value, reason, line_text from raw.rejects order by line, column_name`;

test('a broken quote costs its own line, and every other row arrives', async () => {
  const { warehouse } = await openTestWarehouse();
  const csv = `owner_id,name\n1,Ann\n2,"Bea\n3,Cem\n4,"Dora, ""D"""\n5,"Ed\nwin"\n6,"Fay"x\n7,Gus\n`;
  const result = await loadText(warehouse, 'owners', csv);
  expect(counts(result)).toEqual([7, 5, 0, 0, 2]);
  expect(await rowsOf(warehouse, `select owner_id, name from core.owners order by owner_id`)).toEqual([
    { owner_id: '1', name: 'Ann' },
    { owner_id: '3', name: 'Cem' },
    { owner_id: '4', name: 'Dora, "D"' },
    { owner_id: '5', name: 'Ed\nwin' },
    { owner_id: '7', name: 'Gus' },
  ]);
  expect(await rowsOf(warehouse, rejectsSql)).toEqual([
    {
      file: 'owners.csv',
      line: 3,
      column_name: null,
      value: null,
      reason: 'broken quote',
      line_text: '2,"Bea',
    },
    {
      file: 'owners.csv',
      line: 8,
      column_name: null,
      value: null,
      reason: 'broken quote',
      line_text: '6,"Fay"x',
    },
  ]);
  expect(result.rejects).toEqual([
    { file: 'owners.csv', line: 3, column: null, value: null, reason: 'broken quote' },
    { file: 'owners.csv', line: 8, column: null, value: null, reason: 'broken quote' },
  ]);
});

test('a broken quote before more than one read buffer loses no row', async () => {
  const { warehouse } = await openTestWarehouse();
  // DuckDB alone drops the rest of the buffer, here some 200,000 rows, in silence: no other quote ends the value.
  const filler = 'x'.repeat(150);
  const rows = Array.from({ length: 300_000 }, (_, index) => `${index},${filler}`);
  rows[10] = '10,"oops';
  const result = await loadText(warehouse, 'owners', `owner_id,name\n${rows.join('\n')}\n`);
  expect(counts(result)).toEqual([300_000, 299_999, 0, 0, 1]);
  expect(result.rejects).toEqual([
    { file: 'owners.csv', line: 12, column: null, value: null, reason: 'broken quote' },
  ]);
});

test('wrong types, missing values and unknown words are rejected with line, column and value', async () => {
  const { warehouse } = await openTestWarehouse();
  const csv = [
    'Order ID;When;amount;quantity;status',
    'o1;2026-01-01;10.00;1;completed',
    'o2;soon;ten;1;completed',
    '',
    'o3;2026-01-03;;1;completed',
    '"o\n4";2026-01-04;4;2.5;lost',
    'o5;2026-01-05;"1,234.50";2;PAID',
    'o6;01-02-26;1.00;1;',
  ].join('\r\n');
  const result = await loadText(warehouse, 'orders', csv, { columns: { ordered_at: 'When' } });
  expect(counts(result)).toEqual([6, 2, 0, 0, 4]);
  expect(
    await rowsOf(warehouse, `select order_id, amount, quantity, status from core.orders order by 1`),
  ).toEqual([
    { order_id: 'o1', amount: '10.00', quantity: 1, status: 'completed' },
    { order_id: 'o5', amount: '1234.50', quantity: 2, status: 'completed' },
  ]);
  const rejects = await rowsOf(warehouse, rejectsSql);
  expect(rejects).toMatchObject([
    { line: 3, column_name: 'When', value: 'soon', reason: expect.stringContaining('not an ISO time') },
    { line: 3, column_name: 'amount', value: 'ten', line_text: 'o2;soon;ten;1;completed' },
    { line: 5, column_name: 'amount', value: null, reason: 'missing' },
    {
      line: 6,
      column_name: 'quantity',
      value: '2.5',
      reason: 'not a whole number',
      line_text: '"o\n4";2026-01-04;4;2.5;lost',
    },
    { line: 6, column_name: 'status', value: 'lost', reason: 'not one of completed, cancelled, refunded' },
    { line: 9, column_name: 'When', value: '01-02-26' },
  ]);
  expect(result.rejects).toHaveLength(5);
});

test('too many or too few columns and bytes that are not UTF-8 are rejected; the rest arrives', async () => {
  const { warehouse } = await openTestWarehouse();
  const csv = Buffer.concat([
    Buffer.from('owner_id,name,email\n1,Ann,a@example.com\n2,Bea\n3,Cem,c@example.com,more,and more\n'),
    Buffer.from('4,Caf\xe9,d@example.com\n', 'latin1'),
    Buffer.from('5,Zoë,e@example.com\nx,,\n'),
  ]);
  const result = await loadText(warehouse, 'owners', csv);
  expect(counts(result)).toEqual([6, 3, 0, 0, 3]);
  expect(await rowsOf(warehouse, rejectsSql)).toMatchObject([
    { line: 3, reason: '2 columns instead of 3', line_text: '2,Bea' },
    { line: 4, reason: '5 columns instead of 3' },
    { line: 5, reason: 'not UTF-8', line_text: '4,Café,d@example.com' },
  ]);
  expect(await rowsOf(warehouse, `select name from core.owners where owner_id = '5'`)).toEqual([
    { name: 'Zoë' },
  ]);
});

test('a missing column refuses the file, naming it and what the file has', async () => {
  const { warehouse, project } = await openTestWarehouse();
  await expect(loadText(warehouse, 'orders', 'order,total\n1,2\n')).rejects.toMatchObject({
    code: 'contract_violated',
    fields: { missing: ['ordered_at', 'amount'], file_columns: ['order', 'total'] },
    message: expect.stringMatching(/has no column for ordered_at.*amount; it has order, total/),
  });
  await expect(loadText(warehouse, 'contacts', 'name\nAnn\n')).rejects.toThrow(/contact_id or email/);
  expect(readdirSync(project.staging)).toEqual([]);
  expect(await rowsOf(warehouse, 'select * from raw.loads')).toEqual([]);
});

test('a mapping to or from what is not there names the nearest', async () => {
  const { warehouse } = await openTestWarehouse();
  const csv = 'id,ordered,total\n1,2026-01-01,2\n';
  await expect(loadText(warehouse, 'orders', csv, { columns: { ordered_on: 'ordered' } })).rejects.toThrow(
    /did you mean ordered_at\?/,
  );
  await expect(loadText(warehouse, 'orders', csv, { columns: { amount: 'totals' } })).rejects.toThrow(
    /did you mean total\?/,
  );
});

test('an empty file is refused, a header alone loads nothing', async () => {
  const { warehouse } = await openTestWarehouse();
  await expect(loadText(warehouse, 'owners', '')).rejects.toThrow(/owners.csv is empty/);
  expect(counts(await loadText(warehouse, 'owners', 'owner_id,name'))).toEqual([0, 0, 0, 0, 0]);
  expect(counts(await loadText(warehouse, 'owners', 'owner_id,name\r\n\r\n'))).toEqual([0, 0, 0, 0, 0]);
});

test('of two rows with one key and different values one stays and the other is rejected', async () => {
  const { warehouse } = await openTestWarehouse();
  const owners = await loadText(warehouse, 'owners', 'owner_id,name\n1,Ann\n2,Bea\n1,Anna\n2,Bea\n');
  expect(counts(owners)).toEqual([4, 2, 0, 1, 1]);
  expect(await rowsOf(warehouse, `select name from core.owners order by 1`)).toEqual([
    { name: 'Anna' },
    { name: 'Bea' },
  ]);
  expect(owners.rejects).toMatchObject([
    { line: 2, column: 'owner_id', value: '1', reason: expect.stringContaining('duplicate_key') },
  ]);
  const contacts = await loadText(
    warehouse,
    'contacts',
    'contact_id,city,updated_at\n1,Bonn,2026-02-01\n1,Köln,2026-01-01\n',
  );
  expect(counts(contacts)).toEqual([2, 1, 0, 0, 1]);
  expect(await rowsOf(warehouse, `select city from core.contacts`)).toEqual([{ city: 'Bonn' }]);
});

test('a file of nothing but rejects is read to its end', async () => {
  const { warehouse } = await openTestWarehouse();
  const rows = Array.from({ length: 120_000 }, (_, index) => `o${index},never,1`);
  const result = await loadText(warehouse, 'orders', `order_id,ordered_at,amount\n${rows.join('\n')}\n`);
  expect(counts(result)).toEqual([120_000, 0, 0, 0, 120_000]);
  expect(
    await rowsOf(
      warehouse,
      `select count(*)::int as n, min(line)::int as low, max(line)::int as high, count(distinct line_text)::int as lines from raw.rejects`,
    ),
  ).toEqual([{ n: 120_000, low: 2, high: 120_001, lines: 120_000 }]);
});

test('a wrong date format and a wrong delimiter are refused', async () => {
  const { warehouse } = await openTestWarehouse();
  const csv = 'order_id,ordered_at,amount\n1,2026-01-01,2\n';
  await expect(loadText(warehouse, 'orders', csv, { dateFormat: 'dd.mm.yyyy' })).rejects.toMatchObject({
    code: 'bad_request',
  });
  await expect(loadText(warehouse, 'orders', csv, { dateFormat: '%Q' })).rejects.toMatchObject({
    code: 'bad_request',
  });
  await expect(loadText(warehouse, 'orders', csv, { delimiter: ',,' })).rejects.toMatchObject({
    code: 'bad_request',
  });
});
