import { DateTime } from 'luxon';

/** Where the present comes from. No model, query or service asks the system for the time. */
export interface Clock {
  now(): Date;
}

export const systemClock: Clock = { now: () => new Date() };

/** A clock that stands at `iso` (UTC where it has no offset). For tests and `--as-of`. */
export function fixedClock(iso: string): Clock {
  const at = DateTime.fromISO(iso, { zone: 'utc' });
  if (!at.isValid) throw new RangeError(`not an ISO time: ${iso}`);
  return { now: () => at.toJSDate() };
}

/** A `Date` as DuckDB and Malloy take it: UTC, no offset, milliseconds. */
export function toTimestamp(date: Date): string {
  return date.toISOString().slice(0, -1);
}
