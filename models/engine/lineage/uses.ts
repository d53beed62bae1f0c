import type { LineageNode, Reads } from './graph.ts';

/** That a field of the catalogue is used. */
export interface FieldUse {
  /** `contact_facts.order_count`. */
  field: string;
  /** Empty where it is named itself; else the used fields that are made of it, sorted. */
  via: string[];
}

/** Which fields of the catalogue are used: those that come first on the way down, and what those are made of. */
export class Uses {
  readonly #entries: ReadonlyMap<string, LineageNode>;
  /** Names by definition: a field that two marts offer is one figure. */
  readonly #names = new Map<LineageNode, string[]>();
  readonly #parts = new Map<string, ReadonlySet<string>>();
  readonly #made = new Map<string, ReadonlySet<string>>();
  readonly #dependents = new Map<string, string[]>();

  /** @param entries a node of its own for each field, whose value is the field's definition */
  constructor(entries: ReadonlyMap<string, LineageNode>) {
    this.#entries = entries;
    for (const [name, entry] of entries) {
      for (const definition of entry.values) {
        this.#names.set(definition, [...(this.#names.get(definition) ?? []), name]);
      }
    }
    for (const name of entries.keys()) {
      for (const part of this.#partsOf(name)) {
        this.#dependents.set(part, [...(this.#dependents.get(part) ?? []), name]);
      }
    }
  }

  of(reads: Reads): FieldUse[] {
    return this.ofNames([...this.#first(reads)]);
  }

  ofNames(names: readonly string[]): FieldUse[] {
    const direct = new Set(names.filter((name) => this.#entries.has(name)));
    const via = new Map<string, string[]>();
    for (const name of this.#figures(direct)) {
      for (const part of this.#madeOf(name)) {
        if (!direct.has(part)) via.set(part, [...(via.get(part) ?? []), name]);
      }
    }
    return [
      ...[...direct].map((field) => ({ field, via: [] })),
      ...[...via].map(([field, by]) => ({ field, via: by.sort() })),
    ].sort((a, b) => (a.field < b.field ? -1 : 1));
  }

  /** Of names for one definition, the first. */
  #figures(names: Iterable<string>): string[] {
    const seen = new Set<LineageNode | undefined>();
    return [...names].filter((name) => {
      const [definition] = this.#entries.get(name)?.values ?? [];
      return !seen.has(definition) && seen.add(definition);
    });
  }

  dependents(name: string): string[] {
    return (this.#dependents.get(name) ?? []).toSorted();
  }

  /** The catalogue's fields that a definition names, or reaches through definitions that are in no catalogue. */
  #first({ values, conditions }: Reads): Set<string> {
    const found = new Set<string>();
    const seen = new Set<LineageNode>();
    const visit = (nodes: Iterable<LineageNode>): void => {
      for (const node of nodes) {
        if (seen.has(node)) continue;
        seen.add(node);
        const names = this.#names.get(node);
        if (names) for (const name of names) found.add(name);
        else visit([...node.values, ...node.conditions]);
      }
    };
    visit([...values, ...conditions]);
    return found;
  }

  #partsOf(name: string): ReadonlySet<string> {
    let parts = this.#parts.get(name);
    if (!parts) {
      const definitions = [...(this.#entries.get(name)?.values ?? [])];
      const found = this.#first({
        values: new Set(definitions.flatMap(({ values }) => [...values])),
        conditions: new Set(definitions.flatMap(({ conditions }) => [...conditions])),
        links: new Set(),
      });
      this.#parts.set(name, (parts = found));
    }
    return parts;
  }

  #madeOf(name: string): ReadonlySet<string> {
    const known = this.#made.get(name);
    if (known) return known;
    const made = new Set<string>();
    this.#made.set(name, made);
    for (const part of this.#partsOf(name)) {
      made.add(part);
      for (const further of this.#madeOf(part)) made.add(further);
    }
    return made;
  }
}
