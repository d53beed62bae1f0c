import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { packageRoot } from '../../../data/package-root.ts';
import { moved, partOf, told } from './support.ts';

// The models of the package, to be edited.
const folder = mkdtempSync(join(tmpdir(), 'mallard-models-'));
const models = join(folder, 'models');
cpSync(join(packageRoot, 'models'), models, { recursive: true, filter: (path) => !path.endsWith('.ts') });
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const story = told('2026-01-01T00:00:00Z', models);
const years = { from: '2025-01-01', to: '2030-01-01' };

function edit(file: string, from: string, to: string): void {
  const text = readFileSync(join(models, file), 'utf8');
  if (!text.includes(from)) throw new Error(`${file} has no ${from}`);
  writeFileSync(join(models, file), text.replace(from, to));
}

const build = () => story().mallard.engine.build({ asOf: story().now, marts: ['deal_facts'] });

async function versions(): Promise<number> {
  const row = await story().mallard.warehouse.read((session) =>
    session.one<{ n: number }>('select count(*)::int as n from ops.model_versions'),
  );
  return row?.n ?? -1;
}

beforeAll(async () => {
  await story().loads('deals', [
    { deal_id: 'd1', name: 'One', stage: 'Won', amount: 100, closed_at: '2025-12-10T00:00:00Z' },
    { deal_id: 'd2', name: 'Two', stage: 'Won', amount: 30, closed_at: '2025-12-11T00:00:00Z' },
    { deal_id: 'd3', name: 'Three', stage: 'Lost', amount: 5, closed_at: '2025-12-12T00:00:00Z' },
  ]);
  story().passes(1);
});

beforeEach(() => void story().passes(1));

/** What was in force at a time, beside now. */
async function whySince(vs: Date, metric: string) {
  story().passes(5);
  const asOf = story().now.toISOString();
  return story().why(metric, { vs: vs.toISOString(), as_of: asOf, ...years });
}

test('where nothing was ever built, the definitions of then are not known, and that is said', async () => {
  const vs = story().now;
  const why = await whySince(vs, 'sold_amount');
  expect(why.definition).toMatchObject({ status: 'unknown', then: null });
  expect(why.notes[0]).toContain('No build has kept its definitions yet');
  expect(moved(why)).toEqual({});
});

test('a build keeps its definitions once, and those before the first are taken from it', async () => {
  const vs = story().now;
  story().passes(1);
  await build();
  await build();
  expect(await versions()).toBe(1);
  const why = await whySince(vs, 'sold_amount');
  expect(why.definition.status).toBe('unknown');
  expect(why.notes[0]).toContain(`Definitions of before ${why.definition.then?.created_at} are not known`);
});

test('a measure that the project changed', async () => {
  const vs = story().passes(1);
  story().defines([
    'sold_amount is reporting_amount.sum() { where: is_won }',
    'sold_amount is reporting_amount.sum() { where: is_won and reporting_amount >= 50 }',
  ]);
  const why = await whySince(vs, 'sold_amount');
  expect(why.then.value).toBe('130');
  expect(why.now.value).toBe('100');
  expect(moved(why)).toEqual({ changed_definitions: '-30' });
  expect(partOf(why, 'changed_definitions').rows).toMatchObject([
    { key: 'd2', before: { numerator: '30' }, weight: '-30', fields: { name: 'Two' } },
  ]);
  expect(why.definition).toMatchObject({
    status: 'changed',
    files: ['models/own.malloy'],
    measures: [
      {
        name: 'sold_amount',
        before: expect.stringContaining('{ where: is_won }') as string,
        after: expect.stringContaining('reporting_amount >= 50') as string,
      },
    ],
  });
  await build();
  expect(await versions()).toBe(2);
});

test('a dimension that the package changed, under the measures', async () => {
  const vs = story().passes(1);
  edit('base/deals.malloy', `(stage_key ? 'lost' | 'closedlost') ?? false`, `false`);
  const why = await whySince(vs, 'close_rate');
  expect(moved(why)).toEqual({ changed_definitions: '0.333333333333' });
  expect(partOf(why, 'changed_definitions')).toMatchObject({
    change: { numerator: '0', denominator: '-1' },
    rows: [{ key: 'd3', weight: '0.333333333333', after: null }],
  });
  expect(why.definition).toMatchObject({ status: 'changed', measures: [], files: ['base/deals.malloy'] });
  // What does not come near it is as it was.
  const orders = await whySince(vs, 'shop_revenue');
  expect(orders.definition.files).not.toContain('base/orders.malloy');
  expect(moved(orders)).toEqual({});
  edit(
    'base/deals.malloy',
    `else false\n    )\n    #(doc) Chance`,
    `else (stage_key ? 'lost' | 'closedlost') ?? false\n    )\n    #(doc) Chance`,
  );
  await build();
});

test('definitions that no longer compile leave their part unknown, and the rest exact', async () => {
  const { warehouse } = story().mallard;
  await warehouse.loads.transaction((tx) => tx.run('create table raw.limits as select 50 as least'));
  story().defines(
    ['source: sales is', `source: limits is duckdb.table('raw.limits')\n\nsource: sales is`],
    ['  measure:', '  join_cross: limits\n  measure:'],
    ['sum() { where: is_won }', 'sum() { where: is_won and reporting_amount >= limits.least }'],
  );
  await build();
  const vs = story().passes(1);
  story().passes(1);
  story().defines();
  await warehouse.loads.transaction((tx) => tx.run('drop table raw.limits'));
  await story().loads('deals', [
    { deal_id: 'd4', stage: 'Won', amount: 7, closed_at: '2025-12-10T00:00:00Z' },
  ]);
  const why = await whySince(vs, 'sold_amount');
  expect(why.definition.status).toBe('unavailable');
  expect(why.notes.join()).toContain("no table 'raw.limits'");
  expect(partOf(why, 'changed_definitions')).toMatchObject({
    change: { value: null, numerator: null },
    row_count: null,
  });
  expect(why.then.value).toBe('130');
  expect(why.change.value).toBe('7');
  expect(partOf(why, 'late_facts').change.value).toBe('7');
});

test('a metric that did not exist then', async () => {
  await build();
  const vs = story().passes(1);
  story().defines(['  measure:', '  measure:\n    #(metric)\n    lost_ones is lost_count']);
  const why = await whySince(vs, 'lost_ones');
  expect(why.definition.status).toBe('unavailable');
  expect(why.notes.join()).toContain("There is no metric 'lost_ones'");
});

test('a metric that moved to another file, which is the same metric', async () => {
  story().defines(['sum() { where: is_won }', 'sum() { where: is_won and reporting_amount >= 50 }']);
  await build();
  const vs = story().passes(1);
  story().defines();
  renameSync(join(story().modelsFolder, 'own.malloy'), join(story().modelsFolder, 'moved.malloy'));
  const why = await whySince(vs, 'sold_amount');
  expect(why.definition).toMatchObject({
    status: 'changed',
    files: ['models/moved.malloy', 'models/own.malloy'],
  });
  expect(moved(why)).toEqual({ changed_definitions: '37' });
  rmSync(join(story().modelsFolder, 'moved.malloy'));
});

test('a file that is there only now does not help the definitions of then', async () => {
  const importing = ["import '../", "import 'extra.malloy'\nimport '../"] as const;
  story().defines(importing);
  await build();
  const vs = story().passes(1);
  writeFileSync(join(story().modelsFolder, 'extra.malloy'), '// Nothing yet.\n');
  story().defines(importing, ['sum() { where: is_won }', 'sum() { where: is_lost }']);
  const why = await whySince(vs, 'sold_amount');
  expect(why.definition.status).toBe('unavailable');
  expect(why.notes.join()).toContain('extra.malloy');
});
