import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { ModelEngine } from '../../models/engine/engine.ts';
import { loadTable } from '../../pipelines/load/load.ts';
import { loadRaw } from '../../pipelines/load/load-raw.ts';
import { stageLocalFile } from '../../pipelines/load/stage.ts';
import { openTestWarehouse, sharedData, testClock } from '../support.ts';
import { salesPipeline } from './support.ts';

const pipeline = sharedData('crm_sales_opportunities/sales_pipeline.csv');
const cdnow = sharedData('cdnow/CDNOW_master.csv');
const retail = sharedData('online_retail/online_retail.parquet');
const asOf = testClock.now();

test.skipIf(!pipeline)(
  'the CRM opportunities give the published figures (skipped without ../shared/data)',
  async () => {
    const { project, warehouse } = await openTestWarehouse();
    await loadTable(warehouse, {
      ...salesPipeline,
      files: [{ path: await stageLocalFile(project, pipeline ?? ''), name: 'sales_pipeline.csv' }],
    });
    const engine = new ModelEngine(warehouse);
    const figures =
      'run: deal_facts -> { aggregate: deal_count, deals_won, won_amount, win_rate, sales_cycle_days_mean }';
    const { rows } = await engine.query(figures, { asOf });
    expect(rows).toEqual([
      {
        deal_count: 8800n,
        deals_won: 4238n,
        won_amount: '10005534.00',
        win_rate: expect.closeTo(0.6315, 4) as number,
        sales_cycle_days_mean: expect.closeTo(51.78, 2) as number,
      },
    ]);

    // As text, money keeps its cents.
    const { sql } = await engine.compileSql(figures, { asOf, restricted: true });
    const json = await warehouse.read((session) =>
      session.one<{ text: string }>(`select to_json(q)::varchar as text from (${sql}) q`),
    );
    expect(json?.text).toContain('"won_amount":10005534.00');

    // Built, the mart gives the same.
    await engine.build({ asOf });
    const facts = await engine.query('run: deal_facts -> { aggregate: deal_count, deals_won, won_amount }', {
      asOf,
    });
    expect(facts.rows).toEqual([{ deal_count: 8800n, deals_won: 4238n, won_amount: '10005534.00' }]);

    // In the middle of 2017 the later deals were open, not won.
    const then = await engine.query(
      'run: deals -> { aggregate: deal_count, won_count, lost_count, open_count }',
      {
        asOf: new Date('2017-07-01T00:00:00Z'),
      },
    );
    const byHand = await warehouse.read((session) =>
      session.rows(
        `select count(*) as deal_count,
         count(*) filter (where stage = 'Won' and closed_at < '2017-07-01') as won_count,
         count(*) filter (where stage = 'Lost' and closed_at < '2017-07-01') as lost_count,
         count(*) filter (where closed_at is null or closed_at >= '2017-07-01') as open_count
       from core.deals where created_at is null or created_at < '2017-07-01'`,
      ),
    );
    expect(then.rows).toEqual(byHand);

    const median = await engine.computeMetrics({
      asOf,
      metrics: ['sales_cycle_days_median'],
      from: '2000-01-01',
    });
    const medianByHand = await warehouse.read((session) =>
      session.one<{ won: bigint; median: number }>(
        `select count(*) as won, median(date_diff('day', created_at, closed_at)) as median
         from core.deals where stage = 'Won'`,
      ),
    );
    expect(median.metrics[0]).toMatchObject({
      value: medianByHand?.median,
      denominator: Number(medianByHand?.won),
    });
  },
);

test.skipIf(!cdnow)(
  'the CDNOW orders give the published figures (skipped without ../shared/data)',
  async () => {
    const { project, warehouse } = await openTestWarehouse();
    await loadTable(warehouse, {
      table: 'orders',
      files: [{ path: await stageLocalFile(project, cdnow ?? ''), name: 'CDNOW_master.csv' }],
      columns: {
        contact_id: 'customer_id',
        ordered_at: 'date',
        quantity: 'number_of_cds',
        amount: 'dollar_value',
      },
    });
    const engine = new ModelEngine(warehouse);
    const orders = await engine.query('run: orders -> { aggregate: order_count, customer_count, revenue }', {
      asOf,
    });
    expect(orders.rows).toEqual([{ order_count: 69659n, customer_count: 23570n, revenue: '2500315.63' }]);

    await engine.build({ asOf });
    const facts = await engine.query(
      'run: contact_facts -> { aggregate: contact_count, customer_count, revenue }',
      { asOf },
    );
    expect(facts.rows).toEqual([{ contact_count: 23570n, customer_count: 23570n, revenue: '2500315.63' }]);
    const groups = await engine.query(
      'run: rfm -> { group_by: recency_score aggregate: customer_count order_by: 1 }',
      { asOf },
    );
    expect(groups.rows.map((row) => row['customer_count'])).toEqual([4714n, 4714n, 4714n, 4714n, 4714n]);
    const failed = (await engine.test({ asOf })).filter((result) => !result.passed);
    expect(failed).toEqual([]);
  },
);

test.skipIf(!retail)("a project's own model reads a raw table (skipped without ../shared/data)", async () => {
  const { project, warehouse } = await openTestWarehouse();
  const path = await stageLocalFile(project, retail ?? '');
  await loadRaw(warehouse, { name: 'online_retail', files: [{ path, name: 'online_retail.parquet' }] });
  const columns = await warehouse.read((session) =>
    session.rows<{ column_name: string }>(
      `select column_name from duckdb_columns() where schema_name = 'raw' and table_name = 'online_retail'`,
    ),
  );
  const column = (name: string) =>
    columns
      .map((row) => row.column_name)
      .find((present) => present.toLowerCase().replaceAll(/[^a-z]/g, '') === name) ?? name;
  writeFileSync(
    join(project.models, 'online_retail.malloy'),
    `import '${pathToFileURL(join(project.packageModels, 'index.malloy')).toString()}'

source: online_retail is duckdb.table('raw.online_retail') extend {
  #(doc) Invoice lines.
  measure: line_count is count()
  #(doc) Invoices.
  measure: invoice_count is count(\`${column('invoiceno')}\`)
  #(doc) Lines that name no customer.
  measure: anonymous_line_count is count() { where: \`${column('customerid')}\` is null }
  #(doc) Lines of cancellations: their invoice numbers begin with C.
  measure: cancelled_line_count is count() { where: \`${column('invoiceno')}\` ~ 'C%' }
}
`,
  );
  const { rows } = await new ModelEngine(warehouse).query(
    'run: online_retail -> { aggregate: line_count, invoice_count, anonymous_line_count, cancelled_line_count }',
    { asOf, restricted: true },
  );
  expect(rows).toEqual([
    {
      line_count: 541909n,
      invoice_count: 25900n,
      anonymous_line_count: 135080n,
      cancelled_line_count: 9288n,
    },
  ]);
});
