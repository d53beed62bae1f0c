import { DateTime } from 'luxon';
import { malloyDate, malloyPath, malloyString, malloyTimestamp } from '../../criteria/literal.ts';
import type { Metric } from './metric.ts';
import type { Period } from './periods.ts';

/** Equality with a value of a dimension; null: not known. */
export interface SliceFilter {
  dimension: string;
  value: string | null;
}

export interface MetricsQuery {
  /** Periods of flow metrics, contiguous and in order: what lies outside of them is left out. Default: all time. */
  periods?: readonly Pick<Period, 'start_date' | 'end_date' | 'start' | 'end'>[];
  by?: readonly string[];
  where?: readonly SliceFilter[];
}

/**
 * Malloy text for metrics of one source, kind and time field that are all measures, or for a single median. A row per period
 * and slice with the columns `p` (index of the period; only of flow metrics, where several are given), `d0`, `d1`, … (the
 * dimensions of `by`) and `v0`, `n0`, `m0`, `v1`, … (value, numerator and denominator of each metric).
 */
export function metricsQuery(metrics: readonly Metric[], query: MetricsQuery = {}): string {
  const [first] = metrics;
  if (!first) throw new RangeError('no metrics');
  const groups = groupsOf(first, query);
  const where = conditionsOf(first, query);
  const source = malloyPath(first.source);
  if (first.aggregate === 'median') return medianQuery(first, source, groups, where);
  const columns = metrics.flatMap((metric, index) => measuresOf(metric, index, query.by ?? []));
  return `run: ${source} -> {${where}${groupText(groups)}\n  aggregate:\n    ${columns.join('\n    ')}\n}`;
}

/** Malloy text that yields one metric as `value`, `numerator` and `denominator`, by the dimensions `d0`, `d1`, … */
export function metricQuery(
  metric: Metric,
  { period, by = [] }: { period?: Period | undefined; by?: readonly string[] } = {},
): string {
  const names = by.map((_, index) => `d${index}`);
  const isMedian = metric.aggregate === 'median';
  const numerator = isMedian ? 'numerator is null::number' : 'numerator is n0';
  const denominator = metric.denominator || isMedian ? 'denominator is m0' : 'denominator is null::number';
  const text = metricsQuery([metric], { by, ...(period ? { periods: [period] } : {}) });
  return `${text} -> {\n  select: ${[...names, 'value is v0', numerator, denominator].join(', ')}\n}`;
}

function groupsOf(metric: Metric, { periods = [], by = [] }: MetricsQuery): string[] {
  const slices = by.map((dimension, index) => `d${index} is ${malloyPath(dimension)}`);
  if (metric.kind !== 'flow' || periods.length < 2) return slices;
  const time = timeOf(metric);
  const picks = periods
    .slice(0, -1)
    .map((period, index) => `pick ${index} when ${time.path} < ${time.bound(period.end, period.end_date)}`);
  return [`p is\n      ${picks.join('\n      ')}\n      else ${periods.length - 1}`, ...slices];
}

function conditionsOf(metric: Metric, { periods = [], where = [] }: MetricsQuery): string {
  const conditions = where.map(sliceCondition);
  const [first, last] = [periods[0], periods.at(-1)];
  if (metric.kind === 'flow' && first && last) {
    const time = timeOf(metric);
    conditions.push(
      `${time.path} >= ${time.bound(first.start, first.start_date)}`,
      `${time.path} < ${time.bound(last.end, last.end_date)}`,
    );
  }
  return conditions.length === 0 ? '' : `\n  where: ${conditions.join(', ')}`;
}

/** Values of any type are compared as text. */
export function sliceCondition({ dimension, value }: SliceFilter): string {
  const path = malloyPath(dimension);
  return value === null ? `${path} is null` : `${path}::string = ${malloyString(value)}`;
}

/** A day is compared with days of the account's zone, an instant with instants. */
function timeOf({ time }: Metric): { path: string; bound: (at: Date, date: string) => string } {
  if (!time) throw new RangeError('no flow metric');
  const bound = (at: Date, date: string) =>
    time.type === 'date'
      ? malloyDate(DateTime.fromISO(date, { zone: 'utc' }) as DateTime<true>)
      : malloyTimestamp(DateTime.fromJSDate(at, { zone: 'utc' }) as DateTime<true>);
  return { path: malloyPath(time.field), bound };
}

function measuresOf(metric: Metric, index: number, by: readonly string[]): string[] {
  const whole = metric.across
    .map((dimension) => by.indexOf(dimension))
    .filter((at) => at >= 0)
    .map((at) => `d${at}`);
  const numerator = malloyPath(metric.numerator?.name ?? metric.field);
  const denominator = metric.denominator && malloyPath(metric.denominator.name);
  if (denominator !== undefined && whole.length > 0) {
    const undivided = `exclude(${denominator}, ${whole.join(', ')})`;
    return [
      `v${index} is ${numerator} / nullif(${undivided}, 0)`,
      `n${index} is ${numerator}`,
      `m${index} is ${undivided}`,
    ];
  }
  const value = malloyPath(metric.field);
  // What is counted or added up is 0 where there is nothing; a ratio is null.
  if (denominator === undefined) return [`v${index} is ${value} ?? 0`, `n${index} is ${numerator} ?? 0`];
  return [`v${index} is ${value}`, `n${index} is ${numerator} ?? 0`, `m${index} is ${denominator} ?? 0`];
}

/** Ranked within each group; the middle row, or the mean of the middle two. Its denominator is how many there were. */
function medianQuery(metric: Metric, source: string, groups: readonly string[], where: string): string {
  const field = malloyPath(metric.field);
  const names = groups.map((group) => /^\S+/.exec(group)?.[0] ?? '');
  const partition = names.length === 0 ? '' : `partition_by: ${names.join(', ')} `;
  const known = where === '' ? `\n  where: ${field} is not null` : `${where}, ${field} is not null`;
  return `run: ${source} -> {${known}
  select:
    ${[...groups, `x is ${field}`, 'one is 1'].join('\n    ')}
  calculate:
    position is row_number() { ${partition}order_by: x }
    total is sum_window(one)${partition === '' ? '' : ` { ${partition}}`}
} -> {${groupText(names)}
  aggregate:
    v0 is x.avg() { where: position = floor((total + 1) / 2) or position = floor((total + 2) / 2) }
    m0 is count()
}`;
}

function groupText(groups: readonly string[]): string {
  return groups.length === 0 ? '' : `\n  group_by:\n    ${groups.join('\n    ')}`;
}
