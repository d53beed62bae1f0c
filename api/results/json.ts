import {
  DuckDBArrayType,
  DuckDBListType,
  DuckDBStructType,
  DuckDBTypeId,
  type DuckDBDataChunk,
  type DuckDBType,
} from '@duckdb/node-api';
import { isJsonType, readValue } from '../../data/owner/values.ts';

export interface Column {
  name: string;
  type: DuckDBType;
}

type Writer = (value: unknown) => string;

/**
 * The rows of a chunk as JSON objects, exact at every depth: BIGINT and DECIMAL with all their digits as JSON numbers,
 * times as ISO 8601 UTC, NaN and the infinities (which JSON has not) as null. DuckDB's own `to_json` writes NaN as is,
 * drops a nested decimal's zeros, and gives times no zone.
 */
export function jsonRows(columns: readonly Column[], chunk: DuckDBDataChunk): string[] {
  const keys = columns.map((column) => `${JSON.stringify(column.name)}:`);
  const cells = columns.map(({ type }, index) => {
    const write = writerFor(type);
    return chunk
      .getColumnValues(index)
      .map((value) => (value === null ? 'null' : write(readValue(value, type))));
  });
  return Array.from(
    { length: chunk.rowCount },
    (_, row) => `{${keys.map((key, index) => key + cells[index]?.[row]).join(',')}}`,
  );
}

/** From the JavaScript forms of data/owner/values.ts. */
function writerFor(type: DuckDBType): Writer {
  switch (type.typeId) {
    // The digits of a DECIMAL arrive as text, those of a BIGINT as a bigint: both are JSON numbers as they stand.
    case DuckDBTypeId.DECIMAL:
    case DuckDBTypeId.BIGINT:
    case DuckDBTypeId.UBIGINT:
    case DuckDBTypeId.HUGEINT:
    case DuckDBTypeId.UHUGEINT:
    case DuckDBTypeId.BIGNUM:
      return String;
    default:
      break;
  }
  if (isJsonType(type)) return writeAny;
  if (type instanceof DuckDBListType || type instanceof DuckDBArrayType) {
    const item = nullable(writerFor(type.valueType));
    return (value) => `[${(value as unknown[]).map(item).join(',')}]`;
  }
  if (type instanceof DuckDBStructType) {
    const fields = type.entryNames.map((name, index) => ({
      name,
      key: `${JSON.stringify(name)}:`,
      write: nullable(writerFor(type.entryTypes[index] as DuckDBType)),
    }));
    return (value) => {
      const entries = value as Record<string, unknown>;
      return `{${fields.map(({ name, key, write }) => key + write(entries[name])).join(',')}}`;
    };
  }
  return writeAny;
}

function nullable(write: Writer): Writer {
  return (value) => (value === null || value === undefined ? 'null' : write(value));
}

function writeAny(value: unknown): string {
  return (
    JSON.stringify(value, (_key, each: unknown) => {
      if (typeof each === 'bigint') return String(each);
      if (each instanceof Uint8Array) return Buffer.from(each).toString('base64');
      return each;
    }) ?? 'null'
  );
}
