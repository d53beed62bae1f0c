import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openTestWarehouse } from '../../support.ts';
import { counts, loadText, rowsOf } from './support.ts';

const field = fc.oneof(
  fc.constantFrom(
    '',
    'a',
    ' a ',
    '"quoted, ""twice"""',
    '"two\nlines"',
    '1',
    '2.50',
    '-3',
    '2026-01-01',
    '2026-02-03 04:05',
    'x"y',
    '"open',
    'é',
  ),
  fc.string({ unit: fc.constantFrom('a', '"', ',', ' ', '1', '\n', 'ß'), maxLength: 6 }),
);
const line = fc.array(field, { minLength: 1, maxLength: 4 }).map((fields) => fields.join(','));

test('whatever the lines are: every row read is accounted for, and a second load finds the same', async () => {
  const { warehouse } = await openTestWarehouse();
  let number = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 12 }), async (lines) => {
      const source = `run ${(number += 1)}`;
      const csv = `contact_id,ordered_at,amount\n${lines.join('\n')}`;
      const first = await loadText(warehouse, 'orders', csv, { source });
      const [read, inserted, updated, unchanged, rejected] = counts(first) as [
        number,
        number,
        number,
        number,
        number,
      ];
      expect(inserted + updated + unchanged + rejected).toBe(read);
      const stored = await rowsOf<{ rows: number; rejects: number; lines: number }>(
        warehouse,
        `select (select count(*)::int from core.orders where source = '${source}') as rows,
           (select count(distinct line)::int from raw.rejects where source = '${source}') as lines`,
      );
      expect(stored).toEqual([{ rows: inserted, lines: rejected }]);
      const again = await loadText(warehouse, 'orders', csv, { source });
      expect(counts(again)).toEqual([read, 0, 0, read - rejected, rejected]);
    }),
    { numRuns: 40 },
  );
});

test('rows in any order, once or more often, make the same table', async () => {
  const { warehouse } = await openTestWarehouse();
  const row = fc.record({ id: fc.integer({ min: 1, max: 9 }), day: fc.integer({ min: 1, max: 28 }) });
  const rows = fc.uniqueArray(row, { selector: (one) => one.id, maxLength: 9 });
  await fc.assert(
    fc.asyncProperty(
      rows.chain((some) =>
        fc.tuple(fc.constant(some), fc.shuffledSubarray([...some, ...some], { minLength: some.length * 2 })),
      ),
      async ([some, shuffled]) => {
        const csv = (list: typeof some) =>
          [
            'order_id,ordered_at,amount',
            ...list.map(({ id, day }) => `o${id},2026-01-${String(day).padStart(2, '0')},${id}`),
          ].join('\n');
        const table = () =>
          rowsOf(warehouse, `select order_id, ordered_at, amount from core.orders order by order_id`);
        await warehouse.loads.transaction((tx) => tx.run('delete from core.orders'));
        expect(counts(await loadText(warehouse, 'orders', csv(some)))).toEqual([
          some.length,
          some.length,
          0,
          0,
          0,
        ]);
        const once = await table();
        const twice = await loadText(warehouse, 'orders', csv(shuffled));
        expect(counts(twice)).toEqual([shuffled.length, 0, 0, shuffled.length, 0]);
        expect(await table()).toEqual(once);
      },
    ),
    { numRuns: 20 },
  );
});

test('identical rows without an id: as many as there are, in any order', async () => {
  const { warehouse } = await openTestWarehouse();
  const amounts = fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(
      amounts.chain((some) =>
        fc.tuple(fc.constant(some), fc.shuffledSubarray(some, { minLength: some.length })),
      ),
      async ([some, shuffled]) => {
        await warehouse.loads.transaction((tx) => tx.run('delete from core.orders'));
        const csv = (list: number[]) =>
          `contact_id,ordered_at,amount\n${list.map((amount) => `c1,2026-01-01,${amount}`).join('\n')}`;
        await loadText(warehouse, 'orders', csv(some));
        expect(counts(await loadText(warehouse, 'orders', csv(shuffled)))).toEqual([
          some.length,
          0,
          0,
          some.length,
          0,
        ]);
        const [stored] = await rowsOf<{ n: number; total: string | null }>(
          warehouse,
          `select count(*)::int as n, sum(amount)::int as total from core.orders`,
        );
        expect(stored).toEqual({
          n: some.length,
          total: some.length === 0 ? null : some.reduce((sum, amount) => sum + amount, 0),
        });
      },
    ),
    { numRuns: 20 },
  );
});
