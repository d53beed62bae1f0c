/**
 * `npx tsx test/bench/load.ts [rows]`: loads e-mail events (default 5M, 13 columns) from CSV, staging included, against a bare
 * `CREATE TABLE AS FROM read_csv` with the same types into a file of the same settings. Both twice, in turn; the ratio is of the
 * better time of each. Target: at least 0.5 of the bare speed.
 */
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fixedClock } from '../../data/clock.ts';
import { Project } from '../../data/project.ts';
import { Warehouse } from '../../data/owner/warehouse.ts';
import { loadTable } from '../../pipelines/load/load.ts';
import { stageLocalFile } from '../../pipelines/load/stage.ts';

interface Timing {
  wallMs: number;
  cpuMs: number;
}

const TARGET = 0.5;
const rows = Number(process.argv[2] ?? 5_000_000);
const columns = [
  ...['event_id', 'event_type', 'contact_id', 'email', 'campaign_id', 'campaign_run_id', 'message_id', 'url'],
  ...['agent_class', 'bounce_class', 'ip', 'user_agent', 'occurred_at'],
];

const folder = mkdtempSync(join(tmpdir(), 'mallard-bench-load-'));
try {
  const csv = join(folder, 'email_events.csv');
  await withDuckDb(':memory:', (connection) => generate(connection, csv));
  console.log(`${rows} rows, ${columns.length} columns, ${Math.round(statSync(csv).size / 1e6)} MB`);
  const bare: Timing[] = [];
  const loaded: Timing[] = [];
  for (let round = 1; round <= 2; round += 1) {
    bare.push(await timed(`bare ${round}`, () => bareLoad(csv)));
    loaded.push(await timed(`mallard ${round}`, () => mallardLoad(csv)));
  }
  const best = (timings: readonly Timing[], measure: keyof Timing) =>
    Math.min(...timings.map((one) => one[measure]));
  const ratio = best(bare, 'wallMs') / best(loaded, 'wallMs');
  const cpuRatio = best(bare, 'cpuMs') / best(loaded, 'cpuMs');
  console.log(
    `ratio ${ratio.toFixed(2)} (target: at least ${TARGET}); of CPU time, which a busy machine does not blur, ${cpuRatio.toFixed(2)}`,
  );
  process.exitCode = ratio >= TARGET ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function generate(connection: DuckDBConnection, csv: string): Promise<void> {
  const stepMs = Math.floor((3 * 365 * 86_400_000) / rows);
  await connection.run(`copy (select format('evt-{:010d}-{}', i, left(md5(i::varchar), 8)) as event_id,
    ['sent', 'delivered', 'opened', 'clicked', 'bounced'][1 + (hash(i) % 5)::int] as event_type,
    format('C{:07d}', (hash(i + 7) % 200000)::int) as contact_id,
    format('person{}@example.com', (hash(i + 7) % 200000)::int) as email,
    format('camp-{:03d}', (hash(i + 3) % 300)::int) as campaign_id,
    format('run-{:04d}', (hash(i + 3) % 1000)::int) as campaign_run_id,
    format('msg-{}', i % 4) as message_id,
    case when hash(i) % 5 = 3 then format('https://www.example.com/p/{}', i % 1000) end as url,
    case when hash(i) % 5 in (2, 3) then ['human', 'proxy', 'machine'][1 + (hash(i + 1) % 3)::int] end as agent_class,
    case when hash(i) % 5 = 4 then 'hard' end as bounce_class,
    format('10.{}.{}.{}', i % 256, (i // 256) % 256, (i // 65536) % 256) as ip,
    case when hash(i) % 5 in (2, 3) then 'Mozilla/5.0 (Windows NT 10.0; Win64; x64)' end as user_agent,
    timestamp '2023-01-01' + to_milliseconds(i * ${stepMs}) as occurred_at
    from range(${rows}) r(i)) to '${csv}' (header)`);
}

async function bareLoad(csv: string): Promise<void> {
  const types = columns
    .map((name) => `${name}: '${name === 'occurred_at' ? 'TIMESTAMP' : 'VARCHAR'}'`)
    .join(', ');
  const file = join(folder, `bare-${Math.random()}.duckdb`);
  await withDuckDb(file, async (connection) => {
    await connection.run(
      `create table email_events as from read_csv('${csv}', header = true, columns = {${types}})`,
    );
  });
  rmSync(file, { force: true });
}

async function mallardLoad(csv: string): Promise<void> {
  const project = new Project(mkdtempSync(join(folder, 'project-')));
  const warehouse = await Warehouse.open(project, { clock: fixedClock('2026-11-02T06:00:00Z') });
  try {
    const lap = lapper();
    const path = await stageLocalFile(project, csv);
    lap('staged');
    const result = await loadTable(
      warehouse,
      { table: 'email_events', files: [{ path, name: 'email_events.csv' }] },
      ({ step }) => lap(step),
    );
    if (result.rows_inserted !== rows) throw new Error(`${result.rows_inserted} rows inserted`);
  } finally {
    await warehouse.close();
    rmSync(project.dir, { recursive: true, force: true });
  }
}

async function withDuckDb(
  path: string,
  work: (connection: DuckDBConnection) => Promise<void>,
): Promise<void> {
  const instance = await DuckDBInstance.create(path, { memory_limit: '4GB' });
  const connection = await instance.connect();
  try {
    await work(connection);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Prints what ended where: wall and CPU time since the beginning. On a shared machine the second says more. */
function lapper(): (name: string) => void {
  const start = performance.now();
  const before = process.cpuUsage();
  return (name) => {
    const { user, system } = process.cpuUsage(before);
    console.log(
      `  ${name} at ${Math.round(performance.now() - start)} ms, CPU ${Math.round((user + system) / 1000)} ms`,
    );
  };
}

async function timed(name: string, work: () => Promise<void>): Promise<Timing> {
  const start = performance.now();
  const before = process.cpuUsage();
  await work();
  const wallMs = performance.now() - start;
  const { user, system } = process.cpuUsage(before);
  const cpuMs = (user + system) / 1000;
  console.log(
    `${name}: ${Math.round(wallMs)} ms, ${Math.round(rows / wallMs)}k rows/s, CPU ${Math.round(cpuMs)} ms`,
  );
  return { wallMs, cpuMs };
}
