import type { TopLevelSpec } from 'vega-lite';
import type { ChartBlock } from './blocks.ts';
import { isQuantity, isTime, marksOf, type Mark } from './chart-marks.ts';
import { currencyAffixes, type FormatContext } from './format.ts';
import { chartColours, seriesColours } from './palette.ts';
import type { ReportColumn, Timeframe } from './types.ts';

/** The family of the charts: embedded fonts in a PNG, the reader's nearest in a page. */
export const chartFont = 'DejaVu Sans';

export interface ChartSize {
  /** Of the whole picture, in CSS pixels. Default 592: a 640 px mail less its margins. */
  width_px?: number;
}

/**
 * The Vega-Lite specification of a chart block, the same for the page, the mail and any export. The zone is resolved
 * before: times are written as UTC with the wall clock of the report's zone, so the machine's zone has no part in it.
 */
export function chartSpec(block: ChartBlock, context: FormatContext, size: ChartSize = {}): TopLevelSpec {
  const marks = marksOf(block, context);
  const width = size.width_px ?? 592;
  const drawing = block.mark === 'line' ? lineSpec(block, marks) : barSpec(block, marks, width);
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    description: `${block.title}. ${block.finding}`,
    width,
    autosize: { type: 'fit', contains: 'padding' },
    padding: { left: 2, right: 8, top: 8, bottom: 2 },
    background: 'transparent',
    data: { name: 'figures', values: marks as unknown as object[] },
    ...drawing,
    config: config(context),
  } as TopLevelSpec;
}

function lineSpec(block: ChartBlock, marks: readonly Mark[]): object {
  const isSingle = new Set(marks.map((mark) => mark.series)).size === 1;
  const interpolate = block.view.chart?.interpolate === 'step' ? 'step-after' : 'monotone';
  const y = {
    field: 'y',
    type: 'quantitative',
    title: null,
    scale: { zero: block.view.chart?.zero_baseline ?? false, nice: true },
    axis: { tickCount: 4, ...valueAxis(block.y[0]) },
  };
  const tooltip = tooltipOf(block, isSingle);
  const hover = {
    params: [
      { name: 'hover', select: { type: 'point', nearest: true, on: 'pointerover', clear: 'pointerout' } },
    ],
    mark: { type: 'point', filled: true, size: 70 },
    encoding: { opacity: { condition: { param: 'hover', empty: false, value: 1 }, value: 0 }, tooltip },
  };
  // An area says "from zero": drawn only where the axis starts there.
  const area =
    isSingle && block.view.chart?.zero_baseline
      ? [{ mark: { type: 'area', interpolate, opacity: 0.13, line: false } }]
      : [];
  return {
    height: block.view.chart?.height_px ?? 210,
    encoding: { x: positionX(block, marks), y, ...colour(block, isSingle) },
    layer: [
      ...area,
      { mark: { type: 'line', interpolate, strokeWidth: 2.5, strokeCap: 'round' } },
      {
        transform: [{ filter: 'datum.is_last' }],
        mark: { type: 'point', filled: true, size: 60, opacity: 1 },
      },
      ...(isSingle
        ? [
            {
              transform: [{ filter: 'datum.is_last' }],
              mark: { type: 'text', align: 'left', dx: 10, fontSize: 14, fontWeight: 'bold' },
              encoding: { text: { field: 'y_text' } },
            },
          ]
        : []),
      hover,
    ],
  };
}

function barSpec(block: ChartBlock, marks: readonly Mark[], widthPx: number): object {
  const series = new Set(marks.map((mark) => mark.series)).size;
  if (isTime(block.x)) return columnSpec(block, series === 1);
  const isStacked = block.view.chart?.is_stacked === true && series > 1;
  const categories = new Set(marks.map((mark) => mark.x)).size;
  const rowHeight = series > 1 && !isStacked ? series * 20 + 14 : 34;
  const isGrouped = series > 1 && !isStacked;
  const ends = (sign: 1 | -1) => ({
    transform: [{ filter: sign > 0 ? 'datum.y >= 0' : 'datum.y < 0' }],
    mark: { type: 'text', align: sign > 0 ? 'left' : 'right', dx: 6 * sign, fontSize: 14 },
    encoding: { text: { field: 'y_text' }, color: { value: chartColours.text } },
  });
  return {
    height: block.view.chart?.height_px ?? categories * rowHeight,
    encoding: {
      y: {
        field: 'x',
        type: 'nominal',
        sort: { field: 'order', op: 'min' },
        title: null,
        axis: { domain: false, ticks: false, grid: false, labelPadding: 8, labelLimit: labelPxMax },
        scale: { paddingInner: 0.32, paddingOuter: 0.1 },
      },
      x: {
        field: 'y',
        type: 'quantitative',
        title: null,
        // Where the figure is written at the end of each bar, an axis would say it twice.
        axis: isStacked ? { tickCount: 4, ...valueAxis(block.y[0]) } : null,
        ...(isStacked
          ? { stack: 'zero' }
          : { stack: null, scale: { domain: barDomain(marks, widthPx), nice: false } }),
      },
      ...(isGrouped ? { yOffset: { field: 'series', sort: null } } : {}),
      ...colour(block, series === 1),
      tooltip: tooltipOf(block, series === 1),
    },
    layer: [{ mark: { type: 'bar', cornerRadiusEnd: 3 } }, ...(isStacked ? [] : [ends(1), ends(-1)])],
  };
}

const labelPxMax = 190;
/** Wide for DejaVu Sans at 13 and 14 px: an estimate that is too small would cut a figure. */
const characterPx = 8.6;

/**
 * From the smallest to the largest bar, with room for the figure beyond its end: vega's `fit` does not see that the
 * texts keep their size when the bars shrink.
 */
function barDomain(marks: readonly Mark[], widthPx: number): [number, number] {
  const largest = Math.max(0, ...marks.map((mark) => mark.y ?? 0));
  const smallest = Math.min(0, ...marks.map((mark) => mark.y ?? 0));
  const textPx = (texts: string[]) => Math.max(0, ...texts.map((text) => text.length)) * characterPx + 8;
  const right = textPx(marks.filter((mark) => (mark.y ?? 0) >= 0).map((mark) => mark.y_text));
  const left =
    smallest < 0 ? textPx(marks.filter((mark) => (mark.y ?? 0) < 0).map((mark) => mark.y_text)) : 0;
  const labels = Math.min(labelPxMax, textPx(marks.map((mark) => mark.x_text)));
  const bars = Math.max(60, widthPx - 10 - labels - left - right);
  const perPixel = (largest - smallest || 1) / bars;
  return [smallest - left * perPixel, largest + right * perPixel];
}

/** Bars over time stand upright. */
function columnSpec(block: ChartBlock, isSingle: boolean): object {
  return {
    height: block.view.chart?.height_px ?? 210,
    mark: { type: 'bar', cornerRadiusEnd: 2 },
    encoding: {
      x: {
        field: 'x',
        type: 'ordinal',
        title: null,
        axis: {
          labelExpr: timeLabel(block.x.timeframe),
          labelAngle: 0,
          labelOverlap: 'greedy',
          ticks: false,
        },
        scale: { paddingInner: 0.25 },
      },
      y: {
        field: 'y',
        type: 'quantitative',
        title: null,
        axis: { tickCount: 4, ...valueAxis(block.y[0]) },
        stack: block.view.chart?.is_stacked ? 'zero' : null,
      },
      ...(isSingle || block.view.chart?.is_stacked ? {} : { xOffset: { field: 'series', sort: null } }),
      ...colour(block, isSingle),
      tooltip: tooltipOf(block, isSingle),
    },
  };
}

/** Times of the data itself, counted back from the last: d3's own weeks start on Sundays. */
function tickTimes(marks: readonly Mark[]): number[] {
  const times = [...new Set(marks.map((mark) => Number(mark.x)))].sort((a, b) => b - a);
  const step = Math.ceil(times.length / 6);
  return times.filter((_, index) => index % step === 0).reverse();
}

function positionX(block: ChartBlock, marks: readonly Mark[]): object {
  if (isTime(block.x)) {
    return {
      field: 'x',
      type: 'temporal',
      title: null,
      scale: { type: 'utc' },
      axis: {
        values: tickTimes(marks),
        grid: false,
        labelExpr: timeLabel(block.x.timeframe),
        labelOverlap: 'greedy',
        labelFlush: false,
      },
    };
  }
  return isQuantity(block)
    ? { field: 'x', type: 'quantitative', title: block.x.label, axis: { grid: false } }
    : {
        field: 'x',
        type: 'ordinal',
        title: null,
        sort: { field: 'order', op: 'min' },
        axis: { grid: false, labelAngle: 0, labelOverlap: 'greedy' },
      };
}

function timeLabel(timeframe: Timeframe | undefined): string {
  const format: Partial<Record<Timeframe, string>> = {
    year: '%Y',
    month: '%b %Y',
    quarter: '%b %Y',
    week: '%b %-d',
    day: '%b %-d',
  };
  return `utcFormat(datum.value, '${format[timeframe ?? 'second'] ?? '%b %-d %H:%M'}')`;
}

function valueAxis(column: ReportColumn | undefined): object {
  // d3's SI prefix for a milliard is G, which nobody reads as money.
  if (column?.format?.kind === 'currency')
    return { labelExpr: `replace(format(datum.value, '$~s'), 'G', 'B')` };
  if (column?.format?.kind === 'percent') return { format: '.0~%' };
  return {
    labelExpr: `abs(datum.value) < 10000 ? format(datum.value, ',~f') : replace(format(datum.value, '~s'), 'G', 'B')`,
  };
}

function colour(block: ChartBlock, isSingle: boolean): object {
  if (isSingle) return { color: { value: seriesColours[0] } };
  const names = [...new Set(block.rows.map((row) => row[block.series?.name ?? '']))];
  return {
    color: {
      field: 'series',
      type: 'nominal',
      title: null,
      sort: null,
      scale: { range: seriesColours.slice(0, Math.max(names.length, block.y.length)) },
      legend: { orient: 'top', symbolType: 'circle', symbolSize: 90, columns: 4, labelLimit: 170, offset: 8 },
    },
  };
}

function tooltipOf(block: ChartBlock, isSingle: boolean): object[] {
  return [
    { field: 'x_text', type: 'nominal', title: block.x.label },
    ...(isSingle || !block.series ? [] : [{ field: 'series', type: 'nominal', title: block.series.label }]),
    { field: 'y_text', type: 'nominal', title: block.y.length === 1 ? block.y[0]?.label : 'Value' },
  ];
}

function config(context: FormatContext): object {
  const label = { labelFont: chartFont, labelFontSize: 13, labelColor: chartColours.text };
  return {
    font: chartFont,
    view: { stroke: null },
    axis: {
      ...label,
      titleFont: chartFont,
      titleColor: chartColours.text,
      domainColor: chartColours.rule,
      tickColor: chartColours.rule,
      gridColor: chartColours.grid,
      gridOpacity: 0.45,
      labelPadding: 6,
    },
    axisY: { domain: false, ticks: false },
    axisQuantitative: { gridDash: [2, 3] },
    legend: { ...label, rowPadding: 6 },
    // Fixed, so that neither the machine nor the reader's browser changes a label.
    locale: {
      number: { decimal: '.', thousands: ',', grouping: [3], currency: currencyAffixes(context.currency) },
    },
  };
}
