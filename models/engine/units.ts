import type { Annotations } from '@malloydata/malloy';

/**
 * The unit of a numeric field, as its tags state it: `currency` (the reporting currency) for `# currency`, `ratio` (0.42 for
 * 42 %) for `# percent`, else what `#(unit)` says: days, contacts, messages, … Undefined where nothing is stated.
 */
export function unitOf(annotations: Annotations): string | undefined {
  const [stated] = annotations.forRoute('unit').slice(-1);
  if (stated) return stated.content.trim();
  const { tag } = annotations.parseAsTag();
  if (tag.has('currency')) return 'currency';
  if (tag.has('percent')) return 'ratio';
  return undefined;
}
