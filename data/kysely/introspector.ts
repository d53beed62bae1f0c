import {
  DEFAULT_MIGRATION_LOCK_TABLE,
  DEFAULT_MIGRATION_TABLE,
  sql,
  type ColumnMetadata,
  type DatabaseIntrospector,
  type DatabaseMetadata,
  type DatabaseMetadataOptions,
  type Kysely,
  type SchemaMetadata,
  type TableMetadata,
} from 'kysely';

interface ColumnRow {
  schema: string;
  table: string;
  is_view: boolean;
  column: string;
  data_type: string;
  is_nullable: boolean;
  has_default: boolean;
  comment: string | null;
}

/** Tables and views of the database in use; attached ones and DuckDB's own schemas are left out. */
export class DuckDBIntrospector implements DatabaseIntrospector {
  readonly #db: Kysely<unknown>;

  constructor(db: Kysely<unknown>) {
    this.#db = db;
  }

  async getSchemas(): Promise<SchemaMetadata[]> {
    const { rows } = await sql<SchemaMetadata>`
      select schema_name as name from duckdb_schemas()
      where database_name = current_database() and not internal order by 1`.execute(this.#db);
    return rows;
  }

  async getTables(
    options: DatabaseMetadataOptions = { withInternalKyselyTables: false },
  ): Promise<TableMetadata[]> {
    // `main` counts as internal, so it is the objects, not the schemas, that are asked whether they are.
    const { rows } = await sql<ColumnRow>`
      select c.schema_name as "schema", c.table_name as "table", v.view_name is not null as is_view,
        c.column_name as "column", c.data_type, c.is_nullable, c.column_default is not null as has_default, c.comment
      from duckdb_columns() c
      left join duckdb_views() v
        on v.database_oid = c.database_oid and v.schema_oid = c.schema_oid and v.view_oid = c.table_oid
      where c.database_name = current_database() and not c.internal
      order by c.schema_name, c.table_name, c.column_index`.execute(this.#db);
    const wanted = options.withInternalKyselyTables
      ? rows
      : rows.filter((row) => !kyselyTables.has(row.table));
    return tablesOf(wanted);
  }

  async getMetadata(options?: DatabaseMetadataOptions): Promise<DatabaseMetadata> {
    return { tables: await this.getTables(options) };
  }
}

const kyselyTables: ReadonlySet<string> = new Set([DEFAULT_MIGRATION_TABLE, DEFAULT_MIGRATION_LOCK_TABLE]);

/** One entry for each run of rows of one table: they come sorted. */
function tablesOf(rows: readonly ColumnRow[]): TableMetadata[] {
  const tables: (TableMetadata & { columns: ColumnMetadata[] })[] = [];
  for (const row of rows) {
    let table = tables.at(-1);
    if (table?.name !== row.table || table.schema !== row.schema) {
      table = { name: row.table, schema: row.schema, isView: row.is_view, columns: [] };
      tables.push(table);
    }
    table.columns.push(columnOf(row));
  }
  return tables;
}

function columnOf(row: ColumnRow): ColumnMetadata {
  return {
    name: row.column,
    dataType: row.data_type,
    isNullable: row.is_nullable,
    hasDefaultValue: row.has_default,
    isAutoIncrementing: false,
    ...(row.comment === null ? {} : { comment: row.comment }),
  };
}
