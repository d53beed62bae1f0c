import type { Criteria, SegmentDefinition, SegmentDefinitions } from '../../models/criteria/types.ts';
import { listDefined } from './listing.ts';
import { asEvaluated, memberIdsText, type EvaluatedSegment } from './plan.ts';
import type { SegmentContext } from './types.ts';

/**
 * What criteria may name: the active segments, saved ones, lists, and those of model files.
 * @param changed criteria that are to be saved, in the place of those of their ids
 */
export async function segmentDefinitions(
  context: SegmentContext,
  changed: ReadonlyMap<string, Criteria> = new Map(),
): Promise<SegmentDefinitions> {
  const [segments, { segments: tagged }] = await Promise.all([
    listDefined(context),
    context.engine.catalogue(),
  ]);
  const definitions = new Map<string, SegmentDefinition>();
  for (const saved of segments) {
    const segment = asEvaluated(saved, tagged);
    if (segment) definitions.set(segment.id, definitionOf(segment));
  }
  for (const [id, criteria] of changed) definitions.set(id, { criteria });
  return definitions;
}

/** What a segment stands for where criteria name it. */
export function definitionOf(segment: EvaluatedSegment): SegmentDefinition {
  return 'criteria' in segment ? { criteria: segment.criteria } : { members: memberIdsText(segment) };
}

/**
 * Criteria with those of the segments they name put in their place. Segments without criteria stay named, and so does one that is
 * named within itself: to compile it says so.
 */
export function withSegmentsPutIn(
  criteria: Criteria,
  definitions: SegmentDefinitions,
  inside: readonly string[] = [],
): Criteria {
  const each = (tree: Criteria) => withSegmentsPutIn(tree, definitions, inside);
  if ('all' in criteria) return { all: criteria.all.map(each) };
  if ('any' in criteria) return { any: criteria.any.map(each) };
  if ('not' in criteria) return { not: each(criteria.not) };
  if (!('segment' in criteria) || inside.includes(criteria.segment)) return criteria;
  const named = definitions.get(criteria.segment);
  if (!named || !('criteria' in named)) return criteria;
  return withSegmentsPutIn(named.criteria, definitions, [...inside, criteria.segment]);
}
