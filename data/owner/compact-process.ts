/**
 * The process of a compaction: `node compact-process.js DIR NOW`. It prints its steps, then `{"result": …}` or
 * `{"error": …}`. kill -9 at any moment leaves the old file or the new one, complete: until the rename nothing of the old
 * is touched, and the old is closed and without a log before it.
 */
import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { MallardError } from '../errors.ts';
import { syncFile } from '../files.ts';
import { Project } from '../project.ts';
import { compactionFile, copyFile, removeUnfinishedCopy, type CompactionResult } from './compaction.ts';
import { Ownership } from './ownership.ts';

const [dir = '', now = ''] = process.argv.slice(2);
const project = new Project(dir);
const say = (step: string) => process.stdout.write(`${step}\n`);
const copy = copyFile(project);

try {
  const ownership = await Ownership.acquire(project, new Date(now));
  try {
    say(JSON.stringify({ result: await run() }));
  } finally {
    await ownership.release();
  }
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  say(JSON.stringify({ error: { code: error instanceof MallardError ? error.code : 'internal', message } }));
  process.exitCode = 1;
}

async function run(): Promise<CompactionResult> {
  const started = performance.now();
  removeUnfinishedCopy(project);
  // Opened and closed before: what the log holds is in the file, and its size is the real one.
  const instance = await DuckDBInstance.fromCache(project.warehouseFile, {
    memory_limit: '4GB',
    temp_directory: project.spill,
  });
  const connection = await instance.connect();
  const counted = await copyDatabase(connection);
  connection.closeSync();
  instance.closeSync();
  say('closed');
  const bytesBefore = statSync(project.warehouseFile).size;
  const log = `${project.warehouseFile}.wal`;
  // A log beside the new file would be replayed into it.
  if (existsSync(log) || existsSync(`${copy}.wal`)) throw new Error(`${log} is still there`);
  syncFile(copy);
  say('synced');
  renameSync(copy, project.warehouseFile);
  say('renamed');
  syncFile(project.dir);
  // What a killed process had spilled holds rows as well. Nobody else has the project now.
  for (const name of readdirSync(project.spill))
    rmSync(join(project.spill, name), { recursive: true, force: true });
  rmSync(compactionFile(project), { force: true });
  say('done');
  return {
    ...counted,
    bytes_before: bytesBefore,
    bytes_after: statSync(project.warehouseFile).size,
    duration_ms: Math.round(performance.now() - started),
  };
}

async function copyDatabase(connection: DuckDBConnection): Promise<{ tables: number; rows: number }> {
  await connection.run(`SET GLOBAL TimeZone='UTC'`);
  await connection.run('checkpoint');
  const [{ name } = { name: '' }] = await rowsOf<{ name: string }>(
    connection,
    'select current_database() as name',
  );
  await connection.run(`attach ${literal(copy)} as compacted`);
  say('copying');
  await connection.run(`copy from database ${identifier(name)} to compacted`);
  say('copied');
  const counted = await verify(connection, name);
  // An erasure that has not ended will schedule a compaction of its own.
  const has = await rowsOf(
    connection,
    `select 1 from duckdb_tables() where database_name = 'compacted' and schema_name = 'ops' and table_name = 'erasures'`,
  );
  if (has.length > 0)
    await connection.run(
      `update compacted.ops.erasures set compacted_at = ${literal(now)}::timestamp where status = 'completed' and compacted_at is null`,
    );
  await connection.run('checkpoint compacted');
  await connection.run('detach compacted');
  say('verified');
  return counted;
}

/** Definitions (columns, constraints, views) and the rows of every table are the same in both. Throws where not. */
async function verify(connection: DuckDBConnection, name: string): Promise<{ tables: number; rows: number }> {
  for (const [what, list] of [
    ['tables', 'select schema_name, table_name, sql from duckdb_tables()'],
    ['views', 'select schema_name, view_name, sql from duckdb_views()'],
    ['constraints', 'select schema_name, table_name, constraint_text from duckdb_constraints()'],
    ['indexes', 'select schema_name, index_name, sql from duckdb_indexes()'],
    ['sequences', 'select schema_name, sequence_name, sql from duckdb_sequences()'],
  ] as const) {
    const of = (database: string) =>
      `(${list} where database_name = ${literal(database)}${what === 'views' ? ' and not internal' : ''})`;
    const differing = await rowsOf(
      connection,
      `(${of(name)} except all ${of('compacted')}) union all (${of('compacted')} except all ${of(name)})`,
    );
    if (differing.length > 0)
      throw new Error(`the ${what} of the copy differ: ${JSON.stringify(differing[0])}`);
  }
  const tables = await rowsOf<{ schema: string; table: string }>(
    connection,
    `select schema_name as "schema", table_name as "table" from duckdb_tables() where database_name = ${literal(name)}`,
  );
  let rows = 0;
  for (const { schema, table } of tables) {
    const place = `${identifier(schema)}.${identifier(table)}`;
    const [counts] = await rowsOf<{ old: string; new: string }>(
      connection,
      `select (select count(*) from ${identifier(name)}.${place}) as old, (select count(*) from compacted.${place}) as new`,
    );
    if (counts?.old !== counts?.new)
      throw new Error(`${place} has ${counts?.old} rows and ${counts?.new} in the copy`);
    rows += Number(counts?.new);
  }
  return { tables: tables.length, rows };
}

async function rowsOf<T = Record<string, unknown>>(connection: DuckDBConnection, sql: string): Promise<T[]> {
  return (await connection.runAndReadAll(sql)).getRowObjectsJson() as T[];
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

function identifier(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
