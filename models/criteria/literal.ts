import { DateTime } from 'luxon';
import type { CriteriaScalar, FieldType } from './types.ts';

/** Printable ASCII that no lexer of ours, of Malloy or of SQL gives a meaning, and letters and digits of every script. */
const plain = /[\p{L}\p{N} .,:;@_+\-/()&!?*=<>|#$^~[\]]/u;

/**
 * The one function that turns text from outside into Malloy text. Everything but `plain` is written `\uXXXX` (Malloy reads
 * JSON's escapes), so no quote, backslash, line end or `%{` reaches the lexer as itself. Astral characters are written as
 * their two UTF-16 units, which Malloy joins again.
 *
 * A line end becomes `chr(10)`: Malloy would write such a literal as `E'…\'…'`, whose escaped quote DuckDB's pass over
 * Unicode spaces takes for the literal’s end. From there on it sees code for text, and makes a plain space of a U+FEFF or a
 * no-break space in the literals of *other* conditions (found by fuzzing, DuckDB 1.5).
 */
export function malloyString(text: string): string {
  const lines = text.split('\n').map((line) => `'${line.split('').map(escaped).join('')}'`);
  return lines.length === 1 ? lines.join('') : `concat(${lines.join(', chr(10), ')})`;
}

function escaped(unit: string): string {
  return plain.test(unit) ? unit : `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** A path of the catalogue as Malloy text. Every name is quoted: 'day' or 'count' would be keywords. */
export function malloyPath(path: string): string {
  return path
    .split('.')
    .map((name) => `\`${name.replace(/[`\\]/g, '\\$&')}\``)
    .join('.');
}

/** Text that a DuckDB VARCHAR can hold: well-formed Unicode without NUL, which would end the SQL text. */
export function isStorable(text: string): boolean {
  return !text.includes('\0') && !/\p{Surrogate}/u.test(text);
}

/** A finite number, or decimal text ('12.50', exact), as a Malloy number; undefined where it is neither. */
export function malloyNumber(value: CriteriaScalar): string | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? parenthesised(String(value)) : undefined;
  if (typeof value === 'string' && /^-?\d{1,30}(\.\d{1,18})?$/.test(value)) return parenthesised(value);
  return undefined;
}

/** A minus sign after another operator would be read as that operator's. */
function parenthesised(number: string): string {
  return number.startsWith('-') ? `(${number})` : number;
}

/** A point in time given as ISO text, and whether it was a whole day. */
export interface Moment {
  at: DateTime<true>;
  isDay: boolean;
}

/** Reads ISO text ('2026-03-01', '2026-03-01T12:00', '…+02:00'); text without an offset stands in `zone`. */
export function readMoment(value: CriteriaScalar, zone: string): Moment | undefined {
  if (typeof value !== 'string' || !/^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}|$)/.test(value)) return undefined;
  const at = DateTime.fromISO(value.replace(' ', 'T'), { zone });
  // A day of headroom on both sides: literals have four-digit years, also after a shift of zone.
  return at.isValid && at.year > 1 && at.year < 9999 ? { at, isDay: value.length === 10 } : undefined;
}

/** A Malloy literal of a day. */
export function malloyDate(at: DateTime<true>): string {
  return `@${at.toFormat('yyyy-MM-dd')}`;
}

/** A Malloy literal of an instant, in UTC, to the millisecond. */
export function malloyTimestamp(at: DateTime<true>): string {
  return `@${at.toUTC().toFormat('yyyy-MM-dd HH:mm:ss.SSS')}`;
}

/** What a value of a type looks like, for messages. */
export const valueForms: Record<FieldType, string> = {
  string: 'text',
  number: 'a number',
  boolean: 'true or false',
  date: "an ISO day ('2026-03-01')",
  timestamp: "an ISO day or time ('2026-03-01', '2026-03-01T12:00Z')",
};
