import { stringify } from 'yaml';
import type { SegmentDefinition } from '../store.ts';

/**
 * A definition as YAML: block style, keys in the order of `models/criteria/parse.ts`, no line folded, so that the same
 * definition is the same bytes each time. What another YAML would read as something else is quoted: a country is 'NO'.
 */
export function definitionText({
  title,
  description,
  criteria,
}: Omit<SegmentDefinition, 'segment_id'>): string {
  return stringify(
    { title, ...(description === null ? {} : { description }), criteria },
    { lineWidth: 0, aliasDuplicateObjects: false, compat: 'yaml-1.1' },
  );
}
