import type { Session } from '../../data/owner/session.ts';
import type { Warehouse } from '../../data/owner/warehouse.ts';

/**
 * What was read of the warehouse, for as long as nothing was written. Every query asks which tables there are and which marts stand:
 * some 50 ms of a preview.
 */
export class StateMemo {
  readonly #warehouse: Warehouse;
  readonly #values = new Map<string, unknown>();
  #version: number | undefined;

  constructor(warehouse: Warehouse) {
    this.#warehouse = warehouse;
  }

  /** @param key tells what is read */
  async read<T>(key: string, read: (session: Session) => Promise<T>): Promise<T> {
    const { version } = this.#warehouse;
    if (version !== this.#version) this.#values.clear();
    this.#version = version;
    if (version !== undefined && this.#values.has(key)) return this.#values.get(key) as T;
    const value = await this.#warehouse.read(read);
    if (version !== undefined && this.#warehouse.version === version && this.#version === version)
      this.#values.set(key, value);
    return value;
  }
}
