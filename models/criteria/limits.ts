/** Criteria come from outside: what is deeper or wider than this is refused before anything recurses over it. */
export const limits = {
  depth: 32,
  conditions: 500,
  /** Those of the segments named included. */
  conditions_with_segments: 5_000,
  steps: 10,
  list_values: 10_000,
  text_length: 10_000,
  days: 36_500,
} as const;
