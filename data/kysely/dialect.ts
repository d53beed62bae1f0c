import type { DuckDBConnection } from '@duckdb/node-api';
import {
  Kysely,
  type DatabaseIntrospector,
  type Dialect,
  type DialectAdapter,
  type Driver,
  type QueryCompiler,
} from 'kysely';
import { DuckDBAdapter } from './adapter.ts';
import { DuckDBQueryCompiler } from './compiler.ts';
import { DuckDBDriver, type DuckDBDialectConfig } from './driver.ts';
import { DuckDBIntrospector } from './introspector.ts';
import type { Database } from './tables.ts';

export type { DuckDBDialectConfig } from './driver.ts';

/**
 * Kysely over @duckdb/node-api. Ours, because kysely-duckdb answers wrong counts and reads timestamps in local time.
 * Values are read and bound as data/owner/values.ts says.
 */
export class DuckDBDialect implements Dialect {
  readonly #config: DuckDBDialectConfig;

  constructor(config: DuckDBDialectConfig) {
    this.#config = config;
  }

  createDriver(): Driver {
    return new DuckDBDriver(this.#config);
  }

  createQueryCompiler(): QueryCompiler {
    return new DuckDBQueryCompiler();
  }

  createAdapter(): DialectAdapter {
    return new DuckDBAdapter();
  }

  createIntrospector(db: Kysely<unknown>): DatabaseIntrospector {
    return new DuckDBIntrospector(db);
  }
}

/**
 * Kysely on one connection, hence inside whatever transaction is open on it. Cheap to make, nothing to close. Its own
 * `transaction()` works where none is open; every statement sent on the connection meanwhile is then part of it.
 */
export function kyselyOn<Tables = Database>(connection: DuckDBConnection): Kysely<Tables> {
  return new Kysely<Tables>({
    dialect: new DuckDBDialect({
      acquire: () => Promise.resolve(connection),
      release: () => Promise.resolve(),
    }),
  });
}
