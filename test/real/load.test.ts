import { describe, expect, test } from 'vitest';
import type { Warehouse } from '../../data/owner/warehouse.ts';
import { loadRaw } from '../../pipelines/load/load-raw.ts';
import { loadTable } from '../../pipelines/load/load.ts';
import { stageLocalFile } from '../../pipelines/load/stage.ts';
import type { LoadRequest } from '../../pipelines/load/types.ts';
import { openTestWarehouse, sharedData } from '../support.ts';
import { salesPipeline } from './support.ts';

const absent = sharedData('cdnow/CDNOW_master.csv') === undefined;

async function loadShared(warehouse: Warehouse, name: string, request: Omit<LoadRequest, 'files'>) {
  const path = await stageLocalFile(warehouse.project, sharedData(name) as string);
  return loadTable(warehouse, { ...request, files: [{ path, name: name.split('/').at(-1) as string }] });
}

describe.skipIf(absent)('real input (skipped where ../shared/data is absent)', () => {
  test('crm_sales_opportunities by the mapping of the README', async () => {
    const { warehouse } = await openTestWarehouse();
    const first = await loadShared(warehouse, 'crm_sales_opportunities/sales_pipeline.csv', salesPipeline);
    expect(first).toMatchObject({ rows_read: 8800, rows_inserted: 8800, rows_rejected: 0, columns_kept: [] });
    const figures = await warehouse.read((s) =>
      s.one(
        `select count(*)::int as deals, (count(*) filter (stage = 'Won'))::int as won, sum(amount) filter (stage = 'Won') as amount,
           round(avg(date_diff('day', created_at, closed_at)) filter (stage = 'Won'), 2) as days, count(product)::int as products
         from core.deals`,
      ),
    );
    expect(figures).toEqual({ deals: 8800, won: 4238, amount: '10005534.00', days: 51.78, products: 8800 });
    expect(first.stubs).toEqual({ owners: 30, companies: 85 });
    const second = await loadShared(warehouse, 'crm_sales_opportunities/sales_pipeline.csv', salesPipeline);
    expect(second).toMatchObject({
      rows_read: 8800,
      rows_inserted: 0,
      rows_updated: 0,
      rows_unchanged: 8800,
    });
    const teams = await loadShared(warehouse, 'crm_sales_opportunities/sales_teams.csv', {
      table: 'owners',
      columns: { owner_id: 'sales_agent', team: 'regional_office', manager_id: 'manager' },
    });
    expect(teams).toMatchObject({ rows_read: 35, rows_updated: 30, rows_inserted: 5 });
    const companies = await loadShared(warehouse, 'crm_sales_opportunities/accounts.csv', {
      table: 'companies',
      columns: {
        company_id: 'account',
        industry: 'sector',
        employee_count: 'employees',
        country: 'office_location',
      },
    });
    expect(companies).toMatchObject({ rows_read: 85, rows_updated: 85, rows_rejected: 0 });
  });

  test('CDNOW: orders without ids, 255 of them the same as another to the letter', async () => {
    const { warehouse } = await openTestWarehouse();
    const request = {
      table: 'orders',
      columns: {
        contact_id: 'customer_id',
        ordered_at: 'date',
        quantity: 'number_of_cds',
        amount: 'dollar_value',
      },
    };
    const first = await loadShared(warehouse, 'cdnow/CDNOW_master.csv', request);
    expect(first).toMatchObject({
      rows_read: 69659,
      rows_inserted: 69659,
      rows_rejected: 0,
      stubs: { contacts: 23570 },
    });
    const figures = () =>
      warehouse.read((s) =>
        s.one(
          `select count(*)::int as orders, count(distinct order_id)::int as ids, count(distinct contact_id)::int as customers, sum(amount) as revenue,
             (select count(*)::int from core.contacts where is_stub) as stubs from core.orders`,
        ),
      );
    const expected = { orders: 69659, ids: 69659, customers: 23570, revenue: '2500315.63', stubs: 23570 };
    expect(await figures()).toEqual(expected);
    for (const replaceSource of [false, true]) {
      const again = await loadShared(warehouse, 'cdnow/CDNOW_master.csv', { ...request, replaceSource });
      expect(again).toMatchObject({
        rows_inserted: 0,
        rows_updated: 0,
        rows_unchanged: 69659,
        rows_deleted: 0,
      });
      expect(await figures()).toEqual(expected);
    }
  });

  test('online_retail as a raw table', async () => {
    const { warehouse, project } = await openTestWarehouse();
    const load = async () => {
      const path = await stageLocalFile(project, sharedData('online_retail/online_retail.parquet') as string);
      return loadRaw(warehouse, { name: 'online_retail', files: [{ path, name: 'online_retail.parquet' }] });
    };
    expect(await load()).toMatchObject({ rows_read: 541_909, rows_inserted: 541_909, rows_rejected: 0 });
    expect(await load()).toMatchObject({ rows_read: 541_909, rows_inserted: 0, rows_unchanged: 541_909 });
    const columns = await warehouse.read((s) =>
      s.rows<{ name: string }>(
        `select column_name as name from duckdb_columns() where table_name = 'online_retail'`,
      ),
    );
    const named = (pattern: RegExp) => `"${columns.find((column) => pattern.test(column.name))?.name}"`;
    const [invoice, customer] = [named(/^invoice_?(no)?$/i), named(/^customer/i)];
    const figures = await warehouse.read((s) =>
      s.one(
        `select count(*)::int as lines, count(distinct ${invoice})::int as invoices, (count(*) filter (${customer} is null))::int as guests,
           (count(*) filter (starts_with(${invoice}, 'C')))::int as cancelled from raw.online_retail`,
      ),
    );
    expect(figures).toEqual({ lines: 541_909, invoices: 25_900, guests: 135_080, cancelled: 9_288 });
  });

  test('bank_marketing and telco_churn as raw tables, typed', async () => {
    const { warehouse, project } = await openTestWarehouse();
    for (const [name, file] of [
      ['bank', 'bank_marketing/bank-additional-full.csv'],
      ['telco', 'telco_churn/Telco-Customer-Churn.csv'],
    ] as const) {
      const path = await stageLocalFile(project, sharedData(file) as string);
      await loadRaw(warehouse, { name, files: [{ path, name: file }] });
    }
    const figures = await warehouse.read((s) =>
      s.one(
        `select (select count(*)::int from raw.bank) as bank, (select (count(*) filter (y = 'yes'))::int from raw.bank) as yes,
           (select count(*)::int from raw.telco) as telco,
           (select (count(*) filter (Churn = 'Yes'))::int from raw.telco where typeof(TotalCharges) = 'DOUBLE') as churned`,
      ),
    );
    expect(figures).toEqual({ bank: 41_188, yes: 4_640, telco: 7_043, churned: 1_869 });
  });
});
