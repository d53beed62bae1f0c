import { expect, test } from 'vitest';
import { bindParams, json, readRows, type Params } from '../../../data/owner/values.ts';
import { openDuckDB } from './support.ts';

async function openQuery() {
  const { connection } = await openDuckDB();
  return async (sql: string, params: Params) => {
    const prepared = await connection.prepare(sql);
    bindParams(prepared, params);
    return (await readRows(await prepared.run()))[0];
  };
}

test('each kind of value is bound as the type that params.ts names', async () => {
  const query = await openQuery();
  const values = [
    true,
    1,
    2 ** 31,
    1.5,
    -0,
    2n,
    2n ** 64n,
    'x',
    new Date(0),
    new Uint8Array([1]),
    [1, 2 ** 40],
    [],
    { a: 1 },
  ];
  const types = values.map((_, i) => `typeof($${i + 1}) as t${i + 1}`).join(', ');
  expect(Object.values((await query(`select ${types}`, values)) ?? {})).toStrictEqual(
    'BOOLEAN INTEGER BIGINT DOUBLE DOUBLE BIGINT HUGEINT VARCHAR TIMESTAMP BLOB BIGINT[] "NULL"[] VARCHAR'.split(
      ' ',
    ),
  );
  expect(await query('select $1 as at, $2 as doc', [new Date(5), { a: [1n] }])).toStrictEqual({
    at: '1970-01-01T00:00:00.005Z',
    doc: '{"a":[1]}',
  });
});

test('named parameters are found by name, in any order and number', async () => {
  const query = await openQuery();
  expect(await query('select $b - $a as d, $a as a', { a: 1, b: 3, unused: 'x' })).toStrictEqual({
    d: 2,
    a: 1,
  });
  await expect(query('select $a + $b', { a: 1, B: 2 })).rejects.toThrow(
    'Parameter $b: no value; given are a, B.',
  );
});

test('a parameter used twice is bound once; undefined is NULL', async () => {
  const query = await openQuery();
  expect(await query('select $2 as x, $1 as y, $2 as z', [undefined, 'v'])).toStrictEqual({
    x: 'v',
    y: null,
    z: 'v',
  });
});

test('what has no DuckDB form is refused, not turned into text', async () => {
  const query = await openQuery();
  await expect(query('select $1', [new Set([1])])).rejects.toThrow('Parameter $1: a Set has no DuckDB form.');
  await expect(query('select $1', [() => 1])).rejects.toThrow('a function has no DuckDB form.');
  await expect(query('select $1', [[1, 'x']])).rejects.toThrow('a list of both INTEGER and VARCHAR');
  await expect(query('select $1', [[0.5, 2n ** 60n]])).rejects.toThrow('would lose digits');
});

test('a list serves IN', async () => {
  const query = await openQuery();
  const sql = 'select list(i order by i) as l from range(9) t(i) where i in (select unnest($1::bigint[]))';
  expect(await query(sql, [[2, 5n, 77]])).toStrictEqual({ l: [2n, 5n] });
  expect(await query(`select 'b' = any($1) as found`, [['a', 'b']])).toStrictEqual({ found: true });
});

test('two columns of one name both come back', async () => {
  const query = await openQuery();
  expect(Object.values((await query('select 1 as a, 2 as a', [])) ?? {})).toStrictEqual([1, 2]);
});

test('json() keeps what JSON.stringify would throw at or drop', () => {
  expect(json({ n: 5n, big: 2n ** 63n, at: new Date(0) })).toBe(
    '{"n":5,"big":"9223372036854775808","at":"1970-01-01T00:00:00.000Z"}',
  );
  expect(json('x')).toBe('"x"');
  expect(json(undefined)).toBe('null');
});
