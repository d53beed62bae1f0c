import type { ColumnType, Insertable, Selectable, Updateable } from 'kysely';
import type { columns } from './columns.ts';

/** What a column of each DuckDB type gives when read, and takes when written: data/owner/values.ts, as types. */
interface ValueTypes {
  varchar: { read: string; write: string };
  'varchar[]': { read: string[]; write: readonly string[] };
  boolean: { read: boolean; write: boolean };
  integer: { read: number; write: number };
  bigint: { read: bigint; write: bigint | number };
  double: { read: number; write: number };
  /** Every digit of the scale, as text. Not a number, which has already lost digits when it comes here. */
  [decimal: `decimal(${string})`]: { read: string; write: string | bigint };
  /** UTC, 'YYYY-MM-DDTHH:MM:SS.ffffffZ'. */
  timestamp: { read: string; write: string | Date };
  /** 'YYYY-MM-DD'. */
  date: { read: string; write: string };
  /** A string is JSON text; `json()` of data/owner/values.ts makes it of a value that may be a string. */
  json: { read: unknown; write: object | number | boolean | string };
}

type Read<Type> = Type extends keyof ValueTypes ? ValueTypes[Type]['read'] : never;
type Write<Type> = Type extends keyof ValueTypes ? ValueTypes[Type]['write'] : never;

/** 'bigint not null' and the like, as Kysely's column type: what is selected, inserted, updated. */
type ColumnOf<Words> = Words extends `${infer Type} not null default`
  ? ColumnType<Read<Type>, Write<Type> | undefined, Write<Type>>
  : Words extends `${infer Type} not null`
    ? ColumnType<Read<Type>, Write<Type>, Write<Type>>
    : ColumnType<Read<Words> | null, Write<Words> | null | undefined, Write<Words> | null>;

type TableOf<Columns> = { [Name in keyof Columns]: ColumnOf<Columns[Name]> };

type Tables = { [Name in keyof typeof columns]: TableOf<(typeof columns)[Name]> };

/** Kysely's view of the warehouse: 'core.contacts', 'ops.campaigns' … */
export interface Database extends Tables {}

export type TableName = keyof Database;
/** A row as it is read. */
export type RowOf<Name extends TableName> = Selectable<Database[Name]>;
/** A row as it is inserted: columns that are nullable or have a default may be missing. */
export type NewRowOf<Name extends TableName> = Insertable<Database[Name]>;
export type RowUpdateOf<Name extends TableName> = Updateable<Database[Name]>;
