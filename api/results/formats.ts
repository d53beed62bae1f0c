import { MallardError } from '../../data/errors.ts';

/** How a result set travels, and the media type that asks for it. */
export const mediaTypes = {
  json: 'application/json',
  ndjson: 'application/x-ndjson',
  csv: 'text/csv',
  arrow: 'application/vnd.apache.arrow.stream',
  parquet: 'application/vnd.apache.parquet',
} as const;

export type Format = keyof typeof mediaTypes;
export const formats = Object.keys(mediaTypes) as Format[];

/**
 * The format that an `Accept` header prefers: highest `q`, then first named. No header, or anything, means JSON.
 * Throws `unsupported_media_type` where none is ours.
 */
export function formatOf(accept: string | undefined): Format {
  const ranges = (accept ?? '*/*')
    .split(',')
    .map((part) => {
      const [range = '', ...parameters] = part.trim().split(/\s*;\s*/);
      const q = parameters.find((parameter) => parameter.startsWith('q='));
      return { range: range.toLowerCase(), q: q === undefined ? 1 : Number(q.slice(2)) };
    })
    .filter(({ q }) => q > 0)
    .toSorted((a, b) => b.q - a.q);
  for (const { range } of ranges) {
    if (range === '*/*' || range === 'application/*') return 'json';
    if (range === 'text/*') return 'csv';
    const format = formats.find((each) => mediaTypes[each] === range);
    if (format) return format;
  }
  throw new MallardError('unsupported_media_type', `A result does not travel as ${accept ?? ''}.`, {
    remedy: `Accept one of ${Object.values(mediaTypes).join(', ')}.`,
    fields: { accepted: Object.values(mediaTypes) },
  });
}
