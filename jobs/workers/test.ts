import { MallardError } from '../../data/errors.ts';
import type { Job } from '../run-job.ts';

interface TestAnswer {
  run_id: string;
  passed: boolean;
  tests: { name: string; status: string; failing_count: number | null }[];
  freshness: { table: string; source: string | null; status: string; age_hours: number | null }[];
}

/** Runs the data tests after the nightly build. A failure fails the job, which is what alerts; a warning does not. */
export const job: Job = {
  run: async ({ client, signal }) => {
    // The rows are for who asks; the log of jobs is not to hold any.
    const answer = await client.request<TestAnswer>('POST', '/v1/test', { body: { rows: 0 }, signal });
    const counts = { run_id: answer.run_id, ...countByStatus([...answer.tests, ...answer.freshness]) };
    if (answer.passed) return counts;
    throw new MallardError('conflict', `${failures(answer).join('; ')}.`, {
      remedy: '`mallard test` shows the rows, `mallard test --history` since when.',
    });
  },
};

function failures({ tests, freshness }: TestAnswer): string[] {
  return [
    ...tests
      .filter(({ status }) => status === 'failed' || status === 'errored')
      .map(({ name, status, failing_count: rows }) =>
        status === 'errored'
          ? `The data test ${name} cannot run`
          : `The data test ${name} fails with ${rows} rows`,
      ),
    ...freshness
      .filter(({ status }) => status === 'failed')
      .map(({ table, source, age_hours: age }) =>
        age === null
          ? `${table} has nothing from ${source ?? 'any source'}`
          : `${table} has nothing new from ${source} for ${age} hours`,
      ),
  ];
}

function countByStatus(results: readonly { status: string }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status } of results) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}
