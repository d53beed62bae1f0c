import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mergeContacts } from '../../../pipelines/identity/merge.ts';
import { segmentMigration } from '../../../pipelines/segments/migration.ts';
import { segmentPerformance } from '../../../pipelines/segments/performance.ts';
import { saveSegment } from '../../../pipelines/segments/store.ts';
import { addContacts, addOrders, openFixture } from './fixture.ts';
import { recordChanges, type Change } from './performance-fixture.ts';

/** Hours of ten days, from the first of October 2026; everything happens at the full hour. */
const hours = 240;
const iso = (hour: number) => new Date(Date.UTC(2026, 9, 1, hour)).toISOString().slice(0, 19);
const records = ['a', 'b', 'c', 'd', 'a2'];
const personOf = (record: string) => (record === 'a2' ? 'a' : record);
const persons = ['a', 'b', 'c', 'd'];
const segments = ['s', 't'];

/** Of each segment and record: the hours at which it enters, leaves, enters, … */
const history = fc.array(
  fc
    .uniqueArray(fc.integer({ min: -24, max: hours + 24 }), { maxLength: 5 })
    .map((list) => list.toSorted((x, y) => x - y)),
  { minLength: segments.length * records.length, maxLength: segments.length * records.length },
);

type History = number[][];
const movesOf = (moves: History, segment: string, record: string) =>
  moves[segments.indexOf(segment) * records.length + records.indexOf(record)] ?? [];

/** Counted by hand: whether any record of the person has entered once more than it has left. */
const isIn = (moves: History, segment: string, person: string, hour: number) =>
  records.some(
    (record) =>
      personOf(record) === person &&
      movesOf(moves, segment, record).filter((at) => at <= hour).length % 2 === 1,
  );

function changesOf(moves: History): Change[] {
  const changes = segments.flatMap((segment_id) =>
    records.flatMap((contact_id) =>
      movesOf(moves, segment_id, contact_id).map((hour, index) => ({
        segment_id,
        contact_id,
        change: index % 2 === 0 ? 'entered' : 'left',
        changed_at: iso(hour),
      })),
    ),
  );
  return changes.toSorted((x, y) => (x.changed_at < y.changed_at ? -1 : x.changed_at > y.changed_at ? 1 : 0));
}

test('hour by hour: members are who was in, members and the rest are the whole, and who moved adds up', async () => {
  const fixture = await openFixture();
  const { warehouse, context } = fixture;
  const orders = Array.from({ length: 40 }, (_, index) => ({
    contact_id: records[index % records.length] ?? '',
    hour: (index * 37) % hours,
    amount: 1 + index,
  }));
  await fixture.load(async (tx) => {
    await addContacts(
      tx,
      records.map((contact_id) => ({ contact_id })),
    );
    await addOrders(
      tx,
      orders.map(({ hour, ...order }) => ({ ...order, ordered_at: iso(hour) })),
    );
  });
  await mergeContacts(warehouse, 'a2', 'a');
  await fixture.build();
  for (const id of [...segments, 'nobody']) {
    const criteria = { field: 'country', operator: 'equals', value: 'XX' };
    await saveSegment(context, { segment_id: id, title: id, criteria });
  }
  await recordChanges(
    fixture,
    [],
    [...segments, 'nobody'].map((segment_id) => ({ segment_id, as_of: '2026-08-01' })),
  );

  await fc.assert(
    fc.asyncProperty(
      history,
      fc.integer({ min: 0, max: 100 }),
      fc.integer({ min: 101, max: hours }),
      async (moves, first, last) => {
        await warehouse.build.transaction((tx) => tx.run('delete from ops.segment_changes'));
        await recordChanges(fixture, changesOf(moves), []);
        const report = await segmentPerformance(context, { from: '2026-10-01', to: '2026-10-11' });
        const figure = (id: string, name: string) => {
          const segment = report.segments.find(({ segment_id }) => segment_id === id);
          const found = segment?.figures.find((each) => each.name === name);
          if (!found) throw new Error(name);
          return found;
        };
        for (const id of segments) {
          const inside = orders.filter(({ contact_id, hour }) => isIn(moves, id, personOf(contact_id), hour));
          const memberHours = persons.flatMap((person) =>
            Array.from({ length: hours }, (_, hour) => isIn(moves, id, person, hour)).filter(Boolean),
          ).length;
          for (const name of ['orders_per_30_days', 'revenue_per_30_days']) {
            const { members, base } = figure(id, name);
            const counted = inside.reduce(
              (sum, { amount }) => sum + (name.startsWith('orders') ? 1 : amount),
              0,
            );
            expect(members.numerator).toBe(counted);
            expect(members.denominator).toBeCloseTo(memberHours / 24, 9);
            expect(members.contacts).toBe(new Set(inside.map(({ contact_id }) => personOf(contact_id))).size);
            const whole = figure('nobody', name).base;
            expect(members.numerator + base.numerator).toBe(whole.numerator);
            expect(members.denominator + base.denominator).toBeCloseTo(whole.denominator, 9);
          }
        }
        expect(figure('nobody', 'orders_per_30_days').base).toMatchObject({
          numerator: 40,
          denominator: 40,
          contacts: 4,
        });

        for (const asked of [['s'], ['s', 't']]) {
          const matrix = await segmentMigration(context, {
            from: iso(first),
            to: iso(last),
            segmentIds: asked,
          });
          const placesAt = (person: string, hour: number) => {
            const places: (string | null)[] = asked.filter((id) => isIn(moves, id, person, hour));
            return places.length === 0 ? [null] : places;
          };
          expect(matrix.persons).toBe(4);
          for (const row of matrix.rows.filter(({ kind }) => kind !== 'new')) {
            const there = persons.filter((person) => placesAt(person, first).includes(row.segment_id));
            expect(row.persons).toBe(there.length);
            for (const column of matrix.columns.filter(({ kind }) => kind !== 'gone')) {
              const cell = row.cells.find(
                ({ kind, segment_id }) => kind === column.kind && segment_id === column.segment_id,
              );
              expect(cell?.numerator ?? 0).toBe(
                there.filter((person) => placesAt(person, last).includes(column.segment_id)).length,
              );
            }
          }
          const counted = matrix.rows
            .flatMap((row) => row.cells)
            .reduce((sum, cell) => sum + cell.numerator, 0);
          const places = persons.map((person) => [
            placesAt(person, first).length,
            placesAt(person, last).length,
          ]);
          expect(counted).toBe(places.reduce((sum, [was = 0, is = 0]) => sum + was * is, 0));
          expect(matrix.is_overlapping).toBe(places.flat().some((count) => count > 1));
        }
      },
    ),
    { numRuns: 8 },
  );
}, 240_000);
