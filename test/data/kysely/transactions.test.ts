import { Kysely, sql } from 'kysely';
import { expect, test } from 'vitest';
import { DuckDBDialect, kyselyOn } from '../../../data/kysely/dialect.ts';
import { openDuckDB } from './support.ts';

interface Db {
  t: { id: number };
}

async function openTable() {
  const { instance, connection } = await openDuckDB();
  const db = kyselyOn<Db>(connection);
  await sql`create table t (id integer primary key)`.execute(db);
  const outside = kyselyOn<Db>(await instance.connect());
  const ids = async () =>
    (await outside.selectFrom('t').select('id').orderBy('id').execute()).map((row) => row.id);
  return { instance, connection, db, ids };
}

test('a transaction is seen by others after its commit, and answers its value', async () => {
  const { db, ids } = await openTable();
  const answer = await db.transaction().execute(async (trx) => {
    await trx.insertInto('t').values({ id: 1 }).execute();
    expect(await ids()).toStrictEqual([]);
    return 'done';
  });
  expect(answer).toBe('done');
  expect(await ids()).toStrictEqual([1]);
});

test('what is thrown rolls back, DDL included, and the connection is free again', async () => {
  const { db, ids } = await openTable();
  const failing = db.transaction().execute(async (trx) => {
    await trx.insertInto('t').values({ id: 1 }).execute();
    await trx.schema.createTable('u').addColumn('x', 'integer').execute();
    throw new Error('mine');
  });
  await expect(failing).rejects.toThrow('mine');
  expect(await ids()).toStrictEqual([]);
  expect((await db.introspection.getTables()).map((table) => table.name)).toStrictEqual(['t']);
  await db.transaction().execute((trx) => trx.insertInto('t').values({ id: 2 }).execute());
  expect(await ids()).toStrictEqual([2]);
});

test('an error of DuckDB inside rolls back and is the one that is thrown', async () => {
  const { db, ids } = await openTable();
  const failing = db.transaction().execute(async (trx) => {
    await trx.insertInto('t').values({ id: 1 }).execute();
    await trx.insertInto('t').values({ id: 1 }).execute();
  });
  await expect(failing).rejects.toThrow('Constraint Error');
  expect(await ids()).toStrictEqual([]);
});

test('a failed commit is thrown as it is', async () => {
  const { instance, db, ids } = await openTable();
  const other = kyselyOn<Db>(await instance.connect());
  const failing = db.transaction().execute(async (trx) => {
    await trx.insertInto('t').values({ id: 1 }).execute();
    await other.insertInto('t').values({ id: 1 }).execute();
  });
  await expect(failing).rejects.toThrow(/PRIMARY KEY|unique/i);
  expect(await ids()).toStrictEqual([1]);
  await db.transaction().execute((trx) => trx.insertInto('t').values({ id: 2 }).execute());
  expect(await ids()).toStrictEqual([1, 2]);
});

test('transactions do not nest, and say so; the outer one goes on', async () => {
  const { connection, db, ids } = await openTable();
  await db.transaction().execute(async (trx) => {
    await trx.insertInto('t').values({ id: 1 }).execute();
    expect(() => trx.transaction()).toThrow('not supported');
    const inner = kyselyOn<Db>(connection)
      .transaction()
      .execute(() => Promise.resolve());
    await expect(inner).rejects.toThrow('inside a transaction already');
    await trx.insertInto('t').values({ id: 2 }).execute();
  });
  expect(await ids()).toStrictEqual([1, 2]);
});

test('kyselyOn works inside a transaction that was begun on the connection itself', async () => {
  const { connection, db, ids } = await openTable();
  await connection.run('BEGIN TRANSACTION');
  await db.insertInto('t').values({ id: 1 }).execute();
  await connection.run('ROLLBACK');
  expect(await ids()).toStrictEqual([]);
});

test('savepoints are refused with the reason', async () => {
  const { db, ids } = await openTable();
  const trx = await db.startTransaction().execute();
  await trx.insertInto('t').values({ id: 1 }).execute();
  await expect(trx.savepoint('s').execute()).rejects.toThrow('DuckDB has no savepoints');
  await trx.commit().execute();
  expect(await ids()).toStrictEqual([1]);
});

test('read only is read only, snapshot is the only isolation', async () => {
  const { db, ids } = await openTable();
  const writing = db
    .transaction()
    .setAccessMode('read only')
    .execute((trx) => trx.insertInto('t').values({ id: 1 }).execute());
  await expect(writing).rejects.toThrow(/read-only/i);
  await db
    .transaction()
    .setIsolationLevel('snapshot')
    .execute((trx) => trx.insertInto('t').values({ id: 2 }).execute());
  const strict = db
    .transaction()
    .setIsolationLevel('serializable')
    .execute(() => Promise.resolve());
  await expect(strict).rejects.toThrow('no isolation level "serializable"');
  expect(await ids()).toStrictEqual([2]);
});

test('a dialect over a pool gives back every connection that it took', async () => {
  const { instance, ids } = await openTable();
  const held = new Set<unknown>();
  const db = new Kysely<Db>({
    dialect: new DuckDBDialect({
      acquire: async () => {
        const connection = await instance.connect();
        held.add(connection);
        return connection;
      },
      release: (connection) => {
        held.delete(connection);
        connection.closeSync();
        return Promise.resolve();
      },
    }),
  });
  await db.transaction().execute(async (trx) => {
    await trx.insertInto('t').values({ id: 1 }).execute();
    // Not of the transaction, hence on a connection of its own, which does not see it.
    expect(await db.selectFrom('t').selectAll().execute()).toStrictEqual([]);
    expect(held.size).toBe(1);
  });
  for await (const row of db.selectFrom('t').selectAll().stream()) expect(row).toStrictEqual({ id: 1 });
  await expect(sql`select * from nowhere`.execute(db)).rejects.toThrow('Catalog Error');
  expect(held.size).toBe(0);
  expect(await ids()).toStrictEqual([1]);
  await db.destroy();
});
