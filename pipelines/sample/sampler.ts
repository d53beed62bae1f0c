import type { DuckDBConnection } from '@duckdb/node-api';
import { parameters } from './parameters.ts';
import { randomMacros } from './random.ts';

export const daySeconds = 86_400;

/**
 * What every subject of the sample history works with. Inside, a time is seconds (`_s`) or milliseconds (`_ms`) since
 * `start`; the horizon is the end, exclusive.
 */
export interface Sampler {
  run(sql: string): Promise<void>;
  rows<T>(sql: string): Promise<T[]>;
  readonly dir: string;
  readonly contacts: number;
  readonly seed: number;
  readonly start: Date;
  readonly end: Date;
  readonly days: number;
  readonly horizonSeconds: number;
}

/** @param end UTC midnight; the history covers the three calendar years before it */
export async function openSampler(
  connection: DuckDBConnection,
  options: { dir: string; contacts: number; seed: number; end: Date },
): Promise<Sampler> {
  const { end } = options;
  const start = new Date(
    Date.UTC(end.getUTCFullYear() - parameters.years, end.getUTCMonth(), end.getUTCDate()),
  );
  const days = Math.round((end.getTime() - start.getTime()) / 1000 / daySeconds);
  const sampler: Sampler = {
    ...options,
    start,
    days,
    horizonSeconds: days * daySeconds,
    run: async (sql) => {
      await connection.run(sql);
    },
    rows: async <T>(sql: string) => (await connection.runAndReadAll(sql)).getRowObjectsJson() as T[],
  };
  // Below this estimate an ASOF join loops over the whole clock for each row, and the estimates here are too low (2.7 s
  // against 0.02 s at 5,000 contacts).
  await sampler.run(`set asof_loop_join_threshold = 0`);
  for (const macro of randomMacros(options.seed)) await sampler.run(macro);
  const startMicros = `${start.getTime() * 1000}::bigint`;
  await sampler.run(`create macro horizon() as ${sampler.horizonSeconds}::bigint`);
  await sampler.run(`create macro time_of_s(s) as make_timestamp(${startMicros} + (s) * 1000000)`);
  await sampler.run(`create macro time_of_ms(ms) as make_timestamp(${startMicros} + (ms) * 1000)`);
  await sampler.run(`create macro days(n) as floor((n) * ${daySeconds})::bigint`);
  // Short unique ids; at most 12 characters, which DuckDB keeps inside the row.
  await sampler.run(
    `create macro short_id(prefix, number) as prefix || lower(to_base((number)::bigint, 36))`,
  );
  return sampler;
}
