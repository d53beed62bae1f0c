import { malloyPath } from '../../models/criteria/literal.ts';
import type { Criteria, SegmentDefinition, SegmentDefinitions } from '../../models/criteria/types.ts';
import { listSegments } from './listing.ts';
import type { SegmentContext } from './types.ts';

/**
 * What criteria may name: the active segments, saved ones and those of model files.
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
  for (const { segment_id: id, criteria } of segments) {
    const source = tagged.find(({ name }) => name === id)?.source;
    if (criteria) definitions.set(id, { criteria });
    else if (source !== undefined) definitions.set(id, { members: malloyPath(source) });
  }
  for (const [id, criteria] of changed) definitions.set(id, { criteria });
  return definitions;
}
