import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { sql, type Kysely } from 'kysely';
import { expect, test } from 'vitest';
import { kyselyOn } from '../../../data/kysely/dialect.ts';
import { migrate, migrations, type ForwardMigration } from '../../../data/kysely/migrate.ts';
import { tempFolder } from '../../support.ts';
import { openDuckDB } from './support.ts';

const statements = (...texts: string[]): ForwardMigration => ({
  up: async (db: Kysely<unknown>) => {
    for (const text of texts) await sql.raw(text).execute(db);
  },
});

const good = statements(
  'create schema core',
  'create table core.a (x integer)',
  'insert into core.a values (1)',
);
const bad = statements(
  'create table core.b (x integer)',
  'alter table core.a add column y integer',
  'create table broken (',
);

test('migrations run once each, in order, and their names are kept', async () => {
  const { connection } = await openDuckDB();
  expect(await migrate(connection)).toStrictEqual(Object.keys(migrations));
  expect(await migrate(connection)).toStrictEqual([]);
  const kept = await sql<{ name: string }>`select name from ops.kysely_migration order by name`.execute(
    kyselyOn(connection),
  );
  expect(kept.rows.map((row) => row.name)).toStrictEqual(Object.keys(migrations));
});

test('they are numbered without a gap', () => {
  expect(Object.keys(migrations).map((name) => Number(name.slice(0, 4)))).toStrictEqual(
    Object.keys(migrations).map((_, i) => i + 1),
  );
});

test('a failing migration leaves nothing, keeps those before it, and can be repeated once corrected', async () => {
  const { connection } = await openDuckDB();
  const failure = migrate(connection, {
    '0001_good': good,
    '0002_bad': bad,
    '0003_later': statements('select 1'),
  });
  await expect(failure).rejects.toMatchObject({
    code: 'migration_failed',
    message: expect.stringMatching(/^Migration 0002_bad failed: Parser Error/) as string,
    fields: { migration: '0002_bad', done: ['0001_good'] },
  });
  const db = kyselyOn<{ 'core.a': { x: number } }>(connection);
  expect(await db.selectFrom('core.a').selectAll().execute()).toStrictEqual([{ x: 1 }]);
  expect((await db.introspection.getTables()).map((table) => table.name)).toStrictEqual(['a']);
  const corrected = statements('create table core.b (x integer)');
  expect(await migrate(connection, { '0001_good': good, '0002_bad': corrected })).toStrictEqual(['0002_bad']);
});

test('a file written by a newer version is refused', async () => {
  const { connection } = await openDuckDB();
  await migrate(connection, {
    '0001_good': good,
    '0002_newer': statements('create table core.b (x integer)'),
  });
  await expect(migrate(connection, { '0001_good': good })).rejects.toThrow(
    'previously executed migration 0002_newer is missing',
  );
});

test('after it the file holds everything: the log is empty', async () => {
  const file = join(tempFolder(), 'warehouse.duckdb');
  const instance = await DuckDBInstance.create(file);
  const connection = await instance.connect();
  await migrate(connection);
  expect(existsSync(`${file}.wal`) ? statSync(`${file}.wal`).size : 0).toBe(0);
  connection.closeSync();
  instance.closeSync();
});

test('no default calls a function and no secondary index is made: both have broken files (migrations/README.md)', async () => {
  const { connection } = await openDuckDB();
  await migrate(connection);
  const db = kyselyOn<unknown>(connection);
  const calls = await sql`select table_name, column_name, column_default from duckdb_columns()
    where not internal and contains(column_default, '(') and not starts_with(column_default, 'CAST(')`.execute(
    db,
  );
  expect(calls.rows).toStrictEqual([]);
  const indexes = await sql`select index_name from duckdb_indexes()`.execute(db);
  expect(indexes.rows).toStrictEqual([]);
});
