import { DuckDBStructType, DuckDBTypeId, type DuckDBType } from '@duckdb/node-api';
import { MallardError } from '../../data/errors.ts';
import type { Session } from '../../data/owner/session.ts';

/** One variable that templates may name. */
export interface ContactVariable {
  /** As in a template: `email.last_30_days.clicks`, `rfm.segment`. */
  path: string;
  /** Its value, as something JSON can hold, over the relations of `factsJoinSql`. */
  sql: string;
  /** The mart it is from, or the relation of own-fields.ts. */
  mart: string;
}

/** The alias of own-fields.ts's relation; no mart is called so. */
export const ownFieldsRelation = 'own_fields';

/** Marts with one row a contact that contact_facts is joined with in the models, under these names. */
const joinedMarts = ['rfm', 'lead_scores'] as const;

/**
 * What `mart.contact_facts`, and the marts joined with it, have as they are built now; struct columns by path.
 * @throws `conflict` where contact_facts has not been built yet
 */
export async function contactVariables(session: Session): Promise<ContactVariable[]> {
  const built = await session.rows<{ name: string }>(
    `select table_name as name from duckdb_tables() where database_name = current_database() and schema_name = 'mart'`,
  );
  const names = new Set(built.map(({ name }) => name));
  if (!names.has('contact_facts')) {
    throw new MallardError('conflict', 'mart.contact_facts has not been built yet.', {
      remedy: 'Run `mallard build` first.',
    });
  }
  const variables = await columnsOf(session, 'contact_facts', '');
  for (const mart of joinedMarts) {
    if (names.has(mart)) variables.push(...(await columnsOf(session, mart, `${mart}.`)));
  }
  return variables;
}

async function columnsOf(session: Session, mart: string, prefix: string): Promise<ContactVariable[]> {
  const result = await session.connection.run(`select * from mart.${mart} limit 0`);
  const types = result.columnTypes();
  return result
    .columnNames()
    .flatMap((name, index) =>
      expand(`${prefix}${name}`, `${mart}.${quote(name)}`, types[index] as DuckDBType),
    )
    .map((variable) => ({ ...variable, mart }));
}

/**
 * Joins that bring the marts of `variables` to a relation with contact_id named `alias`; contact_facts always.
 * @param own the SELECT of the project's own fields, where `variables` name any
 */
export function factsJoinSql(alias: string, variables: readonly ContactVariable[], own?: string): string {
  const marts = new Set(['contact_facts', ...variables.map((variable) => variable.mart)]);
  const relation = (mart: string) =>
    mart === ownFieldsRelation && own !== undefined ? `(${own}) ${mart}` : `mart.${mart}`;
  return [...marts]
    .map((mart) => `left join ${relation(mart)} on ${mart}.contact_id = ${alias}.contact_id`)
    .join('\n    ');
}

function expand(path: string, sql: string, type: DuckDBType): Omit<ContactVariable, 'mart'>[] {
  if (type instanceof DuckDBStructType) {
    return type.entryNames.flatMap((name, index) =>
      expand(`${path}.${name}`, `${sql}.${quote(name)}`, type.entryTypes[index] as DuckDBType),
    );
  }
  return [{ path, sql: jsonReady(sql, DuckDBTypeId[type.typeId]) }];
}

/**
 * Times as ISO with a Z, since Liquid's `date` would read them in the machine's zone.
 * @param type DuckDB's word, or the catalogue's: `timestamp`, `date`
 */
export function jsonReady(sql: string, type: string): string {
  const name = type.toLowerCase();
  if (name === 'timestamp') return `strftime(${sql}, '%Y-%m-%dT%H:%M:%SZ')`;
  return name === 'date' ? `strftime(${sql}, '%Y-%m-%d')` : sql;
}

/** `json_object(…)` that nests the given variables as templates expect them. */
export function variablesJsonSql(variables: readonly Pick<ContactVariable, 'path' | 'sql'>[]): string {
  const entries = new Map<string, Pick<ContactVariable, 'path' | 'sql'>[]>();
  for (const { path, sql } of variables) {
    const [head = '', ...rest] = path.split('.');
    entries.set(head, [...(entries.get(head) ?? []), { path: rest.join('.'), sql }]);
  }
  const parts = [...entries].map(([name, nested]) => {
    const leaf = nested.find((variable) => variable.path === '');
    return `${literal(name)}, ${leaf ? leaf.sql : variablesJsonSql(nested)}`;
  });
  return `json_object(${parts.join(', ')})`;
}

/** True where any of the variables is null or blank: the mail would have a hole. */
export function anyMissingSql(variables: readonly ContactVariable[]): string {
  return variables.length === 0
    ? 'false'
    : variables.map(({ sql }) => `coalesce(trim((${sql})::varchar), '') = ''`).join(' or ');
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
