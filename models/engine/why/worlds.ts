import type { Account } from '../../../data/account.ts';
import type { Session } from '../../../data/owner/session.ts';
import { frameOf, rangeOf } from '../metrics/frame.ts';
import type { Metric } from '../metrics/metric.ts';
import type { Period } from '../metrics/periods.ts';
import type { TimeOptions } from '../types.ts';
import {
  at,
  happenedBefore,
  lateRowsSql,
  mergedAsKnownNow,
  supersededSql,
  versioned,
  withLateFacts,
  type Relation,
} from './relations.ts';
import type { PartName } from './types.ts';

/** What models are asked for; several worlds share one, each with its own rows behind the tables. */
export interface Question extends TimeOptions {
  definitions: 'then' | 'now';
  /** Of flow and period metrics. */
  period?: Period | undefined;
}

/** The four questions of the chain. */
export interface Questions {
  /** By the definitions of then; undefined where they are those of now, or cannot be used. */
  old: Question | undefined;
  then: Question;
  /** As of then, with everything that is known now. */
  thenKnown: Question;
  now: Question;
}

export interface World {
  question: Question;
  relation: Relation;
}

export interface Step {
  part: PartName;
  after: World;
  /** Nothing of the kind has come: the world is the one before. */
  isEmpty: boolean;
}

/** What has been recorded since, of the tables that the metric reads. */
export interface Since {
  late: boolean;
  superseded: boolean;
  merges: boolean;
  /** Versioned tables with either. */
  touched: ReadonlySet<string>;
}

export function questionsOf(
  options: {
    metric: Metric;
    vs: Date;
    asOf: Date;
    from?: string | undefined;
    to?: string | undefined;
    hasOldDefinitions: boolean;
  },
  account: Account,
): Questions {
  const { metric, vs, asOf, from, to } = options;
  const periodOf = (time: Date) => {
    if (metric.kind === 'state') return {};
    const request = { asOf: time, from, to };
    return { period: rangeOf(metric, frameOf(request, account), request, account) };
  };
  const then: Question = { asOf: vs, knownAt: vs, definitions: 'now', ...periodOf(vs) };
  return {
    old: options.hasOldDefinitions ? { ...then, definitions: 'then' } : undefined,
    then,
    thenKnown: { asOf: vs, definitions: 'now', ...periodOf(vs) },
    now: { asOf, definitions: 'now', ...periodOf(asOf) },
  };
}

const asItIs: Relation = () => undefined;

/** From the world of then to that of now, one change a step. */
export function chainOf(
  { old, then, thenKnown, now }: Questions,
  since: Since,
): { first: World; steps: Step[] } {
  const known = withLateFacts(then.asOf, since.touched);
  const isSameTime = then.asOf.getTime() === now.asOf.getTime();
  return {
    first: { question: old ?? then, relation: asItIs },
    steps: [
      step('changed_definitions', then, asItIs, old === undefined),
      step('merged_people', then, mergedAsKnownNow, !since.merges),
      step('late_facts', thenKnown, known, !since.late),
      step('corrected_facts', thenKnown, asItIs, !since.superseded),
      step('time_passed', now, happenedBefore(then.asOf), isSameTime),
      step('new_facts', now, asItIs, isSameTime),
    ],
  };
}

function step(part: PartName, question: Question, relation: Relation, isEmpty: boolean): Step {
  return { part, after: { question, relation }, isEmpty };
}

/** Looks at what was recorded or superseded since: ranges of time that few rows lie in. */
export async function readSince(
  session: Session,
  tables: ReadonlySet<string>,
  knownAt: Date,
): Promise<Since> {
  const since = { late: false, superseded: false, merges: false, touched: new Set<string>() };
  const any = async (sql: string) => (await session.one(`select 1 from (${sql}) limit 1`)) !== undefined;
  for (const table of tables) {
    const found = versioned(table);
    if (found) {
      const superseded = await any(supersededSql(found.name, knownAt));
      const late = await any(lateRowsSql(found.name, found.row, knownAt));
      // A row that was known by its id only, and has been filled.
      const filled =
        (found.name === 'contacts' || found.name === 'companies') &&
        (await any(`select 1 from core.${found.name} where described_at >= ${at(knownAt)}`));
      since.late ||= late || filled;
      since.superseded ||= superseded;
      if (late || superseded) since.touched.add(found.name);
    } else if (table === 'core.contact_canonicals') {
      since.merges = await any(
        `select 1 from ${table} where recorded_at >= ${at(knownAt)} or superseded_at >= ${at(knownAt)}`,
      );
    } else if (table === 'ops.suppressions' || table === 'ops.suppression_lifts') {
      since.late ||= await any(`select 1 from ${table} where recorded_at >= ${at(knownAt)}`);
    }
  }
  return since;
}
