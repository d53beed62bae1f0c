import { randomUUID } from 'node:crypto';
import { toTimestamp } from '../../data/clock.ts';
import type { Session } from '../../data/owner/session.ts';
import type { TestResult } from '../../models/engine/types.ts';
import type { Mallard } from '../context.ts';
import { builtOrNow, utcText } from '../segments/as-of.ts';
import { freshness, type Freshness } from './freshness.ts';
import type { TestRun } from './history.ts';

export interface TestOptions {
  /**
   * Default: data tests as of the newest build (now where there is none), freshness as of now. A run at a stated time is
   * a question about the past: it is answered, and not kept.
   */
  asOf?: Date | undefined;
  knownAt?: Date | undefined;
  /** Of data tests, or of their files; freshness is then left out. Default: everything. */
  names?: readonly string[] | undefined;
  /** Failing rows to show of each test. Default 5. */
  rows?: number | undefined;
}

export interface TestAnswer {
  /** Undefined where the run is not kept. */
  run_id?: string;
  as_of: string;
  /** False where a test with severity error fails, a test cannot run, or a source is older than its error limit. */
  passed: boolean;
  tests: TestResult[];
  /** Where there are limits. */
  freshness: Freshness[];
}

/** Runs the data tests and checks the limits of freshness. Errors: `ModelEngine.test`, `freshness`. */
export async function runTests(
  { engine, warehouse, account, clock }: Mallard,
  { asOf, knownAt, names, rows }: TestOptions = {},
): Promise<TestAnswer> {
  const time = asOf ?? (await builtOrNow(warehouse));
  const isSelection = names !== undefined && names.length > 0;
  const freshTime = asOf ?? clock.now();
  const [tests, fresh] = [
    await engine.test({ asOf: time, knownAt, names, rows }),
    isSelection
      ? []
      : await freshness(warehouse, { limits: account.freshness, asOf: freshTime, knownAt, unlimited: false }),
  ];
  const answer: TestAnswer = {
    as_of: utcText(time),
    passed: [...tests, ...fresh].every(({ status }) => status === 'passed' || status === 'warned'),
    tests,
    freshness: fresh,
  };
  if (asOf || knownAt) return answer;
  const runId = randomUUID();
  const runs = [
    ...tests.map((test) => dataRun(test, utcText(time))),
    ...fresh.map((each) => freshnessRun(each, utcText(freshTime))),
  ];
  await warehouse.ledger.transaction((tx) => append(tx, runId, runs, toTimestamp(clock.now())));
  return { run_id: runId, ...answer };
}

type NewRun = Omit<TestRun, 'run_id' | 'known_at' | 'recorded_at'>;

function dataRun(
  { name, model, severity, status, failing_count, error, duration_ms }: TestResult,
  asOf: string,
): NewRun {
  return {
    kind: 'data',
    test: name,
    model,
    severity,
    status,
    failing_count,
    error: error ?? null,
    as_of: asOf,
    duration_ms,
  };
}

function freshnessRun(each: Freshness, asOf: string): NewRun {
  return {
    kind: 'freshness',
    test: freshnessName(each),
    model: 'account.yaml',
    severity: each.error_after_hours === null ? 'warn' : 'error',
    status: each.status === 'unlimited' ? 'passed' : each.status,
    failing_count: each.status === 'passed' ? 0 : 1,
    error: null,
    as_of: asOf,
    duration_ms: 0,
  };
}

/** What `--history` knows a limit by: `freshness of email_events from sendgrid`. */
export function freshnessName({ table, source }: Pick<Freshness, 'table' | 'source'>): string {
  return `freshness of ${table}${source === null ? '' : ` from ${source}`}`;
}

const runShape = `'[{"kind": "VARCHAR", "test": "VARCHAR", "model": "VARCHAR", "severity": "VARCHAR", "status": "VARCHAR", "failing_count": "BIGINT", "error": "VARCHAR", "as_of": "TIMESTAMP", "duration_ms": "BIGINT"}]'`;

async function append(tx: Session, runId: string, runs: readonly NewRun[], at: string): Promise<void> {
  await tx.run(
    `insert into ops.test_runs (run_id, kind, test, model, severity, status, failing_count, error, as_of, known_at,
       duration_ms, recorded_at)
     select $1, kind, test, model, severity, status, failing_count, error, as_of, null, duration_ms, $2::timestamp
     from (select unnest(from_json($3, ${runShape}), recursive := true))`,
    [runId, at, JSON.stringify(runs)],
  );
}
