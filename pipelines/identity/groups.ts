/**
 * Contacts that are one person: sets that are joined and never part (union-find), of which some are kept apart by decision.
 * Ids are text; an id that was never joined is a group of its own.
 */
export class Groups {
  readonly #parents = new Map<string, string>();
  /** Of a root: the ids that no member may be joined with. */
  readonly #apart = new Map<string, string[]>();

  /** The id that names the group of `id` now. */
  find(id: string): string {
    let root = id;
    for (let up = this.#parents.get(root); up !== undefined; up = this.#parents.get(root)) root = up;
    for (let at = id; at !== root;) {
      const up = this.#parents.get(at) ?? root;
      this.#parents.set(at, root);
      at = up;
    }
    return root;
  }

  areSame(a: string, b: string): boolean {
    return this.find(a) === this.find(b);
  }

  /** Joins the groups of two contacts, whatever was decided. */
  join(a: string, b: string): void {
    const [root, other] = [this.find(a), this.find(b)];
    if (root === other) return;
    this.#parents.set(other, root);
    const apart = [...(this.#apart.get(root) ?? []), ...(this.#apart.get(other) ?? [])];
    if (apart.length > 0) this.#apart.set(root, apart);
    this.#apart.delete(other);
  }

  /** Records that two contacts are different persons. */
  keepApart(a: string, b: string): void {
    this.#apart.set(this.find(a), [...(this.#apart.get(this.find(a)) ?? []), b]);
    this.#apart.set(this.find(b), [...(this.#apart.get(this.find(b)) ?? []), a]);
  }

  /** Whether joining these two would bring two together, perhaps through others, that were decided to be different. */
  areApart(a: string, b: string): boolean {
    const [root, other] = [this.find(a), this.find(b)];
    return (this.#apart.get(root) ?? []).some((id) => this.find(id) === other);
  }

  /** The groups of two and more, each sorted by id. */
  groups(): string[][] {
    const byRoot = new Map<string, string[]>();
    for (const id of this.#parents.keys()) {
      const root = this.find(id);
      const members = byRoot.get(root) ?? [root];
      members.push(id);
      byRoot.set(root, members);
    }
    return [...byRoot.values()].map((members) => members.toSorted());
  }
}
