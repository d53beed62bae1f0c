import { ResultReturnType, type DuckDBConnection, type DuckDBPreparedStatement } from '@duckdb/node-api';
import type { CompiledQuery, DatabaseConnection, QueryResult } from 'kysely';
import { bindParams, readChunkRows, readRows } from '../owner/values.ts';
import { inTurn, takeForStream } from './turns.ts';

/** Kysely's view of one DuckDB connection. */
export class KyselyConnection implements DatabaseConnection {
  readonly duckdb: DuckDBConnection;

  constructor(connection: DuckDBConnection) {
    this.duckdb = connection;
  }

  /** Rows as values.ts reads them; `numAffectedRows` for every statement that changes rows, with RETURNING or without. */
  executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    return inTurn(this.duckdb, async () => {
      const prepared = await prepareBound(this.duckdb, query);
      try {
        const result = await prepared.run();
        if (result.returnType === ResultReturnType.CHANGED_ROWS) {
          return { numAffectedRows: BigInt(result.rowsChanged), rows: [] };
        }
        if (result.returnType === ResultReturnType.NOTHING) return { rows: [] };
        const rows = (await readRows(result)) as R[];
        // With RETURNING DuckDB reports no count: one row comes back for each that changed.
        return changesRows(query) ? { numAffectedRows: BigInt(rows.length), rows } : { rows };
      } finally {
        prepared.destroySync();
      }
    });
  }

  /** One result for each of DuckDB's chunks of at most 2,048 rows: Kysely's `chunkSize` would only cut them smaller. */
  async *streamQuery<R>(query: CompiledQuery): AsyncIterableIterator<QueryResult<R>> {
    const release = await takeForStream(this.duckdb);
    try {
      const prepared = await prepareBound(this.duckdb, query);
      try {
        const result = await prepared.stream();
        const names = result.deduplicatedColumnNames();
        const types = result.columnTypes();
        for (
          let chunk = await result.fetchChunk();
          chunk && chunk.rowCount > 0;
          chunk = await result.fetchChunk()
        ) {
          yield { rows: readChunkRows(names, types, chunk) as R[] };
        }
      } finally {
        prepared.destroySync();
        await endOpenResult(this.duckdb);
      }
    } finally {
      release();
    }
  }
}

async function prepareBound(
  connection: DuckDBConnection,
  query: CompiledQuery,
): Promise<DuckDBPreparedStatement> {
  const prepared = await connection.prepare(query.sql);
  try {
    bindParams(prepared, query.parameters);
    return prepared;
  } catch (error) {
    prepared.destroySync();
    throw error;
  }
}

/**
 * A stream left before its end keeps its snapshot, and thereby every CHECKPOINT of the instance waiting, until the
 * connection's next statement. Preparing one is enough (tried).
 */
async function endOpenResult(connection: DuckDBConnection): Promise<void> {
  const prepared = await connection.prepare('select 1');
  prepared.destroySync();
}

const changingNodes: ReadonlySet<string> = new Set([
  'InsertQueryNode',
  'UpdateQueryNode',
  'DeleteQueryNode',
  'MergeQueryNode',
]);

function changesRows(query: CompiledQuery): boolean {
  return changingNodes.has(query.query.kind);
}
