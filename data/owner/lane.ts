import type { DuckDBConnection, DuckDBPreparedStatement } from '@duckdb/node-api';
import { systemClock, type Clock } from '../clock.ts';
import { MallardError } from '../errors.ts';
import type { Slots } from '../slots.ts';
import { inTransaction, sessionOn, type Session } from './session.ts';

/**
 * A write lane: one connection whose transactions run one after the other. Several writers would fail each other's
 * commits (DuckDB detects conflicts, it does not wait), so waiting happens here, in order of arrival.
 */
export class Lane {
  readonly name: string;
  readonly #connection: DuckDBConnection;
  #tail: Promise<unknown> = Promise.resolve();
  /** To prepare one costs as much as to run it where it is short; what a lane runs is a few texts again and again. */
  readonly #statements: Map<string, DuckDBPreparedStatement> | undefined;
  readonly #slots: Slots | undefined;
  readonly #clock: Clock;
  #closed = false;
  /** What runs or waits, in order of arrival. */
  readonly #pieces = new Set<{ since: Date }>();
  #ended = 0;

  constructor(
    name: string,
    connection: DuckDBConnection,
    options: { keepsStatements?: boolean; slots?: Slots; clock?: Clock } = {},
  ) {
    this.name = name;
    this.#connection = connection;
    this.#slots = options.slots;
    this.#clock = options.clock ?? systemClock;
    this.#statements = options.keepsStatements ? new Map() : undefined;
  }

  /** Whether something runs, or waits to. */
  get isBusy(): boolean {
    return this.#pieces.size > 0;
  }

  /** When the oldest of what runs or waits was asked for; undefined where nothing does. */
  get busySince(): Date | undefined {
    const [oldest] = this.#pieces;
    return oldest?.since;
  }

  /** How many pieces of work have ended: where it is the same as before, nothing was committed here since. */
  get endedCount(): number {
    return this.#ended;
  }

  /**
   * Runs `work` in a transaction of its own; resolves after the commit, so what it answers may be acknowledged.
   * What `work` throws rolls everything back and is thrown on.
   */
  transaction<T>(work: (tx: Session) => Promise<T>): Promise<T> {
    return this.exclusive((session) => inTransaction(session, () => work(session)));
  }

  /** Runs `work` alone on the lane's connection, outside of a transaction (for CHECKPOINT and the like). */
  exclusive<T>(work: (session: Session) => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new MallardError('shutting_down', 'The warehouse is closing.'));
    const turn = this.#tail.then(() => {
      if (this.#closed) throw new MallardError('shutting_down', 'The warehouse is closing.');
      return work(sessionOn(this.#connection, { kept: this.#statements, slots: this.#slots }));
    });
    const piece = { since: this.#clock.now() };
    this.#pieces.add(piece);
    this.#tail = turn
      .catch(() => undefined)
      .finally(() => {
        this.#pieces.delete(piece);
        this.#ended += 1;
      });
    return turn;
  }

  /** Refuses new work; resolves when the running piece has ended, which is interrupted after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    this.#closed = true;
    let interrupting: NodeJS.Timeout | undefined;
    const grace = setTimeout(() => {
      // One interrupt ends one statement; the piece's next statement may be as long.
      interrupting = setInterval(() => this.#connection.interrupt(), 50);
    }, graceMs);
    await this.#tail;
    clearTimeout(grace);
    clearInterval(interrupting);
    this.#statements?.forEach((statement) => statement.destroySync());
    this.#connection.closeSync();
  }
}
