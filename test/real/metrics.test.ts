import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fixedClock } from '../../data/clock.ts';
import { ModelEngine } from '../../models/engine/engine.ts';
import { loadRaw } from '../../pipelines/load/load-raw.ts';
import { loadTable } from '../../pipelines/load/load.ts';
import { stageLocalFile } from '../../pipelines/load/stage.ts';
import { openTestWarehouse, sharedData, testClock } from '../support.ts';
import { salesPipeline } from './support.ts';

const pipeline = sharedData('crm_sales_opportunities/sales_pipeline.csv');
const retail = sharedData('online_retail/online_retail.parquet');
const asOf = testClock.now();

test.skipIf(!pipeline)(
  'won amount and win rate by quarter and by agent equal SQL by hand, to the cent (skipped without ../shared/data)',
  async () => {
    const { project, warehouse } = await openTestWarehouse();
    await loadTable(warehouse, {
      ...salesPipeline,
      files: [{ path: await stageLocalFile(project, pipeline ?? ''), name: 'sales_pipeline.csv' }],
    });
    const engine = new ModelEngine(warehouse);
    await engine.build({ asOf });
    const answer = await engine.computeMetrics({
      asOf,
      metrics: ['won_amount', 'win_rate', 'average_deal_size', 'deals_won'],
      by: ['owner_id'],
      unit: 'quarter',
      from: '2017-01-01',
      to: '2018-01-01',
    });
    const byHand = await warehouse.read((session) =>
      session.rows<{ quarter: string; agent: string; won: number; lost: number; amount: number }>(
        `select strftime(closed_at, '%Y-Q') || quarter(closed_at) as quarter, owner_id as agent,
           (count(*) filter (stage = 'Won'))::int as won, (count(*) filter (stage = 'Lost'))::int as lost,
           (sum(amount) filter (stage = 'Won'))::double as amount
         from core.deals where closed_at >= '2017-01-01' and closed_at < '2018-01-01' group by all`,
      ),
    );
    const hand = new Map(byHand.map((row) => [`${row.quarter} ${row.agent}`, row]));
    const figure = (name: string) => answer.metrics.find((metric) => metric.name === name);
    let compared = 0;
    for (const slice of figure('won_amount')?.slices ?? []) {
      const key = `${slice.period?.label} ${String(slice.slice['owner_id'])}`;
      expect({ key, value: slice.value }).toEqual({ key, value: hand.get(key)?.amount ?? 0 });
      compared += 1;
    }
    for (const slice of figure('win_rate')?.slices ?? []) {
      const row = hand.get(`${slice.period?.label} ${String(slice.slice['owner_id'])}`);
      expect(slice).toMatchObject({
        numerator: row?.won ?? 0,
        denominator: (row?.won ?? 0) + (row?.lost ?? 0),
        value: row && row.won + row.lost > 0 ? row.won / (row.won + row.lost) : null,
      });
    }
    expect(compared).toBe(4 * 30);
    expect(figure('won_amount')?.value).toBe(10_005_534);
    expect(figure('deals_won')?.value).toBe(4238);
    expect(figure('win_rate')?.value).toBeCloseTo(0.6315, 4);
  },
);

test.skipIf(!retail)(
  'online retail: revenue, customers, and the cohort of December 2010 (skipped without ../shared/data)',
  async () => {
    const { project, warehouse } = await openTestWarehouse();
    writeFileSync(project.accountFile, 'currency: GBP\ntime_zone: Europe/London\n');
    const path = await stageLocalFile(project, retail ?? '');
    await loadRaw(warehouse, { name: 'online_retail', files: [{ path, name: 'online_retail.parquet' }] });
    await loadCleaned(project.staging, 'orders', {
      select: `invoiceno as order_id, (any_value(customerid)::bigint)::varchar as contact_id, min(invoicedate) as ordered_at, sum(quantity * unitprice::decimal(18, 3)) as amount`,
      group: 'group by invoiceno',
    });
    await loadCleaned(project.staging, 'order_lines', {
      select: `'l' || row_number() over () as order_line_id, invoiceno as order_id, stockcode as product_id, quantity, quantity * unitprice::decimal(18, 3) as amount`,
      group: '',
    });

    const engine = new ModelEngine(warehouse);
    const at = fixedClock('2011-12-10T00:00:00Z').now();
    await engine.build({ asOf: at });
    const { metrics } = await engine.computeMetrics({
      asOf: at,
      metrics: ['revenue', 'order_count', 'ordering_customers'],
      from: '2010-12-01',
      to: '2012-01-01',
    });
    // Orders are in whole pence; the lines' exact sum is 8,911,407.904.
    expect(metrics.map(({ value }) => value)).toEqual([8_911_407.9, 18_532, 4338]);
    const { rows } = await engine.query('run: order_lines -> { aggregate: line_count }', { asOf: at });
    expect(rows).toEqual([{ line_count: 397_884n }]);
    const exact = await warehouse.read((session) =>
      session.one(
        `select sum(quantity * unitprice::decimal(18, 3)) as total from raw.online_retail where quantity > 0 and unitprice > 0 and customerid is not null`,
      ),
    );
    expect(exact).toEqual({ total: '8911407.904' });

    const { cohorts } = await engine.computeCohorts({ asOf: at, unit: 'month' });
    expect(cohorts[0]?.cohort).toBe('2010-12-01');
    expect(cohorts[0]?.cells.map((cell) => cell?.customers)).toEqual([
      885, 324, 286, 340, 321, 352, 321, 309, 313, 350, 331, 445, 235,
    ]);
    // What has not happened yet is not known: null, not 0.
    expect(cohorts.at(-1)?.cells.slice(0, 2)).toEqual([
      expect.objectContaining({ customers: cohorts.at(-1)?.size }),
      null,
    ]);
    expect(cohorts.reduce((sum, { size }) => sum + size, 0)).toBe(4338);

    /** Positive quantity and price, customer known, as a Parquet file through the loader. */
    async function loadCleaned(
      folder: string,
      table: string,
      { select, group }: { select: string; group: string },
    ): Promise<void> {
      const file = join(folder, `${table}.parquet`);
      await warehouse.loads.transaction((tx) =>
        tx.run(
          `copy (select ${select} from raw.online_retail where quantity > 0 and unitprice > 0 and customerid is not null ${group}) to '${file}'`,
        ),
      );
      const staged = await stageLocalFile(project, file);
      await loadTable(warehouse, { table, files: [{ path: staged, name: `${table}.parquet` }] });
    }
  },
  120_000,
);
