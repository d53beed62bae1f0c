import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempFolder } from '../support.ts';
import { callCli } from './in-process.ts';
import { startCli } from './run.ts';

test('fields: the list, one in words and as JSON, values, the page, and the nearest of an unknown name', async () => {
  const folder = tempFolder();
  const project = join(folder, 'project');
  const mallard = (...args: string[]) => callCli(['--project', project, ...args]);
  const file = join(folder, 'contacts.csv');
  writeFileSync(
    file,
    'contact_id,email,first_name,lifecycle_stage,created_at\na,a@example.com,Ann,lead,2026-01-01\nb,b@example.com,Bob,lead,2026-01-01\nc,c@example.com,Cid,customer,2026-01-01\n',
  );
  await mallard('load', 'contacts', file);
  expect((await mallard('build')).code).toBe(0);
  const server = startCli(['--project', project, 'serve', '--port', '0', '--no-jobs']);
  await server.saysOnStdout('Serving');

  const revenue = await mallard('fields', 'contact_facts.total_revenue');
  expect(revenue.code).toBe(0);
  expect(revenue.stdout).toMatch(
    /^contact_facts\.total_revenue: field, number \(currency\)\nRevenue of completed orders/,
  );
  expect(revenue.stdout).toContain('Defined in marts/contact_facts_definition.malloy:');
  expect(revenue.stdout).toContain(
    '\nMade of\n  core.exchange_rates: rate\n  core.orders: amount, currency, status\n',
  );
  expect(revenue.stdout).toContain('\n  orders.revenue <- orders.reporting_amount, orders.is_completed\n');
  expect(revenue.stdout).toMatch(
    /\nIts rows are decided by\n(?:.*\n)* {2}core\.orders: contact_id, ordered_at, recorded_at\n/,
  );
  expect(revenue.stdout).toContain('\nUsed by\n  fields: contact_facts.revenue');

  const stage = await mallard('fields', 'lifecycle_stage');
  expect(stage.stdout).toMatch(/\nValues, as of .*\n {2}lead: 2\n {2}customer: 1\n/);
  const winRate = await mallard('fields', 'deal_facts.win_rate');
  expect(winRate.stdout).toContain('report weekly (Weekly marketing report)\n');
  expect(winRate.stdout).toContain('Can be sliced by owner_id, team,');
  expect((await mallard('fields', 'first_name')).stdout).toContain('its values are not listed');

  const json = await mallard('fields', 'win_rate', '--json');
  expect(JSON.parse(json.stdout)).toMatchObject({
    name: 'deal_facts.win_rate',
    unit: 'ratio',
    kind: 'measure',
  });
  const list = await mallard('fields', 'last_30_days', '--json');
  const { fields, measures } = JSON.parse(list.stdout) as { fields: { path: string }[]; measures: object[] };
  expect([fields.length, measures]).toEqual([31, []]);
  const table = await mallard('fields', 'lifecycle', '--values');
  expect(table.stdout).toMatch(/^field +type +unit +used by +values +meaning\n/);
  expect(table.stdout).toMatch(/contact_facts\.lifecycle_stage +string .*lead 2, customer 1/);

  const page = join(folder, 'lineage.html');
  expect(await mallard('fields', '--page', page)).toMatchObject({ code: 0, stdout: `Wrote ${page}.\n` });
  expect(readFileSync(page, 'utf8')).toMatch(/^<!doctype html>[\s\S]*contact_facts\.total_revenue/);

  const unknown = await mallard('fields', 'lifecycel_stage');
  expect(unknown).toMatchObject({ code: 1, stdout: '' });
  expect(unknown.stderr).toContain("Did you mean 'lifecycle_stage'?");

  server.kill('SIGTERM');
  await server.ended;
  // Without a server the same answer.
  expect(await mallard('fields', 'contact_facts.total_revenue')).toEqual(revenue);
}, 300_000);
