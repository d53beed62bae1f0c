import { MalloyError } from '@malloydata/malloy';
import { fileURLToPath } from 'node:url';
import { MallardError } from '../../data/errors.ts';

type Problem = MalloyError['problems'][number];

/** One problem of a Malloy text, 1-based as editors count. */
export interface ModelProblem {
  file: string;
  line?: number;
  column?: number;
  message: string;
  code: string;
  /** The offending line with a caret under the place. */
  excerpt?: string;
}

/** Gives the text of a URL that Malloy read, or of the text handed in (`internal://…`). */
export type TextOf = (url: string) => string | undefined;

/**
 * A Malloy error as `model_invalid`: file:line:column, the line and a caret for each problem; `fields.problems` for
 * programs. What was forbidden for text from outside becomes `query_refused`. Other errors are handed back as they are.
 */
export function modelError(error: unknown, textOf: TextOf): unknown {
  if (!(error instanceof MalloyError)) return error;
  const errors = error.problems.filter((problem) => problem.severity === 'error');
  const problems = errors.map((problem) => describe(problem, textOf));
  const message = problems.length === 0 ? error.message : problems.map(print).join('\n');
  const refused = errors.some((problem) => problem.code === 'restricted-construct-forbidden');
  return new MallardError(refused ? 'query_refused' : 'model_invalid', `${message}\n`, {
    fields: { problems },
    cause: error,
  });
}

function describe(problem: Problem, textOf: TextOf): ModelProblem {
  const base = { message: problem.message, code: problem.code };
  if (!problem.at) return { file: 'query', ...base };
  const { line, character } = problem.at.range.start;
  const text = textOf(problem.at.url)?.split(/\r?\n/)[line];
  const place = { file: fileName(problem.at.url), line: line + 1, column: character + 1, ...base };
  return text === undefined ? place : { ...place, excerpt: `${text}\n${caret(text, character)}` };
}

function print(problem: ModelProblem): string {
  const place =
    problem.line === undefined ? problem.file : `${problem.file}:${problem.line}:${problem.column ?? 1}`;
  const lines = [`${place}: ${problem.message}`];
  if (problem.excerpt !== undefined) lines.push(...problem.excerpt.split('\n').map((line) => `  ${line}`));
  return lines.join('\n');
}

/** Tabs stay tabs, so that the caret stands under its character. */
function caret(line: string, column: number): string {
  return `${line.slice(0, column).replaceAll(/[^\t]/g, ' ')}^`;
}

function fileName(url: string): string {
  return url.startsWith('file:') ? fileURLToPath(url) : 'query';
}
