import type { Session } from '../../data/owner/session.ts';
import type { RawColumn } from './raw-types.ts';
import { identifier } from './sql.ts';

/** What the loader adds to every raw table. */
const stampTypes = { _loaded_at: 'TIMESTAMP', _source: 'VARCHAR', _batch_id: 'VARCHAR' } as const;

/**
 * Appends a landing's good rows to `raw.<name>`, making the table or adding its new columns first. Where a column's old and
 * new type differ, the column takes the type that holds both, else text.
 * @returns rows appended
 */
export async function appendRaw(
  session: Session,
  name: string,
  landing: { landing: string; columns: readonly RawColumn[] },
  stamp: { source: string; batchId: string; now: string },
): Promise<number> {
  const table = `raw.${identifier(name)}`;
  const columns = distinctNames(landing.columns);
  const present = await columnTypes(session, name);
  if (present.size === 0) {
    const stamps = Object.entries(stampTypes).map(([column, type]) => `${column} ${type}`);
    const types = columns.map((column) => `${identifier(column.name)} ${column.type}`);
    await session.run(`create table ${table} (${[...types, ...stamps].join(', ')})`);
  } else {
    await evolve(session, table, present, columns);
  }
  return session.run(
    `insert into ${table} (${columns.map((column) => identifier(column.name)).join(', ')}, _loaded_at, _source, _batch_id)
     select ${columns.map((column) => column.sql).join(', ')}, $now::timestamp, $source, $batch
     from ${landing.landing} where _faults is null`,
    { now: stamp.now, source: stamp.source, batch: stamp.batchId },
  );
}

async function evolve(
  session: Session,
  table: string,
  present: ReadonlyMap<string, string>,
  columns: readonly RawColumn[],
): Promise<void> {
  for (const column of columns) {
    const type = present.get(column.name.toLowerCase());
    const name = identifier(column.name);
    if (type === undefined) {
      await session.run(`alter table ${table} add column ${name} ${column.type}`);
      continue;
    }
    const common = await commonType(session, type, column.type);
    if (common !== type) await session.run(`alter table ${table} alter column ${name} type ${common}`);
  }
}

async function columnTypes(session: Session, name: string): Promise<Map<string, string>> {
  const rows = await session.rows<{ column_name: string; data_type: string }>(
    `select lower(column_name) as column_name, data_type from duckdb_columns()
     where database_name = current_database() and schema_name = 'raw' and table_name = $1`,
    [name],
  );
  return new Map(rows.map((row) => [row.column_name, row.data_type]));
}

async function commonType(session: Session, one: string, other: string): Promise<string> {
  if (one === other) return one;
  // DuckDB would make a number of a truth value; lists, structs and the like mix with nothing else.
  if ([one, other].some((type) => type === 'BOOLEAN' || /[[(]/.test(type.replace(/^DECIMAL.*/, ''))))
    return 'VARCHAR';
  const found = await session.one<{ type: string }>(
    `select typeof(value) as type from (select cast(null as ${one}) as value union all select cast(null as ${other})) limit 1`,
  );
  return found?.type ?? 'VARCHAR';
}

/** DuckDB tells columns apart without case: the second `email` becomes `Email_2`, as does one named like our stamps. */
function distinctNames(columns: readonly RawColumn[]): RawColumn[] {
  const taken = new Set<string>(Object.keys(stampTypes));
  return columns.map((column) => {
    let name = column.name;
    for (let number = 2; taken.has(name.toLowerCase()); number += 1) name = `${column.name}_${number}`;
    taken.add(name.toLowerCase());
    return { ...column, name };
  });
}
