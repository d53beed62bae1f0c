import { randomUUID } from 'node:crypto';
import type { Session } from '../../../data/owner/session.ts';
import type { Warehouse } from '../../../data/owner/warehouse.ts';
import { loadRaw } from '../../load/load-raw.ts';
import { writeRejects } from '../../load/rejects.ts';
import type { Scratch } from '../../load/scratch.ts';
import { identifier, literal } from '../../load/sql.ts';
import { rawTableOf } from './files.ts';
import type { SystemMapping } from './mapping.ts';
import type { UsedRows } from './run-load.ts';
import type { StagedTable } from './staged-table.ts';

export interface Kept {
  rows: number;
  table: string | null;
  reasons: Record<string, number>;
}

/**
 * Keeps in `raw.<system>_<table>` the rows of a table that no load used, with `_reason`: nothing of an export vanishes. The
 * same rows again change nothing there.
 */
export async function keepUnused(
  warehouse: Warehouse,
  mapping: SystemMapping,
  staged: StagedTable,
  fate: { used: UsedRows; skipped: readonly string[] },
  scratch: Scratch,
): Promise<Kept> {
  // Text, not Parquet: the same rows are the same bytes, by which `loadRaw` knows them again.
  const path = scratch.file('.csv');
  const reasons = await warehouse.loads.exclusive(async (session) => {
    const sql = unusedSql(mapping, staged, fate);
    await session.run(
      `copy (${sql}) to ${literal(path)} (format csv, header true, delimiter ',', quote '"', escape '"')`,
    );
    return countBy(session, sql);
  });
  const rows = Object.values(reasons).reduce((sum, count) => sum + count, 0);
  if (rows === 0) return { rows, table: null, reasons };
  const name = rawTableOf(mapping, staged.table);
  await loadRaw(warehouse, {
    name,
    source: mapping.system,
    format: 'csv',
    delimiter: ',',
    files: [{ path, name: staged.file.name }],
  });
  return { rows, table: `raw.${name}`, reasons };
}

function unusedSql(
  mapping: SystemMapping,
  staged: StagedTable,
  fate: { used: UsedRows; skipped: readonly string[] },
): string {
  const own = fate.used.filter(({ table }) => table === staged.table);
  const used = own.map(({ from }) => `select _row from ${from}`);
  const columns = staged.columns.map((column) => `s.${identifier(column)}`).join(', ');
  const isMain = mapping.loads.some((load) => load.from === staged.table);
  const otherwise = isMain ? 'nothing of ours is made of it' : 'no row of another file refers to it';
  // Where several loads skip a row, the first one's reason.
  const skipped = fate.skipped.map((from, index) => `select _row, reason, ${index} as load from ${from}`);
  const reasons =
    skipped.length === 0
      ? 'select cast(null as bigint) as _row, cast(null as varchar) as reason'
      : `select _row, arg_min(reason, load) as reason from (${skipped.join(' union all ')}) group by _row`;
  return `select ${columns}, coalesce(r.reason, ${literal(otherwise)}) as _reason from read_parquet(${literal(staged.path)}) s
    ${used.length === 0 ? '' : `anti join (${used.join(' union all ')}) u on u._row = s._row`}
    left join (${reasons}) r on r._row = s._row order by s._row`;
}

async function countBy(session: Session, sql: string): Promise<Record<string, number>> {
  const rows = await session.rows<{ reason: string; rows: number }>(
    `select _reason as reason, count(*)::int as rows from (${sql}) group by all order by 2 desc, 1`,
  );
  return Object.fromEntries(rows.map(({ reason, rows: count }) => [reason, count]));
}

/** Lines that are no records go where those of every load go. */
export async function rejectUnreadable(
  warehouse: Warehouse,
  system: string,
  staged: StagedTable,
  now: string,
): Promise<number> {
  const count = staged.cutOut.reduce((sum, cut) => sum + cut.count, 0);
  if (count === 0) return 0;
  await warehouse.loads.transaction((session) =>
    writeRejects(session, { table: '', cutOut: staged.cutOut }, undefined, {
      batchId: randomUUID(),
      table: `${system}.${staged.table}`,
      source: system,
      file: staged.file.name,
      now,
    }),
  );
  return count;
}
