import { expect, test } from 'vitest';
import { ModelEngine } from '../../models/engine/engine.ts';
import { loadText } from '../pipelines/load/support.ts';
import { openTestWarehouse, testClock } from '../support.ts';

const asOf = testClock.now();

test('merged contacts are one: facts add up, the canonical’s own values win, and before the merge was known they are two', async () => {
  const clock = { at: new Date('2026-10-01T00:00:00Z'), now: () => clock.at };
  const { warehouse } = await openTestWarehouse({ clock });
  const engine = new ModelEngine(warehouse);
  await loadText(
    warehouse,
    'contacts',
    'contact_id,email,phone,city,country,lifecycle_stage,plan,created_at,updated_at\n' +
      'a,a@example.com,,,DE,lead,,2026-01-05,2026-02-01\n' +
      'b,b@example.com,111,Bonn,FR,customer,tin,2026-01-01,2026-03-01\n' +
      'c,c@example.com,222,Nice,IT,mql,gold,2026-01-09,2026-04-01\n' +
      'other,o@example.com,333,Lyon,FR,lead,,2026-01-09,2026-04-01\n',
  );
  await loadText(
    warehouse,
    'orders',
    'order_id,contact_id,ordered_at,amount\n1,a,2026-05-01,10\n2,b,2026-05-02,20\n3,c,2026-05-03,30\n4,other,2026-05-04,99\n',
  );
  await loadText(warehouse, 'deals', 'deal_id,contact_id,stage,amount\nd,b,Open,500\n');
  await loadText(
    warehouse,
    'email_events',
    'event_id,event_type,contact_id,occurred_at\n1,clicked,a,2026-10-20\n2,clicked,c,2026-10-21\n3,clicked,c,2026-10-22\n',
  );
  // a stands for b and c: known from the 15th of October on.
  await warehouse.loads.transaction((tx) =>
    tx.run(
      `insert into core.contact_canonicals values ('b', 'a', timestamp '2026-10-15', null), ('c', 'a', timestamp '2026-10-15', null)`,
    ),
  );
  const facts = async (knownAt?: string) =>
    (
      await engine.query(
        `run: contact_facts -> { select: contact_id, email_address, phone, city, country, lifecycle_stage, created_at,
           order_count, total_revenue, open_deal_amount, clicks is email.last_30_days.clicks order_by: contact_id }`,
        { asOf, ...(knownAt === undefined ? {} : { knownAt: new Date(knownAt) }) },
      )
    ).rows;
  const other = {
    contact_id: 'other',
    ...{ email_address: 'o@example.com', phone: '333', city: 'Lyon', country: 'FR', lifecycle_stage: 'lead' },
    ...{ created_at: '2026-01-09T00:00:00Z', order_count: 1n, total_revenue: '99.00' },
    ...{ open_deal_amount: '0.00', clicks: 0n },
  };
  const merged = {
    contact_id: 'a',
    // Its own where it has one.
    ...{ email_address: 'a@example.com', country: 'DE' },
    // Else of whoever was updated last: c.
    ...{ phone: '222', city: 'Nice' },
    // The furthest stage and the earliest creation: b's.
    ...{ lifecycle_stage: 'customer', created_at: '2026-01-01T00:00:00Z' },
    ...{ order_count: 3n, total_revenue: '60.00', open_deal_amount: '500.00', clicks: 3n },
  };
  expect(await facts()).toEqual([merged, other]);
  const before = await facts('2026-10-14T00:00:00Z');
  expect(before.map((row) => [row['contact_id'], row['order_count'], row['city']])).toEqual([
    ['a', 1n, null],
    ['b', 1n, 'Bonn'],
    ['c', 1n, 'Nice'],
    ['other', 1n, 'Lyon'],
  ]);
  // An analyst joins on contact_id as on any column.
  const joined = await engine.query(
    `run: orders extend { join_one: contacts on contact_id = contacts.contact_id } -> {
       group_by: contacts.country aggregate: revenue order_by: country }`,
    { asOf },
  );
  expect(joined.rows).toEqual([
    { country: 'DE', revenue: '60.00' },
    { country: 'FR', revenue: '99.00' },
  ]);
  // Taken back: closed, never deleted.
  await warehouse.loads.transaction((tx) =>
    tx.run(
      `update core.contact_canonicals set superseded_at = timestamp '2026-10-30' where contact_id = 'c'`,
    ),
  );
  const apart = await facts();
  expect(apart.map((row) => [row['contact_id'], row['order_count'], row['city']])).toEqual([
    ['a', 2n, 'Bonn'],
    ['c', 1n, 'Nice'],
    ['other', 1n, 'Lyon'],
  ]);
  expect(await facts('2026-10-29T00:00:00Z')).toEqual([merged, other]);
});
