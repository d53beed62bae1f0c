/** Where a definition names segments: a criteria leaf `{segment: 'id'}`, and what campaigns and workflows call it. */
const namingKeys: ReadonlySet<string> = new Set([
  'segment',
  'segment_id',
  'segment_ids',
  'exclude_segment_ids',
]);

/**
 * A definition with each segment id that it names, at any depth, replaced. Any JSON: criteria, a campaign, a workflow. So it
 * needs not know of a kind of condition to find what that names.
 */
export function replaceSegmentIds(definition: unknown, replace: (id: string) => string): unknown {
  if (Array.isArray(definition)) return definition.map((item) => replaceSegmentIds(item, replace));
  if (typeof definition !== 'object' || definition === null) return definition;
  return Object.fromEntries(
    Object.entries(definition).map(([key, value]) => [
      key,
      namingKeys.has(key) ? replaceNamed(value, replace) : replaceSegmentIds(value, replace),
    ]),
  );
}

function replaceNamed(value: unknown, replace: (id: string) => string): unknown {
  if (typeof value === 'string') return replace(value);
  if (Array.isArray(value)) return value.map((item) => replaceNamed(item, replace));
  return replaceSegmentIds(value, replace);
}

export function namesSegment(definition: unknown, id: string): boolean {
  let isNamed = false;
  replaceSegmentIds(definition, (named) => {
    isNamed ||= named === id;
    return named;
  });
  return isNamed;
}
