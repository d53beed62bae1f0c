import type { Account } from '../../../data/account.ts';
import type { ComparedFigure, Figure, MetricSlice } from './answer.ts';
import { daysOf, rangeOf, type Frame } from './frame.ts';
import type { Metric } from './metric.ts';
import { earlier, type Period } from './periods.ts';
import { metricsQuery } from './query.ts';
import type { MetricsEngine, MetricsRequest } from './request.ts';

export type Figures = Map<Metric, MetricSlice[]>;

/** The figures of all metrics, with those to compare them with where asked for. */
export async function computeFigures(
  engine: MetricsEngine,
  account: Account,
  metrics: readonly Metric[],
  request: MetricsRequest,
  frame: Frame,
  sliced: boolean,
): Promise<Figures> {
  const unit = sliced ? request.unit : undefined;
  const by = sliced ? (request.by ?? []) : [];
  const figures: Figures = new Map();
  await Promise.all(
    groupsBy(metrics, groupKey).map(async (group) => {
      const [first] = group;
      if (!first) return;
      const periods = unit === undefined ? [rangeOf(first, frame, request, account)] : frame.periods;
      const now = await readGroup(engine, group, request, periods, sliced);
      const { compare } = request;
      const before =
        compare &&
        (await readGroup(
          engine,
          group,
          request,
          periods.map((period) => earlier(period, compare, unit ?? first.defaultUnit, account)),
          sliced,
          true,
        ));
      group.forEach((metric, index) => {
        figures.set(metric, join(now, before, { metric, index, by }, periods, request, unit !== undefined));
      });
    }),
  );
  return figures;
}

/** Lists of what has the same key, in order of appearance. */
export function groupsBy<T>(items: readonly T[], key: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return [...groups.values()];
}

/** Metrics that one query can answer together. */
function groupKey(metric: Metric): string {
  const alone = metric.aggregate === 'median' || metric.across.length > 0 ? metric.name : '';
  return JSON.stringify([
    metric.source,
    metric.kind,
    metric.time?.field,
    metric.stateAt,
    metric.defaultUnit,
    alone,
  ]);
}

interface Row {
  /** Index of the period. */
  period: number;
  slice: (string | number | boolean | null)[];
  figures: Figure[];
}

async function readGroup(
  engine: MetricsEngine,
  group: readonly Metric[],
  request: MetricsRequest,
  periods: readonly Period[],
  sliced: boolean,
  isBefore = false,
): Promise<Row[]> {
  const [first] = group;
  if (!first) return [];
  const by = sliced ? (request.by ?? []) : [];
  const query = { by, where: request.where ?? [] };
  const time = { asOf: request.asOf, knownAt: request.knownAt };
  if (first.kind === 'flow') {
    const { rows } = await engine.query(metricsQuery(group, { ...query, periods }), time);
    return rows.map((row) => readRow(row, group, by.length, periods.length > 1 ? Number(row['p']) : 0));
  }
  const text = metricsQuery(group, query);
  const answers = await Promise.all(
    periods.map(async (period, index) => {
      const { rows } = await engine.query(text, {
        ...time,
        period,
        asOf: momentOf(first, period, request, { isCut: sliced && request.unit !== undefined, isBefore }),
      });
      return rows.map((row) => readRow(row, group, by.length, index));
    }),
  );
  return answers.flat();
}

/**
 * As of when a figure that is no flow is computed. A state is as of what was asked; of each of several periods as of its end,
 * or start; of what it is compared with as of the end of the range before. Never later than was asked.
 */
function momentOf(
  metric: Metric,
  period: Period,
  request: MetricsRequest,
  { isCut, isBefore }: { isCut: boolean; isBefore: boolean },
): Date {
  if (metric.kind === 'period' || (!isCut && !isBefore)) return request.asOf;
  const at = isCut && metric.stateAt === 'start' ? period.start : period.end;
  return at < request.asOf ? at : request.asOf;
}

function readRow(
  row: Record<string, unknown>,
  group: readonly Metric[],
  dimensions: number,
  period: number,
): Row {
  return {
    period,
    slice: Array.from({ length: dimensions }, (_, index) => sliceValue(row[`d${index}`])),
    figures: group.map((_, index) => ({
      value: numberOf(row[`v${index}`]),
      numerator: numberOf(row[`n${index}`]),
      denominator: numberOf(row[`m${index}`]),
    })),
  };
}

/** Counts are bigint and money is decimal text: as JSON's numbers they are exact up to 15 digits. */
function numberOf(value: unknown): number | null {
  return value === null || value === undefined ? null : Number(value);
}

function sliceValue(value: unknown): string | number | boolean | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'boolean' || typeof value === 'number' || typeof value === 'string') return value;
  return typeof value === 'bigint' ? Number(value) : JSON.stringify(value);
}

/** A row for every slice and period, those without a fact too, so that a month without a win is 0 and not missing. */
function join(
  now: readonly Row[],
  before: readonly Row[] | undefined,
  { metric, index, by }: { metric: Metric; index: number; by: readonly string[] },
  periods: readonly Period[],
  request: MetricsRequest,
  isCut: boolean,
): MetricSlice[] {
  const key = (row: Pick<Row, 'period' | 'slice'>) => JSON.stringify([row.period, row.slice]);
  const found = new Map(now.map((row) => [key(row), row.figures[index]]));
  const old = new Map(before?.map((row) => [key(row), row.figures[index]]));
  const seen = new Map([...now, ...(before ?? [])].map((row) => [JSON.stringify(row.slice), row.slice]));
  const slices = by.length === 0 ? [[]] : [...seen.values()].sort(compareSlices);
  return periods.flatMap((period, at) =>
    slices.map((slice): MetricSlice => {
      const figure = found.get(key({ period: at, slice })) ?? nothing(metric);
      return {
        ...(isCut
          ? { period: { ...daysOf(period), label: period.label, is_complete: period.end <= request.asOf } }
          : {}),
        slice: Object.fromEntries(slice.map((value, place) => [by[place] ?? '', value])),
        ...compared(figure, before && (old.get(key({ period: at, slice })) ?? nothing(metric))),
      };
    }),
  );
}

/** No facts: nothing over nothing is not known, a count or a sum is 0. */
function nothing(metric: Metric): Figure {
  if (metric.aggregate === 'median') return { value: null, numerator: null, denominator: 0 };
  return metric.denominator
    ? { value: null, numerator: 0, denominator: 0 }
    : { value: 0, numerator: 0, denominator: null };
}

function compared(figure: Figure, previous: Figure | undefined): ComparedFigure {
  if (!previous) return figure;
  const change = figure.value === null || previous.value === null ? null : figure.value - previous.value;
  const relative = change === null || !previous.value ? null : change / previous.value;
  return { ...figure, previous, change, relative_change: relative };
}

export function figureOf(slice: MetricSlice | undefined): ComparedFigure {
  if (!slice) return { value: null, numerator: null, denominator: null };
  const { slice: _, period: __, ...figure } = slice;
  return figure;
}

function compareSlices(a: Row['slice'], b: Row['slice']): number {
  for (const [index, left] of a.entries()) {
    const right = b[index] ?? null;
    if (left === right) continue;
    if (left === null) return 1;
    if (right === null) return -1;
    return left < right ? -1 : 1;
  }
  return 0;
}
