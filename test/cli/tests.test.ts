import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { tempFolder } from '../support.ts';
import { callCli } from './in-process.ts';
import { startCli } from './run.ts';

test('failing rows are shown as a table, with exit code 1; history, freshness and publish over the same server', async () => {
  const folder = tempFolder();
  const dir = join(folder, 'project');
  await callCli(['init', dir, '--json']);
  writeFileSync(
    join(dir, 'account.yaml'),
    'freshness:\n  - {table: deals, source: crm, warn_after_hours: 1}\n  - {table: orders, error_after_hours: 1}\n',
  );
  const server = startCli(['--project', dir, 'serve', '--port', '0', '--no-jobs']);
  onTestFinished(async () => {
    server.kill('SIGTERM');
    await server.ended;
  });
  await server.saysOnStdout('Serving');
  const at = ['--project', dir];
  const rows = Array.from({ length: 9 }, (_, n) => `d${n + 1},Won,2026-09-01,2026-10-05,\n`).join('');
  const deals = join(folder, 'deals.csv');
  writeFileSync(deals, `deal_id,stage,created_at,closed_at,amount\n${rows}`);
  expect((await callCli([...at, 'load', 'deals', deals, '--source', 'crm'])).code).toBe(0);
  writeFileSync(
    join(dir, 'models', 'mine.test.malloy'),
    `import "./my_contact_facts.malloy"\nsource: my_deals is duckdb.table('core.deals')\n#(doc) Ask the owner.\n#(test)\nquery: deals_have_an_amount is my_deals -> { select: deal_id, stage where: amount is null order_by: deal_id }\n`,
  );

  const one = await callCli([...at, 'test', 'deals_have_an_amount', '--rows', '2']);
  expect(one.code).toBe(1);
  expect(one.stdout).toMatch(/FAILED +deals_have_an_amount +9 +models\/mine\.test\.malloy/);
  expect(one.stdout).toMatch(
    /FAILED deals_have_an_amount \(models\/mine\.test\.malloy\)\nAsk the owner\.\n *deal_id +stage\n *d1 +Won\n *d2 +Won\nand 7 more: mallard test deals_have_an_amount --rows 9\n/,
  );
  const all = await callCli([...at, 'test', '--json']);
  expect(all.code).toBe(1);
  const answer = JSON.parse(all.stdout) as { passed: boolean; freshness: object[]; tests: object[] };
  expect(answer.passed).toBe(false);
  expect(answer.freshness).toMatchObject([
    { table: 'deals', source: 'crm', status: 'passed' },
    { table: 'orders', source: null, status: 'failed', age_hours: null },
  ]);
  expect(answer.tests.length).toBeGreaterThan(20);
  expect((await callCli([...at, 'test', 'contacts_contact_id_is_unique'])).code).toBe(0);
  const unknown = await callCli([...at, 'test', 'contacts_contact_id_is_uniqe']);
  expect([unknown.code, unknown.stderr]).toEqual([
    1,
    expect.stringContaining("Did you mean 'contacts_contact_id_is_unique'?"),
  ]);

  const history = await callCli([...at, 'test', '--history']);
  expect(history.code).toBe(0);
  expect(history.stdout).toMatch(/failed +deals_have_an_amount +9 +\d{4}-/);
  expect(history.stdout).toMatch(/failed +freshness of orders +1 +\d{4}-/);
  const named = JSON.parse(
    (await callCli([...at, 'test', 'deals_have_an_amount', '--history', '--json'])).stdout,
  ) as { runs: object[] };
  expect(named.runs).toHaveLength(2);

  const fresh = await callCli([...at, 'freshness', '--json']);
  expect(fresh.code).toBe(1);
  expect(JSON.parse(fresh.stdout)).toMatchObject({ passed: false });
  writeFileSync(join(dir, 'account.yaml'), 'freshness:\n  - {table: deals, warn_after_hours: 0.0000001}\n');
  const warned = await callCli([...at, 'freshness']);
  expect(warned.code).toBe(0);
  expect(warned.stdout).toMatch(/deals +crm .* warned/);

  const published = await callCli([...at, 'publish']);
  expect(published.stdout).toMatch(
    /^Published \d+ rows of \d+ tables to .*published\/mallard\.duckdb \(\d+ MB, \d+ ms\)\.\n/,
  );
  for (const command of ['test', 'freshness', 'publish'])
    expect((await callCli([command, '--help'])).stdout).toMatch(/Examples?: mallard/);
});
