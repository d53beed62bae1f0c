interface Stage {
  name: string;
  body: string;
}

/** What is no code: texts, with or without escapes, quoted names, comments. */
const quoted = String.raw`\b[eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/`;
const stageOrQuoted = new RegExp(`${quoted}|__stage\\d+`, 'g');
const bracketOrQuoted = new RegExp(`${quoted}|[()]`, 'g');

/** What a stage computes, and what is worth sharing. */
const isComputed = /\bGROUP BY\b|\bOVER\s*\(/;

/**
 * SQL of Malloy's in which what is aggregated twice is aggregated once. Malloy writes a source out wherever it is joined, and
 * DuckDB computes each copy. Two stages are the same where their texts are, and the stages that they read. Stages that only select
 * are left as they are: each is a part of what reads it, and reads of a table what that needs; shared, it would be held in
 * memory whole.
 */
export function shareStages(sql: string): string {
  const query = readStages(sql);
  // A query inside of raw SQL has stages of its own, under the same names; texts in dollars are not read here.
  const isLeftAlone = (text: string) => /\bWITH __stage|\$\$/.test(text);
  if (!query || isLeftAlone(query.rest) || query.stages.some(({ body }) => isLeftAlone(body))) return sql;
  /** For each stage the first one that is the same, and that one's name by its text. */
  const alike = new Map<string, string>();
  const firstByText = new Map<string, string>();
  const shared = new Map<string, string>();
  for (const { name, body } of query.stages) {
    const text = renamed(body, alike);
    const first = firstByText.get(text) ?? name;
    firstByText.set(text, first);
    alike.set(name, first);
    if (first !== name && isComputed.test(body)) shared.set(name, first);
  }
  if (shared.size === 0) return sql;
  const rest = renamed(query.rest, shared);
  const stages = query.stages.map(({ name, body }) => ({ name, body: renamed(body, shared) }));
  const kept = readBy(rest, stages);
  return `WITH ${kept.map(({ name, body }) => `${name} AS (${body})`).join('\n, ')}\n${rest}`;
}

/** The stages that a text reads, and those that they read. A stage reads earlier ones only. */
function readBy(text: string, stages: readonly Stage[]): Stage[] {
  const names = new Set(text.match(stageOrQuoted));
  const read = stages.toReversed().filter(({ name, body }) => {
    if (!names.has(name)) return false;
    for (const inner of body.match(stageOrQuoted) ?? []) names.add(inner);
    return true;
  });
  return read.toReversed();
}

function renamed(text: string, names: ReadonlyMap<string, string>): string {
  return text.replaceAll(stageOrQuoted, (name) => names.get(name) ?? name);
}

/** The stages and what follows them; undefined where the text has none. */
function readStages(sql: string): { stages: Stage[]; rest: string } | undefined {
  const stages: Stage[] = [];
  const head = /\s*(?:WITH|,)\s+(__stage\d+) AS \(/y;
  let at = 0;
  for (;;) {
    head.lastIndex = at;
    const [, name] = head.exec(sql) ?? [];
    if (name === undefined) break;
    const start = head.lastIndex;
    const end = closingBracket(sql, start);
    if (end === undefined) return undefined;
    stages.push({ name, body: sql.slice(start, end) });
    at = end + 1;
  }
  return stages.length === 0 ? undefined : { stages, rest: sql.slice(at).trimStart() };
}

/** Where the bracket that was opened before `start` is closed; what is quoted or a comment does not count. */
function closingBracket(sql: string, start: number): number | undefined {
  const token = new RegExp(bracketOrQuoted);
  token.lastIndex = start;
  let depth = 1;
  for (let match = token.exec(sql); match; match = token.exec(sql)) {
    if (match[0] === '(') depth += 1;
    else if (match[0] === ')' && --depth === 0) return match.index;
  }
  return undefined;
}
