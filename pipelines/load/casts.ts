import type { Column, SqlType } from './contracts/contract.ts';
import { literal } from './sql.ts';

export interface Cast {
  /** The typed value, null where there is none or it does not fit. */
  sql: string;
  /** Said of a value that does not fit; undefined where every value fits. */
  reason: string | undefined;
}

/**
 * How a value becomes a column's type. What is accepted as text:
 * - timestamps: ISO 8601 (a space or T between date and time); an offset or zone name is converted to UTC, none means
 *   UTC. With `dateFormat` (strptime; or `epoch`, `epoch_ms`) that format and nothing else. Years begin at 1000, so that `01-03-17`
 *   is refused rather than taken for the year 1.
 * - dates: the same; a time of day is cut off.
 * - money and other decimals: a point as decimal sign, optional commas between groups of three, an optional sign and one
 *   currency sign before; more than two decimals are rounded half away from zero. `1.234,56` is refused: it cannot be told from 1.234.
 * - integers: no fraction other than zero.
 * - booleans: true/false, t/f, yes/no, y/n, 1/0, on/off in any case.
 * @param value SQL of the raw value, trimmed and null where empty
 * @param sourceType its type: VARCHAR for text, else a native one, which DuckDB casts
 */
export function castTo(
  column: Column,
  value: string,
  sourceType: string,
  dateFormat: string | undefined,
): Cast {
  const isText = sourceType === 'VARCHAR';
  const { type } = column;
  if (type === 'VARCHAR') return castText(column, isText ? value : `cast(${value} as varchar)`);
  if (column.range) {
    const [min, max] = column.range;
    const { range: _range, ...free } = column;
    const { sql } = castTo(free, value, sourceType, dateFormat);
    return {
      sql: `case when ${sql} between ${min} and ${max} then ${sql} end`,
      reason: `not a whole number from ${min} to ${max}`,
    };
  }
  if (!isText) return castNative(type, value, sourceType);
  switch (type) {
    case 'TIMESTAMP':
      return { sql: timestampSql(value, dateFormat), reason: dateReason('time', dateFormat) };
    case 'DATE':
      return { sql: dateSql(value, dateFormat), reason: dateReason('date', dateFormat) };
    case 'INTEGER':
    case 'BIGINT':
      return { sql: integerSql(value, type), reason: 'not a whole number' };
    case 'DOUBLE':
      return { sql: finite(grouped(value, type)), reason: 'not a number' };
    case 'BOOLEAN':
      return { sql: booleanSql(value), reason: 'not yes or no' };
    case 'JSON':
      return { sql: jsonObjectSql(value), reason: 'not a JSON object' };
    default:
      return { sql: grouped(value, type), reason: `not an amount that fits ${type}` };
  }
}

function castText(column: Column, value: string): Cast {
  if (column.accepted) return castAccepted(column, column.accepted, value);
  const sql = column.letterCase ? `${column.letterCase}(${value})` : value;
  if (!column.pattern) return { sql, reason: undefined };
  return {
    sql: `case when regexp_full_match(${sql}, ${literal(column.pattern.matches)}) then ${sql} end`,
    reason: column.pattern.reason,
  };
}

/** The first branch decides nearly every row of a big file without touching the text. */
function castAccepted(column: Column, accepted: readonly string[], value: string): Cast {
  const list = (items: readonly string[]) => items.map(literal).join(', ');
  const aliases = Object.entries(column.aliases ?? {}).map(
    ([from, to]) => `when ${literal(from)} then ${literal(to)}`,
  );
  const others = [...accepted.map((one) => `when ${literal(one)} then ${literal(one)}`), ...aliases].join(
    ' ',
  );
  return {
    sql: `case when ${value} in (${list(accepted)}) then ${value} else case lower(${value}) ${others} end end`,
    reason: `not one of ${accepted.join(', ')}`,
  };
}

function castNative(type: SqlType, value: string, sourceType: string): Cast {
  if (type === 'TIMESTAMP' && sourceType.startsWith('TIMESTAMP WITH TIME ZONE')) {
    return { sql: `timezone('UTC', ${value})`, reason: undefined };
  }
  if (type === 'JSON') return { sql: `try_cast(to_json(${value}) as json)`, reason: 'not a JSON object' };
  // A cast would round 2.7 to 3.
  if (type === 'INTEGER' || type === 'BIGINT') {
    return {
      sql: `case when try_cast(${value} as double) = try_cast(${value} as ${type}) then try_cast(${value} as ${type}) end`,
      reason: 'not a whole number',
    };
  }
  const sql = `try_cast(${value} as ${type})`;
  return { sql: type === 'DOUBLE' ? finite(sql) : sql, reason: `does not fit ${type}` };
}

/**
 * DuckDB's cast to TIMESTAMP drops an offset in silence (10:00+02 becomes 10:00), its cast to TIMESTAMPTZ takes three
 * times as long: so it is only used where there is an offset or zone name behind the time. The session's zone is UTC.
 */
function timestampSql(value: string, dateFormat: string | undefined): string {
  const zoned = `timezone('UTC', try_cast(${value} as timestamptz))`;
  const iso = `case when ${value} like '%:%+%' or ${value} like '%:%-%' then ${zoned}
    else coalesce(try_cast(${value} as timestamp), ${zoned}) end`;
  return plausible(formatted(value, dateFormat) ?? iso, 'timestamp');
}

function dateSql(value: string, dateFormat: string | undefined): string {
  const given = formatted(value, dateFormat);
  return plausible(given ? `cast(${given} as date)` : `try_cast(${value} as date)`, 'date');
}

function formatted(value: string, dateFormat: string | undefined): string | undefined {
  if (dateFormat === undefined) return undefined;
  if (dateFormat === 'epoch')
    return `make_timestamp(cast(round(try_cast(${value} as double) * 1e6) as bigint))`;
  if (dateFormat === 'epoch_ms') return `make_timestamp(try_cast(${value} as bigint) * 1000)`;
  return `try_strptime(${value}, ${literal(dateFormat)})`;
}

function plausible(sql: string, type: 'timestamp' | 'date'): string {
  return `case when (${sql}) >= ${type} '1000-01-01' then (${sql}) end`;
}

function dateReason(what: string, dateFormat: string | undefined): string {
  return dateFormat === undefined
    ? `not an ISO ${what} (name its form with --date-format)`
    : `not a ${what} of the form ${dateFormat}`;
}

function grouped(value: string, type: SqlType): string {
  const bare = `regexp_replace(${value}, '[,$€£¥ ]', '', 'g')`;
  return `coalesce(try_cast(${value} as ${type}), case when regexp_full_match(${value},
    '[-+]?[$€£¥]? ?[-+]?(\\d{1,3}(,\\d{3})+|\\d+)(\\.\\d*)?') then try_cast(${bare} as ${type}) end)`;
}

function integerSql(value: string, type: SqlType): string {
  const typed = grouped(value, type);
  return `case when contains(${value}, '.') or contains(lower(${value}), 'e') then
      case when ${grouped(value, 'DOUBLE')} = ${typed} then ${typed} end
    else ${typed} end`;
}

function finite(sql: string): string {
  return `case when isfinite(${sql}) then ${sql} end`;
}

function booleanSql(value: string): string {
  return `case lower(${value}) when 'true' then true when 'false' then false when '1' then true when '0' then false
    when 'yes' then true when 'no' then false when 'y' then true when 'n' then false when 't' then true when 'f' then false
    when 'on' then true when 'off' then false end`;
}

function jsonObjectSql(value: string): string {
  return `case when json_valid(${value}) then case when json_type(${value}) = 'OBJECT' then cast(${value} as json) end end`;
}
