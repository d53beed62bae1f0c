import { randomUUID } from 'node:crypto';
import { readAccount } from '../../data/account.ts';
import { toTimestamp } from '../../data/clock.ts';
import { errorMessage, MallardError } from '../../data/errors.ts';
import { inTransaction, type Session } from '../../data/owner/session.ts';
import type { Warehouse } from '../../data/owner/warehouse.ts';
import { adoptEvents, identifyContacts, resolveContacts } from '../identity/contacts-by-email.ts';
import { keyPhones, storePhoneKeys } from '../identity/phone-keys.ts';
import type { Contract } from './contracts/contract.ts';
import { contractOf } from './contracts/index.ts';
import { settleDuplicates } from './duplicates.ts';
import { changedThing, normaliseChanges } from './fold.ts';
import { land, type Landing } from './landing.ts';
import { locateFaults } from './locate.ts';
import { deleteOthers, mergeLanding } from './merge.ts';
import { makeReferenced } from './references.ts';
import { firstRejects, writeRejects } from './rejects.ts';
import { withStagedFiles, type Scratch } from './scratch.ts';
import { hashOfStaged } from './stage.ts';
import type { LoadCounts, LoadFile, LoadProgress, LoadRequest, LoadResult } from './types.ts';

const REJECTS_SHOWN = 5;

/** A landing whose rows have ids and distinct keys. */
interface ReadFile {
  file: LoadFile;
  sourceName: string;
  landing: Landing;
  collapsed: number;
  faulty: number;
  /** See `locateFaults`; undefined where nothing is faulty. */
  located: string | undefined;
}

/**
 * Loads files into a table: everything in one transaction, or nothing. Staged files are removed either way.
 * @returns after the commit, so what it answers may be acknowledged
 * @throws `not_found` for a table that is none, `contract_violated` where a file does not fit it, `bad_request` for a wrong option
 */
export async function loadTable(
  warehouse: Warehouse,
  request: LoadRequest,
  onProgress: (progress: LoadProgress) => void = () => undefined,
): Promise<LoadResult> {
  return withStagedFiles(warehouse.project, request.files, (scratch) => {
    const contract = request.contract ?? contractOf(request.table);
    // Exclusive rather than one transaction from the start: see `land`.
    return warehouse.loads.exclusive((session) =>
      load(session, warehouse, contract, request, scratch, onProgress),
    );
  });
}

/** The source of a file that comes without one: its base name without extensions. */
export function sourceOf(fileName: string): string {
  const base = fileName.split(/[\\/]/).at(-1) ?? '';
  return base.replace(/(\.(csv|tsv|txt|ndjson|jsonl|json|parquet|gz))+$/i, '') || 'file';
}

/** `core_name=file_name,…` of the command line. Throws `bad_usage` for anything else. */
export function parseColumns(text: string): Record<string, string> {
  const columns: Record<string, string> = {};
  for (const pair of text.split(',')) {
    const [, core, file] = /^\s*([^=]+?)\s*=\s*(.+?)\s*$/.exec(pair) ?? [];
    if (core === undefined || file === undefined) {
      throw new MallardError('bad_usage', `"${pair}" in --columns is not core_name=file_name.`, {
        fields: { columns: text },
      });
    }
    columns[core] = file;
  }
  return columns;
}

async function load(
  session: Session,
  warehouse: Warehouse,
  contract: Contract,
  request: LoadRequest,
  scratch: Scratch,
  onProgress: (progress: LoadProgress) => void,
): Promise<LoadResult> {
  if (request.files.length === 0) throw new MallardError('bad_request', 'There is no file to load.');
  await checkDateFormat(session, request.dateFormat);
  const now = toTimestamp(warehouse.clock.now());
  const read: ReadFile[] = [];
  const tables: string[] = [];
  const progressOf = (step: LoadProgress['step'], number: number, rows?: number) =>
    onProgress({
      step,
      file: request.files[number - 1]?.name ?? '',
      file_number: number,
      files: request.files.length,
      ...(rows === undefined ? {} : { rows }),
    });
  try {
    for (const [index, file] of request.files.entries()) {
      const sourceName = request.source ?? sourceOf(file.name);
      const table = `landing_${index + 1}`;
      tables.push(table, `${table}_phones`);
      progressOf('reading', index + 1);
      const landing = await land(session, table, contract, file, request, {
        sourceName,
        dateFormat: request.dateFormat,
        now,
        scratch,
      });
      progressOf('checking', index + 1, landing.rows);
      read.push({
        file,
        sourceName,
        landing,
        ...(await check(session, contract, landing, scratch, request.dateFormat)),
      });
      if (contract.target === 'core.contacts') {
        await keyPhones(session, landing, readAccount(warehouse.project).identity.default_country);
      }
    }
    const result = await inTransaction(session, () =>
      write(session, contract, request, read, now, progressOf),
    );
    progressOf('done', request.files.length, result.rows_read);
    return result;
  } finally {
    // On an interrupted connection this fails as well; the tables go with it.
    for (const table of tables) await session.run(`drop table if exists ${table}`).catch(() => undefined);
  }
}

async function check(
  session: Session,
  contract: Contract,
  landing: Landing,
  scratch: Scratch,
  dateFormat: string | undefined,
): Promise<{ collapsed: number; faulty: number; located: string | undefined }> {
  if (landing.columns.includes('email')) {
    if (contract.target === 'core.contacts') await identifyContacts(session, landing.table);
    else if (contract.resolvesContact) await resolveContacts(session, landing.table);
  }
  const thing = changedThing(contract);
  if (thing) await normaliseChanges(session, thing, landing, dateFormat);
  const collapsed = await settleDuplicates(session, contract, landing);
  const counted = await session.one<{ faulty: number }>(
    `select count(_faults)::int as faulty from ${landing.table}`,
  );
  const faulty = counted?.faulty ?? 0;
  return {
    collapsed,
    faulty,
    located: faulty > 0 ? await locateFaults(session, landing, scratch) : undefined,
  };
}

async function write(
  session: Session,
  contract: Contract,
  request: LoadRequest,
  read: readonly ReadFile[],
  now: string,
  progressOf: (step: LoadProgress['step'], number: number, rows?: number) => void,
): Promise<LoadResult> {
  const batchId = randomUUID();
  const result: LoadResult = {
    table: contract.table,
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
  for (const [index, one] of read.entries()) {
    progressOf('writing', index + 1, one.landing.rows);
    const stamp = { source: one.sourceName, now };
    await writeRejects(session, one.landing, one.located, {
      ...stamp,
      batchId,
      table: contract.table,
      file: one.file.name,
    });
    add(result.stubs, await makeReferenced(session, contract, one.landing, stamp));
    const merged = await mergeLanding(session, contract, one.landing, stamp);
    if (contract.target === 'core.contacts') await storePhoneKeys(session, one.landing);
    if (contract.target === 'core.contacts' && one.landing.columns.includes('email_key')) {
      await adoptEvents(session, one.landing.table);
    }
    const counts = countsOf(one, merged);
    addCounts(result, counts);
    const extra = contract.policy === 'evolve' ? result.columns_kept : result.columns_ignored;
    extra.push(...one.landing.extra.filter((name) => !extra.includes(name)));
    await recordLoad(session, batchId, contract.table, one.sourceName, one.file, counts, now);
  }
  if (request.replaceSource) {
    for (const source of new Set(read.map((one) => one.sourceName))) {
      const landings = read.filter((one) => one.sourceName === source).map((one) => one.landing);
      result.rows_deleted += await deleteOthers(session, contract, landings, { source, now });
    }
  }
  if (result.rows_rejected > 0) result.rejects = await firstRejects(session, batchId, REJECTS_SHOWN);
  return result;
}

function countsOf(
  one: ReadFile,
  merged: { inserted: number; updated: number; unchanged: number },
): LoadCounts {
  const cutOut = one.landing.cutOut.reduce((sum, cut) => sum + cut.count, 0);
  const counts: LoadCounts = {
    rows_read: one.landing.rows + cutOut,
    rows_inserted: merged.inserted,
    rows_updated: merged.updated,
    rows_unchanged: merged.unchanged + one.collapsed,
    rows_rejected: one.faulty + cutOut,
  };
  const accounted = counts.rows_inserted + counts.rows_updated + counts.rows_unchanged + counts.rows_rejected;
  if (accounted !== counts.rows_read) {
    throw new MallardError(
      'internal',
      `${one.file.name}: ${counts.rows_read} rows were read and ${accounted} accounted for.`,
      {
        fields: { ...counts },
      },
    );
  }
  return counts;
}

/** One row of `raw.loads` for each file. */
export async function recordLoad(
  session: Session,
  batchId: string,
  table: string,
  source: string,
  file: LoadFile,
  counts: LoadCounts,
  now: string,
  hash: string | undefined = hashOfStaged(file.path),
): Promise<void> {
  await session.run(
    `insert into raw.loads (batch_id, table_name, source, file, file_hash, rows_read, rows_inserted, rows_updated, rows_unchanged,
       rows_rejected, started_at, recorded_at)
     values ($batch_id, $table, $source, $file, $hash, $rows_read, $rows_inserted, $rows_updated, $rows_unchanged, $rows_rejected,
       $now::timestamp, $now::timestamp)`,
    {
      ...counts,
      batch_id: batchId,
      table,
      source,
      file: file.name,
      hash: hash ?? null,
      now,
    },
  );
}

async function checkDateFormat(session: Session, dateFormat: string | undefined): Promise<void> {
  if (dateFormat === undefined || dateFormat === 'epoch' || dateFormat === 'epoch_ms') return;
  try {
    if (!dateFormat.includes('%')) throw new Error('it has no %');
    await session.one('select try_strptime($1, $2)', ['', dateFormat]);
  } catch (error) {
    throw new MallardError(
      'bad_request',
      `The date format "${dateFormat}" is none: ${errorMessage(error)}.`,
      {
        cause: error,
        fields: { date_format: dateFormat },
        remedy: 'Write it as strptime does, such as %d-%m-%Y or %d/%m/%Y %H:%M.',
      },
    );
  }
}

function addCounts(total: LoadCounts, counts: LoadCounts): void {
  total.rows_read += counts.rows_read;
  total.rows_inserted += counts.rows_inserted;
  total.rows_updated += counts.rows_updated;
  total.rows_unchanged += counts.rows_unchanged;
  total.rows_rejected += counts.rows_rejected;
}

function add(total: Record<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [table, count] of Object.entries(counts)) total[table] = (total[table] ?? 0) + count;
}
