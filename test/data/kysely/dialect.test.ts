import { sql, type Generated } from 'kysely';
import { expect, test } from 'vitest';
import { kyselyOn } from '../../../data/kysely/dialect.ts';
import { openDuckDB } from './support.ts';

interface Db {
  people: { id: number; name: Generated<string | null>; extra: Generated<{ plan: { name: string } }> };
  news: { id: number; name: string };
}

async function openPeople() {
  const { connection } = await openDuckDB();
  const db = kyselyOn<Db>(connection);
  await sql`create table people (id integer primary key, name varchar default 'nobody', extra json)`.execute(
    db,
  );
  await sql`create table news (id integer, name varchar)`.execute(db);
  await db
    .insertInto('people')
    .values([
      { id: 1, name: 'a' },
      { id: 2, name: 'b' },
      { id: 3, name: 'c' },
    ])
    .execute();
  return db;
}

test('insert counts its rows, with RETURNING and without', async () => {
  const db = await openPeople();
  const insert = db.insertInto('people').values([{ id: 4, name: 'd' }, { id: 5 }]);
  expect(insert.compile().sql).toBe('insert into "people" ("id", "name") values ($1, $2), ($3, default)');
  expect(await insert.executeTakeFirst()).toMatchObject({ numInsertedOrUpdatedRows: 2n });
  const returning = db
    .insertInto('people')
    .values([{ id: 6 }, { id: 7, name: 'g' }])
    .returning(['id', 'name']);
  expect(returning.compile().sql).toMatch(/returning "id", "name"$/);
  const result = await db.executeQuery(returning.compile());
  expect(result.rows).toStrictEqual([
    { id: 6, name: 'nobody' },
    { id: 7, name: 'g' },
  ]);
  expect(result.numAffectedRows).toBe(2n);
});

test('an upsert counts what it wrote, not what it skipped', async () => {
  const db = await openPeople();
  const rows = [
    { id: 3, name: 'C' },
    { id: 4, name: 'D' },
  ];
  const skip = db
    .insertInto('people')
    .values(rows)
    .onConflict((c) => c.column('id').doNothing());
  expect(await skip.executeTakeFirst()).toMatchObject({ numInsertedOrUpdatedRows: 1n });
  const replace = db
    .insertInto('people')
    .values(rows)
    .onConflict((c) => c.column('id').doUpdateSet((eb) => ({ name: eb.ref('excluded.name') })));
  expect(replace.compile().sql).toContain('on conflict ("id") do update set "name" = "excluded"."name"');
  expect(await replace.executeTakeFirst()).toMatchObject({ numInsertedOrUpdatedRows: 2n });
  expect(
    await db.selectFrom('people').select('name').where('id', '>=', 3).orderBy('id').execute(),
  ).toStrictEqual([{ name: 'C' }, { name: 'D' }]);
});

test('update and delete count their rows, none included', async () => {
  const db = await openPeople();
  const update = db.updateTable('people').set({ name: 'z' }).where('id', '<', 3);
  expect(update.compile()).toMatchObject({
    sql: 'update "people" set "name" = $1 where "id" < $2',
    parameters: ['z', 3],
  });
  expect((await update.executeTakeFirst()).numUpdatedRows).toBe(2n);
  const updated = await db.executeQuery(update.returningAll().compile());
  expect([updated.numAffectedRows, updated.rows.length]).toStrictEqual([2n, 2]);
  const none = await db.executeQuery(
    db.updateTable('people').set({ name: 'q' }).where('id', '=', 99).returning('id').compile(),
  );
  expect(none).toMatchObject({ numAffectedRows: 0n, rows: [] });
  expect((await db.deleteFrom('people').where('id', '=', 99).executeTakeFirst()).numDeletedRows).toBe(0n);
  expect((await db.deleteFrom('people').where('name', '=', 'z').executeTakeFirst()).numDeletedRows).toBe(2n);
  const deleted = await db.executeQuery(db.deleteFrom('people').returning('id').compile());
  expect(deleted).toMatchObject({ numAffectedRows: 1n, rows: [{ id: 3 }] });
});

test('merge counts all that it inserted, updated and deleted', async () => {
  const db = await openPeople();
  await db
    .insertInto('news')
    .values([
      { id: 1, name: 'A' },
      { id: 9, name: 'I' },
      { id: 10, name: 'J' },
    ])
    .execute();
  const merge = db
    .mergeInto('people')
    .using('news', 'news.id', 'people.id')
    .whenMatched()
    .thenUpdateSet((eb) => ({ name: eb.ref('news.name') }))
    .whenNotMatched()
    .thenInsertValues((eb) => ({ id: eb.ref('news.id'), name: eb.ref('news.name') }));
  expect(merge.compile().sql).toBe(
    'merge into "people" using "news" on "news"."id" = "people"."id" ' +
      'when matched then update set "name" = "news"."name" ' +
      'when not matched then insert ("id", "name") values ("news"."id", "news"."name")',
  );
  expect((await merge.executeTakeFirst()).numChangedRows).toBe(3n);
  const again = await db.executeQuery(
    merge.returning([sql<string>`merge_action`.as('action'), 'people.id']).compile(),
  );
  expect(again.numAffectedRows).toBe(3n);
  expect(again.rows).toContainEqual({ action: 'UPDATE', id: 9 });
  expect(await db.selectFrom('people').select('name').orderBy('id').execute()).toStrictEqual(
    ['A', 'b', 'c', 'I', 'J'].map((name) => ({ name })),
  );
});

test('a select has rows and no count; statements without rows have neither', async () => {
  const db = await openPeople();
  const selected = await db.executeQuery(
    db.selectFrom('people').select('id').where('name', 'in', ['a', 'c']).compile(),
  );
  expect(selected).toStrictEqual({ rows: [{ id: 1 }, { id: 3 }] });
  expect(await sql`create table u (x integer)`.execute(db)).toStrictEqual({ rows: [] });
});

test('identifiers and values cannot break out of their quotes', async () => {
  const db = kyselyOn<Record<string, Record<string, string>>>((await openDuckDB()).connection);
  const [table, column, value] = ['a"; drop table x; --', 'c"d', `it's "x" \\ $1`];
  await db.schema.createTable(table).addColumn(column, 'varchar').execute();
  const insert = db.insertInto(table).values({ [column]: value });
  expect(insert.compile().sql).toBe('insert into "a""; drop table x; --" ("c""d") values ($1)');
  await insert.execute();
  const query = db.selectFrom(table).selectAll().where(sql.ref(column), '=', sql.lit(value));
  expect(await query.execute()).toStrictEqual([{ [column]: value }]);
});

test('a JSON path keeps its precedence beside other conditions', async () => {
  const db = await openPeople();
  await db
    .updateTable('people')
    .set({ extra: { plan: { name: 'pro' } } })
    .where('id', '=', 2)
    .execute();
  const query = db
    .selectFrom('people')
    .select('id')
    .where('id', '>', 0)
    .where((eb) => eb(eb.ref('extra', '->>').key('plan').key('name'), '=', 'pro'));
  expect(query.compile().sql).toContain(`where "id" > $1 and ("extra"->'plan'->>'name') = $2`);
  expect(await query.execute()).toStrictEqual([{ id: 2 }]);
});

test('one statement at a time, and missing or surplus parameters are named', async () => {
  const db = await openPeople();
  await expect(sql.raw('select 1; select 2').execute(db)).rejects.toThrow('multiple statements');
  const query = db.selectFrom('people').select('id').where('id', '=', 1).compile();
  await expect(db.executeQuery({ ...query, parameters: [] })).rejects.toThrow(
    'Parameter $1: no value among the 0 given',
  );
  await expect(db.executeQuery({ ...query, parameters: [1, 2] })).rejects.toThrow(
    '2 values for 1 parameters',
  );
});

test('the introspector sees tables, views, defaults and nulls', async () => {
  const db = await openPeople();
  await sql`create schema ops`.execute(db);
  await sql`create view ops.names as select name from people`.execute(db);
  await sql`comment on column people.name is 'as given'`.execute(db);
  expect((await db.introspection.getSchemas()).map((schema) => schema.name)).toContain('ops');
  const tables = await db.introspection.getTables();
  expect(tables.map(({ schema, name, isView }) => [schema, name, isView])).toStrictEqual([
    ['main', 'news', false],
    ['main', 'people', false],
    ['ops', 'names', true],
  ]);
  expect(tables[1]?.columns.slice(0, 2)).toStrictEqual([
    { name: 'id', dataType: 'INTEGER', isNullable: false, hasDefaultValue: false, isAutoIncrementing: false },
    {
      name: 'name',
      dataType: 'VARCHAR',
      isNullable: true,
      hasDefaultValue: true,
      isAutoIncrementing: false,
      comment: 'as given',
    },
  ]);
});
