import type { Session } from '../../data/owner/session.ts';
import type { SourceFile } from './source-file.ts';
import { literal } from './sql.ts';

/** A column of a raw table: its value in a landing's row, and the type it gets. */
export interface RawColumn {
  name: string;
  sql: string;
  type: string;
}

/**
 * The types of a raw landing, whose columns are `c0`, `c1` …: Parquet's own; of JSON what every value is; of CSV text the
 * narrowest type that every value of the column fits without losing a character that means something.
 * So `00001` and `0041 79` stay text, unlike with DuckDB's sniffer, which makes numbers of the first 20,480 rows that look like it.
 */
export async function rawTypes(session: Session, table: string, source: SourceFile): Promise<RawColumn[]> {
  const columns = source.columns.map((column, index) => ({
    name: column.name,
    sql: `c${index}`,
    type: column.type,
  }));
  if (source.format === 'parquet' || columns.length === 0) return columns;
  const typeSql = source.format === 'ndjson' ? jsonTypeSql : textTypeSql;
  const found = await session.one<Record<string, string>>(
    `select ${columns.map((column) => `${typeSql(column.sql)} as ${column.sql}`).join(',\n')} from ${table}`,
  );
  return columns.map((column) => {
    const type = found?.[column.sql] ?? 'VARCHAR';
    return { name: column.name, type, sql: valueSql(source, column.sql, type) };
  });
}

function valueSql(source: SourceFile, column: string, type: string): string {
  if (source.format === 'ndjson') {
    if (type === 'JSON') return column;
    return type === 'VARCHAR'
      ? `json_extract_string(${column}, '$')`
      : `cast(json_extract_string(${column}, '$') as ${type})`;
  }
  return type === 'VARCHAR' ? column : `cast(${filled(column)} as ${type})`;
}

function jsonTypeSql(column: string): string {
  const all = (...types: string[]) =>
    `bool_and(json_type(${column}) in (${[...types, 'NULL'].map(literal).join(', ')}))`;
  return `case when bool_and(${column} is null or json_type(${column}) = 'NULL') then 'VARCHAR'
    when ${all('BIGINT', 'UBIGINT')} and bool_and(json_type(${column}) = 'NULL' or try_cast(json_extract_string(${column}, '$') as bigint) is not null or ${column} is null) then 'BIGINT'
    when ${all('BIGINT', 'UBIGINT', 'DOUBLE')} then 'DOUBLE'
    when ${all('BOOLEAN')} then 'BOOLEAN' when ${all('VARCHAR')} then 'VARCHAR' else 'JSON' end`;
}

function textTypeSql(column: string): string {
  const value = filled(column);
  const all = (condition: string) => `bool_and(${value} is null or (${condition}))`;
  const like = (pattern: string) => `regexp_full_match(${value}, ${literal(pattern)})`;
  return `case when count(${value}) = 0 then 'VARCHAR'
    when ${all(like('-?(0|[1-9]\\d{0,17})'))} then 'BIGINT'
    when ${all(like('-?(0|[1-9]\\d*)(\\.\\d+)?([eE][-+]?\\d{1,2})?'))} then 'DOUBLE'
    when ${all(like('(?i)true|false'))} then 'BOOLEAN'
    when ${all(`${like('\\d{4}-\\d{2}-\\d{2}')} and try_cast(${value} as date) is not null`)} then 'DATE'
    when ${all(`${like('\\d{4}-\\d{2}-\\d{2}[ T]\\d{1,2}:\\d{2}(:\\d{2}(\\.\\d+)?)?')} and try_cast(${value} as timestamp) is not null`)} then 'TIMESTAMP'
    else 'VARCHAR' end`;
}

function filled(column: string): string {
  return `nullif(trim(${column}), '')`;
}
