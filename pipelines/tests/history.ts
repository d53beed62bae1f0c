import type { Warehouse } from '../../data/owner/warehouse.ts';

export type TestStatus = 'passed' | 'warned' | 'failed' | 'errored';

/** One test of one run, as `ops.test_runs` keeps it: no row of the data. */
export interface TestRun {
  run_id: string;
  /** A data test of a model, or a limit of freshness. */
  kind: 'data' | 'freshness';
  test: string;
  /** The file that states it. */
  model: string;
  severity: 'warn' | 'error';
  status: TestStatus;
  failing_count: number | null;
  error: string | null;
  as_of: string;
  known_at: string | null;
  duration_ms: number;
  recorded_at: string;
}

/** Where a test stands. */
export interface TestState {
  kind: TestRun['kind'];
  test: string;
  model: string;
  status: TestStatus;
  failing_count: number | null;
  /** When it last ran. */
  recorded_at: string;
  /** The first run since which it has not passed; null where it passes now. */
  failing_since: string | null;
  last_passed_at: string | null;
}

const columns = `run_id, kind, test, model, severity, status, failing_count::double as failing_count, error, as_of, known_at,
  duration_ms::double as duration_ms, recorded_at`;

/** What tests said, newest first. */
export function testRuns(
  warehouse: Warehouse,
  filter: { test?: string | undefined; limit: number },
): Promise<TestRun[]> {
  return warehouse.read((session) =>
    session.rows<TestRun>(
      `select ${columns} from ops.test_runs where $1::varchar is null or test = $1
       order by recorded_at desc, run_id, kind, model, test limit $2`,
      [filter.test ?? null, filter.limit],
    ),
  );
}

/** Every test that ever ran, as its last run left it: those that fail first. */
export function testStates(
  warehouse: Warehouse,
  filter: { test?: string | undefined } = {},
): Promise<TestState[]> {
  return warehouse.read((session) =>
    session.rows<TestState>(
      `with runs as (
         select *, max(recorded_at) filter (status = 'passed') over (partition by kind, test, model) as last_passed_at
         from ops.test_runs where $1::varchar is null or test = $1)
       select kind, test, model, arg_max_null(status, recorded_at) as status,
         arg_max_null(failing_count, recorded_at)::double as failing_count, max(recorded_at) as recorded_at,
         min(recorded_at) filter (last_passed_at is null or recorded_at > last_passed_at) as failing_since,
         any_value(last_passed_at) as last_passed_at
       from runs group by kind, test, model
       order by failing_since is null, failing_since, kind, model, test`,
      [filter.test ?? null],
    ),
  );
}
