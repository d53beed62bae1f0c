import { MallardError } from '../../../data/errors.ts';
import { parseCriteria } from '../../../models/criteria/parse.ts';
import type { Criteria, SegmentDefinitions } from '../../../models/criteria/types.ts';
import { segmentDefinitions } from '../definitions.ts';
import type { SegmentContext } from '../types.ts';
import { segmentsOfCriteria } from '../used-fields.ts';
import type { ApplyRequest } from './resolve.ts';

/** What criteria may name once a request is applied; a definition that cannot be read counts as it is saved. */
export async function definitionsAfter(
  context: SegmentContext,
  { segments, prune = false }: ApplyRequest,
): Promise<SegmentDefinitions> {
  const read = new Map(segments.flatMap((input) => criteriaOf(input)));
  const definitions = await segmentDefinitions(context, read);
  if (!prune) return definitions;
  const kept = new Set(segments.map(({ segment_id: id }) => id));
  return new Map([...definitions].filter(([id, of]) => !('criteria' in of) || kept.has(id)));
}

function criteriaOf(input: ApplyRequest['segments'][number]): [string, Criteria][] {
  try {
    return [[input.segment_id, parseCriteria(input['criteria'])]];
  } catch (error) {
    if (error instanceof MallardError) return [];
    throw error;
  }
}

/** Whether a segment names one of `changed`, through others too. */
export function dependsOn(
  id: string,
  changed: ReadonlySet<string>,
  definitions: SegmentDefinitions,
  seen: Set<string> = new Set(),
): boolean {
  const definition = definitions.get(id);
  if (!definition || !('criteria' in definition) || seen.has(id)) return false;
  seen.add(id);
  return segmentsOfCriteria(definition.criteria).some(
    (named) => changed.has(named) || dependsOn(named, changed, definitions, seen),
  );
}
