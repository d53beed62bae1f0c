import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { onTestFinished } from 'vitest';

/** A fresh DuckDB in memory and one connection to it, closed when the test ends. Its zone is the machine's, not UTC. */
export async function openDuckDB(): Promise<{ instance: DuckDBInstance; connection: DuckDBConnection }> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  onTestFinished(() => {
    connection.closeSync();
    instance.closeSync();
  });
  return { instance, connection };
}
