import {
  Bool,
  DateDay,
  Date_,
  Decimal,
  Field,
  Float64,
  Int64,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Table,
  tableFromIPC,
  tableToIPC,
  Timestamp,
  TimestampMicrosecond,
  Utf8,
  vectorFromArray,
  type Data,
  type DataType,
  type Vector,
} from 'apache-arrow';
import { MallardError } from '../data/errors.ts';
import { toCell } from './cells.ts';
import type { Cell, ReportColumn, ReportView, Row } from './types.ts';

/**
 * A view as an Arrow IPC stream: its rows as typed columns, each column's tags in its field's metadata (`mallard`),
 * and what the view itself says in the schema's. `viewFromArrow` gives the same view back, cell by cell.
 */
export function viewToArrow(view: ReportView): Uint8Array {
  const { columns, rows, ...rest } = view;
  const types = columns.map((column) => arrowType(column, rows));
  const fields = columns.map(
    (column, index) =>
      new Field(column.name, types[index] as DataType, true, new Map([['mallard', JSON.stringify(column)]])),
  );
  const schema = new Schema(fields, new Map([['mallard', JSON.stringify(rest)]]));
  const children = columns.map((column, index) =>
    columnData(
      rows.map((row) => row[column.name] ?? null),
      types[index] as DataType,
    ),
  );
  const struct = makeData({ type: new Struct(fields), length: rows.length, nullCount: 0, children });
  return tableToIPC(new Table(schema, [new RecordBatch(schema, struct)]), 'stream');
}

/** Reads what `viewToArrow` wrote. Throws `bad_request` on anything else. */
export function viewFromArrow(bytes: Uint8Array): ReportView {
  const table = tableFromIPC(bytes);
  const rest = table.schema.metadata.get('mallard');
  if (rest === undefined) {
    throw new MallardError('bad_request', 'The Arrow stream is no view of a report.', {
      remedy: 'Read it from the report it belongs to.',
    });
  }
  const columns = table.schema.fields.map(
    (field) => JSON.parse(field.metadata.get('mallard') ?? '{}') as ReportColumn,
  );
  const rows: Row[] = Array.from({ length: table.numRows }, () => ({}));
  columns.forEach((column, index) => {
    const vector = table.getChildAt(index);
    rows.forEach((row, position) => {
      row[column.name] = readCell(vector, position);
    });
  });
  return { ...(JSON.parse(rest) as Omit<ReportView, 'columns' | 'rows'>), columns, rows };
}

/** The Arrow type that holds every cell of the column as it is; text where only text does. */
function arrowType(column: ReportColumn, rows: readonly Row[]): DataType {
  const cells = rows.flatMap((row) => row[column.name] ?? []);
  switch (column.type) {
    case 'boolean':
      return new Bool();
    case 'integer':
      return new Int64();
    case 'number':
      return new Float64();
    case 'decimal':
      return decimalType(cells.map(String));
    case 'date':
      return cells.every((cell) => dayText(dayMs(cell)) === cell) ? new DateDay() : new Utf8();
    case 'timestamp':
      return cells.every((cell) => isoText(microsOf(String(cell))) === cell)
        ? new TimestampMicrosecond('UTC')
        : new Utf8();
    default:
      return new Utf8();
  }
}

/** DECIMAL(38, scale) where every text has the same scale, as a DECIMAL column of DuckDB's has. */
function decimalType(texts: readonly string[]): DataType {
  const scale = texts[0]?.split('.')[1]?.length ?? 0;
  const decimal = new Decimal(scale, 38, 128);
  const isExact = (text: string) =>
    /^-?\d{1,38}(\.\d+)?$/.test(text) &&
    text.length <= 38 &&
    decimalText(decimalWords(unscaled(text)), scale) === text;
  return texts.every(isExact) ? decimal : new Utf8();
}

function columnData(cells: readonly Cell[], type: DataType): Data {
  if (type instanceof TimestampMicrosecond) {
    // The builder of timestamps takes milliseconds as doubles, which have no room for microseconds.
    const micros = columnData(
      cells.map((cell) => (cell === null ? null : String(microsOf(String(cell))))),
      new Int64(),
    );
    return makeData({
      type,
      length: cells.length,
      nullCount: micros.nullCount,
      nullBitmap: micros.nullBitmap,
      data: micros.values as BigInt64Array,
    });
  }
  const built = vectorFromArray(
    cells.map((cell) => toArrow(cell, type)),
    type,
  ).data[0];
  if (built) return built;
  return makeData({ type: new Utf8(), length: 0 });
}

function toArrow(cell: Cell, type: DataType): unknown {
  if (cell === null) return null;
  if (type instanceof Int64) return BigInt(cell);
  if (type instanceof Decimal) return decimalWords(unscaled(String(cell)));
  if (type instanceof DateDay) return new Date(dayMs(cell));
  return type instanceof Utf8 ? String(cell) : cell;
}

function readCell(vector: Vector | null, index: number): Cell {
  const value: unknown = vector?.get(index);
  if (!vector || value === null || value === undefined) return null;
  const type: unknown = vector.type;
  if (type instanceof Decimal) return decimalText(value as Uint32Array, type.scale);
  if (type instanceof Date_) return dayText(Number(value)) ?? null;
  if (type instanceof Timestamp) return isoText((vector.toArray() as BigInt64Array)[index]) ?? null;
  if (typeof value === 'bigint') return toCell(value, 'integer');
  return value as Cell;
}

function dayMs(cell: Cell): number {
  return Date.parse(`${String(cell)}T00:00:00Z`);
}

function dayText(ms: number): string | undefined {
  return Number.isNaN(ms) ? undefined : new Date(ms).toISOString().slice(0, 10);
}

/** Microseconds since 1970 of an ISO time in UTC with up to six decimals; undefined for anything else. */
function microsOf(text: string): bigint | undefined {
  const match = /^(.{10}T\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?Z$/.exec(text);
  const ms = match ? Date.parse(`${match[1]}Z`) : Number.NaN;
  if (Number.isNaN(ms)) return undefined;
  return BigInt(ms) * 1000n + BigInt((match?.[2] ?? '').padEnd(6, '0'));
}

/** ISO with 0, 3 or 6 decimals, as data/owner/values.ts writes it. */
function isoText(micros: bigint | undefined): string | undefined {
  if (micros === undefined) return undefined;
  const fraction = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const seconds = new Date(Number((micros - fraction) / 1000n)).toISOString().slice(0, 19);
  if (fraction === 0n) return `${seconds}Z`;
  const digits = String(fraction).padStart(6, '0');
  return `${seconds}.${digits.endsWith('000') ? digits.slice(0, 3) : digits}Z`;
}

function unscaled(text: string): bigint {
  return BigInt(text.replace('.', ''));
}

/** 128 bits, two's complement, in four little-endian words. */
function decimalWords(value: bigint): Uint32Array {
  const unsigned = BigInt.asUintN(128, value);
  return Uint32Array.from([0n, 32n, 64n, 96n], (shift) => Number((unsigned >> shift) & 0xffffffffn));
}

function decimalText(words: Uint32Array, scale: number): string {
  const unsigned = [...words].reduceRight((sum, word) => (sum << 32n) | BigInt(word), 0n);
  const value = BigInt.asIntN(128, unsigned);
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, '0');
  const sign = value < 0n ? '-' : '';
  return scale === 0 ? `${sign}${digits}` : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}
