import { columns } from '../../../data/kysely/columns.ts';
import type { Session } from '../../../data/owner/session.ts';
import { lateRowsSql, supersededSql, versioned } from './relations.ts';
import type { Part, WeighingRow } from './types.ts';

/** Adds to rows what tells which they are, as they are now or else as they were. @param sqls SQL of _key and fields, the first that has a row counts */
export async function describeRows(
  session: Session,
  rows: readonly WeighingRow[],
  sqls: readonly string[],
): Promise<void> {
  let wanted = new Set(rows.map(({ key }) => key));
  for (const sql of sqls) {
    if (wanted.size === 0) return;
    const found = await session.rows(`select * from (${sql}) where _key in (${keysSql})`, {
      keys: JSON.stringify([...wanted]),
    });
    for (const { _key, ...fields } of found) {
      for (const row of rows) if (row.key === _key) row.fields = fields;
      wanted.delete(String(_key));
    }
    wanted = new Set(wanted);
  }
}

const keysSql = `select unnest(from_json($keys, '["VARCHAR"]'))`;

/** What rows are traced by: the source's key, the tables that the metric reads, and what was known. */
export interface Trace {
  key: string | undefined;
  tables: ReadonlySet<string>;
  knownAt: Date;
}

/** Adds to the rows of late or corrected facts when the newest of these was recorded, and where it came from. */
export async function traceRows(session: Session, { part, rows }: Part, trace: Trace): Promise<void> {
  if (rows.length === 0 || (part !== 'late_facts' && part !== 'corrected_facts')) return;
  const sources = [...trace.tables].flatMap((table) => tracedSql(part, table, trace));
  if (sources.length === 0) return;
  const found = await session.rows<{ key: string; table_name: string; source: string; recorded_at: string }>(
    `select * from (${sources.join(' union all ')}) where key in (${keysSql})
     qualify row_number() over (partition by key order by recorded_at desc, table_name) = 1`,
    { keys: JSON.stringify(rows.map((row) => row.key)) },
  );
  for (const { key, table_name, source, recorded_at } of found) {
    const row = rows.find((one) => one.key === key);
    if (row) row.recorded = { table: table_name, source, at: recorded_at };
  }
}

/** SQL of key, table_name, source, recorded_at. None where the table does not know the key. */
function tracedSql(part: 'late_facts' | 'corrected_facts', table: string, { key, knownAt }: Trace): string[] {
  const found = versioned(table);
  if (!found || key === undefined || !columnsOf(found.name).includes(key)) return [];
  const { name, row } = found;
  if (part === 'late_facts') {
    return [
      `select ${key}::varchar as key, '${name}' as table_name, source, recorded_at
       from (${lateRowsSql(name, row, knownAt)})`,
    ];
  }
  const same = row.key.map((column) => `c.${column} is not distinct from s.${column}`).join(' and ');
  return [
    `select s.${key}::varchar as key, '${name}' as table_name, coalesce(c.source, s.source) as source,
       coalesce(c.recorded_at, s.superseded_at) as recorded_at
     from (${supersededSql(name, knownAt)}) s left join core.${name} c on ${same}`,
  ];
}

function columnsOf(table: string): string[] {
  return Object.keys((columns as Record<string, object>)[`core.${table}`] ?? {});
}
