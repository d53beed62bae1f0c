import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { toTimestamp } from '../../data/clock.ts';
import { MallardError } from '../../data/errors.ts';
import { inTransaction, type Session } from '../../data/owner/session.ts';
import type { Warehouse } from '../../data/owner/warehouse.ts';
import { recordLoad, sourceOf } from './load.ts';
import { locateFaults } from './locate.ts';
import { appendRaw } from './raw-table.ts';
import { rawTypes, type RawColumn } from './raw-types.ts';
import { readRecords, type Records } from './read-records.ts';
import { firstRejects, writeRejects } from './rejects.ts';
import { withStagedFiles, type Scratch } from './scratch.ts';
import { describeSource, type SourceFile } from './source-file.ts';
import { hashOfStaged } from './stage.ts';
import type { LoadCounts, LoadFile, LoadProgress, LoadRequest, LoadResult } from './types.ts';

export type RawRequest = Pick<LoadRequest, 'files' | 'source' | 'format' | 'delimiter'> & {
  /** The table, with or without `raw.`: lower case letters, digits and `_`. */
  name: string;
};

/** Tables of `raw` that are the loader's own. */
const reserved = ['loads', 'rejects'];

/**
 * Keeps files as they are in `raw.<name>`, with `_loaded_at`, `_source`, `_batch_id`. A file whose content has been loaded into
 * the table before changes nothing; another one is appended, its new columns added. Staged files are removed either way.
 * @throws `bad_request` for a name that is none, `contract_violated` for a file without columns
 */
export async function loadRaw(
  warehouse: Warehouse,
  request: RawRequest,
  onProgress: (progress: LoadProgress) => void = () => undefined,
): Promise<LoadResult> {
  return withStagedFiles(warehouse.project, request.files, (scratch) => {
    const table = rawName(request.name);
    return warehouse.loads.exclusive((session) =>
      load(session, warehouse, table, request, scratch, onProgress),
    );
  });
}

interface ReadFile extends Records {
  file: LoadFile;
  hash: string;
  landing: string;
  columns: RawColumn[];
  faulty: number;
  /** See `locateFaults`. */
  located: string | undefined;
}

function rawName(given: string): string {
  const name = given.replace(/^raw\./, '');
  if (/^[a-z][a-z0-9_]{0,62}$/.test(name) && !reserved.includes(name)) return name;
  throw new MallardError('bad_request', `raw.${name} cannot be the name of a raw table.`, {
    fields: { name },
    remedy: `Use lower case letters, digits and _, beginning with a letter, and not ${reserved.join(' or ')}.`,
  });
}

async function load(
  session: Session,
  warehouse: Warehouse,
  name: string,
  request: RawRequest,
  scratch: Scratch,
  onProgress: (progress: LoadProgress) => void,
): Promise<LoadResult> {
  if (request.files.length === 0) throw new MallardError('bad_request', 'There is no file to load.');
  const read: ReadFile[] = [];
  const progress = { files: request.files.length, file_number: 0, file: '' };
  try {
    for (const [index, file] of request.files.entries()) {
      Object.assign(progress, { file: file.name, file_number: index + 1 });
      onProgress({ ...progress, step: 'reading' });
      read.push(await readRaw(session, `landing_${index + 1}`, file, request, scratch));
    }
    onProgress({ ...progress, step: 'writing', rows: read.reduce((sum, one) => sum + one.rows, 0) });
    const now = toTimestamp(warehouse.clock.now());
    const result = await inTransaction(session, () => write(session, name, request, read, now));
    onProgress({ ...progress, step: 'done', rows: result.rows_read });
    return result;
  } finally {
    for (const index of request.files.keys()) {
      await session.run(`drop table if exists landing_${index + 1}`).catch(() => undefined);
    }
  }
}

async function readRaw(
  session: Session,
  landing: string,
  file: LoadFile,
  request: RawRequest,
  scratch: Scratch,
): Promise<ReadFile> {
  const hash = hashOfStaged(file.path) ?? (await hashOf(file.path));
  const source = await describeSource(session, file, { ...request, allKeys: true });
  if (source.columns.length === 0) {
    throw new MallardError('contract_violated', `${file.name} has no columns.`, {
      fields: { file: file.name },
    });
  }
  const records = await readRecords(session, landing, source, (from) => selectSql(source, from), scratch);
  const columns = await rawTypes(session, landing, source);
  const faulty = await count(session, `select count(_faults) as count from ${landing}`);
  const located =
    faulty > 0 ? await locateFaults(session, { ...records, table: landing }, scratch) : undefined;
  return { ...records, file, hash, landing, columns, faulty, located };
}

/** NDJSON lines that are no objects stay as rows of nulls in the landing, marked. */
function selectSql(source: SourceFile, from: string): string {
  const columns = source.columns.map((column, index) => `${column.jsonSql ?? column.sql} as c${index}`);
  const faults =
    source.format === 'ndjson'
      ? `case when not _is_object then '[{"reason":"not a JSON object"}]' end`
      : 'cast(null as varchar)';
  return `select ${[...columns, `${faults} as _faults`].join(', ')} from ${from}`;
}

async function write(
  session: Session,
  name: string,
  request: RawRequest,
  read: readonly ReadFile[],
  now: string,
): Promise<LoadResult> {
  const table = `raw.${name}`;
  const batchId = randomUUID();
  const result: LoadResult = {
    table,
    batch_id: batchId,
    files: request.files.map((file) => file.name),
    ...{
      rows_read: 0,
      rows_inserted: 0,
      rows_updated: 0,
      rows_unchanged: 0,
      rows_rejected: 0,
      rows_deleted: 0,
    },
    columns_kept: [],
    columns_ignored: [],
    stubs: {},
    rejects: [],
  };
  for (const one of read) {
    const source = request.source ?? sourceOf(one.file.name);
    const stamp = { batchId, table, source, file: one.file.name, now };
    const cutOut = one.cutOut.reduce((sum, cut) => sum + cut.count, 0);
    const isKnown = await isLoaded(session, name, table, one.hash);
    const inserted = isKnown ? 0 : await appendRaw(session, name, one, stamp);
    if (!isKnown) await writeRejects(session, { table: one.landing, cutOut: one.cutOut }, one.located, stamp);
    const counts: LoadCounts = {
      rows_read: one.rows + cutOut,
      rows_inserted: inserted,
      rows_updated: 0,
      rows_unchanged: isKnown ? one.rows - one.faulty : 0,
      rows_rejected: one.faulty + cutOut,
    };
    for (const key of Object.keys(counts) as (keyof LoadCounts)[]) result[key] += counts[key];
    await recordLoad(session, batchId, table, source, one.file, counts, now, one.hash);
  }
  if (result.rows_rejected > 0) result.rejects = await firstRejects(session, batchId, 5);
  return result;
}

async function isLoaded(session: Session, name: string, table: string, hash: string): Promise<boolean> {
  const rows = await session.rows(
    `select 1 from raw.loads where table_name = $1 and file_hash = $2
       and exists (select 1 from duckdb_tables() where database_name = current_database() and schema_name = 'raw' and table_name = $3) limit 1`,
    [table, hash, name],
  );
  return rows.length > 0;
}

async function count(session: Session, sql: string): Promise<number> {
  return Number((await session.one<{ count: bigint }>(sql))?.count ?? 0);
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
