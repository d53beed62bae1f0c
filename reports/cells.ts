import type { Cell, ColumnType } from './types.ts';

/**
 * The type of a column by Malloy's type and by the values: Malloy says "number" of integers, doubles and decimals
 * alike; the driver tells them apart (bigint or whole number, number, exact text).
 */
export function columnTypeOf(malloyType: string, values: readonly unknown[]): ColumnType {
  switch (malloyType) {
    case 'boolean':
    case 'date':
      return malloyType;
    case 'timestamp':
    case 'timestamptz':
      return 'timestamp';
    case 'number':
      return numberTypeOf(values.filter((value) => value !== null && value !== undefined));
    default:
      return 'string';
  }
}

function numberTypeOf(values: readonly unknown[]): ColumnType {
  if (values.some((value) => typeof value === 'string')) return 'decimal';
  const isWhole = (value: unknown) => typeof value === 'bigint' || Number.isSafeInteger(value);
  return values.length > 0 && values.every(isWhole) ? 'integer' : 'number';
}

/** A driver's value as a cell. An integer beyond 2^53 stays exact as text. */
export function toCell(value: unknown, type: ColumnType): Cell {
  if (value === null || value === undefined) return null;
  if (typeof value === 'bigint') {
    return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  }
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value === 'boolean') return value;
  // What Malloy calls a date DuckDB may have made a timestamp of: a day less seven days, say.
  if (typeof value === 'string') return type === 'date' ? value.slice(0, 10) : value;
  return type === 'string' ? JSON.stringify(value) : null;
}
