/** A group's numbers, summed up. */
export interface Sample {
  n: number;
  mean: number;
  /** n − 1 in the denominator; anything where n < 2. */
  variance: number;
}

/**
 * The standardised mean difference of two separate groups: d = (mean a − mean b) ÷ s, s² = ((n_a − 1) s_a² + (n_b − 1) s_b²) ÷
 * (n_a + n_b − 2), the pooled variance (Cohen, Statistical Power Analysis for the Behavioral Sciences, 1988, equations 2.5.1
 * and 2.5.2). Without the correction for small samples. By Cohen's convention 0.2 is small, 0.5 medium, 0.8 large.
 * @returns undefined where a group is empty or nothing varies
 */
export function standardisedDifference(a: Sample, b: Sample): number | undefined {
  const freedom = a.n + b.n - 2;
  if (a.n < 1 || b.n < 1 || freedom < 1) return undefined;
  const squares = (group: Sample) => (group.n < 2 ? 0 : (group.n - 1) * group.variance);
  const pooled = (squares(a) + squares(b)) / freedom;
  return pooled > 0 ? (a.mean - b.mean) / Math.sqrt(pooled) : undefined;
}
