import { MallardError } from '../../../data/errors.ts';
import type { Age, IntervalTest } from '../../../models/criteria/interval-tests.ts';
import type { FieldType } from '../../../models/criteria/types.ts';
import type { SegmentEngine } from '../types.ts';
import { atNextDay, type Days } from './span.ts';
import type { Workspace } from './workspace.ts';

/**
 * When a leaf becomes true (`move` 1) and false (-1): `(contact_id, moment, move)`. It holds while the moves so far, and 1 where it
 * holds without any (`base`), add up to more than 0.
 */
export interface Moves {
  table: string;
  base: 0 | 1;
}

export interface TestedSteps {
  /** SELECT of steps. */
  steps: string;
  type: FieldType;
  /** The value before the first step, and of contacts without any, as SQL. */
  nothing: string;
  test: IntervalTest;
  days: Days;
}

/** The moves of a test over steps. */
export async function movesOf(
  work: Workspace,
  engine: SegmentEngine,
  { steps, type, nothing, test, days }: TestedSteps,
): Promise<Moves> {
  if (test.kind === 'aging') {
    return { table: await work.keep('moves', agingMoves(work, steps, test.ages, days)), base: 0 };
  }
  const tested = await fixedTest(engine, type, test.condition);
  const row = await work.session.one<{ is_true: boolean }>(
    tested(
      `select null::varchar as contact_id, null::timestamp as moment, ${nothing} as value, ${nothing} as before`,
    ),
  );
  const table = await work.keep(
    'moves',
    `select contact_id, moment, case when is_true then 1 else -1 end as move from (${tested(steps)}) where is_true <> was_true`,
  );
  return { table, base: row?.is_true ? 1 : 0 };
}

const sqlTypes: Record<FieldType, string> = {
  string: 'varchar',
  number: 'decimal(18,2)',
  boolean: 'boolean',
  date: 'date',
  timestamp: 'timestamp',
};

/**
 * Compiles a condition as evaluations do, by Malloy, over a relation that is put in place afterwards. Not restricted, since it
 * reads a SELECT of ours; what is from outside in it is literals of `models/criteria/literal.ts`.
 */
async function fixedTest(
  engine: SegmentEngine,
  type: FieldType,
  condition: (column: string) => string,
): Promise<(relation: string) => string> {
  const inPlace = `select null::varchar as contact_id, null::timestamp as moment, null::${sqlTypes[type]} as value, null::${sqlTypes[type]} as before`;
  const { sql } = await engine.compileSql(
    `run: duckdb.sql("""${inPlace}""") -> { select: contact_id, moment, is_true is ${condition('value')}, was_true is ${condition('before')} }`,
    { asOf: new Date(0), restricted: false },
  );
  const start = sql.indexOf(inPlace);
  if (start < 0) throw new MallardError('internal', 'Malloy no longer keeps the text of a SELECT.');
  return (relation) => sql.slice(0, start) + relation + sql.slice(start + inPlace.length);
}

/** Each age of each step, cut to the time in which the value holds. */
function agingMoves(work: Workspace, steps: string, ages: readonly Age[], days: Days): string {
  const stretches = ages.map((age) => {
    const due = (us: number, columns: string, relation: string) =>
      `(${atNextDay(days, { columns, time: `r.value + to_microseconds(${us})`, relation })})`;
    const kept = 't.contact_id, t.value, t.begins, t.ends';
    let relation = `(select contact_id, value, greatest(moment, value + interval 1 microsecond) as begins, ends from (${steps}) where value is not null)`;
    if (age.after_us !== undefined) {
      const late = due(age.after_us, kept, relation);
      relation = `(select contact_id, value, greatest(begins, moment) as begins, ends from ${late})`;
    }
    if (age.until_us !== undefined) {
      const early = due(age.until_us, kept, relation);
      relation = `(select contact_id, value, begins, least(ends, moment) as ends from ${early})`;
    }
    return `select contact_id, begins, ends from ${relation} where begins < ends`;
  });
  if (stretches.length === 0) {
    return `select null::varchar as contact_id, null::timestamp as moment, 0 as move where false`;
  }
  return `with stretches as (${stretches.join(' union all ')})
    select contact_id, begins as moment, 1 as move from stretches
    union all select contact_id, ends, -1 from stretches where ends < ${work.until}`;
}
