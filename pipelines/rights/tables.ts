import { MallardError } from '../../data/errors.ts';
import type { Session } from '../../data/owner/session.ts';
import { identifier } from '../load/sql.ts';
import { anyOf, foundSql, lineHasIdSql, mentionPattern, mentionsSql, namesSql } from './matching.ts';
import { inList, type Person } from './person.ts';
import { ruleFor, type Names, type Rule } from './registry.ts';

export interface Column {
  name: string;
  type: string;
  isNullable: boolean;
}

export interface PersonalTable {
  /** `schema.table`, for people. */
  name: string;
  /** The same, for SQL. */
  sql: string;
  columns: Column[];
  rule: Rule;
}

/**
 * Every table of the database with its rule, as information_schema has it now. Views hold nothing of their own.
 * @throws `internal` naming the tables that the registry does not know: an erasure must not be incomplete in silence
 */
export async function personalTables(session: Session): Promise<PersonalTable[]> {
  const rows = await session.rows<{
    schema: string;
    table: string;
    column: string;
    type: string;
    nullable: string;
  }>(
    `select c.table_schema as "schema", c.table_name as "table", c.column_name as "column", c.data_type as "type", c.is_nullable as "nullable"
     from information_schema.columns c join information_schema.tables t using (table_catalog, table_schema, table_name)
     where t.table_type = 'BASE TABLE' and c.table_catalog = current_database()
     order by c.table_schema, c.table_name, c.ordinal_position`,
  );
  const tables = new Map<string, { schema: string; table: string; columns: Column[] }>();
  for (const { schema, table, column, type, nullable } of rows) {
    const key = `${schema}.${table}`;
    const entry = tables.get(key) ?? { schema, table, columns: [] };
    tables.set(key, entry);
    entry.columns.push({ name: column, type, isNullable: nullable === 'YES' });
  }
  const unknown: string[] = [];
  const known: PersonalTable[] = [];
  for (const [name, { schema, table, columns }] of tables) {
    const rule = ruleFor(schema, table, columns);
    if (rule) known.push({ name, sql: `${identifier(schema)}.${identifier(table)}`, columns, rule });
    else unknown.push(name);
  }
  if (unknown.length === 0) return known;
  throw new MallardError('internal', `Nobody has said what of a person is in ${unknown.join(', ')}.`, {
    fields: { tables: unknown },
    remedy: 'Add the table to pipelines/rights/registry.ts.',
  });
}

/** Those with any row. Most tables of a small project have none, and to search one costs far more than to ask. */
export async function withRows(session: Session, tables: readonly PersonalTable[]): Promise<PersonalTable[]> {
  const rows = await session.rows<{ position: number }>(
    tables
      .map(({ sql }, position) => `(select ${position} as position from ${sql} limit 1)`)
      .join(' union all '),
  );
  const positions = new Set(rows.map(({ position }) => position));
  return tables.filter((_, position) => positions.has(position));
}

/** Whether a column may hold text. */
export function isTextual({ type }: Pick<Column, 'type'>): boolean {
  return /^(VARCHAR|JSON|BLOB)|VARCHAR|JSON|UNION/.test(type);
}

/** A textual column as varchar. */
export function textSql({ name, type }: Column): string {
  return type === 'VARCHAR' ? identifier(name) : `cast(${identifier(name)} as varchar)`;
}

/** The rows that are the person's own. */
export function ownRowsSql(table: PersonalTable, person: Person): string {
  const { rule, columns } = table;
  if (rule.erase === 'rows' || rule.erase === 'values')
    return namesSql(presentNames(rule.names, columns), person);
  if (rule.erase !== 'found_rows' && rule.erase !== 'found_values') return 'false';
  const searched = columns
    .filter((column) => isTextual(column) || /INT/.test(column.type))
    .map((column) => ({ name: column.name, text: textSql(column) }));
  return anyOf([foundSql(searched, table.name, person), ...idsInTextsSql(table, person)]);
}

/** Where ids stand in texts of a known form. */
function idsInTextsSql({ name }: PersonalTable, person: Person): string[] {
  if (name === 'raw.rejects') return [lineHasIdSql('line_text', person)];
  if (name !== 'ops.audit_log') return [];
  const about = [inList('subject', person.contact_ids), lineHasIdSql('cast(detail as varchar)', person)];
  return about.includes('false') ? [] : [`(action like '%contact%' and ${anyOf(about)})`];
}

/** The rows that mention the person, theirs or not. */
export function mentioningSql(table: PersonalTable, person: Person): string {
  if (table.rule.erase === 'none') return 'false';
  const pattern = mentionPattern(person);
  return anyOf(mentionedColumns(table).map((column) => mentionsSql(textSql(column), pattern)));
}

/** The columns in which a mention is looked for: not the hash that suppresses. */
export function mentionedColumns(table: PersonalTable): Column[] {
  const kept = table.name === 'ops.suppressions' || table.name === 'ops.erasures';
  return table.columns.filter(
    (column) =>
      isTextual(column) && !(kept && /^(address_key|address_keys|contact_keys|salt)$/.test(column.name)),
  );
}

function presentNames(names: Names, columns: readonly Column[]): Names {
  const present = new Set(columns.map((column) => column.name));
  return Object.fromEntries(
    Object.entries(names).map(([kind, list]) => [kind, list.filter((name) => present.has(name))]),
  );
}
