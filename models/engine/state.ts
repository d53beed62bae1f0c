import type { Session } from '../../data/owner/session.ts';
import { buildColumns, marts } from './marts.ts';

/** When marts were last built as of that very time (UTC without an offset), ISO; undefined where none was. */
export async function builtAt(session: Session, asOf: string): Promise<string | undefined> {
  const row = await session.one<{ built_at: string | null }>(
    `select max(built_at) as built_at from ops.mart_builds where as_of = $1::timestamp and known_at is null`,
    [asOf],
  );
  return row?.built_at ?? undefined;
}

/** When the newest row known by a time (UTC without an offset; default now) came to each table, ISO; none for empty ones. */
export async function recordedAt(
  session: Session,
  tables: readonly string[],
  knownAt: string | undefined,
): Promise<Map<string, string>> {
  if (tables.length === 0) return new Map();
  const each = tables.map(
    (table) =>
      `select '${table}' as name, max(recorded_at) as at_last from ${table}${knownAt === undefined ? '' : ` where recorded_at < timestamp '${knownAt}'`}`,
  );
  const rows = await session.rows<{ name: string; at_last: string | null }>(each.join(' union all '));
  return new Map(rows.flatMap(({ name, at_last: at }) => (at === null ? [] : [[name, at] as const])));
}

/** Changes when a table or a column that models may name comes, goes or is of another type; our marts aside, which every build replaces. */
export async function schemaFingerprint(session: Session): Promise<string> {
  const row = await session.one<{ fingerprint: string | null }>(
    `select sum(hash(schema_name, table_name, column_index, column_name, data_type))::varchar as fingerprint
     from duckdb_columns()
     where database_name = current_database() and schema_name in ('raw', 'core', 'ops', 'mart')
       and not (schema_name = 'mart' and table_name = any($1))`,
    [[...marts]],
  );
  return row?.fingerprint ?? '';
}

/** Every column of every table, as `schema.table.column`; and `schema.table.*`. */
export async function columnNames(session: Session): Promise<string[]> {
  const rows = await session.rows<{ name: string }>(
    `select schema_name || '.' || table_name || '.' || unnest([column_name, '*']) as name from duckdb_columns()
     where database_name = current_database() and not internal`,
  );
  return rows.map(({ name }) => name);
}

/**
 * The marts whose newest build is of this very time, and whose table still has the columns of the definition.
 * @param asOf UTC without an offset
 * @param columns the names of the definition's columns, by mart
 */
export async function builtMarts(
  session: Session,
  asOf: string,
  columns: ReadonlyMap<string, readonly string[]>,
): Promise<string[]> {
  return newestBuilds(session, columns, 'newest.as_of = $1::timestamp and newest.known_at is null', [asOf]);
}

/** The marts that are built, as of whatever time, and whose table still has the columns of the definition; `columns` as above. */
export async function standingMarts(
  session: Session,
  columns: ReadonlyMap<string, readonly string[]>,
): Promise<string[]> {
  return newestBuilds(session, columns, 'newest.known_at is null', []);
}

/** @param which condition on the newest build of each mart */
async function newestBuilds(
  session: Session,
  columns: ReadonlyMap<string, readonly string[]>,
  which: string,
  params: readonly unknown[],
): Promise<string[]> {
  const rows = await session.rows<{ mart: string; columns: string[] }>(
    `with newest as (
       select mart, as_of, known_at from ops.mart_builds
       qualify row_number() over (partition by mart order by built_at desc, rowid desc) = 1)
     select newest.mart, list(present.column_name) as columns
     from newest join duckdb_columns() present
       on present.database_name = current_database() and present.schema_name = 'mart'
       and present.table_name = newest.mart
     where ${which}
     group by all`,
    params,
  );
  return rows
    .filter((row) => {
      const expected = new Set([...(columns.get(row.mart) ?? []), ...buildColumns]);
      return expected.size === row.columns.length && row.columns.every((name) => expected.has(name));
    })
    .map((row) => row.mart)
    .sort();
}
