import { deltaInWords, deltaOf } from './delta.ts';
import { categoryText, formatCell, type FormatContext } from './format.ts';
import type { Cell, ReportColumn, Row, Timeframe } from './types.ts';

/** What a chart draws. */
export interface Picture {
  x: ReportColumn;
  y: readonly ReportColumn[];
  series?: ReportColumn | undefined;
  rows: readonly Row[];
}

interface Point {
  x: Cell;
  value: number;
  text: string;
}

const previousNoun: Partial<Record<Timeframe, string>> = {
  day: 'the day before',
  week: 'the week before',
  month: 'the month before',
  quarter: 'the quarter before',
  year: 'the year before',
};

/** 'Revenue was $48,210 in the week of Oct 26, 2026, up 8.4% on the week before. Highest of 26: …; lowest: …' */
export function lineFinding(picture: Picture, context: FormatContext): string {
  const lines = linesOf(picture, context);
  if (lines.length === 0) return 'There is nothing to show.';
  if (lines.length > 1) {
    const ends = lines.flatMap(({ name, points }) => {
      const last = points.at(-1);
      return last ? [`${name} ${last.text} ${at(last.x, picture.x, context)}`] : [];
    });
    return `Latest: ${ends.join(', ')}.`;
  }
  const [{ name, points } = { name: '', points: [] as Point[] }] = lines;
  const last = points.at(-1) as Point;
  const before = points.at(-2);
  const moved = before
    ? `, ${deltaInWords(deltaOf(last.value, before.value, { unit: unitOf(picture.y[0]), down_is_good: false }))} on ${previousNoun[picture.x.timeframe ?? 'second'] ?? 'the one before'} (${before.text})`
    : '';
  const sentence = `${name} was ${last.text} ${at(last.x, picture.x, context)}${moved}.`;
  if (points.length < 3) return sentence;
  const high = points.reduce((best, point) => (point.value >= best.value ? point : best));
  const low = points.reduce((best, point) => (point.value <= best.value ? point : best));
  const where = (point: Point) => `${point.text} ${at(point.x, picture.x, context)}`;
  const all = `of the ${points.length} shown`;
  if (high === last) return `${sentence} That is the highest ${all}; the lowest is ${where(low)}.`;
  if (low === last) return `${sentence} That is the lowest ${all}; the highest is ${where(high)}.`;
  return `${sentence} The highest ${all} is ${where(high)}, the lowest ${where(low)}.`;
}

/** 'Referral has the most: $120,000, then Webinar $80,000. The least: Paid social $4,000.' */
export function barFinding(picture: Picture, context: FormatContext): string {
  const sentences = picture.y.map((y) => {
    const bars = barsOf(picture, y, context).sort((a, b) => b.value - a.value);
    const [first, second] = bars;
    const last = bars.at(-1);
    if (!first || !last) return `${y.label}: nothing to show.`;
    if (bars.length === 1) return `${y.label}: ${first.name} ${first.text}.`;
    const then = second && bars.length > 2 ? `, then ${second.name} with ${second.text}` : '';
    return `${y.label}: ${first.name} leads with ${first.text}${then}; the lowest is ${last.name} with ${last.text}.`;
  });
  return sentences.join(' ');
}

function barsOf(picture: Picture, y: ReportColumn, context: FormatContext) {
  return picture.rows.flatMap((row) => {
    const value = Number(row[y.name] ?? Number.NaN);
    if (!Number.isFinite(value)) return [];
    const names = [picture.x, ...(picture.series ? [picture.series] : [])];
    return [
      {
        name: names.map((column) => categoryText(row[column.name], column, context)).join(', '),
        value,
        text: formatCell(row[y.name], y, context),
      },
    ];
  });
}

function linesOf(picture: Picture, context: FormatContext): { name: string; points: Point[] }[] {
  const lines = new Map<string, Point[]>();
  const rows = [...picture.rows].sort((a, b) => compare(a[picture.x.name], b[picture.x.name]));
  for (const y of picture.y) {
    for (const row of rows) {
      const value = Number(row[y.name] ?? Number.NaN);
      if (!Number.isFinite(value)) continue;
      const name = picture.series ? categoryText(row[picture.series.name], picture.series, context) : y.label;
      const points = lines.get(name) ?? [];
      points.push({ x: row[picture.x.name] ?? null, value, text: formatCell(row[y.name], y, context) });
      lines.set(name, points);
    }
  }
  return [...lines].map(([name, points]) => ({ name, points }));
}

function compare(a: Cell | undefined, b: Cell | undefined): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return String(a ?? '') < String(b ?? '') ? -1 : String(a ?? '') > String(b ?? '') ? 1 : 0;
}

function at(value: Cell, x: ReportColumn, context: FormatContext): string {
  const text = formatCell(value, x, context);
  if (x.timeframe === 'week') return `in the week of ${text}`;
  if (x.timeframe === 'day') return `on ${text}`;
  if (x.type === 'date' || x.type === 'timestamp') return `in ${text}`;
  return `at ${text}`;
}

/** Rates move by percentage points. */
function unitOf(column: ReportColumn | undefined): 'pct' | 'ppt' {
  return column?.format?.kind === 'percent' ? 'ppt' : 'pct';
}
