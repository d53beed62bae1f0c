import type { Annotations } from '@malloydata/malloy';
import type { ChartSettings, Comparison, NumberFormat, Renderer, ReportColumn, ReportView } from './types.ts';

/** Malloy's tags, parsed. Its package does not export the type by name. */
type Tag = ReturnType<Annotations['parseAsTag']>['tag'];

/** What the tags of a query say of how it is shown. */
export type ViewTags = Pick<
  ReportView,
  'title' | 'subtitle' | 'doc' | 'renderer' | 'chart' | 'neutral_threshold'
> & {
  is_hidden: boolean;
};

/**
 * Reads a query's render tags: `# bar_chart`, `# line_chart`, `# big_value`, else a table; `# label`, `# description`,
 * `# hidden`. Tags that this renderer does not know are left alone: they mean something to VS Code's.
 */
export function viewTags(annotations: Annotations, name: string): ViewTags {
  const tag = annotations.parseAsTag().tag;
  const renderer = rendererOf(tag);
  const settings = renderer === 'table' ? undefined : tag.tag(renderer);
  const tags: ViewTags = {
    title: settings?.text('title') ?? tag.text('label') ?? readable(name),
    renderer,
    is_hidden: isOn(tag, 'hidden'),
  };
  const subtitle = settings?.text('subtitle') ?? tag.text('description');
  const doc = docOf(annotations);
  if (subtitle !== undefined) tags.subtitle = subtitle;
  if (doc !== undefined) tags.doc = doc;
  if (settings && renderer !== 'big_value') tags.chart = chartSettings(settings);
  const threshold = settings?.numeric('neutral_threshold');
  if (threshold !== undefined) tags.neutral_threshold = threshold;
  return tags;
}

export type ColumnTags = Pick<ReportColumn, 'label' | 'is_hidden' | 'doc' | 'format' | 'comparison'>;

/** Reads a field's tags: `# label`, `# hidden`, `# currency`, `# percent`, `# number`, `# big_value { comparison_field=… }`, `#(doc)`. */
export function columnTags(annotations: Annotations, name: string): ColumnTags {
  const tag = annotations.parseAsTag().tag;
  const tags: ColumnTags = { label: tag.text('label') ?? readable(name), is_hidden: isOn(tag, 'hidden') };
  const doc = docOf(annotations);
  const format = numberFormat(tag);
  const comparison = comparisonOf(tag.tag('big_value'));
  if (doc !== undefined) tags.doc = doc;
  if (format) tags.format = format;
  if (comparison) tags.comparison = comparison;
  return tags;
}

/** The text of the nearest `#(doc)`, `#"` or `# description`: the last one said, which is the field's own. */
export function docOf(annotations: Annotations): string | undefined {
  const last = annotations.forRoute('doc').at(-1) ?? annotations.forRoute('"').at(-1);
  return last?.content.trim() || annotations.parseAsTag().tag.text('description');
}

/** 'won_by_source' -> 'Won by source' */
export function readable(name: string): string {
  const words = name.replaceAll('_', ' ').trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function rendererOf(tag: Tag): Renderer {
  return (['big_value', 'bar_chart', 'line_chart'] as const).find((name) => isOn(tag, name)) ?? 'table';
}

function chartSettings(tag: Tag): ChartSettings {
  const settings: ChartSettings = {};
  const x = fieldName(tag.text('x'));
  const y = tag.textArray('y') ?? [tag.text('y')].filter((name) => name !== undefined);
  const series = fieldName(tag.text('series'));
  const xLimit = tag.numeric('x', 'limit');
  const seriesLimit = tag.numeric('series', 'limit');
  const height = tag.numeric('size', 'height') ?? sizes[tag.text('size') ?? ''];
  if (x !== undefined) settings.x = x;
  if (y.length > 0) settings.y = y.map((name) => fieldName(name) ?? name);
  if (series !== undefined) settings.series = series;
  if (isOn(tag, 'stack')) settings.is_stacked = true;
  if (xLimit !== undefined) settings.x_limit = xLimit;
  if (seriesLimit !== undefined) settings.series_limit = seriesLimit;
  if (isOn(tag, 'zero_baseline')) settings.zero_baseline = true;
  if (tag.text('interpolate') === 'step') settings.interpolate = 'step';
  if (height !== undefined) settings.height_px = height;
  return settings;
}

/** Heights of Malloy's size names; the width is the mail's or the page's. */
const sizes: Record<string, number> = { spark: 60, xs: 100, sm: 150, md: 210, lg: 280, xl: 340, '2xl': 420 };

function comparisonOf(tag: Tag | undefined): Comparison | undefined {
  const of = fieldName(tag?.text('comparison_field'));
  if (!tag || of === undefined) return undefined;
  const label = tag.text('comparison_label');
  return {
    of,
    ...(label === undefined ? {} : { label }),
    unit: tag.text('comparison_format') === 'ppt' ? 'ppt' : 'pct',
    down_is_good: isOn(tag, 'down_is_good'),
  };
}

/** Malloy's currency words; the shorthand takes them with decimals and a scale: `usd0k`, `eur1m`. */
const currencies: Record<string, string> = { euro: 'EUR', pound: 'GBP', usd: 'USD', eur: 'EUR', gbp: 'GBP' };

function numberFormat(tag: Tag): NumberFormat | undefined {
  if (isOn(tag, 'percent')) return { kind: 'percent', ...details(tag.tag('percent')) };
  if (isOn(tag, 'currency')) {
    const own = tag.tag('currency');
    const [, word, decimals, scale] = /^([a-z]{3,5}?)(\d)?([kmb])?$/i.exec(own?.text() ?? '') ?? [];
    return {
      kind: 'currency',
      // A bare tag means the report's own currency: Malloy would say dollars.
      ...(word ? { currency: currencies[word.toLowerCase()] ?? word.toUpperCase() } : {}),
      ...shorthand(decimals, scale),
      ...details(own),
    };
  }
  if (!isOn(tag, 'number')) return undefined;
  const own = tag.tag('number');
  const text = own?.text() ?? '';
  if (text === 'id') return { kind: 'plain', decimals: 0 };
  if (text === 'auto' || text === 'big') return { kind: 'number', scale: 'auto', ...details(own) };
  const [, decimals, scale] = /^(\d)([kmb])?$/.exec(text) ?? [];
  if (decimals !== undefined) return { kind: 'number', ...shorthand(decimals, scale) };
  return { ...patternFormat(text), ...details(own) };
}

function shorthand(decimals: string | undefined, scale: string | undefined): Partial<NumberFormat> {
  return {
    ...(decimals === undefined ? {} : { decimals: Number(decimals) }),
    ...(scale === 'k' || scale === 'm' || scale === 'b' ? { scale } : {}),
  };
}

/** `{ scale=m decimals=2 }`, the long form. */
function details(tag: Tag | undefined): Partial<NumberFormat> {
  const decimals = tag?.numeric('decimals');
  const scale = tag?.text('scale');
  return {
    ...(decimals === undefined ? {} : { decimals }),
    ...(scale === 'k' || scale === 'm' || scale === 'b' || scale === 'auto' ? { scale } : {}),
  };
}

/** A spreadsheet pattern: `#,##0.0`, `0.00%`, `$#,##0`. What it says of digits, grouping, percent and dollars is kept. */
function patternFormat(pattern: string): NumberFormat {
  if (pattern === '') return { kind: 'number' };
  const decimals = /\.([0#]+)/.exec(pattern)?.[1]?.length ?? 0;
  if (pattern.includes('%')) return { kind: 'percent', decimals };
  if (pattern.includes('$')) return { kind: 'currency', currency: 'USD', decimals };
  return { kind: pattern.includes(',') ? 'number' : 'plain', decimals };
}

/** A flag: `# hidden`, `stack`, `down_is_good=true`; `=false` turns it off. */
function isOn(tag: Tag, name: string): boolean {
  return tag.has(name) && !tag.isFalse(name) && tag.text(name) !== 'false';
}

/** Tags may name a field with backticks or as a path; results are known by the last part. */
function fieldName(name: string | undefined): string | undefined {
  return name?.replaceAll('`', '').split('.').at(-1);
}
