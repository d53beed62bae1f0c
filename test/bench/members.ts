/**
 * `npx tsx test/bench/members.ts [members]`: all members of a segment of 1M contacts (default) over HTTP as Arrow, read by
 * apache-arrow's own reader in a process of its own (members-client.ts), against rows in JavaScript and `tableFromArrays`, which is how one would write it by hand.
 * Target: under 1 s at 1M.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { tableFromArrays, tableFromIPC, tableToIPC } from 'apache-arrow';
import { serve } from '../../api/serve.ts';
import { readAccount } from '../../data/account.ts';
import { Warehouse } from '../../data/owner/warehouse.ts';
import { Project } from '../../data/project.ts';
import { ModelEngine } from '../../models/engine/engine.ts';
import type { Mallard } from '../../pipelines/context.ts';
import { saveSegment } from '../../pipelines/segments/store.ts';
import { best, print, timed } from './measure.ts';
import { worldAsOf } from './world.ts';

const TARGET_MS = 1_000;
const ROUNDS = 3;
const members = Number(process.argv[2] ?? 1_000_000);

const project = new Project(mkdtempSync(join(tmpdir(), 'mallard-bench-members-')));
const clock = { now: () => worldAsOf };
const warehouse = await Warehouse.open(project, { clock });
const engine = new ModelEngine(warehouse);
const mallard: Mallard = { project, warehouse, engine, clock, account: readAccount(project) };
const server = await serve({ mallard, port: 0 });
try {
  await saveSegment(mallard, {
    segment_id: 'all',
    title: 'All',
    criteria: { field: 'contact_id', operator: 'is_set' },
  });
  await warehouse.build.transaction((tx) =>
    tx.run(
      `insert into ops.segment_memberships_open
       select 'all', uuid()::varchar, timestamp '2026-10-01' + to_seconds(i % 1000000), null, 'run' from range(${members}) t(i)`,
    ),
  );
  const ours: number[] = [];
  const hand = [];
  for (let round = 1; round <= ROUNDS; round += 1) {
    ours.push(await overHttp());
    hand.push(await timed('by hand, in the process', byHand));
  }
  const wall = Math.min(...ours);
  print(
    `${members} members as Arrow: ${Math.round(wall)} ms (target: under ${TARGET_MS} ms), ${(wall / best(hand, 'wall')).toFixed(2)} times by hand`,
  );
  process.exitCode = wall < TARGET_MS ? 0 : 1;
} finally {
  await server.close();
  await warehouse.close();
  rmSync(project.dir, { recursive: true, force: true });
}

/** Milliseconds from the request to the last row. */
async function overHttp(): Promise<number> {
  const url = new URL('/v1/segments/all/members', server.url).href;
  const client = fileURLToPath(new URL('members-client.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...['--import', 'tsx', client],
    ...[url, server.internalToken],
  ]);
  const { rows, wall } = JSON.parse(stdout) as { rows: number; wall: number };
  check(rows);
  print(`mallard, over HTTP: ${Math.round(wall)} ms`);
  return wall;
}

async function byHand(): Promise<void> {
  const rows = await warehouse.read((session) =>
    session.rows<{ contact_id: string; entered_at: string }>(
      `select contact_id, entered_at from ops.segment_memberships_open where segment_id = 'all' order by contact_id`,
    ),
  );
  const table = tableFromArrays({
    contact_id: rows.map((row) => row.contact_id),
    entered_at: rows.map((row) => row.entered_at),
  });
  check(tableFromIPC(tableToIPC(table)).numRows);
}

function check(rows: number): void {
  if (rows !== members) throw new Error(`${rows} of ${members} members came`);
}
