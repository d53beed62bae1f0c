/**
 * `npx tsx test/bench/history.ts [contacts] [rounds]`: loading 1M contacts (default) of which 1 % changed, with the history of their
 * fields, against the same load by the same loader without it; alternating, each into a warehouse that holds the file
 * of before. Target: 1.5 times at most.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { Project } from '../../data/project.ts';
import { Warehouse } from '../../data/owner/warehouse.ts';
import type { Contract } from '../../pipelines/load/contracts/contract.ts';
import { contractOf } from '../../pipelines/load/contracts/index.ts';
import { loadTable } from '../../pipelines/load/load.ts';
import { stageLocalFile } from '../../pipelines/load/stage.ts';

const TARGET_RATIO = 1.5;
const contacts = Number(process.argv[2] ?? 1_000_000);
const rounds = Number(process.argv[3] ?? 3);
const folder = mkdtempSync(join(tmpdir(), 'mallard-bench-history-'));
const contract = contractOf('contacts') as { -readonly [Name in keyof Contract]: Contract[Name] };
const { history } = contract;

try {
  const [before, after] = await writeFiles();
  const took = { with: [] as number[], without: [] as number[] };
  for (let round = 1; round <= rounds; round += 1) {
    took.without.push(await changedLoad(`without-${round}`, before, after));
    took.with.push(await changedLoad(`with-${round}`, before, after));
  }
  const ratio = Math.min(...took.with) / Math.min(...took.without);
  print(`with history ${ratio.toFixed(2)} times the load without (target ${TARGET_RATIO})`);
  if (ratio > TARGET_RATIO) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Milliseconds of the second load. */
async function changedLoad(name: string, before: string, after: string): Promise<number> {
  const withHistory = name.startsWith('with-');
  let at = new Date('2026-10-01T00:00:00Z');
  const warehouse = await Warehouse.open(new Project(join(folder, name)), {
    clock: { now: () => at },
    memoryLimit: '8GB',
  });
  try {
    if (withHistory && history) contract.history = history;
    else delete contract.history;
    await load(warehouse, before);
    at = new Date('2026-11-01T00:00:00Z');
    const started = performance.now();
    const result = await load(warehouse, after);
    const took = performance.now() - started;
    const [changes] = await warehouse.read((session) =>
      session.rows<{ n: number }>('select count(*)::int as n from core.contact_changes'),
    );
    print(
      `${withHistory ? 'with' : 'without'} history: ${Math.round(took)} ms, ${result.rows_updated} updated, ${changes?.n ?? 0} assertions`,
    );
    return took;
  } finally {
    await warehouse.close();
    rmSync(join(folder, name), { recursive: true, force: true });
  }
}

async function load(warehouse: Warehouse, file: string) {
  const path = await stageLocalFile(warehouse.project, file);
  return loadTable(warehouse, { table: 'contacts', files: [{ path, name: 'contacts.csv' }] });
}

async function writeFiles(): Promise<[before: string, after: string]> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const files: [string, string] = [join(folder, 'before.csv'), join(folder, 'after.csv')];
  for (const [index, file] of files.entries()) {
    // Of every hundredth contact the second file tells another country and stage.
    const changed = index === 1 ? 'i % 100 = 0' : 'false';
    await connection.run(
      `copy (select 'c' || i as contact_id, 'person' || i || '@example.com' as email, 'First' || i % 997 as first_name,
         'Last' || i % 9973 as last_name, 'o' || i % 40 as owner_id, 'a' || i % 20000 as company_id,
         if(${changed}, 'customer', 'lead') as lifecycle_stage, if(${changed}, 'NZ', 'DE') as country, 'en' as language,
         timestamp '2025-01-01' + to_minutes(i % 400000) as created_at,
         if(${changed}, timestamp '2026-10-15', timestamp '2026-09-01') as updated_at
       from range(${contacts}) t(i)) to '${file}'`,
    );
  }
  connection.closeSync();
  instance.closeSync();
  return files;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
