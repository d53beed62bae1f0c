import type { FreshnessLimit } from '../../data/account.ts';
import { toTimestamp } from '../../data/clock.ts';
import { MallardError } from '../../data/errors.ts';
import type { Session } from '../../data/owner/session.ts';
import type { Warehouse } from '../../data/owner/warehouse.ts';
import { nearestName } from '../../models/criteria/nearest.ts';
import { identifier } from '../load/sql.ts';

/** How old what a source brought into a table is. */
export interface Freshness {
  table: string;
  /** As the loads called it; null where a limit is on a table that nothing was ever loaded into. */
  source: string | null;
  /** When its newest row was recorded (UTC, ISO); null where it has none. Only what was recorded before the asked time counts. */
  recorded_at: string | null;
  /** When the newest thing happened that it tells of; null for tables of things. */
  occurred_at: string | null;
  /** From `recorded_at` to the asked time. This is what the limits are about. */
  age_hours: number | null;
  warn_after_hours: number | null;
  error_after_hours: number | null;
  /** `unlimited`: nobody set a limit. */
  status: 'passed' | 'warned' | 'failed' | 'unlimited';
}

export interface FreshnessOptions {
  limits: readonly FreshnessLimit[];
  asOf: Date;
  knownAt?: Date | undefined;
  /** Also what has no limit. Default true. */
  unlimited?: boolean | undefined;
}

/** What events and orders call the time at which they happened. */
const timeColumns = ['occurred_at', 'ordered_at'];

/**
 * The newest row per table and source, as of a time, against the limits. Throws `bad_request` for a limit on a table that
 * nothing is loaded into.
 */
export async function freshness(warehouse: Warehouse, options: FreshnessOptions): Promise<Freshness[]> {
  return warehouse.read(async (session) => {
    const tables = await loadedTables(session);
    checkLimits(options.limits, [...tables.keys()]);
    const limited = new Set(options.limits.map(({ table }) => table));
    const known = new Date(Math.min(options.asOf.getTime(), (options.knownAt ?? options.asOf).getTime()));
    const found: Freshness[] = [];
    for (const [table, time] of tables) {
      if (options.unlimited === false && !limited.has(table)) continue;
      const newest = await newestRows(session, table, time, { asOf: options.asOf, known });
      found.push(...withLimits(table, newest, options));
    }
    return options.unlimited === false ? found.filter(({ status }) => status !== 'unlimited') : found;
  });
}

/** The versioned tables of core that have a source, and their column that says when. */
async function loadedTables(session: Session): Promise<Map<string, string | undefined>> {
  const rows = await session.rows<{ table: string; columns: string[] }>(
    `select table_name as "table", list(column_name) as columns from duckdb_columns()
     where database_name = current_database() and schema_name = 'versions'
     group by table_name having list_contains(list(column_name), 'source') order by table_name`,
  );
  return new Map(
    rows.map(({ table, columns }) => [table, timeColumns.find((name) => columns.includes(name))]),
  );
}

function checkLimits(limits: readonly FreshnessLimit[], tables: readonly string[]): void {
  const wrong = limits.find(({ table }) => !tables.includes(table));
  if (!wrong) return;
  const nearest = nearestName(wrong.table, tables);
  throw new MallardError(
    'bad_request',
    `account.yaml: /freshness: nothing is loaded into '${wrong.table}'.`,
    {
      fields: { table: wrong.table, ...(nearest === undefined ? {} : { nearest }) },
      remedy: `There are ${tables.join(', ')}.`,
    },
  );
}

interface Newest {
  source: string;
  recorded_at: string | null;
  occurred_at: string | null;
}

/**
 * What the schema came with (recorded in the year 1) was never delivered. Superseded rows count too: they were the newest once. The loads tell of sources that have brought nothing. A maximum per
 * source over three columns: 20M events take the third of a second.
 */
function newestRows(
  session: Session,
  table: string,
  time: string | undefined,
  { asOf, known }: { asOf: Date; known: Date },
): Promise<Newest[]> {
  const happened = time === undefined ? '' : ` and ${time} < $as_of::timestamp`;
  return session.rows<Newest>(
    `select source, max(recorded_at) as recorded_at, max(occurred_at) as occurred_at from (
       select source, max(recorded_at) as recorded_at, ${time === undefined ? 'null::timestamp' : `max(${time})`} as occurred_at
       from versions.${identifier(table)}
       where recorded_at < $known::timestamp and recorded_at > timestamp '0001-01-02'${happened} group by source
       union all
       select distinct source, null, null from raw.loads where table_name = $table and recorded_at < $known::timestamp)
     group by source order by source`,
    {
      table,
      known: toTimestamp(known),
      ...(time === undefined ? {} : { as_of: toTimestamp(asOf) }),
    },
  );
}

function withLimits(table: string, newest: readonly Newest[], options: FreshnessOptions): Freshness[] {
  const limits = options.limits.filter((limit) => limit.table === table);
  const missing = limits.filter(
    ({ source }) => source !== undefined && !newest.some((row) => row.source === source),
  );
  const everything: (Omit<Newest, 'source'> & { source: string | null })[] = [
    ...newest,
    ...missing.map(({ source = null }) => ({ source, recorded_at: null, occurred_at: null })),
  ];
  // A limit on a table that nobody has ever filled must not pass for want of a source.
  if (everything.length === 0 && limits.length > 0)
    everything.push({ source: null, recorded_at: null, occurred_at: null });
  return everything.map((row) => {
    // The limit of the source itself goes before the table's.
    const limit =
      limits.find(({ source }) => source !== undefined && source === row.source) ??
      limits.find(({ source }) => source === undefined);
    const age =
      row.recorded_at === null
        ? null
        : (options.asOf.getTime() - new Date(row.recorded_at).getTime()) / 3_600_000;
    return {
      table,
      ...row,
      age_hours: age === null ? null : Math.round(age * 100) / 100,
      warn_after_hours: limit?.warn_after_hours ?? null,
      error_after_hours: limit?.error_after_hours ?? null,
      status: limit === undefined ? 'unlimited' : statusOf(age ?? Infinity, limit),
    };
  });
}

function statusOf(age: number, limit: FreshnessLimit): Freshness['status'] {
  if (age > (limit.error_after_hours ?? Infinity)) return 'failed';
  return age > (limit.warn_after_hours ?? Infinity) ? 'warned' : 'passed';
}
