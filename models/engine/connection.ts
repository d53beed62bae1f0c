import {
  DuckDBDialect,
  makeDigest,
  mkFieldDef,
  sqlKey,
  type MalloyQueryData,
  type QueryRecord,
  type SQLSourceDef,
  type SQLSourceRequest,
  type TableSourceDef,
} from '@malloydata/malloy';
import { BaseConnection } from '@malloydata/malloy/connection';
import type { Session } from '../../data/owner/session.ts';

/** The name under which every model, and VS Code's `malloy-config.json`, knows the warehouse. */
export const connectionName = 'duckdb';

/** Runs a piece of reading: on the reader pool, or inside of a transaction. */
export type Read = <T>(work: (session: Session) => Promise<T>) => Promise<T>;

interface Column {
  column_name: string;
  data_type: string;
}

/**
 * Malloy's view of the owner's DuckDB instance: schemas and rows. A table is one of the catalogue
 * and nothing else: a path such as `'file.csv'` or `read_csv(…)` is never handed to DuckDB.
 */
export class WarehouseConnection extends BaseConnection {
  readonly #read: Read;
  readonly #dialect = new DuckDBDialect();

  constructor(read: Read) {
    super();
    this.#read = read;
  }

  get name(): string {
    return connectionName;
  }

  get dialectName(): string {
    return this.#dialect.name;
  }

  getDigest(): string {
    return makeDigest(connectionName);
  }

  /** The columns of `schema.table`, or the text of the error. */
  async fetchTableSchema(tableKey: string, tablePath: string): Promise<TableSourceDef | string> {
    const [schema, table] = parseTablePath(tablePath) ?? [];
    if (table === undefined) {
      return `'${tablePath}' is not a table of the warehouse: write duckdb.table('schema.table').`;
    }
    const columns = await this.#read((session) =>
      session.rows<Column>(
        `select column_name, data_type from duckdb_columns()
         where case when database_name = 'temp' then $1 = 'temp' else database_name = current_database() and schema_name = $1 end
           and table_name = $2 order by column_index`,
        [schema, table],
      ),
    );
    if (columns.length === 0) return `The warehouse has no table '${schema}.${table}'.`;
    return {
      type: 'table',
      name: tableKey,
      dialect: this.dialectName,
      tablePath,
      connection: this.name,
      fields: this.#fields(columns),
    };
  }

  /** The columns a `duckdb.sql("""…""")` block yields. */
  async fetchSelectSchema(block: SQLSourceRequest): Promise<SQLSourceDef | string> {
    const columns = await this.#read((session) =>
      session.rows<Column>(
        `select column_name, column_type as data_type from (describe select * from (${block.selectStr}))`,
      ),
    );
    return {
      type: 'sql_select',
      ...block,
      name: sqlKey(block.connection, block.selectStr),
      dialect: this.dialectName,
      fields: this.#fields(columns),
    };
  }

  /** Rows for Malloy itself (search indexes and the like); Mallard's own queries run the compiled SQL directly. */
  async runSQL(sql: string, options: { rowLimit?: number } = {}): Promise<MalloyQueryData> {
    const rows = await this.#read((session) => session.rows<QueryRecord>(sql));
    const kept = options.rowLimit === undefined ? rows : rows.slice(0, options.rowLimit);
    return { rows: kept, totalRows: kept.length };
  }

  /** A digest of every table's columns, those of this connection's temporary tables too. */
  async schemaDigest(): Promise<string> {
    const row = await this.#read((session) =>
      session.one<{ digest: string }>(
        `select md5(string_agg(concat_ws(' ', database_name = 'temp', schema_name, table_name, column_index, column_name, data_type), chr(10)
           order by database_name = 'temp', schema_name, table_name, column_index)) as digest
         from duckdb_columns() where not internal and database_name in ('temp', current_database())`,
      ),
    );
    return row?.digest ?? '';
  }

  #fields(columns: readonly Column[]) {
    return columns.map((column) =>
      mkFieldDef(this.#dialect.parseDuckDBType(column.data_type), column.column_name),
    );
  }
}

/** `schema.table` of plain or double-quoted names; anything else is no table of ours. */
function parseTablePath(path: string): [schema: string, table: string] | undefined {
  const name = `([A-Za-z_][A-Za-z0-9_]*|"(?:[^"]|"")+")`;
  const match = new RegExp(`^${name}\\.${name}$`).exec(path);
  if (!match?.[1] || !match[2]) return undefined;
  return [unquote(match[1]), unquote(match[2])];
}

function unquote(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
}
