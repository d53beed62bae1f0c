import { criteriaError } from './errors.ts';
import { flatToTree } from './flat.ts';
import { limits } from './limits.ts';
import { nearestName } from './nearest.ts';
import { isDayCount } from './operators.ts';
import type { Criteria, CriteriaValue, EventSelection, FlatCondition, SequenceStep } from './types.ts';

/**
 * Reads criteria from outside: a tree, or the flat list. What is returned has the right shape throughout; whether its fields
 * and values fit the catalogue is `compile.ts`'s business.
 * @throws MallardError `criteria_invalid` with the path of the first fault
 */
export function parseCriteria(input: unknown): Criteria {
  let conditions = 0;

  function node(value: unknown, path: string, depth: number): Criteria {
    if (depth > limits.depth)
      throw criteriaError({ path, what: `criteria are at most ${limits.depth} levels deep` });
    if (++conditions > limits.conditions) {
      throw criteriaError({ path, what: `criteria have at most ${limits.conditions} conditions` });
    }
    if (Array.isArray(value)) return flat(value, path);
    const object = objectAt(value, path);
    for (const key of ['all', 'any'] as const) {
      if (!(key in object)) continue;
      onlyKeys(object, [key], path);
      const items = nonEmptyList(object[key], `${path}.${key}`).map((item, index) =>
        node(item, `${path}.${key}[${index}]`, depth + 1),
      );
      return key === 'all' ? { all: items } : { any: items };
    }
    if ('not' in object) {
      onlyKeys(object, ['not'], path);
      return { not: node(object['not'], `${path}.not`, depth + 1) };
    }
    if ('measure' in object) return behaviour(object, path, depth);
    if ('sequence' in object) return sequence(object, path, depth);
    if ('segment' in object) {
      onlyKeys(object, ['segment'], path);
      return { segment: textAt(object, 'segment', path) };
    }
    onlyKeys(object, ['field', 'operator', 'value'], path);
    return condition(object, path);
  }

  function behaviour(object: Record<string, unknown>, path: string, depth: number): Criteria {
    onlyKeys(object, ['measure', 'where', 'within_days', 'since', 'operator', 'value'], path);
    return {
      measure: textAt(object, 'measure', path),
      ...whereAt(object, path, depth),
      ...daysAt(object, path),
      ...(object['since'] === undefined ? {} : { since: events(object['since'], `${path}.since`, depth) }),
      operator: textAt(object, 'operator', path),
      ...valueAt(object, path),
    };
  }

  function sequence(object: Record<string, unknown>, path: string, depth: number): Criteria {
    onlyKeys(object, ['sequence', 'within_days'], path);
    const list = nonEmptyList(object['sequence'], `${path}.sequence`);
    if (list.length < 2 || list.length > limits.steps) {
      throw criteriaError({
        path: `${path}.sequence`,
        what: `a sequence has 2 to ${limits.steps} steps`,
      });
    }
    const steps = list.map((item, index): SequenceStep => {
      const at = `${path}.sequence[${index}]`;
      const step = objectAt(item, at);
      const { within_days: days, ...selected } = step;
      if (index === 0 && days !== undefined) {
        const what =
          'the first step comes after none: give the days to the steps after it, or to the sequence';
        throw criteriaError({ path: `${at}.within_days`, what });
      }
      return { ...events(selected, at, depth), ...daysAt(step, at) };
    });
    return { sequence: steps, ...daysAt(object, path) };
  }

  function events(value: unknown, path: string, depth: number): EventSelection {
    const object = objectAt(value, path);
    onlyKeys(object, ['source', 'where'], path);
    return { source: textAt(object, 'source', path), ...whereAt(object, path, depth) };
  }

  function whereAt(object: Record<string, unknown>, path: string, depth: number): { where?: Criteria } {
    return object['where'] === undefined ? {} : { where: node(object['where'], `${path}.where`, depth + 1) };
  }

  function flat(list: unknown[], path: string): Criteria {
    const rows = nonEmptyList(list, path).map((item, index): FlatCondition => {
      if (++conditions > limits.conditions) {
        throw criteriaError({ path, what: `criteria have at most ${limits.conditions} conditions` });
      }
      const at = `${path}[${index}]`;
      const object = objectAt(item, at);
      onlyKeys(object, ['field', 'operator', 'value', 'logic'], at);
      const logic = object['logic'] ?? 'AND';
      const known = typeof logic === 'string' ? logic.toUpperCase() : '';
      if (known !== 'AND' && known !== 'OR') {
        throw criteriaError({
          path: `${at}.logic`,
          what: 'logic joins a row to the one before it',
          allowed: ['AND', 'OR'],
        });
      }
      return { ...condition(object, at), logic: known };
    });
    return flatToTree(rows);
  }

  return node(input, '$', 1);
}

function condition(object: Record<string, unknown>, path: string) {
  return {
    field: textAt(object, 'field', path),
    operator: textAt(object, 'operator', path),
    ...valueAt(object, path),
  };
}

function objectAt(value: unknown, path: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw criteriaError({
    path,
    what: `a condition is an object, not ${value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value}`,
    allowed: [
      '{all: […]}',
      '{any: […]}',
      '{not: …}',
      '{field, operator, value}',
      '{measure, where, within_days, since, operator, value}',
      '{sequence: [{source, where, within_days}, …], within_days}',
      '{segment}',
    ],
  });
}

function nonEmptyList(value: unknown, path: string): unknown[] {
  if (Array.isArray(value) && value.length > 0) return value as unknown[];
  throw criteriaError({
    path,
    what: Array.isArray(value)
      ? 'the list is empty, which would select everybody or nobody'
      : 'this is a list of conditions',
  });
}

function onlyKeys(object: Record<string, unknown>, allowed: readonly string[], path: string): void {
  for (const key of Object.keys(object)) {
    if (allowed.includes(key)) continue;
    const nearest = nearestName(key, allowed);
    throw criteriaError({
      path,
      what: `'${key}' has no meaning here`,
      allowed,
      ...(nearest === undefined ? {} : { nearest }),
    });
  }
}

function textAt(object: Record<string, unknown>, key: string, path: string): string {
  const value = object[key];
  if (typeof value === 'string' && value !== '') return value;
  throw criteriaError({
    path: `${path}.${key}`,
    what: value === undefined ? `${key} is missing` : `${key} is text`,
  });
}

function daysAt(object: Record<string, unknown>, path: string): { within_days?: number } {
  const days = object['within_days'];
  if (days === undefined) return {};
  if (isDayCount(days)) return { within_days: days };
  throw criteriaError({
    path: `${path}.within_days`,
    what: `within_days is a whole number of days from 1 to ${limits.days}`,
  });
}

function valueAt(object: Record<string, unknown>, path: string): { value?: CriteriaValue } {
  const value = object['value'];
  if (value === undefined || value === null) return {};
  if (isScalar(value)) return { value };
  if (Array.isArray(value) && value.every(isScalar)) return { value };
  throw criteriaError({
    path: `${path}.value`,
    what: 'a value is text, a number, true or false, or a list of these',
  });
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}
