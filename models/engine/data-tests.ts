import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Session } from '../../data/owner/session.ts';
import type { Project } from '../../data/project.ts';
import type { CompiledModels } from './compiled.ts';
import { malloyFiles } from './files.ts';
import { modelError } from './problems.ts';
import type { TestResult } from './types.ts';

const sampleRows = 5;

/** A query tagged `#(test)` in a `*.test.malloy` file: every row it yields is a failure. */
export interface DataTest {
  name: string;
  model: string;
  sql: string;
}

/** Compiles the data tests beside our models and the project's. Throws `model_invalid`. */
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
  const materializer = await models.compileFile(file);
  const model = await materializer.getModel();
  const tests: DataTest[] = [];
  for (const query of model.queries().named) {
    try {
      const prepared = await materializer.loadQueryByName(query).getPreparedResult({ givens });
      if (prepared.annotations.forRoute('test').length > 0)
        tests.push({ name: query, model: name, sql: prepared.sql });
    } catch (error) {
      throw modelError(error, models.files.textOf);
    }
  }
  return tests;
}

/** Runs one test: counts the rows that fail and shows the first. */
export async function runDataTest(session: Session, test: DataTest): Promise<TestResult> {
  const count = await session.one<{ failing: number }>(`select count(*)::int as failing from (${test.sql})`);
  const failing = count?.failing ?? 0;
  const rows = failing === 0 ? [] : await session.rows(`select * from (${test.sql}) limit ${sampleRows}`);
  return {
    name: test.name,
    model: test.model,
    passed: failing === 0,
    failing_count: failing,
    sample_rows: rows,
    sql: test.sql,
  };
}
