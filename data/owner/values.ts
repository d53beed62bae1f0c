/**
 * DuckDB values as Mallard's TypeScript sees them. One convention for the session, the Kysely dialect and the API:
 *
 * | DuckDB                        | JavaScript                                                         |
 * |-------------------------------|--------------------------------------------------------------------|
 * | TINYINT … INTEGER, DOUBLE     | number                                                             |
 * | BIGINT, UBIGINT, HUGEINT      | bigint                                                             |
 * | DECIMAL                       | string, every digit of the scale ('12.50')                         |
 * | TIMESTAMP (any), TIMESTAMPTZ  | string, UTC: '2026-11-02T06:00:00Z', fraction of 0, 3, 6 or 9 digits |
 * | DATE, TIME, INTERVAL, UUID    | string as DuckDB prints it                                         |
 * | JSON                          | the parsed value (its numbers are doubles, as JSON.parse makes them) |
 * | LIST, ARRAY                   | array                                                              |
 * | STRUCT                        | object                                                             |
 * | MAP                           | object where the keys are text, else an array of {key, value}      |
 * | BLOB                          | Uint8Array                                                         |
 * | NULL                          | null                                                               |
 *
 * Each string form is one that DuckDB reads back to the same value, so what was read can be bound again. `bindParams`
 * (params.ts) is the other direction.
 */
import {
  DuckDBArrayType,
  DuckDBArrayValue,
  DuckDBBlobValue,
  DuckDBListType,
  DuckDBListValue,
  DuckDBMapType,
  DuckDBMapValue,
  DuckDBStructType,
  DuckDBStructValue,
  DuckDBTypeId,
  DuckDBUnionType,
  DuckDBUnionValue,
  type DuckDBDataChunk,
  type DuckDBResult,
  type DuckDBType,
  type DuckDBValue,
} from '@duckdb/node-api';
import { dateText, timestampText } from './time-text.ts';

export { bindParams, json, type Params } from './params.ts';

export type Row = Record<string, unknown>;

/** Turns one non-null driver value of a known type into its JavaScript form. */
type Reader = (value: DuckDBValue) => unknown;

/**
 * The rows of a chunk, keyed by column name.
 * @param columnNames in column order: the result's `deduplicatedColumnNames()`, asked for once, not once a chunk
 */
export function readChunkRows(
  columnNames: readonly string[],
  columnTypes: readonly DuckDBType[],
  chunk: DuckDBDataChunk,
): Row[] {
  const rows: Row[] = Array.from({ length: chunk.rowCount }, () => ({}));
  columnNames.forEach((name, column) => {
    const type = columnTypes[column];
    const read = type && readerFor(type);
    const values = chunk.getColumnValues(column);
    rows.forEach((row, index) => {
      const value = values[index] ?? null;
      row[name] = value === null || !read ? value : read(value);
    });
  });
  return rows;
}

/** Every row of a result. */
export async function readRows(result: DuckDBResult): Promise<Row[]> {
  const names = result.deduplicatedColumnNames();
  const types = result.columnTypes();
  const rows: Row[] = [];
  for (
    let chunk = await result.fetchChunk();
    chunk && chunk.rowCount > 0;
    chunk = await result.fetchChunk()
  ) {
    for (const row of readChunkRows(names, types, chunk)) rows.push(row);
  }
  return rows;
}

/** One value of the driver (of a vector, a list, a struct …) as the table above says. */
export function readValue(value: DuckDBValue, type: DuckDBType): unknown {
  return value === null ? null : readerFor(type)(value);
}

/** JSON is a VARCHAR with an alias: only the alias tells them apart. */
export function isJsonType(type: DuckDBType): boolean {
  return type.typeId === DuckDBTypeId.VARCHAR && type.alias === 'JSON';
}

const asIs: Reader = (value) => value;
const asText: Reader = (value) => String(value);

/** Chosen once a column, so that a row costs no decision. */
function readerFor(type: DuckDBType): Reader {
  switch (type.typeId) {
    case DuckDBTypeId.VARCHAR:
      return isJsonType(type) ? (value) => JSON.parse(String(value)) as unknown : asIs;
    case DuckDBTypeId.BOOLEAN:
    case DuckDBTypeId.TINYINT:
    case DuckDBTypeId.SMALLINT:
    case DuckDBTypeId.INTEGER:
    case DuckDBTypeId.UTINYINT:
    case DuckDBTypeId.USMALLINT:
    case DuckDBTypeId.UINTEGER:
    case DuckDBTypeId.FLOAT:
    case DuckDBTypeId.DOUBLE:
    case DuckDBTypeId.BIGINT:
    case DuckDBTypeId.UBIGINT:
    case DuckDBTypeId.HUGEINT:
    case DuckDBTypeId.UHUGEINT:
    case DuckDBTypeId.BIGNUM:
    case DuckDBTypeId.ENUM:
      return asIs;
    case DuckDBTypeId.TIMESTAMP:
    case DuckDBTypeId.TIMESTAMP_S:
    case DuckDBTypeId.TIMESTAMP_MS:
    case DuckDBTypeId.TIMESTAMP_NS:
    case DuckDBTypeId.TIMESTAMP_TZ:
      return timestampText;
    case DuckDBTypeId.DATE:
      return dateText;
    case DuckDBTypeId.BLOB:
      return (value) => (value instanceof DuckDBBlobValue ? new Uint8Array(value.bytes) : value);
    case DuckDBTypeId.LIST:
    case DuckDBTypeId.ARRAY:
    case DuckDBTypeId.STRUCT:
    case DuckDBTypeId.MAP:
    case DuckDBTypeId.UNION:
      return nestedReaderFor(type);
    default:
      // DECIMAL, TIME, INTERVAL, UUID, BIT …: the driver's text is exact and is what DuckDB itself prints.
      return asText;
  }
}

function nestedReaderFor(type: DuckDBType): Reader {
  if (type instanceof DuckDBListType || type instanceof DuckDBArrayType) {
    const item = nullable(readerFor(type.valueType));
    return (value) =>
      value instanceof DuckDBListValue || value instanceof DuckDBArrayValue ? value.items.map(item) : value;
  }
  if (type instanceof DuckDBStructType) {
    const readers = type.entryTypes.map((entry) => nullable(readerFor(entry)));
    return (value) =>
      value instanceof DuckDBStructValue
        ? Object.fromEntries(
            type.entryNames.map((name, i) => [name, readers[i]?.(value.entries[name] ?? null)]),
          )
        : value;
  }
  if (type instanceof DuckDBMapType) return mapReaderFor(type);
  if (type instanceof DuckDBUnionType) {
    return (value) =>
      value instanceof DuckDBUnionValue ? readValue(value.value, type.memberTypeForTag(value.tag)) : value;
  }
  return asText;
}

function mapReaderFor(type: DuckDBMapType): Reader {
  const readKey = readerFor(type.keyType);
  const readItem = nullable(readerFor(type.valueType));
  const textKeys = type.keyType.typeId === DuckDBTypeId.VARCHAR || type.keyType.typeId === DuckDBTypeId.ENUM;
  return (value) => {
    if (!(value instanceof DuckDBMapValue)) return value;
    const entries = value.entries.map((entry) => ({ key: readKey(entry.key), value: readItem(entry.value) }));
    return textKeys ? Object.fromEntries(entries.map((entry) => [String(entry.key), entry.value])) : entries;
  };
}

function nullable(read: Reader): (value: DuckDBValue) => unknown {
  return (value) => (value === null || value === undefined ? null : read(value));
}
