import { errorFunction, probit } from 'simple-statistics';

/**
 * The smallest difference in a conversion rate that two groups can be expected to show: two-sided test of two
 * proportions by the normal approximation (Fleiss, Levin, Paik, 2003, chapter 4, without continuity correction),
 * the standard error pooled under the null and apart under the alternative.
 * @param baseline the rate in the smaller (untreated) group, in (0, 1)
 * @returns the increase over `baseline` in the same unit; null where no increase up to certainty would be seen
 */
export function minimumDetectableEffect(
  baseline: number,
  treated: number,
  untreated: number,
  { alpha = 0.05, power = 0.8 }: { alpha?: number; power?: number } = {},
): number | null {
  if (!(baseline > 0 && baseline < 1) || treated < 1 || untreated < 1) return null;
  const zAlpha = normalQuantile(1 - alpha / 2);
  const zPower = normalQuantile(power);
  const shows = (delta: number) => {
    const raised = baseline + delta;
    const mean = (treated * raised + untreated * baseline) / (treated + untreated);
    const nullError = Math.sqrt(mean * (1 - mean) * (1 / treated + 1 / untreated));
    const ownError = Math.sqrt((raised * (1 - raised)) / treated + (baseline * (1 - baseline)) / untreated);
    return delta >= zAlpha * nullError + zPower * ownError;
  };
  let [low, high] = [0, 1 - baseline];
  if (!shows(high)) return null;
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (shows(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/** `probit` is right to three digits; one step of Newton's method over the error function makes it six. */
function normalQuantile(p: number): number {
  const z = probit(p);
  const below = (1 + errorFunction(z / Math.SQRT2)) / 2;
  const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
  return z - (below - p) / density;
}
