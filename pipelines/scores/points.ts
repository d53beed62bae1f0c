import type { BehaviourRule } from '../../models/scores/rules.ts';

/** Points in millionths, exact: what a fact gives is a DECIMAL(18,6), and sums must not depend on their order. */
export type Micro = bigint;

const perCent = 10_000n;

/** '12.345678', any DECIMAL's text, as millionths. */
export function micro(text: string | number): Micro {
  const [, sign = '', whole = '0', fraction = ''] = /^(-?)(\d+)(?:\.(\d{1,6}))?$/.exec(String(text)) ?? [];
  const value = BigInt(whole) * 1_000_000n + BigInt(fraction.padEnd(6, '0'));
  return sign === '-' ? -value : value;
}

/** As the mart and answers have it. Of values that are whole hundredths. */
export function inPoints(value: Micro): number {
  return Number(value / perCent) / 100;
}

/** A rule's points of the sum over its facts: cut at ±max_points, rounded to hundredths, halves away from zero. */
export function cut(rule: BehaviourRule, sum: Micro): Micro {
  const most = rule.max_points === undefined ? undefined : micro(rule.max_points.toFixed(2));
  if (most !== undefined && rule.points >= 0 && sum > most) return most;
  if (most !== undefined && rule.points < 0 && sum < -most) return -most;
  const half = sum < 0n ? -perCent / 2n : perCent / 2n;
  return ((sum + half) / perCent) * perCent;
}

/** What the cut of the score to 0–100 adds or takes. */
export function scoreCut(points: Micro): Micro {
  if (points < 0n) return -points;
  const most = 100_000_000n;
  return points > most ? most - points : 0n;
}
