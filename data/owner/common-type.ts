/** DuckDB lists and maps have one type for all their items; JavaScript's arrays do not. */
import {
  BIGINT,
  DOUBLE,
  DuckDBListType,
  DuckDBListValue,
  DuckDBMapType,
  DuckDBMapValue,
  DuckDBStructType,
  DuckDBStructValue,
  DuckDBTypeId,
  HUGEINT,
  INTEGER,
  LIST,
  MAP,
  STRUCT,
  listValue,
  mapValue,
  structValue,
  type DuckDBType,
  type DuckDBValue,
} from '@duckdb/node-api';

const integerTypes: readonly DuckDBType[] = [INTEGER, BIGINT, HUGEINT];

/**
 * The one type that holds the values of both exactly.
 * @throws RangeError where there is none
 */
export function commonType(a: DuckDBType, b: DuckDBType): DuckDBType {
  if (a.typeId === DuckDBTypeId.SQLNULL) return b;
  if (b.typeId === DuckDBTypeId.SQLNULL) return a;
  const [i, j] = [integerTypes.indexOf(a), integerTypes.indexOf(b)];
  if (i >= 0 && j >= 0) return integerTypes[Math.max(i, j)] ?? HUGEINT;
  if (isDouble(a, j) || isDouble(b, i)) return DOUBLE;
  if (a instanceof DuckDBListType && b instanceof DuckDBListType)
    return LIST(commonType(a.valueType, b.valueType));
  if (a instanceof DuckDBStructType && b instanceof DuckDBStructType) return commonStruct(a, b);
  if (a instanceof DuckDBMapType && b instanceof DuckDBMapType) {
    return MAP(commonType(a.keyType, b.keyType), commonType(a.valueType, b.valueType));
  }
  if (a.typeId === b.typeId) return a;
  throw new RangeError(`a list of both ${a.toString()} and ${b.toString()}; bind values of one type.`);
}

/** A double beside an INTEGER or BIGINT (`widened` refuses those that a double cannot hold). */
function isDouble(type: DuckDBType, otherIntegerIndex: number): boolean {
  return type.typeId === DuckDBTypeId.DOUBLE && (otherIntegerIndex === 0 || otherIntegerIndex === 1);
}

/** Both come from one expected STRUCT, so their names agree. */
function commonStruct(a: DuckDBStructType, b: DuckDBStructType): DuckDBType {
  return STRUCT(
    Object.fromEntries(
      a.entryNames.map((name) => [name, commonType(a.typeForEntry(name), b.typeForEntry(name))]),
    ),
  );
}

/**
 * The driver takes an INTEGER as number, a BIGINT as bigint: a value that joins a wider list changes its form.
 * @throws RangeError for a bigint that no double holds
 */
export function widened(value: DuckDBValue, type: DuckDBType): DuckDBValue {
  if (typeof value === 'number' && integerTypes.indexOf(type) > 0) return BigInt(value);
  if (typeof value === 'bigint' && type === DOUBLE) {
    if (!Number.isSafeInteger(Number(value)))
      throw new RangeError(`${value} beside a fraction would lose digits.`);
    return Number(value);
  }
  if (value instanceof DuckDBListValue && type instanceof DuckDBListType) {
    return listValue(value.items.map((item) => widened(item, type.valueType)));
  }
  if (value instanceof DuckDBStructValue && type instanceof DuckDBStructType) {
    const entries = type.entryNames.map((name) => [
      name,
      widened(value.entries[name] ?? null, type.typeForEntry(name)),
    ]);
    return structValue(Object.fromEntries(entries) as Record<string, DuckDBValue>);
  }
  if (value instanceof DuckDBMapValue && type instanceof DuckDBMapType) {
    const entry = (key: DuckDBValue, item: DuckDBValue) => ({
      key: widened(key, type.keyType),
      value: widened(item, type.valueType),
    });
    return mapValue(value.entries.map(({ key, value: item }) => entry(key, item)));
  }
  return value;
}
