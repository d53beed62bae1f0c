import { identifier, literal } from '../load/sql.ts';
import { anyOf, forgottenWord, mentionPattern, mentionsSql } from './matching.ts';
import type { Person } from './person.ts';
import type { Rule } from './registry.ts';
import {
  isTextual,
  mentionedColumns,
  ownRowsSql,
  textSql,
  type Column,
  type PersonalTable,
} from './tables.ts';

export interface Statement {
  sql: string;
  /** What it does to a row. */
  effect: 'deleted' | 'anonymised' | 'mentions_erased';
}

/**
 * The statements that erase a person from a table, in order; running them again changes nothing.
 * @param salt of the erasure: tokens made with it are the same in every lane and after a crash, and cannot be led back
 * once it is dropped
 */
export function eraseStatements(table: PersonalTable, person: Person, salt: string): Statement[] {
  const { rule, sql } = table;
  if (rule.erase === 'none') return [];
  const statements: Statement[] = [];
  const own = ownRowsSql(table, person);
  if (own !== 'false') {
    if (rule.erase === 'rows' || rule.erase === 'found_rows')
      statements.push({ sql: `delete from ${sql} where ${own}`, effect: 'deleted' });
    if (rule.erase === 'values' || rule.erase === 'found_values')
      statements.push({
        sql: `update ${sql} set ${anonymised(table, rule, salt).join(', ')} where ${dirty(table, rule, own)}`,
        effect: 'anonymised',
      });
  }
  const pattern = mentionPattern(person);
  if (pattern === undefined) return statements;
  const columns = rewritable(table);
  if (columns.length > 0)
    statements.push({
      sql: `update ${sql} set ${columns.map((column) => `${identifier(column.name)} = ${withoutMentions(column, pattern)}`).join(', ')}
        where ${columns.map((column) => mentionsSql(textSql(column), pattern)).join(' or ')}`,
      effect: 'mentions_erased',
    });
  return statements;
}

/** Texts inside of structs stay: only marts have them, and the next build makes those anew. */
function rewritable(table: PersonalTable): Column[] {
  return mentionedColumns(table).filter(({ type }) => /^(VARCHAR|JSON|VARCHAR\[\])$/.test(type));
}

type ValueRule = Extract<Rule, { erase: 'values' | 'found_values' }>;

function erasedColumns({ columns }: PersonalTable, rule: ValueRule): Column[] {
  const keeps = new Set(rule.keeps);
  const replaced = new Set(rule.erase === 'values' ? Object.keys(rule.replaces ?? {}) : []);
  return columns.filter(
    (column) => isTextual(column) && (!keeps.has(column.name) || replaced.has(column.name)),
  );
}

function anonymised(table: PersonalTable, rule: ValueRule, salt: string): string[] {
  return erasedColumns(table, rule).map((column) => {
    const name = identifier(column.name);
    return `${name} = ${replacement(column, rule, salt)}`;
  });
}

function replacement(column: Column, rule: ValueRule, salt: string): string {
  const name = identifier(column.name);
  const tokens = rule.erase === 'values' ? (rule.tokens ?? {}) : {};
  const replaces = rule.erase === 'values' ? (rule.replaces ?? {}) : {};
  const token = tokenSql(name, salt, tokens[column.name] ?? null);
  const replaced = replaces[column.name];
  if (replaced !== undefined) return replaced.replaceAll('{token}', `(${token})`);
  if (column.name in tokens) return `case when ${name} is not null then ${token} end`;
  return column.isNullable ? 'null' : column.type === 'VARCHAR' ? token : `'{}'`;
}

/**
 * The random token that stands for an id: the same in every lane and after a crash, by the erasure's salt.
 * @param within a column within whose value alone it is the same, so that a trail over several campaigns is none
 */
export function tokenSql(column: string, salt: string, within: string | null = null): string {
  const scope = within === null ? '' : `${identifier(within)}, `;
  return `${literal(`${forgottenWord}-`)} || left(sha256(concat_ws('/', ${literal(salt)}, ${scope}${column})), 24)`;
}

/** Rows found by what stays (a hash, a deal's id, an event's kind) are found again: not those that are done. */
function dirty(table: PersonalTable, rule: ValueRule, own: string): string {
  const left = erasedColumns(table, rule)
    .filter((column) => !(rule.erase === 'values' && rule.replaces?.[column.name] !== undefined))
    .filter((column) => column.isNullable && !(rule.erase === 'values' && column.name in (rule.tokens ?? {})))
    .map((column) => `${identifier(column.name)} is not null`);
  const tokens = erasedColumns(table, rule)
    .filter((column) => !column.isNullable || (rule.erase === 'values' && column.name in (rule.tokens ?? {})))
    .map((column) => `not starts_with(${textSql(column)}, ${literal(`${forgottenWord}-`)})`);
  const replaced = Object.entries(rule.erase === 'values' ? (rule.replaces ?? {}) : {})
    .filter(([name]) => table.columns.some((column) => column.name === name))
    .filter(([name]) => name !== 'event_id')
    .map(([name, sql]) => `${identifier(name)} is distinct from (${sql})`);
  const conditions = [...left, ...tokens, ...replaced];
  return conditions.length === 0 ? own : `${own} and (${conditions.join(' or ')})`;
}

function withoutMentions(column: Column, pattern: string): string {
  const once = (text: string) =>
    `regexp_replace(${text}, ${literal(`(?i)${pattern}`)}, ${literal(`\\1${forgottenWord}\\2`)}, 'g')`;
  // Of two mentions with one sign between them, the first takes the sign.
  const erased = (text: string) => once(once(text));
  const name = identifier(column.name);
  if (column.type === 'VARCHAR[]') return `list_transform(${name}, lambda each : ${erased('each')})`;
  return column.type === 'JSON' ? `cast(${erased(`cast(${name} as varchar)`)} as json)` : erased(name);
}

/**
 * The rows that still hold something to erase: of the person's own, and mentions. Apart, since to look for mentions costs
 * far more (a pattern over every text), and a lane that acknowledges must not wait for it where there are none.
 */
export function residueSql(table: PersonalTable, person: Person): { own: string; mentions: string } {
  const { rule } = table;
  if (rule.erase === 'none') return { own: 'false', mentions: 'false' };
  const own = ownRowsSql(table, person);
  const isKept = rule.erase === 'values' || rule.erase === 'found_values';
  const pattern = mentionPattern(person);
  return {
    own: own !== 'false' && isKept ? `(${dirty(table, rule, own)})` : own,
    mentions: anyOf(rewritable(table).map((column) => mentionsSql(textSql(column), pattern))),
  };
}
