import { momentOf, type FormatContext } from './format.ts';
import type { ReportColumn, Row, Timeframe } from './types.ts';

const dayMs = 86_400_000;

/**
 * The grain of a column of times. Malloy says it for `ordered_at.month`, not for an expression such as an ISO week:
 * then it is read off the values, which must all be midnights of the report's zone and equally far apart.
 */
export function timeframeOf(
  column: ReportColumn,
  rows: readonly Row[],
  context: FormatContext,
): Timeframe | undefined {
  if (column.type !== 'date' && column.type !== 'timestamp') return undefined;
  if (column.timeframe) return column.timeframe;
  const moments = rows.flatMap((row) => {
    const value = row[column.name];
    return typeof value === 'string' ? [momentOf(value, column.type, context)] : [];
  });
  if (moments.length === 0 || moments.some((at) => !at.equals(at.startOf('day')))) return undefined;
  // Midnights of a zone with summer time are not multiples of 24 hours apart: compare calendar days.
  const days = [
    ...new Set(
      moments.map((at) => Math.round(at.setZone('utc', { keepLocalTime: true }).toMillis() / dayMs)),
    ),
  ];
  days.sort((a, b) => a - b);
  const gaps = days.slice(1).map((day, index) => day - (days[index] ?? day));
  if (gaps.length > 0 && gaps.every((gap) => gap % 7 === 0)) return 'week';
  if (gaps.length > 0 && moments.every((at) => at.day === 1)) {
    return gaps.every((gap) => gap >= 365) ? 'year' : gaps.every((gap) => gap >= 89) ? 'quarter' : 'month';
  }
  return 'day';
}

export function withTimeframe(column: ReportColumn, timeframe: Timeframe | undefined): ReportColumn {
  return timeframe === undefined ? column : { ...column, timeframe };
}
