import type { Session } from '../../../data/owner/session.ts';
import { readRecords } from '../../load/read-records.ts';
import type { Scratch } from '../../load/scratch.ts';
import type { CutOut } from '../../load/sieve.ts';
import { describeSource, type SourceFile } from '../../load/source-file.ts';
import { identifier, literal } from '../../load/sql.ts';
import type { LoadFile } from '../../load/types.ts';

/** One of their tables as the import reads it: Parquet in the staging folder, all text, with `_row` from 0. */
export interface StagedTable {
  /** As its system calls it. */
  table: string;
  file: LoadFile;
  /** Lower case. */
  columns: readonly string[];
  rows: number;
  path: string;
  /** What locates a row in the file. */
  source: SourceFile;
  /** Lines that are no records. */
  cutOut: CutOut[];
}

/**
 * Reads a staged file into a table of text: trimmed, null where empty. Lines that are no records are cut out.
 * @throws `contract_violated` where it has no header or its records cannot be told apart
 */
export async function stageTable(
  session: Session,
  table: string,
  file: LoadFile,
  scratch: Scratch,
): Promise<StagedTable> {
  const described = await describeSource(session, file, { allKeys: true });
  const columns = distinctNames(described.columns.map((column) => column.name));
  const landing = 'import_landing';
  try {
    const select = (from: string) =>
      `select ${described.columns
        .map(
          ({ sql }, index) =>
            `nullif(trim(cast(${sql} as varchar)), '') as ${identifier(columns[index] as string)}`,
        )
        .join(', ')} from ${from}`;
    const { source, rows, cutOut } = await readRecords(session, landing, described, select, scratch);
    const path = scratch.file('.parquet');
    await session.run(
      `copy (select rowid as _row, * from ${landing} order by rowid) to ${literal(path)} (format parquet)`,
    );
    return { table, file, columns, rows, path, source, cutOut };
  } finally {
    await session.run(`drop table if exists ${landing}`).catch(() => undefined);
  }
}

/** DuckDB tells columns apart without case: the second `email` becomes `email_2`. */
function distinctNames(names: readonly string[]): string[] {
  const taken = new Set(['_row']);
  return names.map((given) => {
    const lower = given.toLowerCase();
    let name = lower;
    for (let number = 2; taken.has(name); number += 1) name = `${lower}_${number}`;
    taken.add(name);
    return name;
  });
}
