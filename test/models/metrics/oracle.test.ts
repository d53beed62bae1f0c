import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fixedClock, toTimestamp } from '../../../data/clock.ts';
import { Warehouse } from '../../../data/owner/warehouse.ts';
import { emptyProject } from '../../support.ts';
import { ModelEngine } from '../../../models/engine/engine.ts';
import { metricsQuery } from '../../../models/engine/metrics/query.ts';
import { IdentitySchema } from '../../../data/account.ts';
import { resolveIdentities } from '../../../pipelines/identity/resolve.ts';
import { loadTable } from '../../../pipelines/load/load.ts';
import { stageLocalFile } from '../../../pipelines/load/stage.ts';
import { generateSample } from '../../../pipelines/sample/generate.ts';
import { Value } from 'typebox/value';
import type { Static } from 'typebox';
import { extraRows } from './extra.ts';
import { cohortSql, oracle, type OracleMetric, type OracleTime } from './oracle.ts';

/**
 * The metrics on the sample history, and on rows that figures are got wrong by, beside SQL that was written from the definitions
 * by somebody who had not seen the models.
 */
const clock = fixedClock('2026-11-25T18:00:00Z');
const asOf = clock.now();
const folder = mkdtempSync(join(tmpdir(), 'mallard-oracle-'));
let warehouse: Warehouse;
let engine: ModelEngine;

beforeAll(async () => {
  const project = emptyProject(folder);
  warehouse = await Warehouse.open(project, { clock, memoryLimit: '2GB' });
  const { files } = await generateSample({
    dir: project.sample,
    contacts: 4000,
    endDate: asOf,
    memoryLimit: '2GB',
  });
  for (const { table, path } of files) {
    const staged = await stageLocalFile(project, path);
    await loadTable(warehouse, { table, files: [{ path: staged, name: path }], source: 'sample' });
  }
  await resolveIdentities(warehouse, {
    identity: Value.Default(IdentitySchema, {}) as Static<typeof IdentitySchema>,
  });
  await warehouse.loads.transaction(async (tx) => {
    for (const statement of extraRows) await tx.run(statement);
  });
  engine = new ModelEngine(warehouse);
  await engine.build({ asOf });
}, 240_000);
afterAll(async () => {
  await warehouse.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The days each metric is asked for. */
function daysOf(name: string): { from: string; to: string } {
  if (name === 'lead_velocity_rate') return { from: '2026-10-01', to: '2026-11-01' };
  if (name.startsWith('quota')) return { from: '2026-01-01', to: '2027-01-01' };
  return { from: '2025-11-25', to: '2026-11-26' };
}

interface Row {
  d?: string | null;
  value: unknown;
  numerator: unknown;
  denominator: unknown;
}

async function byHand({ name, ...metric }: OracleMetric, isCut: boolean): Promise<Row[]> {
  const at: OracleTime = {
    asOf: toTimestamp(asOf).replace('T', ' '),
    ...daysOf(name),
    currency: 'USD',
  };
  const sql = isCut ? metric.by?.sql(at) : metric.sql(at);
  return warehouse.read((session) => session.rows<Row & Record<string, unknown>>(sql ?? ''));
}

/** BIGINT is a bigint, which JSON does not know. */
function digits(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

/** Equal to the cent; quotients and means to twelve digits. */
function same(ours: number | null | undefined, theirs: unknown): boolean {
  if (theirs === null || theirs === undefined) return ours === null || ours === undefined;
  if (ours === null || ours === undefined) return false;
  const expected = Number(theirs);
  return Math.abs(ours - expected) <= 1e-11 * Math.max(1, Math.abs(expected));
}

test('the oracle knows every metric that is SQL, and no other', async () => {
  const ours = (await engine.metrics()).map(({ name }) => name);
  // These three have no definition in the glossary of metrics of their own: counts of things, and the score's mean.
  const counts = ['companies', 'customer_company_share', 'active_owners', 'lead_score_mean'];
  expect(ours.filter((name) => !counts.includes(name)).sort()).toEqual(oracle.map(({ name }) => name).sort());
  expect(oracle.length).toBeGreaterThanOrEqual(60);
});

test.each(oracle)('$name', async (metric) => {
  const { from, to } = daysOf(metric.name);
  const theirs = (await byHand(metric, false))[0];
  const [ours] = (await engine.computeMetrics({ asOf, metrics: [metric.name], from, to })).metrics;
  const shown = { value: ours?.value, numerator: ours?.numerator, denominator: ours?.denominator };
  // Nothing over nothing: the oracle's sums of nothing are null, ours 0.
  const wanted = {
    value: theirs?.value,
    numerator: theirs?.numerator ?? 0,
    denominator: theirs?.denominator,
  };
  // Of a median the oracle gives no parts.
  const parts = metric.name.endsWith('_median')
    ? (['value'] as const)
    : (['value', 'numerator', 'denominator'] as const);
  const wrong = parts.filter((part) => !same(shown[part], wanted[part]));
  expect(wrong, JSON.stringify({ shown, theirs }, digits)).toEqual([]);

  const dimension = metric.by?.dimension ?? '';
  if (!ours?.dimensions.includes(dimension)) return;
  const [cut] = (await engine.computeMetrics({ asOf, metrics: [metric.name], from, to, by: [dimension] }))
    .metrics;
  const expected = new Map((await byHand(metric, true)).map((row) => [row.d ?? null, row]));
  expect(expected.size).toBeGreaterThan(0);
  for (const { slice, ...figure } of cut?.slices ?? []) {
    const d = slice[dimension] === null ? null : String(slice[dimension]);
    const row = expected.get(d);
    expected.delete(d);
    // A value that the oracle does not show has nothing to show.
    const equal = row ? same(figure.value, row.value) : !figure.value;
    expect(equal, JSON.stringify({ dimension, d, figure, row }, digits)).toBe(true);
  }
  // Nor do we leave out what it shows.
  const left = [...expected].filter(([, row]) => Number(row.value ?? 0) !== 0);
  expect({ dimension, left }).toEqual({ dimension, left: [] });
});

test('money is exact to the last digit, in the driver’s own decimals', async () => {
  const all = await engine.metrics();
  for (const name of ['revenue', 'won_amount', 'lost_amount', 'open_amount', 'spend_amount']) {
    const metric = all.find((each) => each.name === name);
    const theirs = oracle.find((each) => each.name === name);
    if (!metric || !theirs) throw new Error(`${name} is missing`);
    const { from, to } = daysOf(name);
    const start = new Date(`${from}T00:00:00Z`);
    const end = new Date(`${to}T00:00:00Z`);
    const { rows } = await engine.query(
      metricsQuery([metric], { periods: [{ start_date: from, end_date: to, start, end }] }),
      { asOf },
    );
    expect({ name, value: rows[0]?.['v0'] }).toEqual({
      name,
      value: (await byHand(theirs, false))[0]?.value,
    });
  }
});

test('the cohorts are those of the oracle, month by month', async () => {
  const { cohorts } = await engine.computeCohorts({ asOf, unit: 'month' });
  const rows = await warehouse.read((session) =>
    session.rows<{ cohort_month: string; months_since: bigint; people: bigint; cohort_size: bigint }>(
      cohortSql({ asOf: toTimestamp(asOf).replace('T', ' '), from: '', to: '', currency: 'USD' }),
    ),
  );
  const ours = cohorts.flatMap(({ cohort, size, cells }) =>
    cells.flatMap((cell, since) => (cell ? [[cohort, since, cell.customers, size]] : [])),
  );
  expect(ours).toEqual(
    rows.map((row) => [
      row.cohort_month.slice(0, 10),
      Number(row.months_since),
      Number(row.people),
      Number(row.cohort_size),
    ]),
  );
  expect(ours.length).toBeGreaterThan(600);
});
