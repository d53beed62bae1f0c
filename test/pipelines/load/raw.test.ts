import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openTestWarehouse } from '../../support.ts';
import { counts, loadRawText, rowsOf } from './support.ts';

const typesOf = (name: string) =>
  `select column_name as name, data_type as type from duckdb_columns() where schema_name = 'raw' and table_name = '${name}' order by column_index`;

test('CSV gets the narrowest types that lose nothing; the same content again changes nothing', async () => {
  const { warehouse, project } = await openTestWarehouse();
  const csv =
    'id,zip,amount,at,day,yes,Note,note\n1,00123,1.5,2026-01-01 10:00:00,2026-01-01,true, a ,x\n2,9, ,,,FALSE,,y\n';
  expect(counts(await loadRawText(warehouse, 'things', csv))).toEqual([2, 2, 0, 0, 0]);
  expect(await rowsOf(warehouse, typesOf('things'))).toEqual([
    { name: 'id', type: 'BIGINT' },
    { name: 'zip', type: 'VARCHAR' },
    { name: 'amount', type: 'DOUBLE' },
    { name: 'at', type: 'TIMESTAMP' },
    { name: 'day', type: 'DATE' },
    { name: 'yes', type: 'BOOLEAN' },
    { name: 'Note', type: 'VARCHAR' },
    { name: 'note_2', type: 'VARCHAR' },
    { name: '_loaded_at', type: 'TIMESTAMP' },
    { name: '_source', type: 'VARCHAR' },
    { name: '_batch_id', type: 'VARCHAR' },
  ]);
  expect(
    await rowsOf(
      warehouse,
      `select zip, amount, yes, Note, note_2, _source, _loaded_at from raw.things order by id`,
    ),
  ).toEqual([
    {
      zip: '00123',
      amount: 1.5,
      yes: true,
      Note: ' a ',
      note_2: 'x',
      _source: 'things',
      _loaded_at: '2026-11-02T06:00:00Z',
    },
    {
      zip: '9',
      amount: null,
      yes: false,
      Note: null,
      note_2: 'y',
      _source: 'things',
      _loaded_at: '2026-11-02T06:00:00Z',
    },
  ]);
  expect(counts(await loadRawText(warehouse, 'raw.things', csv, { file: 'copy.csv' }))).toEqual([
    2, 0, 0, 2, 0,
  ]);
  expect(readdirSync(project.staging)).toEqual([]);
});

test('another file adds columns and widens types', async () => {
  const { warehouse } = await openTestWarehouse();
  await loadRawText(warehouse, 'things', 'id,n,b\n1,1,true\n');
  await loadRawText(warehouse, 'things', 'ID,n,b,extra\nx,1.5,7,new\n');
  expect(await rowsOf(warehouse, `select id, n, b, extra from raw.things order by id`)).toEqual([
    { id: '1', n: 1, b: 'true', extra: null },
    { id: 'x', n: 1.5, b: '7', extra: 'new' },
  ]);
});

test('NDJSON keeps its own types, and what is no object is rejected with its line', async () => {
  const { warehouse } = await openTestWarehouse();
  const lines = '{"a":1,"b":"00001","c":{"d":1},"e":1.5,"f":true}\nnonsense\n{"a":2,"g":"late"}\n';
  const result = await loadRawText(warehouse, 'things', lines, { file: 'things.ndjson' });
  expect(counts(result)).toEqual([3, 2, 0, 0, 1]);
  expect(result.rejects).toEqual([
    { file: 'things.ndjson', line: 2, column: null, value: null, reason: 'not a JSON object' },
  ]);
  expect(await rowsOf(warehouse, `select a, b, c, e, f, g from raw.things order by a`)).toEqual([
    { a: 1n, b: '00001', c: { d: 1 }, e: 1.5, f: true, g: null },
    { a: 2n, b: null, c: null, e: null, f: null, g: 'late' },
  ]);
});

test('Parquet of one type after another, even types that do not mix', async () => {
  const { warehouse, project } = await openTestWarehouse();
  const { loadRaw } = await import('../../../pipelines/load/load-raw.ts');
  for (const [index, value] of ['1::integer', `{'x': 1}`].entries()) {
    const path = `${project.staging}/p.parquet`;
    await warehouse.loads.exclusive((s) =>
      s.run(`copy (select ${value} as v, ${index} as i) to '${path}' (format parquet)`),
    );
    const result = await loadRaw(warehouse, { name: 'p', files: [{ path, name: 'p.parquet' }] });
    expect(counts(result)).toEqual([1, 1, 0, 0, 0]);
  }
  expect(await rowsOf(warehouse, `select v from raw.p order by i`)).toEqual([{ v: '1' }, { v: `{'x': 1}` }]);
});

test('a broken line is rejected, the rest kept; a bad name is refused', async () => {
  const { warehouse } = await openTestWarehouse();
  expect(counts(await loadRawText(warehouse, 'things', 'a,b\n1,"x\n2,y\n'))).toEqual([2, 1, 0, 0, 1]);
  for (const name of ['rejects', 'Raw Things', 'a.b', '"x', '']) {
    await expect(loadRawText(warehouse, name, 'a\n1\n')).rejects.toMatchObject({ code: 'bad_request' });
  }
  await expect(loadRawText(warehouse, 'things', '')).rejects.toMatchObject({ code: 'contract_violated' });
});
