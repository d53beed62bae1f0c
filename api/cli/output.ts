import Table from 'cli-table3';

/** Where a command writes: answers to `out`, everything else to `err`. */
export interface Streams {
  out: NodeJS.WritableStream & { isTTY?: boolean };
  err: NodeJS.WritableStream & { isTTY?: boolean };
}

export type Row = Record<string, unknown>;

export function printJson({ out }: Streams, value: unknown): void {
  out.write(`${JSON.stringify(value, null, 2)}\n`);
}

export function printLine({ out }: Streams, line = ''): void {
  out.write(`${line}\n`);
}

/** For people, beside the answer: progress, warnings, where to look. */
export function note({ err }: Streams, line: string): void {
  err.write(`${line}\n`);
}

const noLines = Object.fromEntries(
  ['top', 'bottom', 'mid']
    .flatMap((line) => [line, `${line}-mid`, `${line}-left`, `${line}-right`])
    .concat('left', 'left-mid', 'mid-mid', 'right', 'right-mid')
    .map((place) => [place, '']),
);

/** Objects as a table, one a row: numbers to the right, nested values as JSON. */
export function printTable(
  streams: Streams,
  objects: readonly object[],
  columns: readonly string[] = columnsOf(objects),
): void {
  const rows = objects as readonly Row[];
  if (rows.length === 0) return printLine(streams, '(no rows)');
  const table = new Table({
    head: [...columns],
    style: { head: [], border: [], compact: true, 'padding-left': 0, 'padding-right': 2 },
    colAligns: columns.map((column) => (rows.every((row) => isNumberOrNull(row[column])) ? 'right' : 'left')),
    chars: { ...noLines, middle: '' },
  });
  for (const row of rows) table.push(columns.map((column) => cell(row[column])));
  printLine(streams, table.toString().replace(/[ ]+$/gm, ''));
}

function columnsOf(rows: readonly object[]): string[] {
  return [...new Set(rows.flatMap((row) => Object.keys(row)))];
}

/** Decimals come as text with every digit. */
function isNumberOrNull(value: unknown): boolean {
  return (
    value === null ||
    value === undefined ||
    ['number', 'bigint'].includes(typeof value) ||
    (typeof value === 'string' && /^-?\d+\.\d+$/.test(value))
  );
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number' && !Number.isInteger(value)) return String(Number(value.toPrecision(12)));
  if (typeof value === 'object')
    return JSON.stringify(value, (_key, each: unknown) => (typeof each === 'bigint' ? String(each) : each));
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean'
    ? String(value)
    : '';
}
