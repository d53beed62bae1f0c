import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { errorMessage, MallardError } from '../../data/errors.ts';
import type { Session } from '../../data/owner/session.ts';
import type { Project } from '../../data/project.ts';
import { nearestName } from '../criteria/nearest.ts';
import type { CompiledModels } from './compiled.ts';
import type { Read } from './connection.ts';
import { docOf } from './describe.ts';
import { malloyFiles } from './files.ts';
import { modelError } from './problems.ts';
import type { TestResult, TestSelection, TestSeverity } from './types.ts';

const sampleRowsDefault = 5;

/**
 * A query tagged `#(test)` in a `*.test.malloy` file: every row it yields is a failure. `#(test) severity=warn` makes the
 * failure a warning; its `#(doc)` says what is wrong then.
 */
export type DataTest = { name: string; model: string; doc?: string; severity: TestSeverity } & (
  | { sql: string }
  /** Why it cannot run. */
  | { error: string }
);

/**
 * Compiles the data tests beside our models and the project's. A file or a query that does not compile is a test with an
 * error; the others go on.
 */
export async function compileDataTests(
  models: CompiledModels,
  project: Project,
  givens: Record<string, string>,
): Promise<DataTest[]> {
  const tests: DataTest[] = [];
  for (const [folder, base] of [
    [project.packageModels, project.packageModels],
    [project.models, project.dir],
  ] as const) {
    for (const file of malloyFiles(folder, 'tests')) {
      tests.push(...(await compileFileTests(models, file, relative(base, fileURLToPath(file)), givens)));
    }
  }
  return tests;
}

async function compileFileTests(
  models: CompiledModels,
  file: URL,
  name: string,
  givens: Record<string, string>,
): Promise<DataTest[]> {
  const broken = (test: string, error: unknown): DataTest => ({
    name: test,
    model: name,
    severity: 'error',
    error: errorMessage(modelError(error, models.files.textOf)),
  });
  try {
    const materializer = await models.compileFile(file);
    const model = await materializer.getModel();
    // Malloy refuses a given that the file does not know.
    const known = Object.fromEntries(Object.entries(givens).filter(([given]) => model.givens.has(given)));
    const tests: DataTest[] = [];
    for (const query of model.queries().named) {
      try {
        const prepared = await materializer.loadQueryByName(query).getPreparedResult({ givens: known });
        if (prepared.annotations.forRoute('test').length === 0) continue;
        const doc = docOf(prepared.annotations);
        const severity = severityOf(prepared.annotations.parseAsTag('test').tag.text('severity'));
        tests.push({ name: query, model: name, ...(doc ? { doc } : {}), severity, sql: prepared.sql });
      } catch (error) {
        tests.push(broken(query, error));
      }
    }
    return tests;
  } catch (error) {
    // Its tests cannot be told apart any more: the file stands for them.
    return [broken(name, error)];
  }
}

function severityOf(text: string | undefined): TestSeverity {
  if (text === undefined || text === 'error') return 'error';
  if (text === 'warn') return 'warn';
  throw new MallardError('model_invalid', `#(test) severity=${text}: it is warn or error.`);
}

/** The tests of these names, or of these files; all where none is given. Throws `not_found` naming the nearest. */
export function selectTests(
  tests: readonly DataTest[],
  names: readonly string[] | undefined,
): readonly DataTest[] {
  if (names === undefined || names.length === 0) return tests;
  const known = [...new Set(tests.flatMap((test) => [test.name, test.model]))];
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    const nearest = nearestName(unknown, known);
    throw new MallardError('not_found', `There is no data test, and no file of tests, '${unknown}'.`, {
      fields: { name: unknown, ...(nearest === undefined ? {} : { nearest }) },
      remedy:
        nearest === undefined ? '`mallard test` without a name lists them.' : `Did you mean '${nearest}'?`,
    });
  }
  return tests.filter((test) => names.includes(test.name) || names.includes(test.model));
}

/** Runs tests one after the other. One that cannot run is a failure of its own. */
export async function runDataTests(
  read: Read,
  tests: readonly DataTest[],
  { rows = sampleRowsDefault }: TestSelection,
): Promise<TestResult[]> {
  const results: TestResult[] = [];
  for (const test of tests) {
    const started = performance.now();
    const outcome = await runOne(read, test, rows);
    const { name, model, doc, severity } = test;
    results.push({
      name,
      model,
      ...(doc === undefined ? {} : { doc }),
      severity,
      ...outcome,
      passed: outcome.status === 'passed',
      duration_ms: Math.round(performance.now() - started),
    });
  }
  return results;
}

type Outcome = Pick<TestResult, 'status' | 'failing_count' | 'sample_rows' | 'sql' | 'error'>;

async function runOne(read: Read, test: DataTest, rows: number): Promise<Outcome> {
  if ('error' in test) return errored(test.error, '');
  try {
    const { failing, sample } = await read((session) => failures(session, test.sql, rows));
    return {
      status: failing === 0 ? 'passed' : test.severity === 'warn' ? 'warned' : 'failed',
      failing_count: failing,
      sample_rows: sample,
      sql: test.sql,
    };
  } catch (error) {
    // A server that closes is not a test that fails.
    if (error instanceof MallardError) throw error;
    return errored(errorMessage(error), test.sql);
  }
}

function errored(error: string, sql: string): Outcome {
  return { status: 'errored', failing_count: null, sample_rows: [], sql, error };
}

async function failures(session: Session, sql: string, rows: number) {
  const count = await session.one<{ failing: number }>(`select count(*)::int as failing from (${sql})`);
  const failing = count?.failing ?? 0;
  if (failing === 0) return { failing, sample: [] };
  // One row at least: to count them computes no column, and one that cannot be computed would look like a failing row.
  const sample = await session.rows(`select * from (${sql}) limit ${Math.max(rows, 1)}`);
  return { failing, sample: sample.slice(0, rows) };
}
