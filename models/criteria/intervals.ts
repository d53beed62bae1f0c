import type { BehaviourCondition, Criteria, FieldCondition } from './types.ts';

/** A condition of a tree that is true or false by itself: a field, a behaviour. */
export type Leaf = Exclude<Criteria, { all: unknown } | { any: unknown } | { not: unknown }>;

/** A tree taken apart, so that each of its conditions is worked out once and by itself. */
export interface LeafTree {
  /** Equal conditions are one leaf. */
  leaves: Leaf[];
  /** The tree as an SQL expression over what holds: `(h1 and not (h2))`. `h0` is left to whoever reads it. */
  holds: string;
}

/** Takes a tree apart. No condition is ever null, so AND, OR and NOT of the tree are those of SQL. */
export function leafTree(criteria: Criteria): LeafTree {
  const leaves = new Map<string, Leaf>();
  const names = new Map<string, string>();

  function expression(tree: Criteria): string {
    if ('all' in tree) return `(${tree.all.map(expression).join(' and ')})`;
    if ('any' in tree) return `(${tree.any.map(expression).join(' or ')})`;
    if ('not' in tree) return `(not ${expression(tree.not)})`;
    const key = JSON.stringify(tree);
    leaves.set(key, tree);
    const name = names.get(key) ?? `h${leaves.size}`;
    names.set(key, name);
    return name;
  }

  const holds = expression(criteria);
  return { leaves: [...leaves.values()], holds };
}

/** True for a field condition. */
export function isFieldCondition(leaf: Leaf): leaf is FieldCondition {
  return 'field' in leaf;
}

const behaviourKeys = new Set(['measure', 'where', 'within_days', 'operator', 'value']);

/** True for a behaviour of which every part is known here: one with more in it would mean something else. */
export function isPlainBehaviour(leaf: Leaf): leaf is BehaviourCondition {
  return 'measure' in leaf && Object.keys(leaf).every((key) => behaviourKeys.has(key));
}

/** What a leaf is called in answers: `email_events.clicks at_least 3 within 30 days`. */
export function leafName(leaf: Leaf): string {
  const { operator, value } = leaf as Partial<FieldCondition>;
  const test = [operator, value === undefined ? '' : JSON.stringify(value)].filter(Boolean).join(' ');
  if (isFieldCondition(leaf)) return `${leaf.field} ${test}`;
  if (!('measure' in leaf)) return JSON.stringify(leaf);
  const where = leaf.where === undefined ? '' : ` where ${JSON.stringify(leaf.where)}`;
  const within = leaf.within_days === undefined ? '' : ` within ${leaf.within_days} days`;
  return `${leaf.measure} ${test}${where}${within}`;
}
