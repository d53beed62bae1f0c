import { join } from 'node:path';
import { activitiesSql } from './activities.ts';
import { consentEventsSql, suppressionsSql } from './consent.ts';
import { dealChangesSql, dealsSql, dealStageChangesSql, dealStagesSql } from './deal-tables.ts';
import { emailEventsSql } from './email-events.ts';
import { contactChangesSql, contactsSql } from './lifecycle.ts';
import { exchangeRatesSql, quotasSql, spendSql } from './money.ts';
import { orderLinesSql, ordersSql } from './orders.ts';
import { parameters } from './parameters.ts';
import { responsesSql } from './responses.ts';
import type { Sampler } from './sampler.ts';
import { webEventsSql } from './web.ts';

export type SampleFormat = 'parquet' | 'csv' | 'ndjson';

/** One file of the sample: its columns are the core table's (for `suppressions`: email, reason, scope, suppressed_at). */
export interface SampleFile {
  table: string;
  path: string;
  rows: number;
}

const companiesSql = `
  with first_contacts as (select company, min(created_s) as s from people where company is not null group by company)
  select company_id, companies.name, domain, industry, employee_count, annual_revenue::decimal(18,2) as annual_revenue, '${parameters.currency}' as currency,
    country, owner_id, time_of_s(coalesce(s, 0)) as created_at
  from companies left join first_contacts using (company) left join owners on owner = rep_at(uniform('company:owner', company), horizon())
  order by company`;

const ownersSql = `
  select owner_id, name, email, team, manager_id, is_active, time_of_s(0) as created_at from owners order by owner`;

/** The tables in an order in which they may be loaded. Formats differ so that each one of the loader's is in use. */
function tables(sampler: Sampler): { table: string; format: SampleFormat; sql: string }[] {
  return [
    { table: 'owners', format: 'csv', sql: ownersSql },
    { table: 'companies', format: 'csv', sql: companiesSql },
    { table: 'contacts', format: 'parquet', sql: contactsSql },
    { table: 'contact_changes', format: 'parquet', sql: contactChangesSql },
    { table: 'deal_stages', format: 'csv', sql: dealStagesSql },
    { table: 'deals', format: 'csv', sql: dealsSql },
    { table: 'deal_changes', format: 'parquet', sql: dealChangesSql },
    { table: 'deal_stage_changes', format: 'csv', sql: dealStageChangesSql },
    { table: 'activities', format: 'ndjson', sql: activitiesSql },
    { table: 'orders', format: 'parquet', sql: ordersSql },
    { table: 'order_lines', format: 'parquet', sql: orderLinesSql },
    { table: 'email_events', format: 'parquet', sql: emailEventsSql },
    { table: 'web_events', format: 'parquet', sql: webEventsSql },
    { table: 'campaign_responses', format: 'ndjson', sql: responsesSql },
    { table: 'consent_events', format: 'ndjson', sql: consentEventsSql },
    { table: 'suppressions', format: 'csv', sql: suppressionsSql(sampler.contacts) },
    { table: 'spend', format: 'csv', sql: spendSql },
    { table: 'quotas', format: 'csv', sql: quotasSql(sampler) },
    { table: 'exchange_rates', format: 'csv', sql: exchangeRatesSql },
  ];
}

const copyOptions: Record<SampleFormat, string> = {
  parquet: 'format parquet',
  csv: 'format csv, header true',
  ndjson: 'format json',
};

/** Writes `<dir>/<table>.<format>` for every table, and tells each when it is done. */
export async function writeFiles(
  sampler: Sampler,
  onFile: (file: SampleFile) => void,
): Promise<SampleFile[]> {
  const files: SampleFile[] = [];
  for (const { table, format, sql } of tables(sampler)) {
    const path = join(sampler.dir, `${table}.${format}`);
    const file = { table, path, rows: await copy(sampler, sql, path, copyOptions[format]) };
    files.push(file);
    onFile(file);
  }
  return files;
}

/** @returns the number of rows written */
export async function copy(sampler: Sampler, sql: string, path: string, options: string): Promise<number> {
  const [answer] = await sampler.rows<{ Count: string }>(
    `copy (${sql}) to '${path.replaceAll("'", "''")}' (${options})`,
  );
  return Number(answer?.Count ?? 0);
}
