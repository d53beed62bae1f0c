import { deltaOf, type Delta } from './delta.ts';
import { barFinding, lineFinding } from './finding.ts';
import { categoryText, formatCell } from './format.ts';
import { timeframeOf, withTimeframe } from './timeframe.ts';
import type { Cell, ReportColumn, ReportData, ReportView, Row } from './types.ts';

/** What is drawn, with every figure already formatted. A block knows nothing of Malloy, nor of HTML. */
export type ReportBlock = BigValuesBlock | ChartBlock | TableBlock;

export interface BigValue {
  label: string;
  text: string;
  doc?: string;
  /** Absent where nothing is compared. */
  delta?: Delta & { label: string; before: string };
}

export interface BigValuesBlock {
  kind: 'big_values';
  id: string;
  title: string;
  subtitle?: string;
  values: BigValue[];
}

export interface TextTable {
  columns: { label: string; align: 'left' | 'right' }[];
  rows: string[][];
}

export interface ChartBlock {
  kind: 'chart';
  id: string;
  title: string;
  subtitle?: string;
  mark: 'bar' | 'line';
  x: ReportColumn;
  y: ReportColumn[];
  series?: ReportColumn;
  rows: Row[];
  view: ReportView;
  /** What the chart shows, in words and figures: the caption and the image's alt text. */
  finding: string;
  /** The same figures as text, all of them. */
  table: TextTable;
  /** Set where not all that the view holds is drawn. */
  note?: string;
}

export interface TableBlock {
  kind: 'table';
  id: string;
  title: string;
  subtitle?: string;
  table: TextTable;
  note?: string;
}

/** The blocks of a report, in the order of its views; big values that follow one another share a row. */
export function reportBlocks(data: ReportData): ReportBlock[] {
  const blocks: ReportBlock[] = [];
  for (const view of data.views) {
    const block = blockOf(view, data);
    const previous = blocks.at(-1);
    if (block.kind === 'big_values' && previous?.kind === 'big_values') previous.values.push(...block.values);
    else blocks.push(block);
  }
  return blocks;
}

function blockOf(view: ReportView, data: ReportData): ReportBlock {
  if (view.renderer === 'big_value' && view.rows.length === 1) return bigValues(view, data);
  if (view.renderer === 'bar_chart' || view.renderer === 'line_chart') {
    const chart = chartBlock(view, data);
    if (chart) return chart;
  }
  return tableBlock(view, data);
}

function heading(view: ReportView) {
  return { id: view.name, title: view.title, ...(view.subtitle ? { subtitle: view.subtitle } : {}) };
}

function bigValues(view: ReportView, data: ReportData): BigValuesBlock {
  const row = view.rows[0] ?? {};
  const values = visible(view).map((column): BigValue => {
    const compared = view.columns.find((other) => other.comparison?.of === column.name);
    const value: BigValue = { label: column.label, text: formatCell(row[column.name], column, data) };
    if (column.doc) value.doc = column.doc;
    if (compared?.comparison) {
      const delta = deltaOf(
        numeric(row[column.name]),
        numeric(row[compared.name]),
        compared.comparison,
        view.neutral_threshold,
      );
      value.delta = {
        ...delta,
        label: compared.comparison.label ?? `vs ${compared.label}`,
        // The compared figure is read beside this one: in the same format, unless it has its own.
        before: formatCell(
          row[compared.name],
          { ...compared, ...formatOf(compared.format ?? column.format) },
          data,
        ),
      };
    }
    return value;
  });
  return { kind: 'big_values', ...heading(view), values };
}

/** Undefined where the columns do not make a chart: it is then shown as the table it is. */
function chartBlock(view: ReportView, data: ReportData): ChartBlock | undefined {
  const columns = visible(view);
  const named = (name: string | undefined) => columns.find((column) => column.name === name);
  const settings = view.chart ?? {};
  const dimensions = columns.filter((column) => !column.is_measure);
  const chosenX = named(settings.x) ?? dimensions[0] ?? columns[0];
  const y = (settings.y ?? []).flatMap((name) => named(name) ?? []);
  if (y.length === 0)
    y.push(...columns.filter((column) => column !== chosenX && isNumeric(column)).slice(0, 1));
  if (!chosenX || y.length === 0 || view.rows.length === 0) return undefined;
  const series =
    y.length > 1
      ? undefined
      : (named(settings.series) ??
        dimensions.find((column) => column !== chosenX && !y.includes(column) && !isNumeric(column)));
  const timeframe = timeframeOf(chosenX, view.rows, data);
  const x = withTimeframe(chosenX, timeframe);

  const kept = keepTop(view, x, y[0] as ReportColumn, series);
  const mark = view.renderer === 'bar_chart' ? 'bar' : 'line';
  const picture = { x, y, series, rows: kept.rows, mark } as const;
  return {
    kind: 'chart',
    ...heading(view),
    mark,
    x,
    y,
    ...(series ? { series } : {}),
    rows: kept.rows,
    view,
    finding: mark === 'line' ? lineFinding(picture, data) : barFinding(picture, data),
    table: textTable(
      columns.map((column) => (column === chosenX ? x : column)),
      view.rows,
      data,
    ),
    ...notes(view, kept.note),
  };
}

/** Limits series and bars as the tags say; series by their total, as Malloy does. */
function keepTop(
  view: ReportView,
  x: ReportColumn,
  y: ReportColumn,
  series: ReportColumn | undefined,
): { rows: Row[]; note?: string } {
  let rows = view.rows;
  const said: string[] = [];
  if (series) {
    const totals = new Map<Cell, number>();
    for (const row of rows) {
      const key = row[series.name] ?? null;
      totals.set(key, (totals.get(key) ?? 0) + (numeric(row[y.name]) ?? 0));
    }
    // Eight colours can be told apart; Malloy's own limits are 12 lines and 20 bars.
    const limit = view.chart?.series_limit ?? 8;
    const top = [...totals].sort((a, b) => b[1] - a[1]).slice(0, limit);
    if (top.length < totals.size) {
      said.push(`Showing ${top.length} of ${totals.size} of ${series.label}.`);
      const keys = new Set(top.map(([key]) => key));
      rows = rows.filter((row) => keys.has(row[series.name] ?? null));
    }
  }
  const categories = [...new Set(rows.map((row) => row[x.name] ?? null))];
  const limit = view.renderer === 'bar_chart' ? (view.chart?.x_limit ?? 20) : categories.length;
  if (categories.length > limit) {
    said.push(`Showing ${limit} of ${categories.length} of ${x.label}.`);
    const keys = new Set(categories.slice(0, limit));
    rows = rows.filter((row) => keys.has(row[x.name] ?? null));
  }
  return said.length > 0 ? { rows, note: said.join(' ') } : { rows };
}

function tableBlock(view: ReportView, data: ReportData): TableBlock {
  return {
    kind: 'table',
    ...heading(view),
    table: textTable(visible(view), view.rows, data),
    ...notes(view),
  };
}

function notes(view: ReportView, note?: string): { note?: string } {
  const cut = view.is_truncated ? `Cut at ${view.rows.length.toLocaleString('en-US')} rows.` : undefined;
  const text = [note, cut].filter((part) => part !== undefined).join(' ');
  return text === '' ? {} : { note: text };
}

function textTable(columns: readonly ReportColumn[], rows: readonly Row[], data: ReportData): TextTable {
  const framed = columns.map((column) => withTimeframe(column, timeframeOf(column, rows, data)));
  return {
    columns: framed.map((column) => ({ label: column.label, align: isNumeric(column) ? 'right' : 'left' })),
    rows: rows.map((row) =>
      framed.map((column) => (column.is_measure ? formatCell : categoryText)(row[column.name], column, data)),
    ),
  };
}

function visible(view: ReportView): ReportColumn[] {
  return view.columns.filter((column) => !column.is_hidden);
}

export function isNumeric(column: ReportColumn): boolean {
  return column.type === 'integer' || column.type === 'number' || column.type === 'decimal';
}

/** A cell as a number to compare or draw: money loses nothing that a pixel could show. */
export function numeric(value: Cell | undefined): number | null {
  if (value === null || value === undefined || value === '') return null;
  const number = Number(value);
  return Number.isFinite(number) ? number : null;
}

function formatOf(format: ReportColumn['format']): Partial<ReportColumn> {
  return format ? { format } : {};
}
