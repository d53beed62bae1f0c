import type { Criteria, SegmentDefinitions } from './types.ts';

/** A tree as nodes with paths, in the compiler's words: '$.all[0].any[1]'. A behaviour's `where` is part of its leaf. */
export type TreeNode = InnerNode | LeafNode;

export interface InnerNode {
  path: string;
  kind: 'all' | 'any' | 'not' | 'segment';
  /** One of a `not`, and of a segment, whose criteria they are. */
  children: TreeNode[];
  /** The segment's id. */
  segment?: string;
}

export interface LeafNode {
  path: string;
  kind: 'leaf';
  leaf: Leaf;
}

/** What is compared: everything but `all`, `any` and `not`; a segment condition where it has no criteria. */
export type Leaf = Exclude<Criteria, { all: Criteria[] } | { any: Criteria[] } | { not: Criteria }>;

/** @param segments what segment conditions name; the criteria compile with it, so that there is no circle */
export function treeOf(criteria: Criteria, segments: SegmentDefinitions, path = '$'): TreeNode {
  const list = (trees: readonly Criteria[], key: string) =>
    trees.map((tree, index) => treeOf(tree, segments, `${path}.${key}[${index}]`));
  if ('all' in criteria) return { path, kind: 'all', children: list(criteria.all, 'all') };
  if ('any' in criteria) return { path, kind: 'any', children: list(criteria.any, 'any') };
  if ('not' in criteria)
    return { path, kind: 'not', children: [treeOf(criteria.not, segments, `${path}.not`)] };
  const named = 'segment' in criteria ? segments.get(criteria.segment) : undefined;
  if (!('segment' in criteria) || !named || !('criteria' in named))
    return { path, kind: 'leaf', leaf: criteria };
  const { segment } = criteria;
  const child = treeOf(named.criteria, segments, `${path}.segment(${segment})`);
  return { path, kind: 'segment', segment, children: [child] };
}

export function leavesOf(node: TreeNode): LeafNode[] {
  return node.kind === 'leaf' ? [node] : node.children.flatMap(leavesOf);
}

/** Whether a node is true, given which leaves are. Leaves are never null, so this is what the compiled condition says. */
export function isTrueNode(node: TreeNode, isTrueLeaf: (path: string) => boolean): boolean {
  if (node.kind === 'leaf') return isTrueLeaf(node.path);
  const isTrue = (child: TreeNode) => isTrueNode(child, isTrueLeaf);
  if (node.kind === 'all' || node.kind === 'segment') return node.children.every(isTrue);
  return node.kind === 'any' ? node.children.some(isTrue) : !node.children.some(isTrue);
}
