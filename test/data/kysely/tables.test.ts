import { expect, expectTypeOf, test } from 'vitest';
import { columns } from '../../../data/kysely/columns.ts';
import { kyselyOn } from '../../../data/kysely/dialect.ts';
import { migrate } from '../../../data/kysely/migrate.ts';
import type { NewRowOf, RowOf } from '../../../data/kysely/tables.ts';
import { versionedRows } from '../../../data/versioned-rows.ts';
import { openDuckDB } from './support.ts';

/** The others repeat a table of core. */
const isListed = ({ schema }: { schema?: string | undefined }) =>
  schema !== 'history' && schema !== 'versions';

test('columns.ts lists the tables that the migrations made, column by column', async () => {
  const { connection } = await openDuckDB();
  await migrate(connection);
  const tables = await kyselyOn(connection).introspection.getTables();
  const made = Object.fromEntries(
    tables
      .filter(isListed)
      .map((table) => [
        `${table.schema}.${table.name}`,
        table.columns.map((column) => [
          column.name,
          column.dataType.toLowerCase() +
            (column.isNullable ? '' : ' not null') +
            (column.hasDefaultValue ? ' default' : ''),
        ]),
      ]),
  );
  const listed = Object.fromEntries(
    Object.entries(columns).map(([name, table]) => [name, Object.entries(table)]),
  );
  expect(listed).toStrictEqual(made);
});

test('history and versions have the columns of their tables, and when a row ceased to stand', async () => {
  const { connection } = await openDuckDB();
  await migrate(connection);
  const tables = await kyselyOn(connection).introspection.getTables();
  for (const schema of ['history', 'versions']) {
    const made = tables.filter((table) => table.schema === schema);
    expect(made.map((table) => table.name).sort()).toStrictEqual(Object.keys(versionedRows).sort());
    for (const table of made) {
      expect(table.columns.map((column) => column.name)).toStrictEqual([
        ...Object.keys(columns[`core.${table.name}` as keyof typeof columns]),
        'superseded_at',
      ]);
    }
  }
});

test('a row of several types goes in and comes out as its type says', async () => {
  const { connection } = await openDuckDB();
  await migrate(connection);
  const db = kyselyOn(connection);
  const deal = {
    deal_id: 'd1',
    name: null,
    amount: '1234567890123456.78',
    expected_close_date: '2026-12-31',
    created_at: new Date('2026-11-02T06:00:00.250Z'),
    attributes: { tier: 'gold', seats: 3 },
    source: 'test',
    recorded_at: '2026-11-02T06:00:00.000001Z',
  } satisfies NewRowOf<'core.deals'>;
  await db.insertInto('core.deals').values(deal).execute();
  const row = await db
    .selectFrom('core.deals')
    .selectAll()
    .where('core.deals.deal_id', '=', 'd1')
    .executeTakeFirstOrThrow();
  expect(row).toMatchObject({
    deal_id: 'd1',
    name: null,
    pipeline: 'default',
    amount: '1234567890123456.78',
    expected_close_date: '2026-12-31',
    created_at: '2026-11-02T06:00:00.250Z',
    attributes: { tier: 'gold', seats: 3 },
    recorded_at: '2026-11-02T06:00:00.000001Z',
  });
});

test('the types say what is read and what may be written', () => {
  type Deal = RowOf<'core.deals'>;
  expectTypeOf<Deal['deal_id']>().toEqualTypeOf<string>();
  expectTypeOf<Deal['amount']>().toEqualTypeOf<string | null>();
  expectTypeOf<Deal['pipeline']>().toEqualTypeOf<string>();
  expectTypeOf<Deal['created_at']>().toEqualTypeOf<string | null>();
  expectTypeOf<RowOf<'core.spend'>['clicks']>().toEqualTypeOf<bigint | null>();
  expectTypeOf<RowOf<'core.owners'>['is_active']>().toEqualTypeOf<boolean>();
  expectTypeOf<NewRowOf<'core.deals'>['pipeline']>().toEqualTypeOf<string | undefined>();
  expectTypeOf<NewRowOf<'core.deals'>['created_at']>().toEqualTypeOf<string | Date | null | undefined>();
  // @ts-expect-error money is text: a number has lost digits already
  const amount: NewRowOf<'core.orders'>['amount'] = 1.1;
  expect(amount).toBe(1.1);
});
