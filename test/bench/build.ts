/**
 * `npx tsx test/bench/build.ts [contacts] [rounds]`: all marts at 1M contacts, 20M e-mail events, 2M deals and 2M orders (default), with
 * DuckDB's memory limited to 4 GB, against SQL written by hand (hand/) that fills the same tables in the same way,
 * alternating. The tables are compared row by row. Then metrics by month and owner, over the marts. Targets: a build under
 * 20 s and at most 1.2 times the hand-written SQL; metrics by month and owner under 1 s.
 * Under 100,000 contacts the ratio is of what every build costs, whatever its size.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inTransaction, type Session } from '../../data/owner/session.ts';
import { Warehouse } from '../../data/owner/warehouse.ts';
import { Project } from '../../data/project.ts';
import { columnsAside, keptColumn } from '../../models/engine/build.ts';
import { ModelEngine } from '../../models/engine/engine.ts';
import { buildColumns, marts } from '../../models/engine/marts.ts';
import type { MetricsRequest } from '../../models/engine/metrics/request.ts';
import { byHand } from './hand/index.ts';
import { best, measure, print, timed, type Took } from './measure.ts';
import { writeRare } from './world-rare.ts';
import { generateWorld, worldAsOf, worldOf } from './world.ts';

const TARGET_MS = 20_000;
const TARGET_RATIO = 1.2;
const TARGET_METRICS_MS = 1_000;
const contacts = Number(process.argv[2] ?? 1_000_000);
const rounds = Number(process.argv[3] ?? 3);

/** Whole builds, and their marts' milliseconds. */
interface Build extends Took {
  marts: Map<string, number>;
}

const folder = mkdtempSync(join(tmpdir(), 'mallard-bench-build-'));
const warehouse = await Warehouse.open(new Project(folder), {
  clock: { now: () => worldAsOf },
  memoryLimit: '4GB',
});
try {
  await timed('generate', () =>
    warehouse.loads.transaction(async (tx) => {
      await generateWorld(tx, worldOf(contacts));
      await writeRare(tx, worldOf(contacts));
    }),
  );
  const engine = new ModelEngine(warehouse);
  await timed('first build, which compiles the models', () => engine.build({ asOf: worldAsOf }));
  const spill = watchSpill();
  const models: Build[] = [];
  const hand: Build[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    models.push(await buildModels(engine));
    hand.push(await buildByHand());
  }
  print(
    `peak of DuckDB's memory ${(await spill()).join(' MiB, spilled ')} MiB at most; peak of the process ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB`,
  );
  const differing = await compare();
  report(models, hand, differing);
  for (const request of metricRequests()) await timeMetrics(engine, request);
} finally {
  await warehouse.close();
  rmSync(folder, { recursive: true, force: true });
}

async function buildModels(engine: ModelEngine): Promise<Build> {
  const took = await timed('models', () => engine.build({ asOf: worldAsOf }));
  return { ...took, marts: new Map(took.result.map(({ mart, duration_ms }) => [mart, duration_ms])) };
}

/** As models/engine/build.ts fills the marts' tables: all aside, of one snapshot, then copied. */
async function buildByHand(): Promise<Build> {
  const durations = new Map<string, number>();
  const inTurn = async (session: Session, statement: (mart: string, sql: string) => string) => {
    for (const [mart, sql] of Object.entries(byHand)) {
      const { wall } = await measure(() => session.run(statement(mart, sql)));
      durations.set(mart, (durations.get(mart) ?? 0) + wall);
    }
  };
  const took = await timed('by hand', () =>
    warehouse.build.exclusive(async (session) => {
      const time = `timestamp '2026-11-02 06:00:00'`;
      await inTransaction(session, () =>
        inTurn(
          session,
          (mart, sql) =>
            `create temp table hand_${mart} as select *, ${time} as as_of, ${time} as built_at from (${sql})`,
        ),
      );
      const columns = await columnsAside(session);
      await inTransaction(session, () =>
        inTurn(
          session,
          (mart) =>
            `create or replace table main.hand_${mart} as select ${(columns.get(`hand_${mart}`) ?? []).map(keptColumn).join(', ')} from temp.hand_${mart}`,
        ),
      );
      await inTurn(session, (mart) => `drop table temp.hand_${mart}`);
    }),
  );
  return { ...took, marts: durations };
}

/** Rows that only one of the two tables has, by mart. */
async function compare(): Promise<Map<string, number>> {
  const differing = new Map<string, number>();
  for (const mart of marts) {
    const row = await warehouse.read(async (session) => {
      const columns = await session.rows<{ column_name: string; data_type: string }>(
        `select column_name, data_type from duckdb_columns() where schema_name = 'mart' and table_name = $1 order by column_index`,
        [mart],
      );
      // Sums of doubles depend on the order in which they are added.
      const list = columns
        .filter(({ column_name }) => !(buildColumns as readonly string[]).includes(column_name))
        .map(({ column_name, data_type }) =>
          data_type === 'DOUBLE' ? `round(${column_name}, 4)` : column_name,
        );
      const from = (table: string) => `select ${list.join(', ')} from ${table}`;
      const model = from(`mart.${mart}`);
      const written = from(`main.hand_${mart}`);
      return session.one<{ differing: number }>(
        `select ((select count(*) from (${model} except all ${written})) + (select count(*) from (${written} except all ${model})))::int as differing`,
      );
    });
    differing.set(mart, row?.differing ?? -1);
  }
  return differing;
}

function report(
  models: readonly Build[],
  hand: readonly Build[],
  differing: ReadonlyMap<string, number>,
): void {
  for (const mart of marts) {
    const [ours, theirs] = [models, hand].map((builds) =>
      Math.min(...builds.map((build) => build.marts.get(mart) ?? NaN)),
    );
    print(
      `${mart}: ${Math.round(ours ?? NaN)} ms, by hand ${Math.round(theirs ?? NaN)} ms, ratio ${((ours ?? NaN) / (theirs ?? NaN)).toFixed(2)}, ${differing.get(mart)} rows differ`,
    );
  }
  const wall = best(models, 'wall');
  const ratio = wall / best(hand, 'wall');
  const cpuRatio = best(models, 'cpu') / best(hand, 'cpu');
  print(
    `all marts: ${(wall / 1000).toFixed(1)} s (target ${TARGET_MS / 1000} s at 1M contacts), ratio ${ratio.toFixed(2)} (target ${TARGET_RATIO}), of processor time ${cpuRatio.toFixed(2)}`,
  );
  if (wall > TARGET_MS || ratio > TARGET_RATIO || [...differing.values()].some((rows) => rows !== 0))
    process.exitCode = 1;
}

function metricRequests(): MetricsRequest[] {
  const shared = { unit: 'month', asOf: worldAsOf } as const;
  return [
    {
      ...shared,
      by: ['owner_id'],
      metrics: [
        'deals_created',
        'deals_won',
        'win_rate',
        'won_amount',
        'average_deal_size',
        'sales_cycle_days_mean',
      ],
    },
    { ...shared, by: ['owner_id'], metrics: ['activities_completed'] },
    { ...shared, metrics: ['revenue'] },
    { ...shared, metrics: ['open_rate'] },
    { ...shared, by: ['owner_id'], metrics: ['lapse_rate'] },
    { ...shared, by: ['owner_id'], metrics: ['open_amount'] },
  ];
}

/** After one period of it alone, which compiles the models with the marts' tables. */
async function timeMetrics(engine: ModelEngine, request: MetricsRequest): Promise<void> {
  await engine.computeMetrics({ ...request, last: 1 });
  const { result, wall, cpu } = await measure(() => engine.computeMetrics(request));
  const slices = result.metrics.reduce((sum, metric) => sum + (metric.slices?.length ?? 0), 0);
  print(
    `metrics by month${request.by ? ` and ${request.by.join()}` : ''} (${request.metrics?.join(', ')}): ${Math.round(wall)} ms (target ${TARGET_METRICS_MS} ms), ${Math.round(cpu)} ms of processor time, ${slices} figures`,
  );
  if (wall > TARGET_METRICS_MS) process.exitCode = 1;
}

/** Looks at DuckDB's memory four times a second. Call what it returns to stop: MiB in memory and on disk, at most. */
function watchSpill(): () => Promise<number[]> {
  let memory = 0;
  let disk = 0;
  const look = async () => {
    const row = await warehouse.read((session) =>
      session.one<{ memory: number; disk: number }>(
        `select (sum(memory_usage_bytes) // 1048576)::int as memory, (sum(temporary_storage_bytes) // 1048576)::int as disk
         from duckdb_memory()`,
      ),
    );
    memory = Math.max(memory, row?.memory ?? 0);
    disk = Math.max(disk, row?.disk ?? 0);
  };
  let last = look();
  const timer = setInterval(() => {
    last = look();
  }, 250);
  return async () => {
    clearInterval(timer);
    await last;
    return [memory, disk];
  };
}
