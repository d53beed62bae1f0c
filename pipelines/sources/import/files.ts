import { MallardError } from '../../../data/errors.ts';
import { tablesRead, type SystemMapping } from './mapping.ts';

const extensions = /(\.(csv|tsv|txt|ndjson|jsonl|parquet|gz))+$/i;

/** Whether a file can be a table by its name; hidden files and what is no table of any format are none. */
export function isTableFile(name: string): boolean {
  return (
    !name.startsWith('.') && extensions.test(name) && !/^(\.gz)+$/i.test(extensions.exec(name)?.[0] ?? '')
  );
}

/** `sf_contact_data.csv.gz` -> `contact`: without folder, endings, `_data`, and the system's prefix. */
export function tableOfFile(mapping: SystemMapping, fileName: string): string {
  const base = (fileName.split(/[\\/]/).at(-1) ?? '').replace(extensions, '').toLowerCase();
  const bare = base.replace(/_data$/, '');
  const prefix = mapping.prefixes.find((one) => bare.startsWith(one));
  return prefix === undefined ? bare : bare.slice(prefix.length);
}

/** The table of `raw` that keeps what is not understood of one of theirs. */
export function rawTableOf(mapping: SystemMapping, table: string): string {
  return `${mapping.system}_${table.replaceAll(/[^a-z0-9]+/g, '_').replace(/^_|_$/g, '')}`.slice(0, 63);
}

/**
 * Which file is which of their tables.
 * @throws `bad_request` for a folder without any table that is known (with what is), and where two files are one table
 */
export function assignTables<F extends { name: string }>(
  mapping: SystemMapping,
  files: readonly F[],
): Map<string, F> {
  const tables = new Map<string, F>();
  for (const file of files) {
    const table = tableOfFile(mapping, file.name);
    const other = tables.get(table);
    if (other) {
      throw new MallardError('bad_request', `${other.name} and ${file.name} are both the table ${table}.`, {
        fields: { table, files: [other.name, file.name] },
        remedy: 'Keep one of them in the folder, or join them into one file.',
      });
    }
    tables.set(table, file);
  }
  const known = [...tablesRead(mapping).keys()].sort();
  if (![...tables.keys()].some((table) => known.includes(table))) {
    const given = files.map((file) => file.name).join(', ') || 'no files at all';
    throw new MallardError(
      'bad_request',
      `No file of the folder is a table of ${mapping.title}: it has ${given}.`,
      {
        fields: { system: mapping.system, files: files.map((file) => file.name), expected: known },
        remedy: `Expected is at least one of ${known.join(', ')} (as <table>.csv or <table>_data.csv, gzipped or not, NDJSON or Parquet).`,
      },
    );
  }
  return tables;
}
