import type { DuckDBConnection, DuckDBPreparedStatement } from '@duckdb/node-api';
import type { Kysely } from 'kysely';
import { kyselyOn } from '../kysely/dialect.ts';
import type { Database } from '../kysely/tables.ts';
import type { Slots } from '../slots.ts';
import { inTurn } from '../kysely/turns.ts';
import { bindParams, readChunkRows } from './values.ts';

/** Positional (`$1`) or named (`$name`) parameters; how each JS type is bound stands in `values.ts`. */
export type Params = readonly unknown[] | Record<string, unknown>;

/** One connection for the length of a piece of work. Do not keep it, nor use it from two places at once. */
export interface Session {
  readonly connection: DuckDBConnection;
  /** Kysely over this same connection, hence inside its transaction. */
  readonly db: Kysely<Database>;
  /** Runs a statement and answers the number of rows it changed. */
  run(sql: string, params?: Params): Promise<number>;
  /** Reads all rows; see `values.ts` for the JS type of each DuckDB type. */
  rows<T = Record<string, unknown>>(sql: string, params?: Params): Promise<T[]>;
  /** Reads the first row, if any. */
  one<T = Record<string, unknown>>(sql: string, params?: Params): Promise<T | undefined>;
}

const keptMax = 200;

export interface SessionOptions {
  /** Statements to use again, by their text; whoever owns the connection destroys them before closing it. */
  kept?: Map<string, DuckDBPreparedStatement> | undefined;
  /** A statement waits for one of these. */
  slots?: Slots | undefined;
}

export function sessionOn(connection: DuckDBConnection, { kept, slots }: SessionOptions = {}): Session {
  let db: Kysely<Database> | undefined;

  // In turn: a statement sent while a stream is open on this connection would cut the stream short in silence.
  const execute = (sql: string, params?: Params) =>
    inTurn(connection, async () => {
      const give = await slots?.take();
      try {
        return await executeNow(sql, params);
      } finally {
        give?.();
      }
    });

  async function executeNow(sql: string, params?: Params) {
    if (params === undefined) return connection.run(sql);
    const prepared = kept?.get(sql) ?? (await connection.prepare(sql));
    if (kept && kept.size < keptMax) kept.set(sql, prepared);
    try {
      bindParams(prepared, params);
      return await prepared.run();
    } finally {
      if (kept?.get(sql) !== prepared) prepared.destroySync();
    }
  }

  async function rows<T>(sql: string, params?: Params): Promise<T[]> {
    const result = await execute(sql, params);
    const names = result.deduplicatedColumnNames();
    const types = result.columnTypes();
    const read: T[] = [];
    // The result is in memory: to fetch its chunks would cost a trip to another thread each.
    for (let index = 0; index < result.chunkCount; index += 1) {
      for (const row of readChunkRows(names, types, result.getChunk(index))) read.push(row as T);
    }
    return read;
  }

  return {
    connection,
    get db() {
      return (db ??= kyselyOn(connection));
    },
    run: async (sql, params) => (await execute(sql, params)).rowsChanged,
    rows,
    one: async <T>(sql: string, params?: Params) => (await rows<T>(sql, params))[0],
  };
}

/** Runs `work` between BEGIN and COMMIT; what it throws rolls everything back and is thrown on. */
export async function inTransaction<T>(session: Session, work: () => Promise<T>): Promise<T> {
  await session.run('BEGIN TRANSACTION');
  try {
    const answer = await work();
    await session.run('COMMIT');
    return answer;
  } catch (error) {
    // A failed COMMIT has already ended the transaction; then there is nothing to roll back.
    await session.run('ROLLBACK').catch(() => undefined);
    throw error;
  }
}
