import { arrows, deltaInWords } from './delta.ts';
import { formatAsOf, formatDateRange } from './format.ts';
import type { BigValue, ReportBlock } from './blocks.ts';
import type { ReportData } from './types.ts';

/** 'Week of Oct 26 – Nov 1, 2026', or the as-of time where the report has no period. */
export function periodText(data: ReportData): string {
  if (!data.period) return `As of ${formatAsOf(data.as_of, data)}`;
  const range = formatDateRange(data.period.first_date, data.period.last_date);
  return data.period.unit === 'week' ? `Week of ${range}` : range;
}

/** 'Weekly report, Oct 26 – Nov 1, 2026: Revenue $48,210 (▲ 8.4%)': the subject says the first figure. */
export function subjectText(data: ReportData, blocks: readonly ReportBlock[]): string {
  const [first] = bigValuesOf(blocks);
  const period = data.period ? `, ${formatDateRange(data.period.first_date, data.period.last_date)}` : '';
  return `${data.title}${period}${first ? `: ${first.label} ${first.text}${deltaMark(first)}` : ''}`;
}

/** The line a mail client shows beside the subject: the other figures, or the first finding. */
export function previewText(blocks: readonly ReportBlock[]): string {
  const [, ...others] = bigValuesOf(blocks);
  if (others.length > 0)
    return others.map((value) => `${value.label} ${value.text}${deltaMark(value)}`).join(' · ');
  const chart = blocks.find((block) => block.kind === 'chart');
  return chart?.kind === 'chart' ? chart.finding : '';
}

/** 'Revenue: $48,210, up 8.4% vs week before ($44,474)' */
export function bigValueInWords(value: BigValue): string {
  const delta = value.delta
    ? `, ${deltaInWords(value.delta)} ${value.delta.label} (${value.delta.before})`
    : '';
  return `${value.label}: ${value.text}${delta}`;
}

function deltaMark(value: BigValue): string {
  if (!value.delta || value.delta.size === '–') return '';
  return ` (${arrows[value.delta.direction]} ${value.delta.size})`;
}

function bigValuesOf(blocks: readonly ReportBlock[]): BigValue[] {
  return blocks.flatMap((block) => (block.kind === 'big_values' ? block.values : []));
}
