/** The text of DuckDB's dates and timestamps: ISO 8601 in UTC, to the last digit. values.ts says what each looks like. */
import {
  DuckDBDateValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  type DuckDBValue,
} from '@duckdb/node-api';

/**
 * '2026-11-02T06:00:00.000001Z' of a TIMESTAMP of any precision or TIMESTAMPTZ; 'infinity' and '-infinity' stay words.
 * From the driver's text: going by way of Date was no faster (tried).
 */
export function timestampText(value: DuckDBValue): string {
  // The driver prints a TIMESTAMPTZ in the zone of the process; its microseconds are UTC.
  const utc = value instanceof DuckDBTimestampTZValue ? new DuckDBTimestampValue(value.micros) : value;
  const text = String(utc);
  const space = text.lastIndexOf(' ');
  if (space < 0) return text;
  const point = text.indexOf('.', space);
  return point < 0
    ? `${text.slice(0, space)}T${text.slice(space + 1)}Z`
    : `${text.slice(0, space)}T${text.slice(space + 1, point)}${groupedFraction(text.slice(point + 1))}Z`;
}

/** '2026-11-02' of a DATE. The driver prints the two infinite ones as far-off days, which DuckDB would not read back. */
export function dateText(value: DuckDBValue): string {
  if (!(value instanceof DuckDBDateValue) || value.isFinite) return String(value);
  return value.days > 0 ? 'infinity' : '-infinity';
}

/** Cut to the shortest of 0, 3, 6 or 9 digits that loses nothing. */
function groupedFraction(fraction: string): string {
  const digits = fraction.replace(/0+$/, '');
  return digits === '' ? '' : `.${digits.padEnd(Math.ceil(digits.length / 3) * 3, '0')}`;
}
