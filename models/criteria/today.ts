import { DateTime } from 'luxon';

/**
 * Malloy text of the account's current day, `days` before it, as a date. `$TODAY` is that day's start as a UTC timestamp,
 * which east of Greenwich lies on the day before: so it is moved by the zone's largest offset (and some hours that keep it
 * inside of the day) before it is cut to a date.
 */
export function dayOfToday(zone: string, days: number): string {
  const offsets = [1, 7].map((month) => DateTime.fromObject({ year: 2026, month }, { zone }).offset / 60);
  const hours = Math.ceil(Math.max(...offsets)) + 6;
  const shift = hours === 0 ? '' : hours > 0 ? ` + ${hours} hours` : ` - ${-hours} hours`;
  return `($TODAY${days === 0 ? '' : ` - ${days} days`}${shift})::date`;
}
