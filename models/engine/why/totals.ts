import { MallardError } from '../../../data/errors.ts';
import type { Session } from '../../../data/owner/session.ts';
import type { Metric } from '../metrics/metric.ts';
import { absolute, divide, fixed, textOf, type Fixed } from './decimal.ts';

/** A metric in one world. */
export interface Totals {
  n: Fixed | null;
  /** Null for a count or a sum. */
  d: Fixed | null;
  value: Fixed | null;
}

/** @param sql yields n, d and value. Throws `model_invalid` where the value is not n ÷ d */
export async function readTotals(
  session: Session,
  sql: string | undefined,
  metric: Metric | undefined,
): Promise<Totals> {
  if (sql === undefined || metric === undefined) throw new TypeError('a world without its question');
  const row = await session.one<{ n: unknown; d: unknown; value: unknown }>(sql);
  const [n, d] = [fixed(row?.n), fixed(row?.d)];
  if (metric.denominator === undefined || metric.aggregate === 'median') return { n, d: null, value: n };
  const value = n === null || d === null || d === 0n ? null : divide(n, d);
  const own = fixed(row?.value);
  if (isNear(value, own)) return { n, d, value };
  const text = (figure: Fixed | null) => (figure === null ? 'null' : textOf(figure));
  throw new MallardError(
    'model_invalid',
    `The metric ${metric.source}.${metric.name} is ${text(own)}, and its numerator ÷ denominator ${text(value)}.`,
    { remedy: 'Correct the numerator and denominator of its #(metric) tag.' },
  );
}

/** The database divides in floating point. */
function isNear(a: Fixed | null, b: Fixed | null): boolean {
  if (a === null || b === null) return a === b;
  const [size, apart] = [absolute(a), absolute(a - b)];
  return apart <= 1_000_000n + size / 1_000_000n;
}

/** after − before; what is missing counts as 0. */
export function difference(before: Fixed | null, after: Fixed | null): Fixed {
  return (after ?? 0n) - (before ?? 0n);
}
