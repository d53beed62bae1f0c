import { DateTime } from 'luxon';
import type { ReportData, ReportDefinition } from './types.ts';

/**
 * The last complete day, ISO week or month before the as-of time, in the report's zone, as first and last day
 * (inclusive). The twin of reports/calendar.malloy, for titles.
 */
export function lastCompletePeriod(
  asOf: Date,
  unit: NonNullable<ReportDefinition['period']>,
  timeZone: string,
): NonNullable<ReportData['period']> {
  const end = DateTime.fromJSDate(asOf, { zone: timeZone }).startOf(unit);
  const day = (at: DateTime) => at.toFormat('yyyy-MM-dd');
  return { unit, first_date: day(end.minus({ [unit]: 1 })), last_date: day(end.minus({ days: 1 })) };
}
