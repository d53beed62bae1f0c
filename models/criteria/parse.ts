import { criteriaError } from './errors.ts';
import { flatToTree } from './flat.ts';
import { limits } from './limits.ts';
import { nearestName } from './nearest.ts';
import type { Criteria, CriteriaValue, FlatCondition } from './types.ts';

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
    onlyKeys(object, ['field', 'operator', 'value'], path);
    return condition(object, path);
  }

  function behaviour(object: Record<string, unknown>, path: string, depth: number): Criteria {
    onlyKeys(object, ['measure', 'where', 'within_days', 'operator', 'value'], path);
    const days = object['within_days'];
    if (days !== undefined && typeof days !== 'number') {
      throw criteriaError({ path: `${path}.within_days`, what: 'within_days is a whole number of days' });
    }
    return {
      measure: textAt(object, 'measure', path),
      ...(object['where'] === undefined ? {} : { where: node(object['where'], `${path}.where`, depth + 1) }),
      ...(days === undefined ? {} : { within_days: days }),
      operator: textAt(object, 'operator', path),
      ...valueAt(object, path),
    };
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
      '{measure, where, within_days, operator, value}',
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
