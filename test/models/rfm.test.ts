import { beforeEach, describe, expect, test } from 'vitest';
import type { Warehouse } from '../../data/owner/warehouse.ts';
import { counts, loadText, rowsOf } from '../pipelines/load/support.ts';
import { asOf } from './fixture.ts';
import { sharedBase } from './support.ts';

const base = sharedBase();
const levels = `run: rfm -> {
  select: contact_id, recency_level, frequency_level, monetary_level, value_level, fixed_segment, value_score, segment
  order_by: contact_id }`;

/** As the tables were delivered. */
const delivered = [
  ['Lost', 'Lost', 'At risk', 'At risk', 'Cannot lose them'],
  ['Hibernating', 'Hibernating', 'At risk', 'At risk', 'Cannot lose them'],
  ['About to sleep', 'About to sleep', 'Needs attention', 'Loyal', 'Loyal'],
  ['Promising', 'Potential loyalists', 'Potential loyalists', 'Loyal', 'Loyal'],
  ['New customers', 'Potential loyalists', 'Potential loyalists', 'Champions', 'Champions'],
];
const group = `[${delivered.map((row) => `[${row.map((name) => `'${name}'`).join(', ')}]`).join(', ')}]`;
const ntile = (order: string) => `ntile(5) over (order by ${order}, contact_id)`;

test('levels by thresholds and both groups are what SQL written by hand gives', async () => {
  const { rows } = await base().engine.query(levels, { asOf });
  const byHand = await rowsOf(
    base().warehouse,
    `with rates as (select distinct currency, rate_date, rate from core.exchange_rates),
     o as (select contact_id, date_diff('day', max(ordered_at)::date, date '2026-11-02') as days, count(*) as n, sum(usd) as revenue
       from (select o.*, case when o.currency = 'EUR' then round(o.amount * r.rate, 2) else o.amount end as usd
             from core.orders o left join rates r on r.currency = o.currency and r.rate_date = o.ordered_at::date
             where status = 'completed' and contact_id is not null) group by 1),
     l as (select contact_id,
         case when days <= 30 then 5 when days <= 90 then 4 when days <= 180 then 3 when days <= 365 then 2 else 1 end as r,
         case when n >= 10 then 5 when n >= 5 then 4 when n >= 3 then 3 when n >= 2 then 2 else 1 end as f,
         case when revenue >= 2000 then 5 when revenue >= 500 then 4 when revenue >= 200 then 3 when revenue >= 50 then 2 else 1 end as m,
         ${ntile('days desc')} as qr, (${ntile('n')} + ${ntile('revenue')} + 1) // 2 as qv
       from o)
     select contact_id, r::int as recency_level, f::int as frequency_level, m::int as monetary_level, ((f + m + 1) // 2)::int as value_level,
       ${group}[r][(f + m + 1) // 2] as fixed_segment, qv::int as value_score, ${group}[qr][qv] as segment
     from l order by 1`,
  );
  expect(rows).toEqual(byHand);
  for (const level of ['recency_level', 'frequency_level', 'monetary_level'])
    expect(new Set(rows.map((row) => row[level])).size, level).toBeGreaterThan(2);
});

test('a level moves only by what the customer does: another’s order moves quintiles, and no level', async () => {
  const { engine, warehouse } = base();
  const read = async (fields: string) =>
    (
      await engine.query(
        `run: rfm -> { where: contact_id != 'c5' select: contact_id, ${fields} order_by: contact_id }`,
        { asOf },
      )
    ).rows;
  const fixed = 'recency_level, frequency_level, monetary_level, fixed_segment';
  const quintiles = 'recency_score, frequency_score, monetary_score';
  const before = [await read(fixed), await read(quintiles)];
  await loadText(warehouse, 'orders', 'order_id,contact_id,ordered_at,amount\nx,c5,2026-11-01,5000\n');
  expect(await read(fixed)).toEqual(before[0]);
  expect(await read(quintiles)).not.toEqual(before[1]);
});

describe('the tables', () => {
  let warehouse: Warehouse;
  beforeEach(() => {
    warehouse = base().warehouse;
  });
  const shown = (knownAt?: Date) =>
    base()
      .engine.query(
        `run: rfm_groups -> { where: recency_score = 5 and value_score = 5 select: recency_score, value_score, group_name }`,
        { asOf, knownAt },
      )
      .then(({ rows }) => rows.map((row) => row['group_name']));

  test('a cell is renamed by a file; the others stay, twice changes nothing, and what was known before is kept', async () => {
    const file = 'recency_score,value_score,group_name\n5,5,Best of all\n';
    expect(counts(await loadText(warehouse, 'rfm_groups', file))).toEqual([1, 0, 1, 0, 0]);
    expect(counts(await loadText(warehouse, 'rfm_groups', file))).toEqual([1, 0, 0, 1, 0]);
    expect(await shown()).toEqual(['Best of all']);
    expect(await shown(new Date('2026-11-02T05:00:00Z'))).toEqual(['Champions']);
    expect(await rowsOf(warehouse, 'select count(*)::int as n from core.rfm_groups')).toEqual([{ n: 25 }]);
    const { rows } = await base().engine.query(
      `run: rfm -> { where: recency_score = 5 and value_score = 5 group_by: segment }`,
      { asOf },
    );
    expect(rows).toEqual([{ segment: 'Best of all' }]);
    // Names are free: the data tests go by the table.
    expect(await failedTests()).toEqual([]);
  });

  test('what is no cell and no threshold is refused with its reason', async () => {
    const groups = await loadText(
      warehouse,
      'rfm_groups',
      'recency_score,value_score,group_name\n6,1,Six\n1,0,Zero\n2,2,\nx,1,X\n',
    );
    expect(counts(groups)).toEqual([4, 0, 0, 0, 4]);
    expect(groups.rejects.map(({ reason }) => reason)).toEqual(
      expect.arrayContaining(['not a whole number from 1 to 5']),
    );
    const bounds = await loadText(
      warehouse,
      'rfm_thresholds',
      'measure,score,bound\nage,1,5\nfrequency,9,5\n',
    );
    expect(bounds.rows_rejected).toBe(2);
  });

  test('thresholds are edited by a file; those out of order fail a data test, as does a grid with a hole', async () => {
    const { engine } = base();
    await loadText(warehouse, 'rfm_thresholds', 'measure,score,bound\nfrequency,5,3\nfrequency,4,2\n');
    const top = `run: rfm -> { aggregate: n is count() { where: frequency_level = 5 and frequency = 3 } }`;
    expect((await engine.query(top, { asOf })).rows[0]?.['n']).toBeGreaterThan(0n);
    expect(
      (await engine.query(top, { asOf, knownAt: new Date('2026-11-02T05:00:00Z') })).rows[0]?.['n'],
    ).toBe(0n);
    expect(await failedTests()).toEqual(['rfm_thresholds_are_monotone']);
    await loadText(warehouse, 'rfm_thresholds', 'measure,score,bound\nfrequency,5,10\nfrequency,4,5\n');
    expect(await failedTests()).toEqual([]);
    await warehouse.loads.transaction((tx) =>
      tx.run('delete from core.rfm_groups where recency_score = 1 and value_score = 1'),
    );
    const { rows } = await engine.query(
      `run: rfm -> { where: segment = 'No group' aggregate: n is count() }`,
      {
        asOf,
      },
    );
    expect(rows[0]?.['n']).toBeGreaterThan(0n);
    expect(await failedTests()).toEqual(['rfm_groups_grid_is_complete', 'rfm_segment_is_known']);
    await loadText(warehouse, 'rfm_groups', 'recency_score,value_score,group_name\n1,1,Lost\n');
  });

  async function failedTests(): Promise<string[]> {
    const results = await base().engine.test({ asOf });
    return results
      .filter(({ passed, name }) => !passed && name.startsWith('rfm'))
      .map(({ name }) => name)
      .sort();
  }
});
