import { connectionName } from './connection.ts';

/** The marts, in the order in which they are built: each may read those before it. */
export const marts = [
  'deal_facts',
  'contact_facts',
  'rfm',
  'lead_scores',
  'email_performance',
  'customer_spans',
  'company_facts',
  'owner_facts',
  'campaign_facts',
] as const;

/** A column of a mart, as its definition gives it. */
export interface MartColumn {
  name: string;
  /** Malloy's type; of a struct its fields and theirs. */
  type: string;
  /** Of plain columns only. */
  doc?: string;
}

/** The source that defines a mart. `<mart>` itself extends it, or the built table in its place, by joins and measures. */
export function definitionOf(mart: string): string {
  return `${mart}_definition`;
}

/** The file that `builtText` stands in for where the mart is built; relative to models/. */
export function definitionFile(mart: string): string {
  return `marts/${definitionOf(mart)}.malloy`;
}

/** Every row of a mart also says what it was built as of, and when. */
export const buildColumns = ['as_of', 'built_at'] as const;

/**
 * The definition's stand-in over the built table. Docs come along, so that a query over the table can tell its columns.
 * @param table where the mart is; during a build, a temporary table
 */
export function builtText(
  mart: string,
  columns: readonly MartColumn[],
  table: string = `mart.${mart}`,
): string {
  const documented = columns
    .filter((column) => column.doc !== undefined)
    .map((column) => `  #(doc) ${(column.doc ?? '').replaceAll(/\s+/g, ' ')}\n  public: \`${column.name}\``);
  // The columns are listed for the compiler's cache, which goes by the text.
  return `##! experimental.access_modifiers
// ${columns.map((column) => `${column.name} ${column.type}`).join(', ')}
source: ${definitionOf(mart)} is ${connectionName}.table('${table}') include {
${documented.join('\n')}
  public: *
  except: ${buildColumns.join(', ')}
}
`;
}

/** A column's name, in SQL. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
