import type { Account } from '../../../data/account.ts';
import { MallardError } from '../../../data/errors.ts';
import type { ReadOptions } from '../../../data/owner/readers.ts';
import type { Session } from '../../../data/owner/session.ts';
import type { Warehouse } from '../../../data/owner/warehouse.ts';
import type { ModelEngine } from '../engine.ts';
import { metricOf } from '../metrics/find.ts';
import { modelVersionAt } from '../model-versions.ts';
import { questionSql, type DefinedMetric, type QuestionSql } from './compile.ts';
import { textOf, type Fixed } from './decimal.ts';
import { compareDefinitions } from './definition.ts';
import { heaviestRows } from './rows.ts';
import { overRelations, tablesOf } from './tables.ts';
import { difference, readTotals, type Totals } from './totals.ts';
import { describeRows, traceRows } from './trace.ts';
import type { Figures, Part, Side, Why } from './types.ts';
import { chainOf, questionsOf, readSince, type Question, type World } from './worlds.ts';

export interface WhyOptions extends ReadOptions {
  /** Its name. */
  metric: string;
  /** The time of the figure that is compared with: as of it, and as known at it. */
  vs: Date;
  /** As of when is now; everything that is recorded is known. */
  asOf: Date;
  /** Days of the account's zone, the same on both sides, `to` excluded. Default: what the metric is about at each side by itself. */
  from?: string | undefined;
  to?: string | undefined;
  /** How many rows to show of each part. Default 5. With 0 none are looked at: of many millions of events that saves most of the time. */
  rows?: number | undefined;
}

/**
 * Splits the change of a metric since a figure of then exactly into parts (types.ts), with the rows that weigh most.
 *
 * Everything is read in one snapshot, and from the marts' definitions: a table built before the newest load does not know it.
 * @throws `bad_request` for times in the wrong order; `not_found`; `model_invalid` where
 * the metric is not its numerator ÷ its denominator
 */
export async function explainChange(
  { engine, warehouse, account }: { engine: ModelEngine; warehouse: Warehouse; account: Account },
  options: WhyOptions,
): Promise<Why> {
  checkTimes(options);
  const models = await engine.definitions();
  const now: DefinedMetric = { ...metricOf(await models.materializer.getModel(), options.metric), models };
  const { metric } = now;
  const version = await warehouse.read((session) => modelVersionAt(session, options.vs));
  const { change, old, notes } = await compareDefinitions(engine, warehouse.project, now, version);
  const questions = questionsOf({ ...options, metric, hasOldDefinitions: old !== undefined }, account);
  const asked: Asked = new Map();
  for (const question of [questions.old, questions.then, questions.thenKnown, questions.now]) {
    const by = question?.definitions === 'then' ? old : now;
    if (question && by) asked.set(question, { by, sql: await questionSql(by, question, account) });
  }
  const { first, last, parts } = await warehouse.read(
    (session) =>
      inSnapshot(session, async () => {
        const tables = new Set([...asked.values()].flatMap(({ sql }) => [...tablesOf(sql.totals)]));
        const chain = chainOf(questions, await readSince(session, tables, options.vs));
        const walked = await walk(session, asked, chain, options.rows ?? 5);
        const rows = walked.parts.flatMap((part) => part.rows);
        const fields = [questions.now, questions.then].flatMap((one) => asked.get(one)?.sql.fields ?? []);
        await describeRows(session, rows, fields);
        for (const part of walked.parts) {
          await traceRows(session, part, { key: metric.key, tables, knownAt: options.vs });
        }
        return walked;
      }),
    { timeoutMs: options.timeoutMs, signal: options.signal },
  );
  return {
    metric: metric.name,
    unit: metric.unit ?? null,
    then: sideOf(questions.then, first),
    now: sideOf(questions.now, last),
    change: figuresOf(differences(first, last)),
    parts: change.status === 'unavailable' ? parts.map(withoutDefinitions) : parts,
    definition: change,
    notes,
  };
}

/** Each question with the definitions it is asked by. */
type Asked = Map<Question, { by: DefinedMetric; sql: QuestionSql }>;

/** Goes along the chain: the figures at both ends, and the part of each step. */
async function walk(
  session: Session,
  asked: Asked,
  { first: start, steps }: ReturnType<typeof chainOf>,
  rowLimit: number,
): Promise<{ first: Totals; last: Totals; parts: Part[] }> {
  const sqlOf = ({ question, relation }: World, kind: keyof QuestionSql) => {
    const sql = asked.get(question)?.sql[kind];
    return sql === undefined ? undefined : overRelations(sql, relation);
  };
  const definitionOf = (world: World) => asked.get(world.question)?.by.metric;
  const totalsOf = (world: World) => readTotals(session, sqlOf(world, 'totals'), definitionOf(world));
  const first = await totalsOf(start);
  const parts: Part[] = [];
  let [world, before] = [start, first];
  for (const { part, after: next, isEmpty } of steps) {
    if (isEmpty) {
      parts.push({ part, change: figuresOf(differences(before, before)), ...noRows(0, 0n) });
      continue;
    }
    const after = await totalsOf(next);
    const change = differences(before, after);
    const [was, is] = [sqlOf(world, 'byKey'), sqlOf(next, 'byKey')];
    const isComparable = definitionOf(world)?.key === definitionOf(next)?.key;
    const rows =
      rowLimit === 0 || was === undefined || is === undefined || !isComparable
        ? noRows(null, change.value ?? 0n)
        : await heaviestRows(session, { before: was, after: is }, { before, after }, rowLimit);
    parts.push({ part, change: figuresOf(change), ...rows });
    [world, before] = [next, after];
  }
  return { first, last: before, parts };
}

function checkTimes({ vs, asOf }: WhyOptions): void {
  if (vs > asOf) {
    const [then, now] = [vs.toISOString(), asOf.toISOString()];
    throw new MallardError('bad_request', `vs (${then}) lies after as_of (${now}).`, {
      fields: { field: 'vs', vs: then, as_of: now },
      remedy: 'Compare with an earlier time, give a later as_of, or run `mallard build`.',
    });
  }
}

/** One snapshot: what is loaded meanwhile would show up as a part. */
async function inSnapshot<T>(session: Session, work: () => Promise<T>): Promise<T> {
  await session.run('BEGIN TRANSACTION READ ONLY');
  try {
    return await work();
  } finally {
    await session.run('ROLLBACK').catch(() => undefined);
  }
}

function differences(before: Totals, after: Totals): Totals {
  return {
    n: difference(before.n, after.n),
    d: before.d === null && after.d === null ? null : difference(before.d, after.d),
    value: difference(before.value, after.value),
  };
}

function figuresOf({ n, d, value }: Totals): Figures {
  const text = (figure: Fixed | null) => (figure === null ? null : textOf(figure));
  return { value: text(value), numerator: text(n), denominator: text(d) };
}

function sideOf({ asOf, knownAt, period }: Question, totals: Totals): Side {
  const text = (time: Date | undefined) => time?.toISOString().replace('.000Z', 'Z') ?? null;
  return {
    as_of: text(asOf) ?? '',
    known_at: text(knownAt),
    from: period?.start_date ?? null,
    to: period?.end_date ?? null,
    ...figuresOf(totals),
  };
}

function noRows(
  rowCount: number | null,
  change: Fixed,
): Pick<Part, 'row_count' | 'rows' | 'everything_else' | 'rows_add_up'> {
  return {
    row_count: rowCount,
    rows: [],
    everything_else: { row_count: rowCount ?? 0, weight: textOf(change) },
    rows_add_up: true,
  };
}

/** The part of definitions that cannot be used is not 0, but unknown. */
function withoutDefinitions(part: Part): Part {
  if (part.part !== 'changed_definitions') return part;
  return { ...part, change: { value: null, numerator: null, denominator: null }, row_count: null };
}
