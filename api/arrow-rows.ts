import { DataType, tableFromIPC, type Field, type StructRow, type Table, type Vector } from 'apache-arrow';

/**
 * An Arrow IPC answer of the API as rows, in the same JavaScript forms as data/owner/values.ts: 64-bit integers as
 * bigint, decimals as text with every digit, timestamps as ISO UTC, dates as 'YYYY-MM-DD'.
 */
export function rowsFromArrow(bytes: Uint8Array): Record<string, unknown>[] {
  return tableRows(tableFromIPC(bytes));
}

export function tableRows(table: Table): Record<string, unknown>[] {
  const columns = table.schema.fields.map((field, index) => ({ field, vector: table.getChildAt(index) }));
  return Array.from({ length: table.numRows }, (_, row) =>
    Object.fromEntries(columns.map(({ field, vector }) => [field.name, readCell(field.type, vector, row)])),
  );
}

function readCell(type: DataType, vector: Vector | null, row: number): unknown {
  const value: unknown = vector?.get(row);
  if (value === null || value === undefined) return null;
  // `get` gives a timestamp as a double of milliseconds, which has no room for microseconds: read the raw integer.
  if (DataType.isTimestamp(type)) return isoOf(rawBigint(vector as Vector, row));
  return readCellValue(type, value);
}

function readCellValue(type: DataType, value: unknown): unknown {
  if (value === null || value === undefined) return null;
  if (DataType.isDecimal(type)) return decimalText(value as Uint32Array, type.scale);
  if (DataType.isDate(type)) return new Date(Number(value)).toISOString().slice(0, 10);
  if (DataType.isTimestamp(type)) return isoOf(BigInt(Math.round(Number(value) * 1000)));
  if (DataType.isList(type)) {
    const item = type.children[0] as Field;
    return [...(value as Iterable<unknown>)].map((each) => readCellValue(item.type, each));
  }
  if (DataType.isStruct(type)) {
    const entries = (value as StructRow).toJSON() as Record<string, unknown>;
    return Object.fromEntries(
      type.children.map((field) => [field.name, readCellValue(field.type, entries[field.name])]),
    );
  }
  return value;
}

function rawBigint(vector: Vector, row: number): bigint {
  let rest = row;
  for (const data of vector.data) {
    if (rest < data.length) return (data.values as BigInt64Array)[rest] ?? 0n;
    rest -= data.length;
  }
  return 0n;
}

/** 128 bits in four little-endian words, as text with `scale` decimals; an integer of scale 0 as a bigint. */
function decimalText(words: Uint32Array, scale: number): string | bigint {
  const unsigned = [...words].reduce((sum, word, index) => sum + (BigInt(word) << BigInt(32 * index)), 0n);
  const value = BigInt.asIntN(32 * words.length, unsigned);
  if (scale === 0) return value;
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, '0');
  return `${value < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** Microseconds since 1970 as ISO 8601 with 0, 3 or 6 decimals. */
function isoOf(micros: bigint): string {
  const perSecond = 1_000_000n;
  const fraction = ((micros % perSecond) + perSecond) % perSecond;
  const seconds = new Date(Number((micros - fraction) / 1000n)).toISOString().slice(0, 19);
  if (fraction === 0n) return `${seconds}Z`;
  const digits = fraction.toString().padStart(6, '0');
  return `${seconds}.${digits.endsWith('000') ? digits.slice(0, 3) : digits}Z`;
}
