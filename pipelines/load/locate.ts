import type { Session } from '../../data/owner/session.ts';
import type { Landing } from './landing.ts';
import { scanRecords } from './records.ts';
import type { Scratch } from './scratch.ts';
import { csvRow, lineWriter } from './sieve.ts';
import { identifier, literal } from './sql.ts';

const PAGE_ROWS = 50_000;

/**
 * Where the rejected rows of a landing stand in their file.
 * @returns a FROM item with ordinal (the landing's rowid), line (from 1; of Parquet the row) and text (the whole record)
 */
export async function locateFaults(
  session: Session,
  landing: Pick<Landing, 'table' | 'source' | 'rows'>,
  scratch: Scratch,
): Promise<string> {
  const { source, table } = landing;
  if (!source.shape) {
    const record = source.columns.map(({ name }) => `${identifier(name)} := ${identifier(name)}`).join(', ');
    return `(select file_row_number as ordinal, file_row_number + 1 as line, cast(to_json(struct_pack(${record})) as varchar) as text
      from read_parquet(${literal(source.path)}, file_row_number = true)
      where file_row_number in (select rowid from ${table} where _faults is not null))`;
  }
  const located = lineWriter(scratch.file('.csv'));
  const isOneColumn = source.shape.columnCount === 1;
  let ordinal = -1;
  let isHeader = source.shape.delimiter !== undefined;
  let wanted = await faultsAfter(session, table, -1);
  let next = 0;
  try {
    await scanRecords(source.path, source.shape, (record) => {
      if (record.isBlank || (isOneColumn && isEmptyValue(record.bytes))) return undefined;
      if (source.format === 'ndjson' && record.bytes.toString('latin1').trim() === '') return undefined;
      if (isHeader) {
        isHeader = false;
        return undefined;
      }
      ordinal += 1;
      if (ordinal !== wanted[next]) return undefined;
      next += 1;
      const full = located.write(
        Buffer.from(csvRow([String(ordinal), String(record.line), record.bytes.toString('utf8')])),
      );
      if (next < wanted.length) return full;
      return (async () => {
        await full;
        wanted = await faultsAfter(session, table, ordinal);
        next = 0;
      })();
    });
  } finally {
    await located.end();
  }
  // Should the scanner and DuckDB ever count records differently, no line is better than a wrong one.
  const isSure = ordinal + 1 === landing.rows;
  return `(select ordinal, line, text from ${readRows(located.path, "ordinal: 'BIGINT', line: 'BIGINT', text: 'VARCHAR'")}
    where ${isSure})`;
}

/** A staged file written by `csvRow`. */
export function readRows(path: string, columns: string): string {
  return `read_csv(${literal(path)}, auto_detect = false, header = false, delim = ',', quote = '"', escape = '"', new_line = '\\n',
    columns = {${columns}}, max_line_size = 16777216, compression = 'none')`;
}

/** Page by page, so that a file with nothing but rejects does not fill the memory. */
async function faultsAfter(session: Session, table: string, ordinal: number): Promise<number[]> {
  const rows = await session.rows<{ id: number }>(
    `select cast(rowid as double) as id from ${table} where _faults is not null and rowid > ${ordinal} order by rowid limit ${PAGE_ROWS}`,
  );
  return rows.map((row) => row.id);
}

function isEmptyValue(bytes: Buffer): boolean {
  return bytes.length === 2 && bytes[0] === 34 && bytes[1] === 34;
}
