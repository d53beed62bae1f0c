import { buffer } from 'node:stream/consumers';
import { DataType, tableFromIPC } from 'apache-arrow';
import { expect, test } from 'vitest';
import { arrowStream } from '../../api/arrow.ts';
import { rowsFromArrow } from '../../api/arrow-rows.ts';
import type { Warehouse } from '../../data/owner/warehouse.ts';
import { openTestWarehouse } from '../support.ts';

async function encode(warehouse: Warehouse, sql: string): Promise<Uint8Array> {
  const result = await warehouse.stream(sql);
  return buffer(arrowStream(result.columns, result));
}

/** One column of each kind; odd rows are null throughout, so that every type meets its nulls. */
const everyType = (rows: number) => `
  select if(i % 2 = 1, null, x) as value, unnest(x) from (
    select i, if(i % 2 = 1, null, {
      boolean: i % 4 = 0, tinyint: (i % 100)::tinyint, smallint: i::smallint, integer: -i::integer, bigint: 9007199254740993 + i,
      utinyint: (i % 200)::utinyint, usmallint: i::usmallint, uinteger: i::uinteger, ubigint: (18446744073709551000 + i % 100)::ubigint,
      double: i / 3, float: (i / 2)::float, hugeint: -170141183460469231731687303715884105000 + i,
      small_decimal: (i / -8)::decimal(4, 1), money: (10005534 + i / 4)::decimal(18, 2), wide: ('-12345678901234567890123456.' || (1000 + i))::decimal(38, 4),
      timestamp: timestamp '1969-12-31 23:59:59.999999' + to_microseconds(i * 86400000001), date: date '1969-12-30' + i::integer,
      text: 'zoë ' || i || ' 🦆', empty: '', list: range(i % 5)::integer[], texts: ['a', null, i::varchar],
      struct: {a: i, b: {c: (i / 4)::decimal(9, 2), d: null::varchar}}, structs: [{since: timestamp '2026-01-01' + to_days(i::integer)}], uuid: '00000000-0000-0000-0000-000000000001'::uuid, json: '{"a": 1}'::json
    }) as x from range(${rows}) t(i))`;

test('every type round-trips through Arrow, nulls included, over several chunks', async () => {
  const { warehouse } = await openTestWarehouse();
  const sql = everyType(5000);
  const expected = await warehouse.read((session) => session.rows(sql));
  const rows = rowsFromArrow(await encode(warehouse, sql));
  expect(rows).toHaveLength(5000);
  const comparable = expected.map((row) => ({
    ...row,
    json: row['json'] === null ? null : '{"a": 1}',
    value: row['value'] === null ? null : { ...(row['value'] as object), json: '{"a": 1}' },
  }));
  expect(rows.slice(0, 10)).toEqual(comparable.slice(0, 10));
  expect(rows).toEqual(comparable);
});

test('where there is no value the stream says nothing of what memory has there', async () => {
  const { warehouse } = await openTestWarehouse();
  await warehouse.loads.transaction(async (tx) => {
    await tx.run(
      `create table main.secrets as select i, 777000777 + i as number, 'a long secret text ' || i as text, 7.5::double as share from range(100) t(i)`,
    );
    await tx.run('update main.secrets set number = null, text = null, share = null where i % 2 = 1');
  });
  const table = tableFromIPC(
    await encode(warehouse, 'select number, text, share from main.secrets order by i'),
  );
  const odd = (column: string) => {
    const values: unknown = table
      .getChild(column)
      ?.data.map((data) => [...(data.values as Iterable<unknown>)]);
    return (values as unknown[][]).flat().filter((_, index) => index % 2 === 1);
  };
  expect(odd('number')).toEqual(Array(50).fill(0n));
  expect(odd('share')).toEqual(Array(50).fill(0));
  const texts = table
    .getChild('text')
    ?.data.map((data) => Buffer.from(data.values as Uint8Array).toString('latin1'));
  // Arrow fills its buffers up with zeros.
  expect(texts?.join('').replaceAll('\0', '')).toBe(
    Array.from({ length: 50 }, (_, n) => `a long secret text ${2 * n}`).join(''),
  );
  expect(table.get(2)?.toJSON()).toEqual({ number: 777000779n, text: 'a long secret text 2', share: 7.5 });
  expect(table.get(3)?.toJSON()).toEqual({ number: null, text: null, share: null });
});

test('the schema names Arrow types that other readers know', async () => {
  const { warehouse } = await openTestWarehouse();
  const table = tableFromIPC(
    await encode(
      warehouse,
      `select 1::bigint as b, 1.50::decimal(18,2) as m, timestamp '2026-01-01' as t, date '2026-01-01' as d, [1] as l`,
    ),
  );
  expect(table.schema.fields.map((field) => String(field.type))).toEqual([
    'Int64',
    'Decimal[18e+2]',
    'Timestamp<MICROSECOND, UTC>',
    'Date32<DAY>',
    'List<Int32>',
  ]);
  expect(table.schema.fields.every((field) => field.nullable)).toBe(true);
  expect(DataType.isDecimal(table.schema.fields[1]?.type)).toBe(true);
});

test('no rows still give a schema', async () => {
  const { warehouse } = await openTestWarehouse();
  const table = tableFromIPC(await encode(warehouse, `select 1 as a, 'x' as b where false`));
  expect(table.numRows).toBe(0);
  expect(table.schema.fields.map((field) => field.name)).toEqual(['a', 'b']);
});
