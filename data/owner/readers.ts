import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { MallardError } from '../errors.ts';
import { sessionOn, type Session } from './session.ts';

export interface ReadOptions {
  /** Interrupts the query after this long; default none. */
  timeoutMs?: number | undefined;
  /** Interrupts the query when aborted. */
  signal?: AbortSignal | undefined;
}

/** A fixed pool of reading connections; who finds none free waits in order of arrival. */
export class Readers {
  readonly #instance: DuckDBInstance;
  readonly #size: number;
  readonly #free: DuckDBConnection[] = [];
  readonly #all = new Set<DuckDBConnection>();
  readonly #busy = new Set<Promise<unknown>>();
  readonly #waiting: ((connection: DuckDBConnection) => void)[] = [];
  #closed = false;

  constructor(instance: DuckDBInstance, size: number) {
    this.#instance = instance;
    this.#size = size;
  }

  /** Runs `work` on a free connection. Throws `query_timeout` or the signal's reason when interrupted. */
  async read<T>(work: (session: Session) => Promise<T>, options: ReadOptions = {}): Promise<T> {
    const connection = await this.#acquire();
    const running = interruptible(connection, options, () => work(sessionOn(connection)));
    const settled = running.catch(() => undefined);
    this.#busy.add(settled);
    try {
      return await running;
    } finally {
      this.#busy.delete(settled);
      this.#release(connection);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const interrupting = setInterval(() => this.#all.forEach((connection) => connection.interrupt()), 20);
    this.#all.forEach((connection) => connection.interrupt());
    await Promise.all(this.#busy);
    clearInterval(interrupting);
    this.#all.forEach((connection) => connection.closeSync());
    this.#all.clear();
  }

  async #acquire(): Promise<DuckDBConnection> {
    if (this.#closed) throw new MallardError('shutting_down', 'The warehouse is closing.');
    const free = this.#free.pop();
    if (free) return free;
    if (this.#all.size < this.#size) return this.#connect();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async #connect(): Promise<DuckDBConnection> {
    // Counted before it is there, so that callers arriving meanwhile do not exceed the size.
    const pending = this.#instance.connect();
    const placeholder = {} as DuckDBConnection;
    placeholder.interrupt = () => undefined;
    placeholder.closeSync = () => undefined;
    this.#all.add(placeholder);
    try {
      const connection = await pending;
      this.#all.add(connection);
      return connection;
    } finally {
      this.#all.delete(placeholder);
    }
  }

  #release(connection: DuckDBConnection): void {
    const next = this.#waiting.shift();
    if (next) next(connection);
    else this.#free.push(connection);
  }
}

/**
 * Runs `work` and interrupts its connection on time-out or abort. `interrupt()` is the only thing that stops a DuckDB
 * query; abandoning the promise would leave it running.
 */
export async function interruptible<T>(
  connection: DuckDBConnection,
  { timeoutMs, signal }: ReadOptions,
  work: () => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  let stoppedBy: Error | undefined;
  let repeat: NodeJS.Timeout | undefined;
  const stop = (why: Error) => {
    stoppedBy ??= why;
    connection.interrupt();
    // The interrupt is lost if it falls between two statements of `work`.
    repeat ??= setInterval(() => connection.interrupt(), 50);
  };
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(
          () =>
            stop(
              new MallardError('query_timeout', `The query ran longer than ${timeoutMs} ms.`, {
                fields: { timeout_ms: timeoutMs },
              }),
            ),
          timeoutMs,
        );
  const onAbort = () => stop(signal?.reason instanceof Error ? signal.reason : new Error('aborted'));
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await work();
  } catch (error) {
    throw stoppedBy ?? error;
  } finally {
    clearTimeout(timer);
    clearInterval(repeat);
    signal?.removeEventListener('abort', onAbort);
  }
}
