import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { generateSample, type SampleResult } from '../../../pipelines/sample/generate.ts';

export interface OpenSample extends SampleResult {
  dir: string;
  /** Queries tables named like the tables, and `truth_contacts`. */
  rows<T>(sql: string): Promise<T[]>;
  one(sql: string): Promise<number>;
  close(): void;
}

/** Generates a sample into a fresh folder and opens its files; `close` removes them. */
export async function openSample(options: {
  contacts: number;
  seed?: number;
  threads?: number;
}): Promise<OpenSample> {
  const dir = mkdtempSync(join(tmpdir(), 'mallard-sample-'));
  const result = await generateSample({ dir, endDate: '2026-11-02', ...options });
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
  const connection = await instance.connect();
  for (const file of result.files) {
    const reader = file.path.endsWith('.csv')
      ? 'read_csv'
      : file.path.endsWith('.ndjson')
        ? 'read_json'
        : 'read_parquet';
    await connection.run(`create table ${file.table} as from ${reader}('${file.path}')`);
  }
  await connection.run(`create view truth_contacts as from '${join(dir, result.truth.contacts_file)}'`);
  const rows = async <T>(sql: string) => (await connection.runAndReadAll(sql)).getRowObjectsJson() as T[];
  return {
    ...result,
    dir,
    rows,
    one: async (sql) => Number(Object.values((await rows<Record<string, unknown>>(sql))[0] ?? {})[0]),
    close: () => {
      connection.closeSync();
      instance.closeSync();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
