import type { Catalogue } from '../engine/types.ts';
import type { CriteriaCatalogue, EventSource } from './types.ts';

/** The fields that may say when an event was, in order of preference. */
const timeFields = ['occurred_at', 'ordered_at', 'created_at'] as const;

/**
 * The engine’s catalogue as criteria see it: the fields of contact_facts and of the marts it joins (`rfm.segment`), and every
 * source with a contact and a time.
 */
export function criteriaCatalogue(catalogue: Catalogue): CriteriaCatalogue {
  const sources = catalogue.sources.flatMap((source): EventSource[] => {
    if (source.layer !== 'base' && source.layer !== 'user') return [];
    // A source with one row per contact is no source of events.
    if (source.primary_key === 'contact_id' || !source.fields.some(({ path }) => path === 'contact_id'))
      return [];
    const timeField = timeFields.map((name) => source.fields.find(({ path }) => path === name)).find(Boolean);
    if (!timeField || (timeField.type !== 'timestamp' && timeField.type !== 'date')) return [];
    const measures = catalogue.measures
      .filter((measure) => measure.source === source.name)
      .map(({ name, type, doc, counted_where: countedWhere }) => ({
        path: name,
        type,
        ...(doc === undefined ? {} : { doc }),
        ...(countedWhere === undefined ? {} : { countedWhere }),
      }));
    return [{ name: source.name, contactField: 'contact_id', timeField, fields: source.fields, measures }];
  });
  return {
    contactSource: catalogue.contact_source,
    fields: catalogue.fields.filter(({ mart }) => mart === 'contact_facts'),
    sources,
  };
}
