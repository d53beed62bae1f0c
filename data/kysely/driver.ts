import type { DuckDBConnection } from '@duckdb/node-api';
import { CompiledQuery, type DatabaseConnection, type Driver, type TransactionSettings } from 'kysely';
import { errorMessage, MallardError } from '../errors.ts';
import { KyselyConnection } from './connection.ts';

/** Where connections come from, and go back to. Kysely holds one for a query, a stream or a transaction. */
export interface DuckDBDialectConfig {
  acquire(): Promise<DuckDBConnection>;
  release(connection: DuckDBConnection): Promise<void>;
}

/** It owns no connection and no instance: `destroy` closes nothing. */
export class DuckDBDriver implements Driver {
  readonly #config: DuckDBDialectConfig;

  constructor(config: DuckDBDialectConfig) {
    this.#config = config;
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<KyselyConnection> {
    return new KyselyConnection(await this.#config.acquire());
  }

  async releaseConnection(connection: KyselyConnection): Promise<void> {
    await this.#config.release(connection.duckdb);
  }

  /** @throws MallardError where the connection is inside a transaction already, or the isolation is one DuckDB has not */
  async beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    if (settings.isolationLevel !== undefined && settings.isolationLevel !== 'snapshot') {
      throw new MallardError('internal', `DuckDB has no isolation level "${settings.isolationLevel}".`, {
        remedy: 'Its only one is snapshot: leave the level out.',
      });
    }
    if (await isInTransaction(connection)) throw nestedError();
    await run(
      connection,
      settings.accessMode === 'read only' ? 'begin transaction read only' : 'begin transaction',
    );
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await run(connection, 'commit');
  }

  /** Kysely rolls back after a failed COMMIT too, which has ended the transaction: that must not hide the failure. */
  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    try {
      await run(connection, 'rollback');
    } catch (error) {
      if (!errorMessage(error).includes('no transaction is active')) throw error;
    }
  }

  savepoint(): Promise<void> {
    return Promise.reject(savepointError());
  }

  rollbackToSavepoint(): Promise<void> {
    return Promise.reject(savepointError());
  }

  releaseSavepoint(): Promise<void> {
    return Promise.reject(savepointError());
  }

  async destroy(): Promise<void> {}
}

async function run(connection: DatabaseConnection, sql: string): Promise<void> {
  await connection.executeQuery(CompiledQuery.raw(sql));
}

/**
 * Asked before each BEGIN, since a second one does not only fail: it aborts the transaction that is open. DuckDB has no
 * word for it, but outside a transaction every statement has an id of its own (1.3 ms for the two, measured).
 */
async function isInTransaction(connection: DatabaseConnection): Promise<boolean> {
  const id = async () =>
    (await connection.executeQuery<{ id: bigint }>(CompiledQuery.raw('select txid_current() as id'))).rows[0]
      ?.id;
  return (await id()) === (await id());
}

function savepointError(): MallardError {
  return new MallardError('internal', 'DuckDB has no savepoints.', {
    remedy: 'Use one transaction for what must stand or fall together.',
  });
}

function nestedError(): MallardError {
  return new MallardError(
    'internal',
    'The connection is inside a transaction already; DuckDB does not nest them.',
    {
      remedy: 'Use the transaction that is open: a lane gives a session inside one.',
    },
  );
}
