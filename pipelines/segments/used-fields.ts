import type { Criteria } from '../../models/criteria/types.ts';
import type { FieldUse, Lineage } from '../../models/engine/lineage/lineage.ts';
import type { Catalogue } from '../../models/engine/types.ts';
import type { Segment } from './types.ts';

/** The fields of the catalogue that decide who is in a segment. */
export async function fieldsOfSegment(
  lineage: Lineage,
  { segments }: Pick<Catalogue, 'segments'>,
  { segment_id: id, criteria }: Pick<Segment, 'segment_id' | 'criteria'>,
): Promise<FieldUse[]> {
  if (criteria) return lineage.usedByNames(fieldsOfCriteria(criteria));
  const tagged = segments.find(({ name }) => name === id);
  return tagged ? lineage.usedByRowsOf(tagged.source) : [];
}

/** Full names, each once: `contact_facts.lifecycle_stage`, of a behaviour `email_events.clicks` and its conditions'. */
export function fieldsOfCriteria(criteria: Criteria, source = 'contact_facts'): string[] {
  return [...new Set(named(criteria, source))];
}

function named(criteria: Criteria, source: string): string[] {
  if ('all' in criteria) return criteria.all.flatMap((each) => named(each, source));
  if ('any' in criteria) return criteria.any.flatMap((each) => named(each, source));
  if ('not' in criteria) return named(criteria.not, source);
  if ('field' in criteria) return [`${source}.${criteria.field}`];
  const [events = ''] = criteria.measure.split('.');
  return [criteria.measure, ...(criteria.where ? named(criteria.where, events) : [])];
}
