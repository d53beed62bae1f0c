import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Criteria } from '../../../../models/criteria/types.ts';
import { backtestSegment } from '../../../../pipelines/segments/backtest.ts';
import { withIntervals } from '../../../../pipelines/segments/intervals/run.ts';
import { withValidUntil } from '../../../../pipelines/segments/intervals/valid-until.ts';
import { previewSegment } from '../../../../pipelines/segments/preview.ts';
import { saveSegment } from '../../../../pipelines/segments/store.ts';
import { addClicks, addContacts, addOrders, openFixture, type SegmentFixture } from '../fixture.ts';

const from = new Date('2026-03-01T00:00:00Z');
const to = new Date('2026-05-01T00:00:00Z');
const clicked: Criteria = { measure: 'email_events.clicks', within_days: 7, operator: 'at_least', value: 1 };

/** Three contacts: a clicks and orders, b clicks later, c does nothing. */
async function three(): Promise<SegmentFixture> {
  const fixture = await openFixture();
  await fixture.load(async (tx) => {
    await addContacts(tx, [{ contact_id: 'a' }, { contact_id: 'b' }, { contact_id: 'c' }]);
    await addClicks(tx, [
      { contact_id: 'a', occurred_at: '2026-03-02T10:00:00' },
      { contact_id: 'b', occurred_at: '2026-03-20T12:00:00' },
    ]);
    await addOrders(tx, [{ contact_id: 'a', ordered_at: '2026-03-05T10:00:00', amount: 30 }]);
  });
  return fixture;
}

async function intervalsOf(fixture: SegmentFixture, criteria: Criteria, span = { from, until: to }) {
  return withIntervals(
    fixture.context,
    { segments: [{ id: 's', criteria }], span, sampleTimes: [] },
    (work, { table }) =>
      work.session.rows<Record<string, string | null>>(
        `select contact_id, strftime(valid_from, '%m-%d %H:%M:%S.%f') as valid_from, strftime(valid_to, '%m-%d %H:%M:%S.%f') as valid_to
         from ${table} order by all`,
      ),
  );
}

test('a click counts from the microsecond after it, until the day that begins seven days after it or later', async () => {
  const fixture = await three();
  expect(await intervalsOf(fixture, clicked)).toEqual([
    { contact_id: 'a', valid_from: '03-02 10:00:00.000001', valid_to: '03-10 00:00:00.000000' },
    { contact_id: 'b', valid_from: '03-20 12:00:00.000001', valid_to: '03-28 00:00:00.000000' },
  ]);
});

test('the day is the account’s, also where the clocks change', async () => {
  const fixture = await three();
  writeFileSync(join(fixture.project.dir, 'account.yaml'), 'time_zone: America/New_York\n');
  // The eighth of March has 23 hours: the days begin at 05:00 UTC before, at 04:00 after.
  expect(await intervalsOf(fixture, clicked)).toEqual([
    { contact_id: 'a', valid_from: '03-02 10:00:00.000001', valid_to: '03-10 04:00:00.000000' },
    { contact_id: 'b', valid_from: '03-20 12:00:00.000001', valid_to: '03-28 04:00:00.000000' },
  ]);
});

test('NOT is everybody who is there', async () => {
  const fixture = await three();
  await fixture.load((tx) => addContacts(tx, [{ contact_id: 'd', created_at: '2026-04-01T00:00:00' }]));
  const open = { valid_to: null };
  expect(await intervalsOf(fixture, { not: clicked })).toEqual([
    { contact_id: 'a', valid_from: '03-01 00:00:00.000000', valid_to: '03-02 10:00:00.000001' },
    { contact_id: 'a', valid_from: '03-10 00:00:00.000000', ...open },
    { contact_id: 'b', valid_from: '03-01 00:00:00.000000', valid_to: '03-20 12:00:00.000001' },
    { contact_id: 'b', valid_from: '03-28 00:00:00.000000', ...open },
    { contact_id: 'c', valid_from: '03-01 00:00:00.000000', ...open },
    { contact_id: 'd', valid_from: '04-01 00:00:00.000001', ...open },
  ]);
});

test('merged contacts: of what the one that stands for them lacks, whoever was updated last says it; the furthest stage counts', async () => {
  const fixture = await three();
  await fixture.load(async (tx) => {
    await tx.run(
      `update core.contacts set country = 'DE', updated_at = timestamp '2026-01-05' where contact_id = 'b'`,
    );
    await tx.run(
      `update core.contacts set country = 'FR', updated_at = timestamp '2026-03-10' where contact_id = 'c'`,
    );
    await tx.run(`update core.contacts set lifecycle_stage = 'lead'`);
    await tx.run(`insert into core.contact_changes (contact_id, field, value, valid_from, source, recorded_at)
      select *, 'test', timestamp '2026-03-20' from (values
        ('c', 'updated_at', '2026-01-02 00:00:00', timestamp '0001-01-01'), ('c', 'updated_at', '2026-03-10 00:00:00', timestamp '2026-03-10 08:00:00'),
        ('b', 'lifecycle_stage', 'lead', timestamp '0001-01-01'), ('b', 'lifecycle_stage', 'customer', timestamp '2026-03-15'))`);
    await tx.run(`insert into core.contact_canonicals (contact_id, canonical_contact_id, recorded_at)
      values ('b', 'a', timestamp '2026-04-01'), ('c', 'a', timestamp '2026-04-01')`);
  });
  const french: Criteria = { field: 'country', operator: 'equals', value: 'FR' };
  const customer: Criteria = { field: 'lifecycle_stage', operator: 'equals', value: 'customer' };
  expect(await intervalsOf(fixture, french)).toEqual([
    { contact_id: 'a', valid_from: '03-10 08:00:00.000001', valid_to: null },
  ]);
  expect(await intervalsOf(fixture, customer)).toEqual([
    { contact_id: 'a', valid_from: '03-15 00:00:00.000001', valid_to: null },
  ]);
  const count = async (criteria: Criteria, asOf: string) =>
    (await previewSegment(fixture.context, { criteria, asOf: new Date(asOf) })).count;
  expect(await count(french, '2026-03-10T08:00:00Z')).toBe(0);
  expect(await count(french, '2026-03-10T08:00:00.001Z')).toBe(1);
  expect(await count(customer, '2026-03-15T00:00:00Z')).toBe(0);
  expect(await count(customer, '2026-03-15T00:00:00.001Z')).toBe(1);
});

test('a back-test: sizes, entries and exits, stays, and what came after beside everybody', async () => {
  const fixture = await three();
  const answer = await backtestSegment(fixture.context, { criteria: clicked, from, to, step: 'month' });
  expect(answer).toMatchObject({
    from: '2026-03-01T00:00:00Z',
    to: '2026-05-01T00:00:00Z',
    member_count: 0,
    entered_count: 2,
    left_count: 2,
    leaves: [{ leaf: 'email_events.clicks at_least 1 within 7 days', followed: 'exact', sample_count: null }],
  });
  expect(answer.periods.map(({ starts_at: _starts, ...counts }) => counts)).toEqual([
    { member_count: 0, entered_count: 2, left_count: 2 },
    { member_count: 0, entered_count: 0, left_count: 0 },
  ]);
  expect(answer.stay_days_median).toBeCloseTo(7.5, 5);
  expect(answer.outcomes).toMatchObject({ days: 30, entry_count: 2 });
  const of = (name: string) => answer.outcomes.measures.find(({ outcome }) => outcome === name);
  // Of the two entries one ordered. Of three contacts one ordered within 30 days of 2 March, and none of 20 March.
  expect(of('orders')?.per_entry).toBeCloseTo(0.5, 9);
  expect(of('orders')?.per_contact).toBeCloseTo(1 / 6, 9);
  expect(of('orders')?.ratio).toBeCloseTo(3, 9);
  expect(of('revenue')?.per_entry).toBeCloseTo(15, 9);
  expect(of('clicks')).toMatchObject({ per_entry: 0 });
  expect(of('clicks')?.per_contact).toBeCloseTo((2 / 3 + 1 / 3) / 2, 9);
  expect(of('unsubscribes')).toEqual({ outcome: 'unsubscribes', per_entry: 0, per_contact: 0, ratio: null });
});

test('a size is the evaluation as of that time, day by day, and the moves lead from one to the next', async () => {
  const fixture = await three();
  const criteria: Criteria = {
    any: [clicked, { field: 'days_since_last_order', operator: 'between', value: [3, 20] }],
  };
  const { periods } = await backtestSegment(fixture.context, { criteria, from, to, step: 'day' });
  expect(periods).toHaveLength(61);
  const led = periods.map(
    ({ member_count: count, entered_count: entered, left_count: left }) => count + entered - left,
  );
  expect(periods.slice(1).map(({ member_count: count }) => count)).toEqual(led.slice(0, -1));
  // Some days, and those on which days since the order begin and end to count.
  for (const period of [0, 1, 2, 7, 8, 10, 24, 25, 26, 60].map((index) => periods[index])) {
    if (!period) throw new Error('there are fewer periods');
    const asOf = new Date(period.starts_at);
    const { count } = await previewSegment(fixture.context, { criteria, asOf });
    expect(period.member_count, period.starts_at).toBe(count);
  }
});

test('who is in at the end, by how long', async () => {
  const fixture = await three();
  const until = new Date('2026-03-25T00:00:00Z');
  const { members_by_age: ages } = await backtestSegment(fixture.context, {
    criteria: { any: [clicked, { field: 'contact_id', operator: 'equals', value: 'c' }] },
    from,
    to: until,
  });
  expect(ages.filter(({ member_count: count }) => count > 0)).toEqual([
    { days_min: 0, days_max: 7, member_count: 1, share: 0.5 },
    { days_min: null, days_max: null, member_count: 1, share: 0.5 },
  ]);
});

test('what cannot be followed is sampled, once a week, and says so', async () => {
  const fixture = await three();
  const criteria: Criteria = {
    all: [
      { measure: 'orders.average_order_value', operator: 'at_least', value: 20 },
      { field: 'order_count', operator: 'at_least', value: 1 },
    ],
  };
  const answer = await backtestSegment(fixture.context, { criteria, from, to, step: 'week' });
  expect(answer.leaves.map(({ followed, sample_count: count }) => [followed, count])).toEqual([
    ['sampled', 9],
    ['exact', null],
  ]);
  // Ordered on Thursday the fifth; the next sample is on Sunday the eighth.
  expect(answer.periods.map(({ member_count: count }) => count)).toEqual([0, 1, 1, 1, 1, 1, 1, 1, 1]);
});

test('a saved segment, and what is refused', async () => {
  const fixture = await three();
  await saveSegment(fixture.context, { segment_id: 'clicked', title: 'Clicked', criteria: clicked });
  const saved = await backtestSegment(fixture.context, { segmentId: 'clicked', from, to });
  expect(saved.entered_count).toBe(2);
  const refused = (options: object) =>
    backtestSegment(fixture.context, { from, to, ...options }).catch((error: { code: string }) => error.code);
  expect(await refused({})).toBe('bad_request');
  expect(await refused({ criteria: clicked, segmentId: 'clicked' })).toBe('bad_request');
  expect(await refused({ criteria: clicked, from: to })).toBe('bad_request');
  expect(await refused({ segmentId: 'champions' })).toBe('conflict');
  expect(await refused({ segmentId: 'nobody' })).toBe('not_found');
  expect(await refused({ criteria: { field: 'nothing', operator: 'is_set' } })).toBe('criteria_invalid');
});

test('valid_until is when a window alone ends a membership', async () => {
  const fixture = await three();
  const asOf = new Date('2026-03-21T00:00:00Z');
  const until = (criteria: Criteria) =>
    withValidUntil(fixture.context, [{ id: 's', criteria }], asOf, (work, table) =>
      work.session.rows(
        `select contact_id, strftime(valid_until, '%m-%d %H:%M') as valid_until from ${table} order by all`,
      ),
    );
  expect(await until(clicked)).toEqual([{ contact_id: 'b', valid_until: '03-28 00:00' }]);
  expect(await until({ field: 'order_count', operator: 'at_least', value: 1 })).toEqual([
    { contact_id: 'a', valid_until: null },
  ]);
  // A later click would keep b in: what is not known yet does not count.
  await fixture.load((tx) => addClicks(tx, [{ contact_id: 'b', occurred_at: '2026-03-26T00:00:00' }]));
  expect(await until({ all: [clicked, { field: 'order_count', operator: 'equals', value: 0 }] })).toEqual([
    { contact_id: 'b', valid_until: '03-28 00:00' },
  ]);
  expect(await until({ not: clicked })).toEqual([
    { contact_id: 'a', valid_until: null },
    { contact_id: 'c', valid_until: null },
  ]);
});
