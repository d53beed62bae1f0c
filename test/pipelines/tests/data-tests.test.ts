import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ApiClient } from '../../../api/client.ts';
import { jobsForCli } from '../../../jobs/for-cli.ts';
import type { TestResult } from '../../../models/engine/types.ts';
import type { TestAnswer } from '../../../pipelines/tests/run.ts';
import type { TestRun, TestState } from '../../../pipelines/tests/history.ts';
import { openTestApp } from '../../api/support.ts';

/** A clock that the test sets. */
function handClock(iso: string) {
  let at = new Date(iso);
  return { now: () => at, set: (next: string) => (at = new Date(next)) };
}

const dealTests = `import '${join(import.meta.dirname, '..', '..', '..', 'models', 'index.malloy')}'

#(doc) A deal without an amount: ask its owner.
#(test) severity=warn
query: deals_have_an_amount is deals -> { select: deal_id where: amount is null order_by: deal_id }
#(test)
query: deals_have_an_owner is deals -> { select: deal_id where: owner_id is null order_by: deal_id }
#(test) severity=loud
query: severity_is_a_word is deals -> { select: deal_id }
#(test)
query: amounts_are_numbers is deals -> { aggregate: n is sum(name::number) }
query: no_test_at_all is deals -> { select: deal_id }
`;

async function withDeals() {
  const clock = handClock('2026-11-02T06:00:00Z');
  const base = await openTestApp({ clock });
  const { mallard } = base;
  await mallard.warehouse.loads.transaction((tx) =>
    tx.run(`insert into core.deals (deal_id, name, stage, amount, owner_id, created_at, source, recorded_at)
            select 'd' || n, 'Deal', 'Won', null, case when n = 9 then 'o1' end, timestamp '2026-10-01', 'fixture', timestamp '2026-10-01'
            from range(1, 10) t(n)`),
  );
  writeFileSync(join(mallard.project.models, 'deals.test.malloy'), dealTests);
  return { ...base, clock };
}

const runAll = (client: ApiClient, body: object = {}) =>
  client.request<TestAnswer>('POST', '/v1/test', { body });
const named = (answer: TestAnswer, name: string) =>
  answer.tests.find((each) => each.name === name) as TestResult;
const historyOf = (client: ApiClient, name?: string) =>
  client.request<{ tests: TestState[]; runs: TestRun[] }>('GET', '/v1/tests/runs', { query: { test: name } });

test('a test tells its meaning and its rows; a warning fails nothing, what cannot run fails by itself', async () => {
  const { client } = await withDeals();
  const answer = await runAll(client, { rows: 2 });
  expect(named(answer, 'deals_have_an_amount')).toMatchObject({
    doc: 'A deal without an amount: ask its owner.',
    model: 'models/deals.test.malloy',
    severity: 'warn',
    status: 'warned',
    failing_count: 9,
    sample_rows: [{ deal_id: 'd1' }, { deal_id: 'd2' }],
  });
  expect(named(answer, 'deals_have_an_owner')).toMatchObject({ status: 'failed', failing_count: 8 });
  expect(named(answer, 'severity_is_a_word')).toMatchObject({
    status: 'errored',
    failing_count: null,
    error: expect.stringContaining('severity=loud') as string,
  });
  expect(named(answer, 'amounts_are_numbers')).toMatchObject({
    status: 'errored',
    error: expect.stringContaining('Deal') as string,
  });
  expect(named(answer, 'no_test_at_all')).toBeUndefined();
  // Ours ran all the same, after and before.
  expect(named(answer, 'contacts_contact_id_is_unique').status).toBe('passed');
  expect(answer.passed).toBe(false);

  const warnings = await runAll(client, { names: ['deals_have_an_amount'] });
  expect([warnings.passed, warnings.tests.length, warnings.tests[0]?.sample_rows.length]).toEqual([
    true,
    1,
    5,
  ]);
  expect((await runAll(client, { names: ['models/deals.test.malloy'] })).tests).toHaveLength(4);
  await expect(runAll(client, { names: ['deals_have_an_ownr'] })).rejects.toMatchObject({
    code: 'not_found',
    fields: { nearest: 'deals_have_an_owner' },
  });
});

test('a file of tests that does not compile is one failure, and the others run', async () => {
  const { client, mallard } = await withDeals();
  writeFileSync(
    join(mallard.project.models, 'deals.test.malloy'),
    `${dealTests}\nquery: oops is nothing -> {`,
  );
  const answer = await runAll(client);
  expect(named(answer, 'models/deals.test.malloy')).toMatchObject({
    status: 'errored',
    error: expect.stringMatching(/deals\.test\.malloy:\d+:\d+/) as string,
  });
  expect(answer.tests.filter((each) => each.status === 'passed').length).toBeGreaterThan(20);
});

test('what each test said is kept without its rows: since when it fails, and when it last passed', async () => {
  const { client, clock, mallard } = await withDeals();
  const mend = (owner: string | null) =>
    mallard.warehouse.loads.transaction((tx) => tx.run(`update core.deals set owner_id = $1`, [owner]));
  const name = 'deals_have_an_owner';
  const runAt = async (time: string) => {
    clock.set(time);
    await runAll(client, { names: [name] });
  };
  await runAt('2026-11-02T06:00:00Z');
  await mend('o1');
  await runAt('2026-11-03T06:00:00Z');
  await mend(null);
  await runAt('2026-11-04T06:00:00Z');
  await runAt('2026-11-05T06:00:00Z');
  // A question about the past is no news.
  await runAll(client, { names: [name], as_of: '2026-09-01T00:00:00Z' });

  const failing = await historyOf(client, name);
  expect(
    failing.runs.map(({ recorded_at, status, failing_count }) => [recorded_at, status, failing_count]),
  ).toEqual([
    ['2026-11-05T06:00:00Z', 'failed', 9],
    ['2026-11-04T06:00:00Z', 'failed', 9],
    ['2026-11-03T06:00:00Z', 'passed', 0],
    ['2026-11-02T06:00:00Z', 'failed', 8],
  ]);
  expect(failing.tests).toEqual([
    {
      kind: 'data',
      test: name,
      model: 'models/deals.test.malloy',
      status: 'failed',
      failing_count: 9,
      recorded_at: '2026-11-05T06:00:00Z',
      failing_since: '2026-11-04T06:00:00Z',
      last_passed_at: '2026-11-03T06:00:00Z',
    },
  ]);

  await mend('o1');
  await runAt('2026-11-06T06:00:00Z');
  expect((await historyOf(client, name)).tests[0]).toMatchObject({ status: 'passed', failing_since: null });

  // It cannot run any more: the count of before must not stand for it.
  writeFileSync(
    join(mallard.project.models, 'deals.test.malloy'),
    dealTests.replaceAll('owner_id', 'ownr_id'),
  );
  clock.set('2026-11-07T06:00:00Z');
  await runAll(client);
  expect((await historyOf(client, 'models/deals.test.malloy')).tests[0]).toMatchObject({
    status: 'errored',
    failing_count: null,
    failing_since: '2026-11-07T06:00:00Z',
  });
  const kept = await mallard.warehouse.read((session) => session.rows('from ops.test_runs'));
  expect(
    JSON.stringify(kept, (_key, value: unknown) => (typeof value === 'bigint' ? Number(value) : value)),
  ).not.toContain('"d1"');
});

test('the job fails where a test does, says which, and keeps no row', async () => {
  const { client, mallard } = await withDeals();
  const jobs = jobsForCli({ info: () => undefined, warn: () => undefined, error: () => undefined });
  const session = { client, project: mallard.project, serverUrl: undefined, close: async () => undefined };
  const failed = await jobs.run('test', session);
  expect(failed).toMatchObject({
    status: 'failed',
    error: expect.stringContaining('The data test deals_have_an_owner fails with 8 rows') as string,
  });
  expect(failed.error).toContain('amounts_are_numbers cannot run');
  expect(failed.error).not.toContain('deals_have_an_amount');

  rmSync(join(mallard.project.models, 'deals.test.malloy'));
  expect(await jobs.run('test', session)).toMatchObject({ status: 'succeeded' });
});
