import { limits } from './limits.ts';
import { dayOfToday } from './today.ts';
import {
  isStorable,
  malloyDate,
  malloyNumber,
  malloyString,
  malloyTimestamp,
  readMoment,
  valueForms,
  type Moment,
} from './literal.ts';
import type { CriteriaScalar, CriteriaValue, FieldType } from './types.ts';

/**
 * Which operator a type has, what value it takes and what it means. Every condition below is *not* yet guarded against
 * null; `compile.ts` does that once for all. Text is compared exactly by `equals`, `not_equals`, `in` and `not_in`, and
 * without regard to case by the others. Both ends of `between` are inside. A day given for a timestamp is the whole day,
 * in the account's zone: `after` begins with the next one, `between` ends with the last one's end.
 */
const comparable = ['equals', 'not_equals', 'in', 'not_in'] as const;
const always = ['is_set', 'is_not_set'] as const;
const temporal = ['before', 'after', 'between', 'within_last_days', 'more_than_days_ago'] as const;

export const operatorsByType: Record<FieldType, readonly string[]> = {
  string: [...comparable, 'contains', 'not_contains', 'starts_with', 'ends_with', ...always],
  number: [...comparable, 'greater_than', 'at_least', 'less_than', 'at_most', 'between', ...always],
  boolean: ['equals', 'not_equals', ...always],
  date: ['equals', ...temporal, ...always],
  timestamp: [...temporal, ...always],
};

export const operatorNames: readonly string[] = [...new Set(Object.values(operatorsByType).flat())];

/** The flat form's `greater_than` and `less_than` over time. */
const synonyms: Partial<Record<FieldType, Record<string, string>>> = {
  date: { greater_than: 'after', less_than: 'before' },
  timestamp: { greater_than: 'after', less_than: 'before' },
};

/** The type's own name of an operator, or undefined where the type has none such. */
export function operatorFor(type: FieldType, operator: string): string | undefined {
  const name = synonyms[type]?.[operator] ?? operator;
  return operatorsByType[type].includes(name) ? name : undefined;
}

export type ValueShape = 'none' | 'one' | 'list' | 'pair' | 'days';

export function shapeOf(operator: string): ValueShape {
  if (operator === 'is_set' || operator === 'is_not_set') return 'none';
  if (operator === 'in' || operator === 'not_in') return 'list';
  if (operator === 'between') return 'pair';
  return operator === 'within_last_days' || operator === 'more_than_days_ago' ? 'days' : 'one';
}

/** Says what is wrong with a value, for a message: "the value must be a number". */
export class ValueProblem {
  readonly what: string;
  constructor(what: string) {
    this.what = what;
  }
}

/**
 * The condition as Malloy text, null where the field is null (except `is_set` and `is_not_set`).
 * @param field Malloy text of the field or expression
 * @param operator one of `operatorsByType[type]`
 * @param zone IANA zone in which days are cut
 */
export function conditionText(
  field: string,
  type: FieldType,
  operator: string,
  value: CriteriaValue | undefined,
  zone: string,
): string | ValueProblem {
  const values = valuesOf(operator, value);
  if (values instanceof ValueProblem) return values;
  if (operator === 'is_set') return `${field} is not null`;
  if (operator === 'is_not_set') return `${field} is null`;
  if (shapeOf(operator) === 'days') return daysText(field, type, operator, Number(values[0]), zone);
  if (type === 'date' || type === 'timestamp') return timeText(field, type, operator, values, zone);
  const literals: string[] = [];
  for (const item of values) {
    const literal = literalOf(type, item);
    if (literal === undefined)
      return new ValueProblem(`${type} takes ${valueForms[type]}, not ${JSON.stringify(item)}`);
    literals.push(literal);
  }
  return plainText(field, operator, literals, values);
}

function valuesOf(operator: string, value: CriteriaValue | undefined): CriteriaScalar[] | ValueProblem {
  const shape = shapeOf(operator);
  if (shape === 'none') {
    return value === undefined || value === null ? [] : new ValueProblem(`${operator} takes no value`);
  }
  if (value === undefined || value === null) return new ValueProblem(`${operator} needs a value`);
  if (shape === 'list') {
    const list = Array.isArray(value) ? value : [value];
    if (list.length === 0 || list.length > limits.list_values) {
      return new ValueProblem(`${operator} takes 1 to ${limits.list_values} values`);
    }
    return list;
  }
  if (shape === 'pair') {
    return Array.isArray(value) && value.length === 2
      ? value
      : new ValueProblem('between takes [lowest, highest]');
  }
  if (Array.isArray(value)) return new ValueProblem(`${operator} takes one value, not a list`);
  if (shape === 'days' && !isDayCount(value)) {
    return new ValueProblem(`${operator} takes a whole number of days from 1 to ${limits.days}`);
  }
  return [value];
}

export function isDayCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= limits.days;
}

function literalOf(type: FieldType, value: CriteriaScalar): string | undefined {
  if (type === 'number') return malloyNumber(value);
  if (type === 'boolean') return typeof value === 'boolean' ? String(value) : undefined;
  // Ids are text even where they look like numbers, so a number is taken as its digits.
  const text = typeof value === 'number' ? String(value) : value;
  if (typeof text !== 'string' || text.length > limits.text_length || !isStorable(text)) return undefined;
  return malloyString(text);
}

function plainText(
  field: string,
  operator: string,
  literals: readonly string[],
  values: readonly CriteriaScalar[],
): string | ValueProblem {
  const [first = '', second = ''] = literals;
  switch (operator) {
    case 'equals':
      // As a bare condition, DuckDB reads only the rows for which it holds.
      return values[0] === true ? field : `${field} = ${first}`;
    case 'not_equals':
      // Malloy's `!=` is true on null.
      return `(${field} is not null and ${field} != ${first})`;
    case 'in':
      return `${field} in (${literals.join(', ')})`;
    case 'not_in':
      return `(${field} is not null and not (${field} in (${literals.join(', ')})))`;
    case 'contains':
      return `strpos(lower(${field}), lower(${first})) > 0`;
    case 'not_contains':
      return `strpos(lower(${field}), lower(${first})) = 0`;
    case 'ends_with':
      return `ends_with(lower(${field}), lower(${first}))`;
    case 'starts_with':
      return `starts_with(lower(${field}), lower(${first}))`;
    case 'greater_than':
      return `${field} > ${first}`;
    case 'at_least':
      return `${field} >= ${first}`;
    case 'less_than':
      return `${field} < ${first}`;
    case 'at_most':
      return `${field} <= ${first}`;
    default:
      if (Number(values[0]) > Number(values[1]))
        return new ValueProblem('between takes [lowest, highest], in this order');
      return `(${field} >= ${first} and ${field} <= ${second})`;
  }
}

/**
 * Days are counted back from `TODAY`, the start of `AS_OF`'s day in the account's zone, so between midnights only new data
 * moves anybody. Nothing after `AS_OF` is within the last days, and what lies before them is "more than" as many days ago:
 * no past value is in both or in neither. A date counts whole, today's included.
 */
function daysText(field: string, type: FieldType, operator: string, days: number, zone: string): string {
  const isWithin = operator === 'within_last_days';
  if (type === 'date') {
    const first = dayOfToday(zone, days);
    return isWithin ? `(${field} >= ${first} and ${field} <= ${dayOfToday(zone, 0)})` : `${field} < ${first}`;
  }
  const start = `$TODAY - ${days} days`;
  return isWithin ? `(${field} >= ${start} and ${field} < $AS_OF)` : `${field} < ${start}`;
}

function timeText(
  field: string,
  type: 'date' | 'timestamp',
  operator: string,
  values: readonly CriteriaScalar[],
  zone: string,
): string | ValueProblem {
  const moments: Moment[] = [];
  for (const value of values) {
    const moment = readMoment(value, zone);
    if (!moment || (type === 'date' && !moment.isDay)) {
      return new ValueProblem(`${type} takes ${valueForms[type]}, not ${JSON.stringify(value)}`);
    }
    moments.push(moment);
  }
  const [first, second] = moments;
  if (!first) return new ValueProblem(`${operator} needs a value`);
  if (second && second.at < first.at)
    return new ValueProblem('between takes [earliest, latest], in this order');
  if (type === 'date') return dateText(field, operator, first, second);
  const start = `${field} >= ${malloyTimestamp(first.at)}`;
  if (operator === 'before') return `${field} < ${malloyTimestamp(first.at)}`;
  if (operator === 'after') {
    return first.isDay
      ? `${field} >= ${malloyTimestamp(first.at.plus({ days: 1 }))}`
      : `${field} > ${malloyTimestamp(first.at)}`;
  }
  const last = second ?? first;
  const end = last.isDay
    ? `< ${malloyTimestamp(last.at.plus({ days: 1 }))}`
    : `<= ${malloyTimestamp(last.at)}`;
  return `(${start} and ${field} ${end})`;
}

function dateText(field: string, operator: string, first: Moment, second: Moment | undefined): string {
  const day = malloyDate(first.at);
  if (operator === 'equals') return `${field} = ${day}`;
  if (operator === 'before') return `${field} < ${day}`;
  if (operator === 'after') return `${field} > ${day}`;
  return `(${field} >= ${day} and ${field} <= ${malloyDate((second ?? first).at)})`;
}
