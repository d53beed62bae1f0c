import type { Contract } from './contracts/contract.ts';
import type { LoadFormat } from './source-file.ts';

/** A staged file (`stageFile`), and what its user calls it. */
export interface LoadFile {
  path: string;
  name: string;
}

export interface LoadRequest {
  /** A core table, or `suppressions`. */
  table: string;
  files: readonly LoadFile[];
  /** How the files fill the table; default the table's own contract. For exports of other systems. */
  contract?: Contract | undefined;
  /** What the rows' `source` is; default each file's base name without extension. Part of the key of rows without an id. */
  source?: string | undefined;
  /** Core name -> file name. Columns of equal names need no mapping. */
  columns?: Readonly<Record<string, string>> | undefined;
  /** strptime format of every time and date in text, or `epoch`, `epoch_ms`; default ISO 8601. */
  dateFormat?: string | undefined;
  /** Default: told from the file. */
  format?: LoadFormat | undefined;
  /** Of CSV, one byte or `tab`; default: told from the file. */
  delimiter?: string | undefined;
  /** Rows of this source that the files do not have are deleted. */
  replaceSource?: boolean | undefined;
}

/** `rows_read = rows_inserted + rows_updated + rows_unchanged + rows_rejected`, always. */
export interface LoadCounts {
  rows_read: number;
  rows_inserted: number;
  rows_updated: number;
  /** Equal to what is there, or to another row of the file. */
  rows_unchanged: number;
  /** In `raw.rejects`. */
  rows_rejected: number;
}

export interface Reject {
  file: string;
  line: number | null;
  /** As the file calls it; null where the whole line is rejected. */
  column: string | null;
  value: string | null;
  reason: string;
}

export interface LoadResult extends LoadCounts {
  table: string;
  batch_id: string;
  /** Names, as given. */
  files: string[];
  /** Rows of the source that the files did not have any more (`replaceSource`). */
  rows_deleted: number;
  /** Columns of the files that were kept in `attributes`. */
  columns_kept: string[];
  /** Columns of the files that the table does not take. */
  columns_ignored: string[];
  /** Things that rows named and that were made: table -> count. */
  stubs: Record<string, number>;
  /** The first five, by file and line. */
  rejects: Reject[];
}

export interface LoadProgress {
  step: 'reading' | 'checking' | 'writing' | 'done';
  file: string;
  /** Position of the file among `files`, from 1. */
  file_number: number;
  files: number;
  /** Records read so far, once known. */
  rows?: number;
}
