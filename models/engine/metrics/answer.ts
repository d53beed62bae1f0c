import type { MetricKind, MetricPart } from './metric.ts';

/**
 * A metric's figure. `value` is null where the denominator is 0; of counts and sums it is the numerator, and there is no denominator; of
 * medians there is no numerator, and the denominator is how many there were. */
export interface Figure {
  value: number | null;
  numerator: number | null;
  denominator: number | null;
}

/** The figure beside that of the period before, or a year ago. */
export interface ComparedFigure extends Figure {
  previous?: Figure;
  /** value − previous value, in the metric's unit. */
  change?: number | null;
  /** change ÷ previous value. */
  relative_change?: number | null;
}

export interface MetricSlice extends ComparedFigure {
  /** The period it is of; absent where no unit of periods was asked for. */
  period?: { label: string; start_date: string; end_date: string; is_complete: boolean };
  /** The value of each dimension asked for; null: not known. */
  slice: Record<string, string | number | boolean | null>;
}

/** One metric, as `mallard metrics` and `GET /v1/metrics` give it. */
export interface MetricAnswer extends ComparedFigure {
  name: string;
  title: string;
  /** What it is, in words. */
  definition: string;
  unit?: string;
  kind: MetricKind;
  /** The Malloy source, and the field of it that is the metric. */
  source: string;
  field: string;
  dimensions: string[];
  /** What is divided by what; absent for counts and sums. */
  parts?: { numerator: MetricPart; denominator: MetricPart };
  /** Of flow and period metrics: the days that the figure is about, the end excluded. */
  period?: { start_date: string; end_date: string };
  freshness: MetricFreshness;
  /** By period and dimension, where asked for. */
  slices?: MetricSlice[];
}

export interface MetricFreshness {
  /** ISO. What was true then. */
  as_of: string;
  /** What had been recorded by then; null: everything. */
  known_at: string | null;
  /** When the marts that were read were built; null where the figure was computed from the facts themselves. */
  built_at: string | null;
  /** The last moment (or day) that a flow metric's facts tell of, before as_of; null for other kinds. */
  newest_fact_at: string | null;
  /** When the newest row that was known came to the tables that the metric is made of: the last load or webhook. */
  newest_recorded_at: string | null;
}

export interface MetricsAnswer {
  as_of: string;
  known_at: string | null;
  time_zone: string;
  currency: string;
  by: string[];
  unit?: string;
  compare?: 'previous' | 'year';
  metrics: MetricAnswer[];
  /** Metrics that were not named and cannot be sliced as asked. */
  left_out: { name: string; title: string; reason: string; dimensions: string[] }[];
}
