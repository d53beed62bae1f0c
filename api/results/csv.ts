import type { DuckDBDataChunk } from '@duckdb/node-api';
import { readValue } from '../../data/owner/values.ts';
import { stringify } from '../plugins/serializer.ts';
import type { Column } from './json.ts';

/** RFC 4180: CRLF, quotes where needed; null is an empty cell, an empty text is "". */
export function csvLine(cells: readonly string[]): string {
  return `${cells.join(',')}\r\n`;
}

export function csvHeader(columns: readonly Column[]): string {
  return csvLine(columns.map((column) => quoteIfNeeded(column.name)));
}

export function csvRows(columns: readonly Column[], chunk: DuckDBDataChunk): string[] {
  const cells = columns.map(({ type }, index) =>
    chunk.getColumnValues(index).map((value) => csvCell(readValue(value, type))),
  );
  return Array.from({ length: chunk.rowCount }, (_, row) =>
    csvLine(cells.map((column) => column[row] ?? '')),
  );
}

/** A cell from the JavaScript forms of data/owner/values.ts; what is nested becomes JSON. */
function csvCell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (typeof value === 'object') return quoteIfNeeded(stringify(value));
  if (typeof value === 'string') return value === '' ? '""' : quoteIfNeeded(value);
  return typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean'
    ? String(value)
    : '';
}

function quoteIfNeeded(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
