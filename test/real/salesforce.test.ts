import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { describe, expect, test } from 'vitest';
import { salesforce } from '../../pipelines/sources/salesforce/mapping.ts';
import { accountsOf, fileOf, importFolder } from '../pipelines/sources/import-support.ts';
import { rowsOf } from '../pipelines/load/support.ts';
import { openTestWarehouse, sharedData } from '../support.ts';

const folder = sharedData('salesforce');
type Line = Record<string, string>;

/** The export's own rows, read without DuckDB and without us. */
function linesOf(table: string): Line[] {
  const text = readFileSync(join(folder ?? '', `sf_${table}_data.csv`), 'utf8');
  return parse<Line>(text, { columns: true, bom: true, relax_column_count: true });
}

const isTrue = (text: string | undefined) => text?.toLowerCase() === 'true';
/** Not deleted, and not an older version of its record. */
const counts = (line: Line) =>
  line['_fivetran_active']?.toLowerCase() !== 'false' && !isTrue(line['is_deleted']);

describe.skipIf(folder === undefined)('Salesforce’s real schema (skipped without ../shared/data)', () => {
  test('every row of every file is accounted for; the figures are those of the files; again nothing changes', async () => {
    const { warehouse } = await openTestWarehouse();
    const look = <T = Line>(sql: string) => rowsOf<T>(warehouse, sql);
    const first = await importFolder(warehouse, salesforce, folder as string);
    expect(accountsOf(first)).toEqual([]);
    expect(first.files.map(({ file }) => file).sort()).toEqual(readdirSync(folder as string).sort());
    const tables = new Map(first.files.map((file) => [file.table, file]));
    for (const [table, file] of tables) expect([table, file.rows]).toEqual([table, linesOf(table).length]);
    for (const one of first.files.filter(({ rows_raw }) => rows_raw > 0)) {
      expect([one.file, await look(`select count(*)::int as rows from ${one.raw_table}`)]).toEqual([
        one.file,
        [{ rows: one.rows_raw }],
      ]);
    }

    const [things] = await look<Record<string, number>>(
      `select (select count(*)::int from core.contacts where not is_stub) as people, (select count(*)::int from core.companies where name <> company_id) as companies,
         (select count(*)::int from core.owners where email is not null) as owners, (select count(*)::int from core.deals) as deals,
         (select count(*)::int from core.deal_stages) as stages, (select count(*)::int from core.activities) as activities,
         (select count(*)::int from core.orders) as orders, (select sum(amount)::double from core.orders) as amount`,
    );
    const orders = linesOf('order').filter(counts);
    expect(things).toEqual({
      people: linesOf('contact').filter(counts).length + linesOf('lead').filter(counts).length,
      companies: linesOf('account').filter(counts).length,
      owners: linesOf('user').filter((line) => isTrue(line['_fivetran_active'])).length,
      deals: linesOf('opportunity').filter(counts).length,
      stages: new Set(linesOf('opportunity').map((line) => line['stage_name'])).size,
      activities: linesOf('task').filter(counts).length + linesOf('event').filter(counts).length,
      orders: orders.length,
      amount: orders.reduce((sum, line) => sum + Number(line['total_amount']), 0),
    });
    // All ten opportunities of the sample are deleted: none becomes a deal, all of them are kept.
    expect(things).toMatchObject({
      people: 5,
      companies: 1,
      owners: 8,
      deals: 0,
      stages: 3,
      activities: 20,
      orders: 10,
    });
    expect(fileOf(first, 'sf_opportunity_data.csv').rows_raw).toBe(10);

    const second = await importFolder(warehouse, salesforce, folder as string);
    for (const file of second.files)
      for (const into of file.into)
        expect([file.file, into.table, into.rows_unchanged]).toEqual([file.file, into.table, into.rows_read]);
  });

  test('the converted lead is its contact; a contact’s title on a past day is what its version says', async () => {
    const { warehouse } = await openTestWarehouse();
    await importFolder(warehouse, salesforce, folder as string);
    const converted = linesOf('lead').filter((line) => line['converted_contact_id'] !== '');
    expect(
      await rowsOf(warehouse, `select contact_id, other_contact_id, rule from core.contact_merges`),
    ).toEqual(
      converted.map((line) => ({
        contact_id: line['converted_contact_id'],
        other_contact_id: line['id'],
        rule: 'salesforce_lead_conversion',
      })),
    );
    expect(converted).toHaveLength(1);

    const versions = linesOf('contact_history');
    for (const day of ['2018-01-01', '2018-12-01', '2019-02-01', '2020-01-01']) {
      const expected = versions
        .filter((line) => (line['_fivetran_start'] ?? '') < day && line['title'] !== '')
        .map((line) => `${line['id']}: ${line['title']}`)
        .sort();
      const found = await rowsOf<{ contact_id: string; value: string }>(
        warehouse,
        `select contact_id, arg_max(value, (valid_from, recorded_at)) as value from core.contact_changes
         where field = 'job_title' and valid_from >= timestamp '1000-01-01' and valid_from < timestamp '${day}' group by 1 having value is not null`,
      );
      expect(found.map((one) => `${one.contact_id}: ${one.value}`).sort()).toEqual(expected);
    }
  });
});
