/** Where a definition stands, 0-based as Malloy counts. */
export interface Place {
  url: string;
  line: number;
}

/** A column of the warehouse, a field's definition, or which rows of a source count. */
export interface LineageNode {
  kind: 'column' | 'field' | 'rows';
  /** `core.orders.amount`, `core.orders.*` for a table's rows, counted; a field's own name: `email.last_30_days.clicks`. */
  name: string;
  /** Of fields. */
  place?: Place;
  doc?: string;
  unit?: string;
  type?: string;
  /** The Malloy expression, as it is written. */
  formula?: string;
  /** Hands on one other field as it is. */
  isPlain: boolean;
  /** What the value is made of. */
  values: Set<LineageNode>;
  /** What decides which rows it is made of: the filters of sources and stages. */
  conditions: Set<LineageNode>;
  /** The same, said by the conditions of joins and by what an aggregate is grouped by. */
  links: Set<LineageNode>;
}

/** What an expression reads. */
export type Reads = Pick<LineageNode, 'values' | 'conditions' | 'links'>;

export function newReads(): Reads {
  return { values: new Set(), conditions: new Set(), links: new Set() };
}

export function newNode(node: Pick<LineageNode, 'kind' | 'name'> & Partial<LineageNode>): LineageNode {
  return { isPlain: false, ...newReads(), ...node };
}

/** Follows the edges of a graph that grows, and remembers what it found. */
export class Closure {
  readonly #columns = new Map<LineageNode, ReadonlySet<string>>();
  readonly #all = new Map<LineageNode, ReadonlySet<string>>();

  /** The columns that make the value, sorted. */
  columns(node: LineageNode): string[] {
    return [...collect(node, this.#columns, ({ values }) => values)].sort();
  }

  /** The columns that only decide which rows it is made of, sorted. */
  conditions(node: LineageNode): string[] {
    const columns = new Set(this.columns(node));
    const all = collect(node, this.#all, (each) => [...each.values, ...each.conditions, ...each.links]);
    return [...all].filter((name) => !columns.has(name)).sort();
  }
}

function collect(
  node: LineageNode,
  known: Map<LineageNode, ReadonlySet<string>>,
  next: (node: LineageNode) => Iterable<LineageNode>,
): ReadonlySet<string> {
  const before = known.get(node);
  if (before) return before;
  const found = new Set<string>(node.kind === 'column' ? [node.name] : []);
  // Set before it is full: Malloy's definitions have no cycles, and one would end here.
  known.set(node, found);
  for (const each of next(node)) for (const name of collect(each, known, next)) found.add(name);
  return found;
}
