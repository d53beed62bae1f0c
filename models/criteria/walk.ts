import type { Criteria } from './types.ts';

/** A tree as nodes with paths, in the compiler's words: '$.all[0].any[1]'. A behaviour's `where` is part of its leaf. */
export type TreeNode = InnerNode | LeafNode;

export interface InnerNode {
  path: string;
  kind: 'all' | 'any' | 'not';
  /** One of a `not`. */
  children: TreeNode[];
}

export interface LeafNode {
  path: string;
  kind: 'leaf';
  leaf: Leaf;
}

/** What is compared: everything but `all`, `any` and `not`. */
export type Leaf = Exclude<Criteria, { all: Criteria[] } | { any: Criteria[] } | { not: Criteria }>;

export function treeOf(criteria: Criteria, path = '$'): TreeNode {
  if ('all' in criteria) return { path, kind: 'all', children: childrenOf(criteria.all, `${path}.all`) };
  if ('any' in criteria) return { path, kind: 'any', children: childrenOf(criteria.any, `${path}.any`) };
  if ('not' in criteria) return { path, kind: 'not', children: [treeOf(criteria.not, `${path}.not`)] };
  return { path, kind: 'leaf', leaf: criteria };
}

function childrenOf(trees: readonly Criteria[], path: string): TreeNode[] {
  return trees.map((tree, index) => treeOf(tree, `${path}[${index}]`));
}

export function leavesOf(node: TreeNode): LeafNode[] {
  return node.kind === 'leaf' ? [node] : node.children.flatMap(leavesOf);
}

/** Whether a node is true, given which leaves are. Leaves are never null, so this is what the compiled condition says. */
export function isTrueNode(node: TreeNode, isTrueLeaf: (path: string) => boolean): boolean {
  if (node.kind === 'leaf') return isTrueLeaf(node.path);
  const isTrue = (child: TreeNode) => isTrueNode(child, isTrueLeaf);
  if (node.kind === 'all') return node.children.every(isTrue);
  return node.kind === 'any' ? node.children.some(isTrue) : !node.children.some(isTrue);
}
