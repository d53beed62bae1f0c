import { malloyPath } from './literal.ts';
import { conditionText, operatorFor, shapeOf, ValueProblem } from './operators.ts';
import type { CriteriaValue, FieldType } from './types.ts';

/**
 * How a condition is tested on a value that stays the same for a while.
 * - `fixed`: once, by the Malloy condition over a column, which is never null.
 * - `aging`: the value is a time, and the account's day decides. True in each of `ages`.
 */
export type IntervalTest =
  { kind: 'fixed'; condition: (column: string) => string } | { kind: 'aging'; ages: Age[] };

/**
 * From the first day (of the account) that begins at or after the value plus `after_us`, until the first that begins at or
 * after the value plus `until_us`. Microseconds. Undefined: from the microsecond after the value; without end.
 */
export interface Age {
  after_us: number | undefined;
  until_us: number | undefined;
}

const second_us = 1_000_000;
const day_us = 86_400 * second_us;

/** The test of a condition on a value of a type; undefined where it moves with the day in a way not known here. */
export function valueTest(
  type: FieldType,
  operatorName: string,
  value: CriteriaValue | undefined,
  zone: string,
): IntervalTest | undefined {
  const operator = operatorFor(type, operatorName) ?? operatorName;
  if (type === 'timestamp' && shapeOf(operator) === 'days') {
    // The value has left the window where TODAY - days is after it.
    const left = Number(value) * day_us + 1;
    if (operator === 'within_last_days') return aging({ after_us: undefined, until_us: left });
    if (operator === 'more_than_days_ago') return aging({ after_us: left, until_us: undefined });
  }
  const text = (column: string) => conditionText(malloyPath(column), type, operator, value, zone);
  const first = text('value');
  if (first instanceof ValueProblem || /\$(AS_OF|TODAY|LAST_SECOND)/.test(first)) return undefined;
  return { kind: 'fixed', condition: (column) => `((${text(column) as string}) ?? false)` };
}

function aging(age: Age): IntervalTest {
  return { kind: 'aging', ages: [age] };
}

/** The test of a condition on `days(value to $LAST_SECOND)`: whole days, never negative, that count up at midnight. */
export function daysSinceTest(
  operator: string,
  value: CriteriaValue | undefined,
  zone: string,
): IntervalTest | undefined {
  if (operator === 'is_set' || operator === 'is_not_set')
    return valueTest('timestamp', operator, value, zone);
  const numbers = (Array.isArray(value) ? value : [value]).map(Number);
  if (numbers.length === 0 || !numbers.every(Number.isFinite)) return undefined;
  const ranges = dayRanges(operator, numbers);
  return (
    ranges && {
      kind: 'aging',
      ages: ranges.map(([from, to]) => ({ after_us: reaches(from), until_us: reaches(to) })),
    }
  );
}

/** LAST_SECOND is the day's start and 86,399 seconds. */
function reaches(days: number | undefined): number | undefined {
  return days === undefined || days <= 0 ? undefined : days * day_us - 86_399 * second_us;
}

/** Whole numbers of days, the second not included; undefined: no bound. */
type DayRange = [from: number | undefined, to: number | undefined];

function dayRanges(operator: string, values: readonly number[]): DayRange[] | undefined {
  const [first = 0, second = 0] = values;
  // What ends at 0 or before is no age at all.
  const real = (ranges: DayRange[]) => ranges.filter(([from = 0, to = Infinity]) => to > 0 && from < to);
  const exactly = (n: number): DayRange[] => (Number.isInteger(n) ? [[n, n + 1]] : []);
  switch (operator) {
    case 'equals':
      return real(exactly(first));
    case 'in':
      return real([...new Set(values)].flatMap(exactly));
    case 'not_equals':
      return Number.isInteger(first)
        ? real([
            [undefined, first],
            [first + 1, undefined],
          ])
        : [[undefined, undefined]];
    case 'at_least':
      return [[Math.ceil(first), undefined]];
    case 'greater_than':
      return [[Math.floor(first) + 1, undefined]];
    case 'at_most':
      return real([[undefined, Math.floor(first) + 1]]);
    case 'less_than':
      return real([[undefined, Math.ceil(first)]]);
    case 'between':
      return real([[Math.ceil(first), Math.floor(second) + 1]]);
    default:
      return undefined;
  }
}
