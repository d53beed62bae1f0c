import { toTimestamp } from '../../../data/clock.ts';
import type { Warehouse } from '../../../data/owner/warehouse.ts';
import { loadTable } from '../../load/load.ts';
import { locateFaults } from '../../load/locate.ts';
import { firstRejects } from '../../load/rejects.ts';
import type { Scratch } from '../../load/scratch.ts';
import { literal } from '../../load/sql.ts';
import type { LoadResult } from '../../load/types.ts';
import { isThere, loadSql, type StagedTables } from './load-sql.ts';
import type { Load } from './mapping.ts';
import type { ImportedInto } from './types.ts';

const REJECTS_SHOWN = 5;

/** Which rows of their tables a load used: a FROM item with a column `_row`, by table. */
export type UsedRows = { table: string; from: string }[];

export interface LoadOutcome {
  /** Undefined where it makes no rows. */
  into: ImportedInto | undefined;
  used: UsedRows;
  /** A FROM item of the rows of the load's own table that make nothing: `_row`, `reason`. */
  skipped: string;
}

/**
 * Makes a load's rows in the staging folder and has the ordinary loader take them, so that contracts, rejects, stubs,
 * idempotency and history are its own. The rejects name the line of the system's own file, and its column.
 */
export async function runLoad(
  warehouse: Warehouse,
  system: string,
  load: Load,
  tables: StagedTables,
  scratch: Scratch,
): Promise<LoadOutcome> {
  const { sql, skipped, rows } = loadSql(load, tables);
  const others = scratch.file('.parquet');
  const full = scratch.file('.parquet');
  const given = scratch.file('.parquet');
  const used = usedRows(load, rows, full);
  const count = await warehouse.loads.exclusive(async (session) => {
    await session.run(`copy (${sql}) to ${literal(full)} (format parquet)`);
    await session.run(`copy (${skipped}) to ${literal(others)} (format parquet)`);
    await session.run(
      `copy (select * exclude (${[...rows.keys()].join(', ')}) from read_parquet(${literal(full)})) to ${literal(given)} (format parquet)`,
    );
    return session.one<{ rows: number }>(`select count(*)::int as rows from read_parquet(${literal(given)})`);
  });
  if ((count?.rows ?? 0) === 0) return { into: undefined, skipped: `read_parquet(${literal(others)})`, used };
  const name = tables.get(load.from)?.file.name ?? load.from;
  const result = await loadTable(warehouse, {
    table: load.target,
    source: system,
    files: [{ path: given, name }],
  });
  if (result.rows_rejected > 0) await nameOriginals(warehouse, load, tables, full, result, scratch);
  const { rows_read, rows_inserted, rows_updated, rows_unchanged, rows_rejected, rejects } = result;
  return {
    into: {
      table: load.target,
      ...{ rows_read, rows_inserted, rows_updated, rows_unchanged, rows_rejected, rejects },
    },
    skipped: `read_parquet(${literal(others)})`,
    used,
  };
}

function usedRows(load: Load, rows: ReadonlyMap<string, string>, full: string): UsedRows {
  return [...rows]
    .filter(([column]) => !(load.isDerived && column === '_row'))
    .map(([column, table]) => ({
      table,
      from: `(select distinct ${column} as _row from read_parquet(${literal(full)}) where ${column} is not null)`,
    }));
}

/** The loader knows the rows made for it; what a person has to look at is the line they were made of. */
async function nameOriginals(
  warehouse: Warehouse,
  load: Load,
  tables: StagedTables,
  full: string,
  result: LoadResult,
  scratch: Scratch,
): Promise<void> {
  const staged = tables.get(load.from);
  if (!staged) return;
  const columns = Object.entries(load.fields ?? {})
    .filter(([, value]) => value.reads.length > 0)
    .map(([ours, value]) => {
      const there = value.reads.filter((read) => isThere(load, read, tables));
      return `when ${literal(ours)} then ${literal((there.length > 0 ? there : value.reads).join(' or '))}`;
    });
  const columnName =
    columns.length === 0 ? 'column_name' : `case column_name ${columns.join(' ')} else column_name end`;
  await warehouse.loads.exclusive(async (session) => {
    const faulty = 'import_faulty';
    try {
      // Its rowid counts the records of the file, as `locateFaults` wants it.
      await session.run(
        `create temp table ${faulty} as
         select case when f._row is not null then 'rejected' end as _faults from read_parquet(${literal(staged.path)}) s
         left join (select distinct _row from read_parquet(${literal(full)}, file_row_number = true)
                    where file_row_number + 1 in (select line from raw.rejects where batch_id = $1)) f on f._row = s._row
         order by s._row`,
        [result.batch_id],
      );
      const located = await locateFaults(
        session,
        { table: faulty, source: staged.source, rows: staged.rows },
        scratch,
      );
      await session.run(
        `update raw.rejects set line = place.line, line_text = coalesce(place.text, raw.rejects.line_text), column_name = ${columnName}
         from (select f.file_row_number + 1 as made, p.line, p.text
               from read_parquet(${literal(full)}, file_row_number = true) f left join ${located} p on p.ordinal = f._row) place
         where raw.rejects.batch_id = $1 and raw.rejects.line = place.made`,
        [result.batch_id],
      );
      result.rejects = await firstRejects(session, result.batch_id, REJECTS_SHOWN);
    } finally {
      await session.run(`drop table if exists ${faulty}`);
    }
  });
}

export function nowOf(warehouse: Warehouse): string {
  return toTimestamp(warehouse.clock.now());
}
