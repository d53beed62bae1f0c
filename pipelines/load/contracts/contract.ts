/**
 * What a table takes. Glossary:
 * a *thing* (contact, deal …) is corrected by its key and keeps when it was first recorded; a *fact* (event, order …) is
 * corrected by its key and is then recorded anew; a *log* is only ever appended to.
 */
export type SqlType =
  | 'VARCHAR'
  | 'TIMESTAMP'
  | 'DATE'
  | 'INTEGER'
  | 'BIGINT'
  | 'DOUBLE'
  | 'BOOLEAN'
  | 'JSON'
  | 'DECIMAL(18,2)'
  | 'DECIMAL(18,8)';

export interface Column {
  readonly name: string;
  readonly type: SqlType;
  /** The file must have it, and every row a value. */
  readonly required?: boolean;
  /** SQL for a row without a value; `$now` is the time of the load. */
  readonly default?: string;
  /** Applied to text before it is kept. */
  readonly letterCase?: 'lower' | 'upper';
  /** A closed list: anything else is rejected. Compared without regard to case. */
  readonly accepted?: readonly string[];
  /** What other systems call the accepted values, lower case. */
  readonly aliases?: Readonly<Record<string, string>>;
  /** A regular expression that the whole value must match, and what to call a value that does not. */
  readonly pattern?: { readonly matches: string; readonly reason: string };
  /** Of an integer: the least and the most that is taken. */
  readonly range?: readonly [min: number, max: number];
  /** Read from the file but not kept: other columns are derived from it. */
  readonly isInputOnly?: boolean;
  /** Computed from another column of the same row; read from the file only if `elseRead`, and then computed where empty. */
  readonly derivedFrom?: {
    readonly column: string;
    readonly sql: (value: string) => string;
    readonly elseRead?: boolean;
  };
}

/** A thing that a row names and that is made if it is not there, so that joins find it. */
export interface Reference {
  readonly column: string;
  readonly table: 'contacts' | 'owners' | 'companies';
}

export interface Contract {
  /** As the command line and the API name it. */
  readonly table: string;
  /** Where it lands. */
  readonly target: string;
  readonly kind: 'thing' | 'fact' | 'log';
  /** What makes a row the same row. */
  readonly key: readonly string[];
  /** A row without this column's value gets a key made of its source, content and ordinal among identical rows. */
  readonly contentKey?: boolean;
  /** The rows are kept sorted by it. */
  readonly time?: string;
  /** When a thing's row first happened; of a fact that is its `time`. */
  readonly since?: string;
  /**
   * Columns the contract does not name: `evolve` keeps them in `attributes`, `freeze` leaves them out and the result lists
   * them, `reject` refuses the file.
   */
  readonly policy: 'evolve' | 'freeze' | 'reject';
  readonly columns: readonly Column[];
  /** At least one of these must be in the file, and have a value in every row. */
  readonly oneOf?: readonly string[];
  readonly references?: readonly Reference[];
  /** `email` finds the contact where the row names none. */
  readonly resolvesContact?: boolean;
  /** SQL over `known`, a row of the target, and `arrived`, one of the file with the same key: whether they say the same. Default: yes. */
  readonly sameIf?: {
    readonly columns: readonly string[];
    readonly sql: (known: string, arrived: string) => string;
  };
  /** Fields whose changes are kept, and where. */
  readonly history?: { readonly table: string; readonly fields: readonly string[] };
}

/** What the loader itself fills in every table. */
export const stampColumns = ['source', 'recorded_at'] as const;

type Options = Omit<Column, 'name' | 'type'>;
const column =
  (type: SqlType) =>
  (name: string, options: Options = {}): Column => ({ name, type, ...options });

export const text = column('VARCHAR');
export const timestamp = column('TIMESTAMP');
export const date = column('DATE');
export const integer = column('INTEGER');
export const bigint = column('BIGINT');
export const double = column('DOUBLE');
export const bool = column('BOOLEAN');
export const json = column('JSON');
export const money = column('DECIMAL(18,2)');
export const rate = column('DECIMAL(18,8)');
/** ISO 4217, upper case. */
export const currency = (options: Options = {}): Column =>
  text('currency', { letterCase: 'upper', ...options });
export const required = { required: true } as const;
