import type { TimeOptions } from '../types.ts';
import type { Metric, PeriodUnit } from './metric.ts';
import type { SliceFilter } from './query.ts';

export interface MetricsRequest {
  /** Default: all that can be sliced as asked. */
  metrics?: readonly string[] | undefined;
  by?: readonly string[] | undefined;
  where?: readonly SliceFilter[] | undefined;
  /** Cut into these periods. */
  unit?: PeriodUnit | undefined;
  /** How many periods, the running one included. Default 13. Not with `from`. */
  last?: number | undefined;
  /** Days of the account's zone, `to` excluded. Default: the last 365 days, or the last periods. */
  from?: string | undefined;
  to?: string | undefined;
  compare?: 'previous' | 'year' | undefined;
  asOf: Date;
  knownAt?: Date | undefined;
}

/** What computing takes of the engine. */
export interface MetricsEngine {
  query(malloy: string, options: TimeOptions): Promise<{ rows: Record<string, unknown>[] }>;
  /** When the newest row that is known came to the tables that each metric is made of, ISO. */
  recordedAt(metrics: readonly Metric[], options: TimeOptions): Promise<Map<Metric, string>>;
  /** When the marts as of that time were built, ISO; undefined where they are not read. */
  builtAt(options: TimeOptions): Promise<string | undefined>;
}
