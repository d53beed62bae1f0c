import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import {
  compact,
  compactionFile,
  isCompactionDue,
  readCompaction,
  scheduleCompaction,
} from '../../../data/owner/compaction.ts';
import { Warehouse } from '../../../data/owner/warehouse.ts';
import { packageRoot } from '../../../data/package-root.ts';
import { Project } from '../../../data/project.ts';
import { openTestWarehouse, tempFolder, testClock } from '../../support.ts';

const rowCount = 150_000;

async function fill(warehouse: Warehouse, from: number, to: number): Promise<void> {
  await warehouse.ledger.transaction((tx) =>
    tx.run(
      `insert into ops.deliveries (delivery_id, campaign_run_id, message_id, contact_id, address_key, outcome, occurred_at, recorded_at)
       select 'd' || i, 'run', 'm', 'c', sha256(i::varchar), 'accepted', '2026-01-01', '2026-01-01' from range($1, $2) t(i) order by i`,
      [from, to],
    ),
  );
}

interface State {
  deliveries: number;
  /** Rows out of order: the last outcome of a delivery is the one with the greatest rowid. */
  misplaced: number;
  campaigns: number;
  versions: number;
  migrations: number;
}

function stateOf(warehouse: Warehouse): Promise<State | undefined> {
  return warehouse.read((session) =>
    session.one<State>(
      `select (select count(*)::int from ops.deliveries) as deliveries,
         (select count(*)::int from (select delivery_id, row_number() over (order by rowid) - 1 as place from ops.deliveries) where delivery_id <> 'd' || place) as misplaced,
         (select count(*)::int from ops.campaigns) as campaigns,
         (select count(*)::int from versions.email_events) as versions,
         (select count(*)::int from ops.kysely_migration) as migrations`,
    ),
  );
}

/** Starts the process of a compaction and kills it, as `kill -9` does, `ms` after it said `step`. */
async function killAt(project: Project, step: string, ms: number): Promise<void> {
  const script = join(packageRoot, 'data', 'owner', 'compact-process.ts');
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', script, project.dir, testClock.now().toISOString()],
    { stdio: ['ignore', 'pipe', 'inherit'], cwd: packageRoot },
  );
  const exited = once(child, 'exit');
  let said = false;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === step && !said) {
      said = true;
      await sleep(ms);
      child.kill('SIGKILL');
    }
  }
  await exited;
  expect(said, step).toBe(true);
}

test('kill -9 at any moment leaves the old file or the new one, complete', async () => {
  const project = new Project(join(tempFolder(), 'project'));
  let warehouse = await Warehouse.open(project, { clock: testClock });
  await fill(warehouse, 0, rowCount);
  await warehouse.ledger.transaction((tx) =>
    tx.run(`insert into ops.campaigns values ('spring', 'Spring', '{}', 1, '2026-01-01', '2026-01-01')`),
  );
  const before = await stateOf(warehouse);
  expect(before).toMatchObject({ deliveries: rowCount, misplaced: 0, campaigns: 1 });
  await warehouse.close();
  let rows = rowCount;
  for (const [step, ms] of [
    ['copying', 0],
    ['copying', 20],
    ['copying', 80],
    ['copied', 0],
    ['verified', 0],
    ['closed', 0],
    ['synced', 0],
    ['renamed', 0],
    ['done', 0],
  ] as const) {
    scheduleCompaction(project, testClock.now());
    await killAt(project, step, ms);
    warehouse = await Warehouse.open(project, { clock: testClock });
    expect(await stateOf(warehouse), step).toEqual({ ...before, deliveries: rows });
    // What is written to it afterwards stays as well.
    await fill(warehouse, rows, rows + 1);
    rows += 1;
    await warehouse.close();
  }
  scheduleCompaction(project, testClock.now());
  await compact(project, testClock.now());
  expect(readdirSync(project.dir).filter((name) => name.includes('.new') || name.includes('.wal'))).toEqual(
    [],
  );
  warehouse = await Warehouse.open(project, { clock: testClock });
  expect(await stateOf(warehouse)).toEqual({ ...before, deliveries: rows });
  await warehouse.close();
});

test('the copy has the keys, defaults and views of the old file, and less bytes', async () => {
  const { project, warehouse } = await openTestWarehouse();
  await fill(warehouse, 0, 2 * rowCount);
  await warehouse.ledger.transaction((tx) => tx.run('delete from ops.deliveries where rowid % 10 > 0'));
  await warehouse.close();
  const before = statSync(project.warehouseFile).size;
  const result = await compact(project, testClock.now());
  expect(result).toMatchObject({ rows: expect.any(Number), bytes_before: before });
  expect(statSync(project.warehouseFile).size).toBe(result.bytes_after);
  expect(result.bytes_after).toBeLessThan(before / 2);
  const again = await Warehouse.open(project, { clock: testClock });
  try {
    const insert = () =>
      again.ledger.transaction((tx) =>
        tx.run(
          `insert into ops.segments (segment_id, title, kind, version, created_at, updated_at) values ('s', 'S', 'criteria', 1, '2026-01-01', '2026-01-01')`,
        ),
      );
    await insert();
    await expect(insert()).rejects.toThrow(/primary key|duplicate key/i);
    const [status] = await again.read((session) =>
      session.rows<{ status: string }>('select status from ops.segments'),
    );
    expect(status).toEqual({ status: 'active' });
  } finally {
    await again.close();
  }
});

test('nobody compacts a file that somebody has open, and its rows stay', async () => {
  const { project, warehouse } = await openTestWarehouse();
  await fill(warehouse, 0, 10);
  scheduleCompaction(project, testClock.now());
  await expect(compact(project, testClock.now())).rejects.toMatchObject({ code: 'file_owned' });
  expect(existsSync(`${project.warehouseFile}.new`)).toBe(false);
  expect(readCompaction(project)).toBeDefined();
  await fill(warehouse, 10, 20);
  expect(await stateOf(warehouse)).toMatchObject({ deliveries: 20 });
});

test('the earlier of two deadlines stands; a broken schedule is none', () => {
  const project = new Project(tempFolder());
  expect(isCompactionDue(project, testClock.now())).toBe(false);
  scheduleCompaction(project, new Date('2026-11-09T00:00:00Z'));
  scheduleCompaction(project, new Date('2026-11-05T00:00:00Z'));
  scheduleCompaction(project, new Date('2026-11-20T00:00:00Z'));
  expect(readCompaction(project)).toEqual({ due_at: '2026-11-05T00:00:00.000Z' });
  expect(isCompactionDue(project, new Date('2026-11-04T23:59:59Z'))).toBe(false);
  expect(isCompactionDue(project, new Date('2026-11-05T00:00:00Z'))).toBe(true);
  writeFileSync(compactionFile(project), '{');
  expect(readCompaction(project)).toBeUndefined();
});
