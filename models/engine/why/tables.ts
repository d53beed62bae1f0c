/** Text, quoted names and comments, which stay as they are; or a qualified name that is not a column's. */
const token =
  /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|(?<![\w.])(?<name>(?:versions|core|ops)\.\w+)\b(?!\s*[.(])/g;

/**
 * The compiled SQL over other relations: `versions.orders` becomes what `relationOf` gives for it, in brackets. In the SQL, not in
 * the models: those would have to be compiled anew for every moment (a second each), and raw SQL of the analyst's is covered.
 */
export function overRelations(sql: string, relationOf: (table: string) => string | undefined): string {
  return sql.replaceAll(token, (text, ...rest) => {
    const name = (rest.at(-1) as { name?: string }).name;
    const relation = name === undefined ? undefined : relationOf(name);
    return relation === undefined ? text : `(${relation})`;
  });
}

/** The tables that compiled SQL reads: `versions.orders`. */
export function tablesOf(sql: string): Set<string> {
  const found = [...sql.matchAll(token)].flatMap((match) => match.groups?.['name'] ?? []);
  return new Set(found);
}
