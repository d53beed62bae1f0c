/**
 * The words of reports. All of it is plain JSON: a worker without the warehouse renders from it.
 *
 * - *report*: a Malloy file with a `##(report)` line.
 * - *view*: one named query of that file; its render tags say how it is shown.
 * - *column*: one field of a view's result, with what its tags say about it.
 * - *block* (blocks.ts): what is drawn: a row of big values, a chart or a table.
 */

/** A cell. DECIMAL is exact text ('12.50'), an integer beyond 2^53 is text, times are ISO in UTC, dates 'YYYY-MM-DD'. */
export type Cell = string | number | boolean | null;
export type Row = Record<string, Cell>;

export const columnTypes = [
  'string',
  'integer',
  'number',
  'decimal',
  'boolean',
  'date',
  'timestamp',
] as const;
export type ColumnType = (typeof columnTypes)[number];

/** From `# number`, `# currency`, `# percent`. */
export interface NumberFormat {
  /** `plain` is a number without thousands separators (`# number=id`). A percent's value is a fraction: 0.25 is 25%. */
  kind: 'number' | 'currency' | 'percent' | 'plain';
  /** Digits after the point. Default: 1 for a percent, the currency's own for money, up to 2 for a number. */
  decimals?: number;
  /** Shown in thousands, millions or billions; `auto` picks by size. Default: in full. */
  scale?: 'k' | 'm' | 'b' | 'auto';
  /** ISO 4217. Default: the report's currency. */
  currency?: string;
}

/** `# big_value { comparison_field=… }`: this column is what another one is compared with. */
export interface Comparison {
  of: string;
  label?: string;
  /** `pct`: relative change in percent; `ppt`: difference in percentage points. */
  unit: 'pct' | 'ppt';
  down_is_good: boolean;
}

export type Timeframe = 'second' | 'minute' | 'hour' | 'day' | 'week' | 'month' | 'quarter' | 'year';

export interface ReportColumn {
  name: string;
  label: string;
  type: ColumnType;
  is_measure: boolean;
  is_hidden: boolean;
  /** How the figure is computed: the `#(doc)` of the column or of the measure it uses. */
  doc?: string;
  format?: NumberFormat;
  timeframe?: Timeframe;
  comparison?: Comparison;
}

export const renderers = ['table', 'bar_chart', 'line_chart', 'big_value'] as const;
export type Renderer = (typeof renderers)[number];

/** The properties of `# bar_chart` and `# line_chart`; what is absent is inferred from the columns. */
export interface ChartSettings {
  x?: string;
  y?: string[];
  series?: string;
  is_stacked?: boolean;
  x_limit?: number;
  series_limit?: number;
  /** Whether the value axis of a line starts at zero. Default false, as in Malloy; bars always do. */
  zero_baseline?: boolean;
  interpolate?: 'linear' | 'step';
  /** Of the plot, in CSS pixels. */
  height_px?: number;
}

export interface ReportView {
  name: string;
  title: string;
  subtitle?: string;
  doc?: string;
  renderer: Renderer;
  chart?: ChartSettings;
  /** Of `# big_value`: a change smaller than this (percent, or percentage points) is shown as none. Default 0.05. */
  neutral_threshold?: number;
  columns: ReportColumn[];
  rows: Row[];
  /** True where the result was cut at the row limit. */
  is_truncated: boolean;
  /** The view's own Malloy text, so that every figure can be traced. */
  malloy: string;
}

/** What the `##(report)` line says. */
export interface ReportDefinition {
  report_id: string;
  title: string;
  description?: string;
  /** The file: in our package or in the project's `reports/`. */
  file: string;
  /** Whose it is. */
  origin: 'package' | 'project';
  /** Five fields, in `time_zone`. Absent: never sent by itself. */
  cron?: string;
  time_zone: string;
  recipients: string[];
  /** The view whose first value decides whether the report is sent. */
  condition?: string;
  /** `week`: the figures are of the last complete ISO week before the as-of time. */
  period?: 'day' | 'week' | 'month';
}

/** A report that could not be read: it is listed, with the reason, rather than left out. */
export interface BrokenReport {
  report_id: string;
  file: string;
  origin: 'package' | 'project';
  error: string;
}

export interface ReportData {
  report_id: string;
  title: string;
  description?: string;
  /** ISO, UTC. */
  as_of: string;
  time_zone: string;
  /** ISO 4217: what a bare `# currency` means. */
  currency: string;
  account_name: string;
  recipients: string[];
  /** First and last day (inclusive), 'YYYY-MM-DD' in `time_zone`, of the period the figures are about. */
  period?: { unit: 'day' | 'week' | 'month'; first_date: string; last_date: string };
  /** False where the report's condition does not hold: it is not sent, but can be looked at. */
  is_due: boolean;
  /** Why `is_due` is what it is. */
  due_reason: string;
  /** Where the interactive page can be opened. */
  page_url?: string;
  views: ReportView[];
}
