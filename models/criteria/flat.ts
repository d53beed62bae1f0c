import type { Criteria, FieldCondition, FlatCondition } from './types.ts';

/**
 * The tree that a flat list means: `a AND b OR c AND d` is `{any: [{all: [a, b]}, {all: [c, d]}]}`. A group of one is its
 * condition itself. The list must not be empty.
 */
export function flatToTree(conditions: readonly FlatCondition[]): Criteria {
  const groups: FieldCondition[][] = [];
  for (const { logic, ...condition } of conditions) {
    const group = groups.at(-1);
    if (!group || logic === 'OR') groups.push([condition]);
    else group.push(condition);
  }
  const alternatives = groups.map((group): Criteria => {
    const [only] = group;
    return only && group.length === 1 ? only : { all: group };
  });
  const [only] = alternatives;
  return only && alternatives.length === 1 ? only : { any: alternatives };
}
