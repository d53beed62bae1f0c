import { DateTime } from 'luxon';
import type { Cell, NumberFormat, ReportColumn, Timeframe } from './types.ts';

/** What formatting needs to know of a report. The locale is en-US always, so that a report reads the same anywhere. */
export interface FormatContext {
  time_zone: string;
  currency: string;
}

const locale = 'en-US';
/** Shown for null: no value is not zero. */
export const noValue = '–';

/** A cell as a reader sees it. */
export function formatCell(value: Cell | undefined, column: ReportColumn, context: FormatContext): string {
  if (value === null || value === undefined || value === '') return noValue;
  switch (column.type) {
    case 'string':
      return String(value);
    case 'boolean':
      return value === true ? 'Yes' : 'No';
    case 'date':
    case 'timestamp':
      return formatTime(String(value), column, context);
    default:
      return formatNumber(value === true ? 1 : value === false ? 0 : value, column.format, context);
  }
}

/** A cell as the name of a bar, a line or a row: what has no value is named too. */
export function categoryText(value: Cell | undefined, column: ReportColumn, context: FormatContext): string {
  return value === null || value === undefined || value === ''
    ? 'Not set'
    : formatCell(value, column, context);
}

/** A number, or its exact decimal text, by its format. */
export function formatNumber(
  value: number | string,
  format: NumberFormat | undefined,
  context: FormatContext,
): string {
  const size = Number(value);
  if (!Number.isFinite(size)) return noValue;
  const kind = format?.kind ?? 'number';
  const scale = kind === 'percent' ? undefined : scaleOf(size, format?.scale);
  // Intl takes decimal text and loses no digit of it; scaled figures are rounded anyway.
  const shown = (scale ? size / scale.divisor : value) as number;
  const text = numberFormat(
    kind,
    digitsOf(format, scale !== undefined, context),
    currencyOf(format, context),
  ).format(shown);
  return `${text.replace('-', '−')}${scale?.suffix ?? ''}`;
}

function digitsOf(format: NumberFormat | undefined, isScaled: boolean, context: FormatContext) {
  if (format?.decimals !== undefined) return { minimum: format.decimals, maximum: format.decimals };
  if (isScaled || format?.kind === 'percent') return { minimum: 1, maximum: 1 };
  if (format?.kind === 'currency') {
    const digits = currencyDigits(currencyOf(format, context));
    return { minimum: digits, maximum: digits };
  }
  return { minimum: 0, maximum: 2 };
}

function currencyOf(format: NumberFormat | undefined, context: FormatContext): string {
  return format?.currency ?? context.currency;
}

const formats = new Map<string, Intl.NumberFormat>();

function numberFormat(
  kind: NumberFormat['kind'],
  digits: { minimum: number; maximum: number },
  currency: string,
): Intl.NumberFormat {
  const key = `${kind} ${digits.minimum} ${digits.maximum} ${currency}`;
  const known = formats.get(key);
  if (known) return known;
  const made = new Intl.NumberFormat(locale, {
    ...(kind === 'currency' ? { style: 'currency', currency, currencyDisplay: 'narrowSymbol' } : {}),
    ...(kind === 'percent' ? { style: 'percent' } : {}),
    useGrouping: kind !== 'plain',
    minimumFractionDigits: digits.minimum,
    maximumFractionDigits: digits.maximum,
  });
  formats.set(key, made);
  return made;
}

function currencyDigits(currency: string): number {
  return (
    new Intl.NumberFormat(locale, { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ??
    2
  );
}

/** What stands before and after an amount of the currency: ['$', ''] or ['kr ', '']. For axes. */
export function currencyAffixes(currency: string): [prefix: string, suffix: string] {
  const parts = new Intl.NumberFormat(locale, {
    style: 'currency',
    currency,
    currencyDisplay: 'narrowSymbol',
    maximumFractionDigits: 0,
  }).formatToParts(1);
  const digit = parts.findIndex((part) => part.type === 'integer');
  const text = (from: typeof parts) => from.map((part) => part.value).join('');
  return [text(parts.slice(0, digit)), text(parts.slice(digit + 1))];
}

const scales = [
  { name: 'b', divisor: 1e9, suffix: 'B' },
  { name: 'm', divisor: 1e6, suffix: 'M' },
  { name: 'k', divisor: 1e3, suffix: 'K' },
] as const;

function scaleOf(size: number, scale: NumberFormat['scale']) {
  if (scale === 'auto') return scales.find(({ divisor }) => Math.abs(size) >= divisor);
  return scales.find(({ name }) => name === scale);
}

/** The moment of a DATE or (UTC) TIMESTAMP cell in the report's zone. A DATE has no zone: it stays the day it says. */
export function momentOf(value: string, type: ReportColumn['type'], context: FormatContext): DateTime {
  const iso = value.replace(' ', 'T');
  const utc = DateTime.fromISO(iso, { zone: 'utc' });
  return type === 'date'
    ? utc.setZone(context.time_zone, { keepLocalTime: true })
    : utc.setZone(context.time_zone);
}

/** 'Oct 26, 2026' where the column holds days or longer, else with the time of day. */
function formatTime(value: string, column: ReportColumn, context: FormatContext): string {
  const moment = momentOf(value, column.type, context);
  if (!moment.isValid) return value;
  return formatMoment(moment, column.timeframe ?? (column.type === 'date' ? 'day' : 'minute'));
}

export function formatMoment(moment: DateTime, timeframe: Timeframe): string {
  const at = moment.setLocale(locale);
  switch (timeframe) {
    case 'year':
      return at.toFormat('yyyy');
    case 'quarter':
      return at.toFormat("'Q'q yyyy");
    case 'month':
      return at.toFormat('LLL yyyy');
    case 'week':
    case 'day':
      return at.toFormat('LLL d, yyyy');
    default:
      return at.toFormat('LLL d, yyyy HH:mm');
  }
}

/** 'Oct 26 – Nov 1, 2026'; the year and the month once where both days share them. */
export function formatDateRange(firstDate: string, lastDate: string): string {
  const first = DateTime.fromISO(firstDate, { zone: 'utc' }).setLocale(locale);
  const last = DateTime.fromISO(lastDate, { zone: 'utc' }).setLocale(locale);
  if (firstDate === lastDate) return first.toFormat('LLL d, yyyy');
  if (first.hasSame(last, 'month')) return `${first.toFormat('LLL d')} – ${last.toFormat('d, yyyy')}`;
  if (first.hasSame(last, 'year')) return `${first.toFormat('LLL d')} – ${last.toFormat('LLL d, yyyy')}`;
  return `${first.toFormat('LLL d, yyyy')} – ${last.toFormat('LLL d, yyyy')}`;
}

/** 'Nov 2, 2026, 07:00 Europe/Berlin' */
export function formatAsOf(asOf: string, context: FormatContext): string {
  return `${momentOf(asOf, 'timestamp', context).setLocale(locale).toFormat('LLL d, yyyy, HH:mm')} ${context.time_zone}`;
}
