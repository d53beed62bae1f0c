/**
 * How a system's export becomes ours, as data: read by the import (which makes SQL of it) and by the documentation.
 * Glossary:
 * a *table* is a file of the export as its system calls it (`contact`, not `contact_data.csv.gz`);
 * a *load* makes rows of one of our tables from the rows of one of theirs;
 * a *join* brings in one row of another of their tables for each;
 * *columns* are their columns: `name` of the load's own table, `alias.name` of a join's. One that the file lacks is null.
 */

/** SQL of one of their columns: text, trimmed, null where empty or missing. */
export type Columns = (name: string) => string;

/** What becomes one of our columns. */
export interface Value {
  /** Their columns that it is made of. Where the export has none of them, ours is left alone. */
  readonly reads: readonly string[];
  /** As text: the loader types it, and rejects what does not fit. */
  readonly sql: (column: Columns) => string;
  /** For the documentation: what is done, where it is not simply copied. */
  readonly note?: string;
  /** What it reads stays among the attributes too. */
  readonly isKept?: boolean;
  /** It says something even where the export has none of the columns. */
  readonly isAlways?: boolean;
}

export interface Join {
  readonly as: string;
  readonly table: string;
  /** Its column … */
  readonly key: string;
  /** … equals this of ours (`name` or `alias.name` of a join before). */
  readonly to: string;
  /** Which of several rows: the first by this; default the first in the file. */
  readonly order?: (column: Columns) => string;
  readonly where?: (column: Columns) => string;
}

export interface Skip {
  /** Said in the result and kept beside the row in `raw`. */
  readonly reason: string;
  readonly when: (column: Columns) => string;
  /** What of it was loaded before is taken out of ours. */
  readonly isDeletion?: boolean;
}

export interface Load {
  /** Ours, as `mallard load` names it. */
  readonly target: string;
  readonly from: string;
  /** It applies only where the file has all of these. */
  readonly requires?: readonly string[];
  /** It applies only where none of these tables is in the export. */
  readonly unless?: readonly string[];
  readonly joins?: readonly Join[];
  /** Rows that make none of ours. Those that no other load takes either are kept in `raw`, with the reason. */
  readonly skips?: readonly Skip[];
  /** Ours -> theirs. */
  readonly fields?: Readonly<Record<string, Value>>;
  /** Every column that no field reads goes to `attributes`, without this prefix. */
  readonly attributesWithout?: string;
  /** Instead of `fields`: a SELECT of our columns and `_row`, the row of `from` that each is made of. */
  readonly query?: { readonly reads: readonly string[]; readonly sql: (source: QuerySource) => string };
  /** Something besides what a row says in the first place: a row that only such a load takes is kept in `raw` as well. */
  readonly isDerived?: boolean;
  /** For the documentation. */
  readonly note?: string;
}

export interface QuerySource {
  /** A FROM item of one of their tables, with every column of the load's `reads` and `_row`; empty where there is none. */
  table: (name: string, columns: readonly string[]) => string;
  has: (table: string, column?: string) => boolean;
}

/** Pairs of contacts that the system says are one person. */
export interface MergeRule {
  readonly from: string;
  readonly rule: string;
  readonly requires: readonly string[];
  /** What it reads besides, where it is there. */
  readonly reads?: readonly string[];
  /** A SELECT of contact_id (who stays), other_contact_id, evidence, _row. */
  readonly sql: (source: QuerySource) => string;
  /** As of a load. */
  readonly isDerived?: boolean;
  readonly note: string;
}

export interface SystemMapping {
  readonly system: string;
  readonly title: string;
  /** What file names may begin with: `sf_contact.csv`. */
  readonly prefixes: readonly string[];
  /** In this order: what is referred to before what refers. */
  readonly loads: readonly Load[];
  readonly merges: readonly MergeRule[];
  /** Opens and clicks to tell people from machines: see `agents.ts`. */
  readonly actedEvents?: ActedEvents;
  /** For the documentation: known tables that are kept as they are, and why. */
  readonly keptRaw: Readonly<Record<string, string>>;
}

/** Where to find opens and clicks. Its answer is joined as the table `_agents` (id, agent_class, agent_reason). */
export interface ActedEvents {
  readonly from: string;
  readonly requires: readonly string[];
  /** What it reads besides, where it is there. */
  readonly reads: readonly string[];
  /** A SELECT of id, event_type (opened, clicked), user_agent, ip, url, occurred_at, mail, is_machine, delivered_at. */
  readonly sql: (source: QuerySource) => string;
}

export const agentsTable = '_agents';

/** Copied; of several the first that has a value. */
export function copy(...reads: string[]): Value {
  return {
    reads,
    sql: (column) => coalesce(reads.map(column)),
    ...(reads.length > 1 ? { note: 'the first with a value' } : {}),
  };
}

export function made(reads: readonly string[], note: string, sql: (column: Columns) => string): Value {
  return { reads, sql, note };
}

export function always(value: Value): Value {
  return { ...value, isAlways: true };
}

/** The same for every row. */
export function constant(value: string): Value {
  return { reads: [], sql: () => `'${value}'`, note: `\`${value}\`` };
}

export function coalesce(values: readonly string[]): string {
  return values.length === 1 ? (values[0] as string) : `coalesce(${values.join(', ')})`;
}

/** Flags come as TRUE, true, 1, t. */
export function isTrue(value: string): string {
  return `coalesce(lower(${value}) in ('true', 't', '1', 'yes'), false)`;
}

export function isFalse(value: string): string {
  return `coalesce(lower(${value}) in ('false', 'f', '0', 'no'), false)`;
}

/** Their tables that a mapping makes something of, with the columns that it reads of each. */
export function tablesRead(mapping: SystemMapping): Map<string, Set<string>> {
  const tables = new Map<string, Set<string>>();
  const read = (table: string, column: string) => {
    const columns = tables.get(table) ?? new Set<string>();
    tables.set(table, columns.add(column));
  };
  for (const load of mapping.loads) {
    for (const [table, columns] of columnsOfLoad(load)) for (const column of columns) read(table, column);
  }
  for (const rule of mapping.merges)
    for (const column of [...rule.requires, ...(rule.reads ?? [])]) read(rule.from, column);
  if (mapping.actedEvents)
    for (const column of [...mapping.actedEvents.requires, ...mapping.actedEvents.reads])
      read(mapping.actedEvents.from, column);
  tables.delete(agentsTable);
  return tables;
}

/** Which columns of which of their tables a load reads. */
export function columnsOfLoad(load: Load): Map<string, Set<string>> {
  const tables = new Map<string, Set<string>>([[load.from, new Set(load.requires)]]);
  const read = (name: string) => {
    const [alias, column] = name.includes('.') ? (name.split('.') as [string, string]) : [undefined, name];
    const table = alias === undefined ? load.from : joinOf(load, alias).table;
    tables.set(table, (tables.get(table) ?? new Set<string>()).add(column));
  };
  const recorder =
    (alias?: string): Columns =>
    (name) => {
      read(alias === undefined ? name : `${alias}.${name}`);
      return 'null';
    };
  for (const join of load.joins ?? []) {
    read(`${join.as}.${join.key}`);
    read(join.to);
    join.order?.(recorder(join.as));
    join.where?.(recorder(join.as));
  }
  for (const skip of load.skips ?? []) skip.when(recorder());
  for (const value of Object.values(load.fields ?? {})) value.sql(recorder());
  for (const name of load.query?.reads ?? []) {
    const [table, column] = name.includes('.') ? (name.split('.') as [string, string]) : [load.from, name];
    tables.set(table, (tables.get(table) ?? new Set<string>()).add(column));
  }
  return tables;
}

export function joinOf(load: Load, alias: string): Join {
  const join = load.joins?.find((one) => one.as === alias);
  if (!join) throw new Error(`The load of ${load.target} from ${load.from} has no join ${alias}.`);
  return join;
}
