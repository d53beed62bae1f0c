import type { LoadCounts, LoadFile, Reject } from '../../load/types.ts';

export interface ImportRequest {
  /** Staged files; removed however the import ends. */
  files: readonly LoadFile[];
  /** Who asked for it; goes beside the merges. */
  actor?: string | undefined;
}

/** What a file's rows became in one of our tables. `rows_read = inserted + updated + unchanged + rejected`. */
export interface ImportedInto extends LoadCounts {
  table: string;
  rejects: Reject[];
}

/** `rows = rows_used + rows_raw + rows_unreadable`, always. */
export interface ImportedFile {
  file: string;
  /** As its system calls it. */
  table: string;
  /** `mapped`: something is made of it; `raw`: kept as it is; `empty`: it has no rows. */
  status: 'mapped' | 'raw' | 'empty';
  rows: number;
  /** Rows that made at least one of ours, or that one of ours was completed from. */
  rows_used: number;
  /** Rows that did not, in `raw_table`. */
  rows_raw: number;
  /** Lines that are no records, in `raw.rejects`. */
  rows_unreadable: number;
  raw_table: string | null;
  /** Why rows were kept raw: reason -> rows. */
  reasons: Record<string, number>;
  into: ImportedInto[];
  /** Columns with values that nothing is made of. */
  columns_unused: string[];
}

export interface ImportResult {
  system: string;
  files: ImportedFile[];
  merges: { rule: string; pairs: number; recorded: number }[];
  /** Rows of ours that were taken out, since the system says they are deleted: table -> rows. */
  deleted: Record<string, number>;
}

export interface ImportProgress {
  step: 'reading' | 'loading' | 'keeping' | 'done';
  /** A file, or the table of ours that is loaded. */
  name: string;
}
