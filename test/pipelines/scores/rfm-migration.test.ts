import { expect, test } from 'vitest';
import { ModelEngine } from '../../../models/engine/engine.ts';
import { rfmMigration, type Moved, type RfmMethod } from '../../../pipelines/scores/rfm-migration.ts';
import { asOf } from '../../models/fixture.ts';
import { sharedBase } from '../../models/support.ts';
import { openTestWarehouse } from '../../support.ts';
import { loadText } from '../load/support.ts';

const base = sharedBase();
const from = new Date('2025-01-15T00:00:00Z');

test.each<[RfmMethod, string]>([
  ['quintiles', 'segment'],
  ['fixed', 'fixed_segment'],
])(
  'by %s, rows and columns are the groups of both dates, in customers and in revenue',
  async (method, field) => {
    const matrix = await rfmMigration(base(), { from, to: asOf, method });
    const groupsAt = async (time: Date) => {
      const { rows } = await base().engine.query(
        `run: rfm -> { group_by: name is ${field} aggregate: customer_count, revenue order_by: name }`,
        { asOf: time },
      );
      return rows.map((row) => [row['name'], row['customer_count'], row['revenue']]);
    };
    const sorted = <T extends [string | null, ...unknown[]]>(list: T[]) =>
      list.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
    expect(
      sorted(matrix.to_totals.map((total) => [total.to_group, total.customers, total.revenue_to])),
    ).toEqual(await groupsAt(asOf));
    const before = matrix.from_totals.filter(({ from_group }) => from_group !== null);
    expect(sorted(before.map((total) => [total.from_group, total.customers, total.revenue_from]))).toEqual(
      await groupsAt(from),
    );
    const added = (list: readonly Moved[]) => [
      list.reduce((sum, { customers }) => sum + customers, 0n),
      ...(['revenue_from', 'revenue_to'] as const).map((name) =>
        list.reduce((sum, moved) => sum + Math.round(Number(moved[name]) * 100), 0),
      ),
    ];
    expect(added(matrix.cells)).toEqual(added(matrix.from_totals));
    expect(added(matrix.cells)).toEqual(added(matrix.to_totals));
    const newcomers = matrix.cells.filter(({ from_group }) => from_group === null);
    expect(newcomers.length).toBeGreaterThan(0);
    expect(newcomers.every(({ revenue_from }) => revenue_from === '0.00')).toBe(true);
    expect(matrix.groups).toHaveLength(11);
    expect(matrix.groups[0]).toBe('Champions');
  },
);

test('merged contacts count once, under the one that stands for them, though the marts were built before the merge', async () => {
  const { warehouse } = await openTestWarehouse();
  const engine = new ModelEngine(warehouse);
  const mallard = { warehouse, engine };
  await loadText(
    warehouse,
    'orders',
    'order_id,contact_id,ordered_at,amount\n1,a,2026-01-01,10\n2,b,2026-06-01,20\n3,c,2026-06-02,40\n',
  );
  await engine.build({ asOf });
  const both = async (knownAt?: Date) => {
    const { cells, to } = await rfmMigration(mallard, {
      from: new Date('2026-02-01T00:00:00Z'),
      knownAt,
      method: 'fixed',
    });
    expect(to).toBe('2026-11-02T06:00:00Z');
    return cells.map((cell) => [
      cell.from_group === null,
      cell.customers,
      cell.revenue_from,
      cell.revenue_to,
    ]);
  };
  expect(await both()).toEqual(
    expect.arrayContaining([
      [false, 1n, '10.00', '10.00'],
      [true, 2n, '0.00', '60.00'],
    ]),
  );
  await warehouse.loads.transaction((tx) =>
    tx.run(`insert into core.contact_canonicals values ('b', 'a', timestamp '2026-11-02 05:00:00', null)`),
  );
  // b is a: who was a customer with 10 and now has 30.
  const merged = await both();
  expect(merged).toHaveLength(2);
  expect(merged).toEqual(
    expect.arrayContaining([
      [false, 1n, '10.00', '30.00'],
      [true, 1n, '0.00', '40.00'],
    ]),
  );
  expect(await both(new Date('2026-11-02T04:00:00Z'))).toEqual([]);
});

test('dates in the wrong order are refused', async () => {
  await expect(rfmMigration(base(), { from: asOf, to: from, method: 'fixed' })).rejects.toMatchObject({
    code: 'bad_request',
    fields: { field: 'to' },
  });
});
