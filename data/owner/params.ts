/**
 * JavaScript values as DuckDB parameters: the way back of values.ts.
 *
 * null and undefined NULL · boolean BOOLEAN · safe integers INTEGER or BIGINT, other numbers DOUBLE · bigint BIGINT, or
 * HUGEINT where larger · string VARCHAR (DuckDB casts it to the DECIMAL, TIMESTAMP, DATE, ENUM … it meets; an offset from
 * UTC is applied first) · Date
 * TIMESTAMP in UTC · Uint8Array BLOB · array LIST · plain object JSON text.
 *
 * Where the statement tells what it expects, that decides between the forms an array or object may take: JSON takes both
 * as JSON text, STRUCT and MAP take an object. A string for a JSON column is JSON text already: use `json(value)`.
 */
import {
  BIGINT,
  BLOB,
  BOOLEAN,
  DOUBLE,
  DuckDBArrayType,
  DuckDBBlobValue,
  DuckDBListType,
  DuckDBMapType,
  DuckDBStructType,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTypeId,
  HUGEINT,
  INTEGER,
  LIST,
  MAP,
  SQLNULL,
  STRUCT,
  TIMESTAMP,
  TIMESTAMPTZ,
  VARCHAR,
  listValue,
  mapValue,
  structValue,
  type DuckDBPreparedStatement,
  type DuckDBType,
  type DuckDBValue,
} from '@duckdb/node-api';
import { DateTime } from 'luxon';
import { commonType, widened } from './common-type.ts';

/** $1, $2 … as an array, $name as an object. */
export type Params = readonly unknown[] | Readonly<Record<string, unknown>>;

/** A value and the type it is bound as. */
interface Typed {
  type: DuckDBType;
  value: DuckDBValue;
}

/** The text of `value` for a JSON column. Needed only where the value may be a string: that would be taken for JSON text. */
export function json(value: unknown): string {
  return (
    JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? jsonInteger(item) : item)) ??
    'null'
  );
}

/** JSON.parse reads numbers as doubles: an integer beyond 2^53 survives only as text. */
function jsonInteger(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

/**
 * Binds every parameter of a prepared statement.
 * @throws RangeError where a parameter has no value, an array has too many, or a value has no DuckDB form
 */
export function bindParams(prepared: DuckDBPreparedStatement, params: Params): void {
  const count = prepared.parameterCount;
  const lookup = isPositional(params) ? positional(params, count) : named(params);
  for (let index = 1; index <= count; index += 1) {
    const name = prepared.parameterName(index);
    try {
      bindOne(prepared, index, lookup(name));
    } catch (error) {
      throw new RangeError(`Parameter $${name}: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    }
  }
}

function isPositional(params: Params): params is readonly unknown[] {
  return Array.isArray(params);
}

function positional(params: readonly unknown[], count: number): (name: string) => unknown {
  if (params.length > count) throw new RangeError(`${params.length} values for ${count} parameters.`);
  return (name) => {
    const index = Number(name) - 1;
    if (!(index in params)) throw new RangeError(`no value among the ${params.length} given.`);
    return params[index];
  };
}

function named(params: Readonly<Record<string, unknown>>): (name: string) => unknown {
  return (name) => {
    if (!Object.hasOwn(params, name))
      throw new RangeError(`no value; given are ${Object.keys(params).join(', ')}.`);
    return params[name];
  };
}

function bindOne(prepared: DuckDBPreparedStatement, index: number, value: unknown): void {
  // The bare scalars, nearly all there is, without asking the statement what it expects.
  if (typeof value === 'string')
    return prepared.bindVarchar(
      index,
      bindableText(value, () => expectedType(prepared, index)),
    );
  if (value === null || value === undefined) return prepared.bindNull(index);
  if (typeof value === 'boolean') return prepared.bindBoolean(index, value);
  const typed = toTyped(value, typeof value === 'object' ? expectedType(prepared, index) : undefined);
  prepared.bindValue(index, typed.value, typed.type);
}

/** What the statement expects of a parameter; undefined where it takes anything (`select $1`). */
function expectedType(prepared: DuckDBPreparedStatement, index: number): DuckDBType | undefined {
  try {
    return prepared.parameterType(index);
  } catch {
    return undefined;
  }
}

function toTyped(value: unknown, expected: DuckDBType | undefined): Typed {
  if (value === null || value === undefined) return { type: SQLNULL, value: null };
  switch (typeof value) {
    case 'string':
      return { type: VARCHAR, value: bindableText(value, () => expected) };
    case 'boolean':
      return { type: BOOLEAN, value };
    case 'number':
      return typedNumber(value);
    case 'bigint':
      return typedBigint(value);
    case 'object':
      return typedObject(value, expected);
    default:
      throw new RangeError(`a ${typeof value} has no DuckDB form.`);
  }
}

const withOffset = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(\.\d+)?([+-]\d\d)(?::?(\d\d))?$/;

/**
 * A moment with an offset ('2026-11-02T11:30:00+05:30') in UTC where a TIMESTAMP is expected: casting it, DuckDB 1.5 drops
 * the offset in silence. All other text as it is.
 */
function bindableText(text: string, expected: () => DuckDBType | undefined): string {
  const [, date, time, fraction = '', hours, minutes = '00'] = withOffset.exec(text) ?? [];
  if (date === undefined || !zonelessTypes.has(expected()?.typeId)) return text;
  const utc = DateTime.fromISO(`${date}T${time}${hours}:${minutes}`, { zone: 'utc' });
  if (!utc.isValid) throw new RangeError(`${text} is not a moment.`);
  return `${utc.toFormat("yyyy-MM-dd'T'HH:mm:ss")}${fraction}Z`;
}

const zonelessTypes: ReadonlySet<DuckDBTypeId | undefined> = new Set([
  DuckDBTypeId.TIMESTAMP,
  DuckDBTypeId.TIMESTAMP_S,
  DuckDBTypeId.TIMESTAMP_MS,
  DuckDBTypeId.TIMESTAMP_NS,
]);

function typedNumber(value: number): Typed {
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) return { type: DOUBLE, value };
  const fits = value >= -(2 ** 31) && value < 2 ** 31;
  return fits ? { type: INTEGER, value } : { type: BIGINT, value: BigInt(value) };
}

function typedBigint(value: bigint): Typed {
  if (BigInt.asIntN(64, value) === value) return { type: BIGINT, value };
  if (BigInt.asIntN(128, value) === value) return { type: HUGEINT, value };
  throw new RangeError(`${value} is larger than a HUGEINT.`);
}

function typedObject(value: object, expected: DuckDBType | undefined): Typed {
  if (value instanceof Date) return typedDate(value, expected);
  if (value instanceof Uint8Array) return { type: BLOB, value: new DuckDBBlobValue(value) };
  if (expected?.alias === 'JSON') return { type: VARCHAR, value: json(value) };
  if (Array.isArray(value)) return typedList(value, expected);
  if (expected instanceof DuckDBStructType) return typedStruct(value, expected);
  if (expected instanceof DuckDBMapType) return typedMap(value, expected);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new RangeError(`a ${value.constructor.name} has no DuckDB form.`);
  }
  return { type: VARCHAR, value: json(value) };
}

function typedDate(value: Date, expected: DuckDBType | undefined): Typed {
  if (Number.isNaN(value.getTime())) throw new RangeError('an invalid Date.');
  const micros = BigInt(value.getTime()) * 1000n;
  // As a plain TIMESTAMP it would be cast in the zone of the session.
  return expected?.typeId === DuckDBTypeId.TIMESTAMP_TZ
    ? { type: TIMESTAMPTZ, value: new DuckDBTimestampTZValue(micros) }
    : { type: TIMESTAMP, value: new DuckDBTimestampValue(micros) };
}

function typedList(value: readonly unknown[], expected: DuckDBType | undefined): Typed {
  const list =
    expected instanceof DuckDBListType || expected instanceof DuckDBArrayType ? expected : undefined;
  const items = value.map((item) => toTyped(item, list?.valueType));
  const type = items.map((item) => item.type).reduce(commonType, SQLNULL);
  return { type: LIST(type), value: listValue(items.map((item) => widened(item.value, type))) };
}

/** Entries by name, those missing as NULL; a name the type does not have is an error, not a loss. */
function typedStruct(value: object, expected: DuckDBStructType): Typed {
  const given = new Map<string, unknown>(Object.entries(value));
  const unknownName = [...given.keys()].find((name) => !expected.entryNames.includes(name));
  if (unknownName !== undefined) throw new RangeError(`${expected.toString()} has no entry ${unknownName}.`);
  const entries = expected.entryNames.map(
    (name, i) => [name, toTyped(given.get(name), expected.entryTypes[i])] as const,
  );
  return {
    type: STRUCT(Object.fromEntries(entries.map(([name, entry]) => [name, entry.type]))),
    value: structValue(Object.fromEntries(entries.map(([name, entry]) => [name, entry.value]))),
  };
}

/** From a `Map` or, where the keys are text, an object. */
function typedMap(value: object, expected: DuckDBMapType): Typed {
  const entries: [unknown, unknown][] = value instanceof Map ? [...value.entries()] : Object.entries(value);
  const keys = entries.map(([key]) => toTyped(key, expected.keyType));
  const items = entries.map(([, item]) => toTyped(item, expected.valueType));
  const keyType = keys.map((key) => key.type).reduce(commonType, SQLNULL);
  const itemType = items.map((item) => item.type).reduce(commonType, SQLNULL);
  const pairs = keys.map((key, i) => ({
    key: widened(key.value, keyType),
    value: widened(items[i]?.value ?? null, itemType),
  }));
  return { type: MAP(keyType, itemType), value: mapValue(pairs) };
}
