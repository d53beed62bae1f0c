import type { Session } from '../../data/owner/session.ts';
import type { Contract } from './contracts/contract.ts';
import { landedColumns, landingSql, type LandingOptions } from './landing-sql.ts';
import { mapColumns } from './mapping.ts';
import type { LoadRequest } from './types.ts';
import { readRecords } from './read-records.ts';
import type { CutOut } from './sieve.ts';
import { describeSource, type SourceFile } from './source-file.ts';
import type { Scratch } from './scratch.ts';

/**
 * A file's records, typed, in a temporary table: one column for each column of the contract that the file fills, and
 * `_faults`: null, or what is wrong (JSON, a list of column_name, value, reason: DuckDB would move a row to update a list, and rowid with it); `_has_content_key`: see `duplicates.ts`. `rowid`
 * counts the records in the file's order.
 */
export interface Landing {
  table: string;
  source: SourceFile;
  /** Columns of the contract that are in the table. */
  columns: readonly string[];
  /** Records read into the table. */
  rows: number;
  /** Columns of the file that the contract does not name. */
  extra: readonly string[];
  /** Lines that are no records. */
  cutOut: CutOut[];
}

/** Reads a file into a temporary table by its contract. */
export async function land(
  session: Session,
  table: string,
  contract: Contract,
  file: { path: string; name: string },
  request: LoadRequest,
  options: LandingOptions & { scratch: Scratch },
): Promise<Landing> {
  const source = await describeSource(session, file, { ...request, allKeys: contract.policy === 'evolve' });
  const mapping = mapColumns(contract, source, request.columns);
  const select = (from: string) => landingSql(contract, from, mapping, options);
  const records = await readRecords(session, table, source, select, options.scratch);
  return {
    table,
    ...records,
    columns: landedColumns(contract, mapping),
    extra: mapping.extra.map((column) => column.name),
  };
}
