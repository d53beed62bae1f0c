import { DateTime } from 'luxon';
import { shapeOf } from '../../models/criteria/operators.ts';
import type { CriteriaValue } from '../../models/criteria/types.ts';
import { isTrueNode, type Leaf, type TreeNode } from '../../models/criteria/walk.ts';
import { conditionWords, verdictWords, type LeafValue } from '../../models/criteria/words.ts';
import type { KnownLeaves, LeafTruth } from './leaves.ts';

/** A node of the tree, true or false. Of the inner ones the fields below `text` are null. */
export interface ExplainedNode {
  /** JSONPath: '$.all[0].any[1]'. */
  path: string;
  /** 0 for the root. */
  depth: number;
  kind: 'all' | 'any' | 'not' | 'segment' | 'condition';
  is_true: boolean;
  /** A sentence: "email.last_30_days.clicks is 0, at least 1 needed"; of inner nodes "All of". */
  text: string;
  /** The condition alone: "email.last_30_days.clicks is at least 1". */
  condition: string | null;
  /** A field's path, a behaviour's measure, or a segment's id; null of a sequence. */
  field: string | null;
  operator: string | null;
  /**
   * What decided it: the field's value, or the measure's; of a sequence when it last came to its end; null too where there is none.
   * Times are UTC.
   */
  value: LeafValue;
  /** The condition's own value. */
  compared_with: CriteriaValue | null;
  /** Of a number of days: the UTC time, or the day of a date, that it reaches back to. */
  since: string | null;
}

interface Frame {
  asOf: Date;
  /** IANA zone of the account. */
  zone: string;
}

const innerTexts = { all: 'All of', any: 'Any of', not: 'Not', segment: 'In the segment' } as const;

/** The tree's nodes in the order in which they are written, each after the one that it is in. */
export function explainTree({ tree, leaves }: KnownLeaves, frame: Frame): ExplainedNode[] {
  const isTrueLeaf = (path: string) => truthOf(leaves, path).isTrue;
  function explained(node: TreeNode, depth: number): ExplainedNode[] {
    if (node.kind === 'leaf')
      return [explainedLeaf(node.path, depth, node.leaf, truthOf(leaves, node.path), frame)];
    const { path, kind, children } = node;
    const own = {
      path,
      depth,
      kind,
      is_true: isTrueNode(node, isTrueLeaf),
      text: node.segment === undefined ? innerTexts[kind] : `${innerTexts[kind]} ${node.segment}`,
      ...nothing,
    };
    return [own, ...children.flatMap((child) => explained(child, depth + 1))];
  }
  return explained(tree, 0);
}

/** Whether the whole tree is true. */
export function isTrueTree({ tree, leaves }: KnownLeaves): boolean {
  return isTrueNode(tree, (path) => truthOf(leaves, path).isTrue);
}

const nothing = {
  condition: null,
  field: null,
  operator: null,
  value: null,
  compared_with: null,
  since: null,
};

function explainedLeaf(
  path: string,
  depth: number,
  leaf: Leaf,
  { isTrue, value, type }: LeafTruth,
  { asOf, zone }: Frame,
): ExplainedNode {
  const since = sinceOf(leaf, type === 'date', asOf, zone);
  return {
    path,
    depth,
    kind: 'condition',
    is_true: isTrue,
    text: verdictWords(leaf, { isTrue, value, zone, since: since?.words }),
    condition: conditionWords(leaf),
    field: nameOf(leaf),
    operator: 'operator' in leaf ? leaf.operator : null,
    value,
    compared_with: 'operator' in leaf ? (leaf.value ?? null) : null,
    since: since?.text ?? null,
  };
}

/** As `operators.ts` counts days: back from the start of AS_OF's day in the account's zone. */
function nameOf(leaf: Leaf): string | null {
  if ('field' in leaf) return leaf.field;
  if ('measure' in leaf) return leaf.measure;
  return 'segment' in leaf ? leaf.segment : null;
}

function sinceOf(leaf: Leaf, isDate: boolean, asOf: Date, zone: string) {
  if (!('operator' in leaf) || shapeOf(leaf.operator) !== 'days') return undefined;
  const { value } = leaf;
  const today = DateTime.fromJSDate(asOf, { zone }).startOf('day');
  if (isDate) {
    const day = today.minus({ days: Number(value) }).toISODate() ?? '';
    return { text: day, words: day };
  }
  const start = today.minus({ hours: 24 * Number(value) });
  const text = start.toUTC().toISO({ suppressMilliseconds: true }) ?? '';
  return { text, words: start.toFormat(start.hour === 0 ? 'yyyy-MM-dd' : 'yyyy-MM-dd HH:mm') };
}

export function truthOf(leaves: ReadonlyMap<string, LeafTruth>, path: string): LeafTruth {
  const truth = leaves.get(path);
  if (!truth) throw new Error(`nothing is known of the leaf ${path}`);
  return truth;
}
