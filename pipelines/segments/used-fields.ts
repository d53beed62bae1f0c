import type { Criteria, EventSelection } from '../../models/criteria/types.ts';
import type { FieldUse, Lineage } from '../../models/engine/lineage/lineage.ts';
import type { Catalogue } from '../../models/engine/types.ts';
import type { Segment } from './types.ts';

type Defined = Pick<Segment, 'segment_id' | 'criteria'>;

/**
 * The fields of the catalogue that decide who is in a segment, those of the segments that it names included.
 * @param all the segments that it may name
 */
export async function fieldsOfSegment(
  lineage: Lineage,
  { segments }: Pick<Catalogue, 'segments'>,
  segment: Defined,
  all: readonly Defined[],
): Promise<FieldUse[]> {
  const names: string[] = [];
  const uses: FieldUse[] = [];
  const seen = new Set<string>();
  const waiting = [segment];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { segment_id: id, criteria } = next;
    if (seen.has(id)) continue;
    seen.add(id);
    const tagged = segments.find(({ name }) => name === id);
    if (criteria) {
      names.push(...fieldsOfCriteria(criteria));
      const others = segmentsOfCriteria(criteria);
      waiting.push(...all.filter((other) => others.includes(other.segment_id)));
    } else if (tagged) uses.push(...(await lineage.usedByRowsOf(tagged.source)));
  }
  uses.unshift(...(await lineage.usedByNames([...new Set(names)])));
  return [...new Map(uses.map((use) => [use.field, use])).values()];
}

/** Ids of the segments that criteria name. */
export function segmentsOfCriteria(criteria: Criteria): string[] {
  if ('all' in criteria) return criteria.all.flatMap(segmentsOfCriteria);
  if ('any' in criteria) return criteria.any.flatMap(segmentsOfCriteria);
  if ('not' in criteria) return segmentsOfCriteria(criteria.not);
  return 'segment' in criteria ? [criteria.segment] : [];
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
  if ('segment' in criteria) return [];
  if ('sequence' in criteria) return criteria.sequence.flatMap(ofEvents);
  const [events = ''] = criteria.measure.split('.');
  const since = criteria.since ? ofEvents(criteria.since) : [];
  return [criteria.measure, ...(criteria.where ? named(criteria.where, events) : []), ...since];
}

function ofEvents({ source, where }: EventSelection): string[] {
  return where ? named(where, source) : [];
}
