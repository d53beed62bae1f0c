import { contractOf } from '../../load/contracts/index.ts';
import { identifier, literal } from '../../load/sql.ts';
import { joinOf, type Columns, type Join, type Load, type QuerySource, type Value } from './mapping.ts';
import type { StagedTable } from './staged-table.ts';

export type StagedTables = ReadonlyMap<string, StagedTable>;

/** A SELECT of what a load makes: our columns; `_row` of its own table; `_row_<alias>` of each join's. */
export interface LoadSql {
  sql: string;
  /** A SELECT of the rows that make nothing: `_row`, `reason`. */
  skipped: string;
  /** `_row…` column -> the table it counts rows of. */
  rows: Map<string, string>;
}

/** The attribute of a contact that its system has deleted. */
export const deletedIn = 'deleted_in';

const noTable = (columns: readonly string[]) =>
  `(select cast(null as bigint) as _row${columns.map((column) => `, cast(null as varchar) as ${identifier(column)}`).join('')} where false)`;

/** Whether the export has what the load needs. */
export function applies(load: Load, tables: StagedTables): boolean {
  const own = tables.get(load.from);
  if (!own || own.rows === 0) return false;
  if (load.unless?.some((table) => (tables.get(table)?.rows ?? 0) > 0)) return false;
  return (load.requires ?? []).every((column) => own.columns.includes(column));
}

export function querySource(tables: StagedTables): QuerySource {
  return {
    has: (table, column) => {
      const staged = tables.get(table);
      return staged !== undefined && (column === undefined || staged.columns.includes(column));
    },
    table: (name, columns) => {
      const staged = tables.get(name);
      if (!staged) return noTable(columns);
      const selected = columns.map((column) =>
        staged.columns.includes(column)
          ? identifier(column)
          : `cast(null as varchar) as ${identifier(column)}`,
      );
      return `(select ${['_row', ...selected].join(', ')} from read_parquet(${literal(staged.path)}))`;
    },
  };
}

export function loadSql(load: Load, tables: StagedTables): LoadSql {
  if (!load.query) return fieldsSql(load, tables);
  const from = `read_parquet(${literal(tables.get(load.from)?.path ?? '')}) s`;
  return {
    sql: load.query.sql(querySource(tables)),
    skipped: skippedSql(load, columnsOf(load, tables), from),
    rows: new Map([['_row', load.from]]),
  };
}

/** Reads `name` or `alias.name`; null where the export has no such column. */
export function columnsOf(load: Load, tables: StagedTables): Columns {
  return (name) => {
    const [alias, column] = name.includes('.') ? (name.split('.') as [string, string]) : ['s', name];
    return isThere(load, name, tables) ? `${alias}.${identifier(column)}` : 'cast(null as varchar)';
  };
}

function skippedSql(load: Load, column: Columns, from: string): string {
  return `select s._row as _row, ${skipSql(load, column)} as reason from ${from} where reason is not null`;
}

/** The reason for which a row makes nothing; null where it does. */
function skipSql(load: Load, column: Columns): string {
  const cases = (load.skips ?? []).map(
    ({ when, reason }) => `when coalesce(${when(column)}, false) then ${literal(reason)}`,
  );
  return cases.length === 0 ? 'cast(null as varchar)' : `case ${cases.join(' ')} end`;
}

function fieldsSql(load: Load, tables: StagedTables): LoadSql {
  const column = columnsOf(load, tables);
  const values = Object.entries(load.fields ?? {}).filter(([name, value]) =>
    isGiven(load, name, value, tables),
  );
  const selected = values.map(
    ([name, value]) => `cast(${value.sql(column)} as varchar) as ${identifier(name)}`,
  );
  const joins = (load.joins ?? []).filter((join) => isJoined(join, tables));
  const attributes = attributesSql(load, tables);
  if (attributes) selected.push(`${attributes} as attributes`);
  const rows = new Map([['_row', load.from]]);
  const rowColumns = ['s._row as _row'];
  for (const join of joins) {
    rows.set(`_row_${join.as}`, join.table);
    rowColumns.push(`${join.as}._row as _row_${join.as}`);
  }
  const from = [
    `read_parquet(${literal(tables.get(load.from)?.path ?? '')}) s`,
    ...joins.map((join) => joinSql(join, column, tables)),
  ].join('\n');
  return {
    sql: `select ${[...selected, ...rowColumns].join(',\n ')}
      from ${from} where ${skipSql(load, column)} is null order by s._row`,
    skipped: skippedSql(load, column, from),
    rows,
  };
}

/** A column that the export says nothing of is left out: an empty one would take the present value away. */
function isGiven(load: Load, name: string, value: Value, tables: StagedTables): boolean {
  const contract = contractOf(load.target);
  const isNeeded =
    contract.key.includes(name) || contract.columns.some((one) => one.name === name && one.required);
  return (
    isNeeded ||
    value.isAlways === true ||
    value.reads.length === 0 ||
    value.reads.some((read) => isThere(load, read, tables))
  );
}

/** Whether the export has a load's column, `name` or `alias.name`. */
export function isThere(load: Load, name: string, tables: StagedTables): boolean {
  const [alias, column] = name.includes('.') ? (name.split('.') as [string, string]) : [undefined, name];
  const join = alias === undefined ? undefined : joinOf(load, alias);
  if (join && !isJoined(join, tables)) return false;
  return tables.get(join?.table ?? load.from)?.columns.includes(column) ?? false;
}

function isJoined(join: Join, tables: StagedTables): boolean {
  return tables.get(join.table)?.columns.includes(join.key) ?? false;
}

function joinSql(join: Join, column: Columns, tables: StagedTables): string {
  const staged = tables.get(join.table);
  const own: Columns = (name) =>
    staged?.columns.includes(name) ? identifier(name) : 'cast(null as varchar)';
  const key = own(join.key);
  const order = [...(join.order ? [join.order(own)] : []), '_row'].join(', ');
  return `left join (select * from read_parquet(${literal(staged?.path ?? '')})
      where ${key} is not null and coalesce(${join.where ? join.where(own) : 'true'}, false)
      qualify row_number() over (partition by ${key} order by ${order}) = 1) as ${join.as}
    on ${join.as}.${identifier(join.key)} = ${column(join.to)}`;
}

/** The columns that go to `attributes`: theirs -> the name there. */
export function attributeColumns(load: Load, staged: StagedTable): Map<string, string> {
  if (load.attributesWithout === undefined) return new Map();
  const read = new Set(
    Object.values(load.fields ?? {})
      .flatMap((value) => (value.isKept ? [] : value.reads))
      .concat(...(load.skips ?? []).map((skip) => readsOf(skip.when))),
  );
  const prefix = load.attributesWithout;
  const kept = staged.columns.filter((name) => !read.has(name) && !name.startsWith('_fivetran'));
  return new Map(
    kept.map((name) => {
      const bare = prefix !== '' && name.startsWith(prefix) ? name.slice(prefix.length) : name;
      return [name, bare !== name && kept.includes(bare) ? name : bare];
    }),
  );
}

/** Empty ones are kept as null: on a row that is there, they take the old value away. */
function attributesSql(load: Load, tables: StagedTables): string | undefined {
  const staged = tables.get(load.from);
  const columns = staged ? attributeColumns(load, staged) : new Map<string, string>();
  if (columns.size === 0) return undefined;
  const pairs = [...columns].map(([name, key]) => `${literal(key)}, s.${identifier(name)}`);
  // What the system took back its deletion of is not deleted any more: see `deletions.ts`.
  return `cast(json_object(${[...pairs, `'${deletedIn}', null`].join(', ')}) as varchar)`;
}

function readsOf(sql: (column: Columns) => string): string[] {
  const reads: string[] = [];
  sql((name) => {
    reads.push(name);
    return 'null';
  });
  return reads;
}
