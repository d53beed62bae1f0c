import type { Criteria, SegmentDefinition, SegmentDefinitions } from '../../models/criteria/types.ts';
import { listSegments } from './listing.ts';
import { asEvaluated, memberIdsText } from './plan.ts';
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
    listSegments(context),
    context.engine.catalogue(),
  ]);
  const definitions = new Map<string, SegmentDefinition>();
  for (const saved of segments) {
    const segment = asEvaluated(saved, tagged);
    if (!segment) continue;
    definitions.set(
      segment.id,
      'criteria' in segment ? { criteria: segment.criteria } : { members: memberIdsText(segment) },
    );
  }
  for (const [id, criteria] of changed) definitions.set(id, { criteria });
  return definitions;
}
