import { leafName, leafTree, type Leaf } from '../../../models/criteria/intervals.ts';
import { criteriaCatalogue } from '../../../models/criteria/from-catalogue.ts';
import { membershipQuery } from '../../../models/criteria/query.ts';
import type { Criteria, SegmentDefinitions } from '../../../models/criteria/types.ts';
import type { Sources } from '../../../models/engine/timelines/expressions.ts';
import type { ModelEngine } from '../../../models/engine/engine.ts';
import { withSegmentsPutIn } from '../definitions.ts';
import { eventValues } from './events.ts';
import { movesOf, type Moves } from './moves.ts';
import { existence, ownSteps } from './own-fields.ts';
import { planLeaf, type LeafPlan, type PlanOptions } from './plan.ts';
import { sampledMoves } from './sampled.ts';
import { createDays, type Days } from './span.ts';
import { measureSteps } from './steps.ts';
import { sweepSql } from './sweep.ts';
import type { Workspace } from './workspace.ts';

/** What intervals need of the models. */
export type IntervalEngine = Pick<ModelEngine, 'compileSql' | 'catalogue' | 'definitions'>;

/** How a condition was followed. */
export interface LeafNote {
  /** `email_events.clicks at_least 3 within 30 days`. */
  leaf: string;
  /** `exact`: at every moment. `sampled`: at `times` of the span only, between which it is taken to stay the same. */
  followed: 'exact' | 'sampled';
  sample_count: number | null;
}

export interface IntervalOptions {
  zone: string;
  /** What segment conditions name. */
  definitions: SegmentDefinitions;
  /** When leaves that cannot be followed exactly are evaluated: ascending, within the span. */
  sampleTimes: readonly Date[];
}

export interface SegmentIntervals {
  /**
   * `(segment_id, contact_id, valid_from, valid_to)`: a member as of T where valid_from <= T < valid_to; valid_to is null where
   * it still is one at the span's end. Of one contact ascending, with time between.
   */
  table: string;
  /** When each contact is there. */
  there: Moves;
  /** How each condition of each segment was followed. */
  leaves: Map<string, LeafNote[]>;
}

/**
 * Who is in which segment when, over a span: at each T of it the answer of an evaluation with AS_OF = T and everything known.
 * @throws `criteria_invalid` as an evaluation
 */
export async function segmentIntervals(
  work: Workspace,
  engine: IntervalEngine,
  named: readonly { id: string; criteria: Criteria }[],
  { zone, definitions, sampleTimes }: IntervalOptions,
): Promise<SegmentIntervals> {
  const catalogue = criteriaCatalogue(await engine.catalogue());
  const options = { catalogue, zone, segments: definitions };
  for (const error of membershipQuery(named, options).errors.values()) throw error;
  const segments = named.map(({ id, criteria }) => ({
    id,
    criteria: withSegmentsPutIn(criteria, definitions),
  }));
  const model = await (await engine.definitions()).materializer.getModel();
  const sources = model._modelDef.contents as Sources;
  const days = await createDays(work.session, work.name('days'), work.span, zone);
  const there = await existence(work, engine, days, true);

  const trees = segments.map(({ id, criteria }) => ({ id, ...leafTree(criteria) }));
  const leaves = new Map(
    trees.flatMap((tree) => tree.leaves.map((leaf) => [JSON.stringify(leaf), leaf] as const)),
  );
  const exact = await exactMoves(work, engine, leaves, { catalogue, sources, zone }, days);
  const others = [...leaves].filter(([key]) => !exact.has(key));
  const sampled = await sampledMoves(
    work,
    engine,
    others.map(([, leaf]) => leaf),
    sampleTimes,
    options,
  );
  const moves = new Map([...exact, ...others.map(([key], index) => [key, sampled[index] as Moves] as const)]);

  const table = work.name('intervals');
  await work.session.run(
    `create or replace temp table ${table} (segment_id varchar, contact_id varchar, valid_from timestamp, valid_to timestamp)`,
  );
  for (const { id, leaves: own, holds } of trees) {
    const relations = [there, ...own.map((leaf) => moves.get(JSON.stringify(leaf)) as Moves)];
    await work.session.run(
      `insert into ${table} select $1, contact_id, valid_from, valid_to from (${sweepSql(work, relations, `h0 and ${holds}`)})`,
      [id],
    );
  }
  const note = (leaf: Leaf): LeafNote =>
    exact.has(JSON.stringify(leaf))
      ? { leaf: leafName(leaf), followed: 'exact', sample_count: null }
      : { leaf: leafName(leaf), followed: 'sampled', sample_count: sampleTimes.length };
  return { table, there, leaves: new Map(trees.map(({ id, leaves: own }) => [id, own.map(note)])) };
}

/** The moves of the leaves that can be followed exactly, by the leaf's JSON. */
async function exactMoves(
  work: Workspace,
  engine: IntervalEngine,
  leaves: ReadonlyMap<string, Leaf>,
  options: PlanOptions,
  days: Days,
): Promise<Map<string, Moves>> {
  const steps = new StepTables(work, engine, days);
  const exact = new Map<string, Moves>();
  for (const [key, leaf] of leaves) {
    const plan = planLeaf(leaf, options);
    const found = plan && (await steps.of(plan));
    if (!plan || found === undefined) continue;
    const { steps: read, nothing } = readSteps(plan, found);
    exact.set(
      key,
      await movesOf(work, engine, { steps: read, nothing, type: plan.type, test: plan.test, days }),
    );
  }
  return exact;
}

/** The steps of what the leaf reads, and its value where there are none. */
function readSteps(plan: LeafPlan, steps: string): { steps: string; nothing: string } {
  if (plan.read === 'is_set' || plan.read === 'is_filled') {
    const read = (column: string) =>
      plan.read === 'is_set' ? `${column} is not null` : `coalesce(${column} <> '', false)`;
    return {
      steps: `select contact_id, moment, ${read('value')} as value, ${read('before')} as before from (${steps})`,
      nothing: 'false',
    };
  }
  return { steps, nothing: plan.from === 'events' && plan.kind === 'sum' ? '0' : 'null' };
}

/** Steps that several leaves test are worked out once. */
class StepTables {
  readonly #work: Workspace;
  readonly #engine: IntervalEngine;
  readonly #days: Days;
  readonly #known = new Map<string, Promise<string | undefined>>();

  constructor(work: Workspace, engine: IntervalEngine, days: Days) {
    this.#work = work;
    this.#engine = engine;
    this.#days = days;
  }

  /** A SELECT of the steps; undefined where they cannot be told exactly. */
  of(plan: LeafPlan): Promise<string | undefined> {
    if (plan.from === 'own') {
      return this.#once(`own ${plan.field}`, () =>
        ownSteps(this.#work, this.#engine, plan.field, this.#days),
      );
    }
    const { source, measure, filters, kind, days: window } = plan;
    const name = JSON.stringify([source.name, measure, filters]);
    return this.#once(`steps ${name} ${window}`, async () => {
      const events = await this.#once(`events ${name}`, () => eventValues(this.#work, this.#engine, plan));
      if (events === undefined) return undefined;
      return measureSteps(this.#work, events, { kind, window, days: this.#days });
    });
  }

  #once(key: string, make: () => Promise<string | undefined>): Promise<string | undefined> {
    const known = this.#known.get(key) ?? make();
    this.#known.set(key, known);
    return known;
  }
}
