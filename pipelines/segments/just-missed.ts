import type { Criteria } from '../../models/criteria/types.ts';
import { planMembership, type PlanOptions } from './plan.ts';
import type { Segment, SegmentEngine } from './types.ts';

/**
 * Who just missed a segment: all of its conditions but one hold. The conditions are those of the `all` at the top of its
 * criteria, an `all` within it opened, each different one once; an `any`, a `not` or a behaviour among them is one condition.
 */
export interface JustMissed {
  /** Yields `position`, of the segment in the list given, and `contact_id`, which may repeat; undefined where no segment can be missed. */
  sql: string | undefined;
  /** Why nobody can just miss the others, by id. */
  reasons: Map<string, string>;
}

/** As of the last build: `asOf` is its time, so that built tables are read. */
export async function justMissed(
  engine: SegmentEngine,
  segments: readonly Pick<Segment, 'segment_id' | 'criteria' | 'error'>[],
  when: PlanOptions,
): Promise<JustMissed> {
  const reasons = new Map<string, string>();
  const wanted = new Map<string, Criteria[]>();
  for (const { segment_id: id, criteria, error } of segments) {
    const conditions = error === null ? conditionsOf(criteria) : `Its last evaluation failed: ${error}`;
    if (typeof conditions === 'string') reasons.set(id, conditions);
    else wanted.set(id, conditions);
  }
  // A condition that several segments have is computed once.
  const each = new Map(
    [...wanted.values()].flat().map((condition) => [JSON.stringify(condition), condition]),
  );
  const plan = await planMembership(
    engine,
    [...each].map(([id, criteria]) => ({ id, version: 0, criteria })),
    when,
  );
  const cases = segments.flatMap(({ segment_id: id }, position) => {
    const keys = wanted.get(id)?.map((condition) => JSON.stringify(condition)) ?? [];
    const error = keys.map((key) => plan.errors.get(key)).find((found) => found !== undefined);
    if (error !== undefined) reasons.set(id, error);
    if (keys.length === 0 || error !== undefined) return [];
    const holding = keys.map((key) => `${plan.columns.get(key)}::int`).join(' + ');
    return [`case when ${holding} = ${keys.length - 1} then ${position} end`];
  });
  const sql = `select position, contact_id
    from (select contact_id, unnest([${cases.join(', ')}]) as position from (${plan.sql})) where position is not null`;
  return { sql: cases.length === 0 ? undefined : sql, reasons };
}

/** The conditions of which one may be missed, or why there are none such. */
function conditionsOf(criteria: Criteria | null): Criteria[] | string {
  if (criteria === null) return 'It has no criteria of which one could be missed.';
  if ('any' in criteria) return 'Any one of its conditions is enough, so nobody misses it by one.';
  if ('not' in criteria) return 'It is the reverse of other criteria, which has no conditions to miss.';
  const conditions = new Map(opened(criteria).map((each) => [JSON.stringify(each), each]));
  if (conditions.size === 1) return 'It has one condition: everybody else misses it by one.';
  return [...conditions.values()];
}

function opened(criteria: Criteria): Criteria[] {
  return 'all' in criteria ? criteria.all.flatMap(opened) : [criteria];
}
