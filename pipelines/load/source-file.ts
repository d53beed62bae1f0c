import { open } from 'node:fs/promises';
import type { Session } from '../../data/owner/session.ts';
import { errorMessage, MallardError } from '../../data/errors.ts';
import { readCsvHead } from './header.ts';
import type { RecordShape } from './records.ts';
import { identifier, literal } from './sql.ts';

export type LoadFormat = 'csv' | 'ndjson' | 'parquet';

/** A column as the file has it. */
export interface SourceColumn {
  name: string;
  /** Its value in a row of `SourceFile.from`. */
  sql: string;
  /** The same as JSON keeps it: a number stays a number. */
  jsonSql?: string;
  /** VARCHAR where the file knows only text; Parquet brings types. */
  type: string;
}

/** How SQL reads a staged file. */
export interface SourceFile {
  name: string;
  path: string;
  format: LoadFormat;
  columns: SourceColumn[];
  /** A FROM item with a row a record, in the file's order. Text formats report what they cannot read to `rejectsTable`. */
  from: (path: string, rejectsTable: string) => string;
  /** How its records are told apart; undefined for Parquet. */
  shape: RecordShape | undefined;
}

export interface SourceOptions {
  format?: LoadFormat | undefined;
  delimiter?: string | undefined;
  /** NDJSON: look for keys in the whole file, not in its first 10,000 lines alone. */
  allKeys?: boolean;
}

const KEY_SAMPLE_LINES = 10_000;

/** Finds out what a staged file is and which columns it has. Throws `contract_violated` or `unsupported_media_type`. */
export async function describeSource(
  session: Session,
  file: { path: string; name: string },
  options: SourceOptions,
): Promise<SourceFile> {
  const format = options.format ?? (await detectFormat(file));
  if (format === 'parquet') return describeParquet(session, file);
  if (format === 'ndjson') return describeNdjson(session, file, options.allKeys ?? false);
  return describeCsv(file, options.delimiter);
}

async function detectFormat(file: { path: string; name: string }): Promise<LoadFormat> {
  const handle = await open(file.path, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4096), 0, 4096, 0);
    const start = buffer.toString('latin1', 0, bytesRead);
    if (start.startsWith('PAR1')) return 'parquet';
    if (start.trimStart().startsWith('{')) return 'ndjson';
    if (start.trimStart().startsWith('[')) {
      throw new MallardError('unsupported_media_type', `${file.name} is a JSON array.`, {
        remedy: 'Write one JSON object a line (NDJSON).',
      });
    }
    return /\.(ndjson|jsonl)(\.gz)?$/i.test(file.name) ? 'ndjson' : 'csv';
  } finally {
    await handle.close();
  }
}

async function describeCsv(
  file: { path: string; name: string },
  given: string | undefined,
): Promise<SourceFile> {
  const head = await readCsvHead(file.path, file.name, given);
  // Positions as names: the file's own may clash ("Email", "email") or be anything at all.
  const types = head.columns.map((_, index) => `'c${index}': 'VARCHAR'`).join(', ');
  return {
    ...file,
    format: 'csv',
    columns: head.columns.map((name, index) => ({ name, sql: `c${index}`, type: 'VARCHAR' })),
    // Everything explicit: the sniffer reads a file with a broken quote wrongly and without rejects (FACTS).
    from: (path, rejects) => {
      const read = `read_csv(${literal(path)}, auto_detect = false, header = true, skip = ${head.blankLines}, delim = ${literal(head.delimiter)}, quote = '"',
        escape = '"', new_line = '\\n', columns = {${types}}, compression = 'none', ${storeRejects(rejects)})`;
      // DuckDB reads a blank line as a row where there is one column only.
      return head.columns.length === 1 ? `(select * from ${read} where c0 is not null)` : read;
    },
    shape: { delimiter: head.delimiter, columnCount: head.columns.length },
  };
}

/**
 * Lines, each parsed where it is valid JSON: DuckDB's own `ignore_errors` of `read_json` drops bad lines without a word.
 * The delimiter U+001F cannot occur in valid JSON.
 */
function ndjsonLines(path: string, rejects: string | undefined): string {
  return `(select line from read_csv(${literal(path)}, auto_detect = false, header = false, delim = '\u001f', quote = '', escape = '',
    new_line = '\\n', columns = {line: 'VARCHAR'}, compression = 'none'${rejects ? `, ${storeRejects(rejects)}` : ', ignore_errors = true'})
    where line is not null and trim(line) <> '')`;
}

const isObjectSql = `case when json_valid(line) then json_type(line) = 'OBJECT' else false end`;

async function describeNdjson(
  session: Session,
  file: { path: string; name: string },
  allKeys: boolean,
): Promise<SourceFile> {
  const limit = allKeys ? '' : `limit ${KEY_SAMPLE_LINES}`;
  const lines = ndjsonLines(file.path, undefined);
  // In the order in which they first appear.
  const keys = await session.rows<{ key: string }>(
    `select key from (select unnest(json_keys(line)) as key, row_number() over () as position
       from (select line from ${lines} where ${isObjectSql} ${limit})) group by key order by min(position), key`,
  );
  const pointers = keys
    .map(({ key }) => literal(`/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`))
    .join(', ');
  const values = `case when is_object then json_extract_string(line, [${pointers}]) end`;
  const typed = `case when is_object then json_extract(line, [${pointers}]) end`;
  return {
    ...file,
    format: 'ndjson',
    columns: keys.map(({ key }, index) => ({
      name: key,
      sql: `_values[${index + 1}]`,
      jsonSql: `_json[${index + 1}]`,
      type: 'VARCHAR',
    })),
    from: (path, rejects) =>
      `(select is_object as _is_object, ${keys.length === 0 ? 'null' : values} as _values, ${keys.length === 0 ? 'null' : typed} as _json
        from (select line, ${isObjectSql} as is_object from ${ndjsonLines(path, rejects)}))`,
    shape: { delimiter: undefined, columnCount: undefined },
  };
}

async function describeParquet(session: Session, file: { path: string; name: string }): Promise<SourceFile> {
  const from = `read_parquet(${literal(file.path)})`;
  try {
    const columns = await session.rows<{ column_name: string; column_type: string }>(
      `describe select * from ${from}`,
    );
    return {
      ...file,
      format: 'parquet',
      columns: columns.map(({ column_name: name, column_type: type }) => ({
        name,
        sql: identifier(name),
        type,
      })),
      from: () => from,
      shape: undefined,
    };
  } catch (error) {
    throw new MallardError(
      'contract_violated',
      `${file.name} cannot be read as Parquet: ${errorMessage(error)}.`,
      {
        cause: error,
        fields: { file: file.name },
        remedy: 'Make the file again.',
      },
    );
  }
}

function storeRejects(table: string): string {
  return `store_rejects = true, rejects_table = '${table}', rejects_scan = '${table}_scan', rejects_limit = 0`;
}
