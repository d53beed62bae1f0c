import { MallardError } from '../../data/errors.ts';
import type { Mallard } from '../context.ts';
import { resolveAsOf, utcText } from '../segments/as-of.ts';

export type RfmMethod = 'quintiles' | 'fixed';

/** Customers and their revenue over all time in the reporting currency: up to the earlier date, and up to the later one. */
export interface Moved {
  customers: bigint;
  revenue_from: string;
  revenue_to: string;
}

export interface RfmMigration {
  /** UTC. */
  from: string;
  to: string;
  known_at: string | null;
  method: RfmMethod;
  /** Names of groups, the best first, those without customers too. */
  groups: string[];
  /** `from_group` is null where somebody was not yet a customer. Pairs without a customer are left out. */
  cells: ({ from_group: string | null; to_group: string } & Moved)[];
  /** Sums over the cells: the groups as they were at `from`, null for who was not yet a customer … */
  from_totals: ({ from_group: string | null } & Moved)[];
  /** … and as they are at `to`. */
  to_totals: ({ to_group: string } & Moved)[];
}

export interface MigrationOptions {
  from: Date;
  /** Default: what the marts were built as of. */
  to?: Date | undefined;
  /** What had been recorded by then, for both dates. Default: everything. */
  knownAt?: Date | undefined;
  method: RfmMethod;
}

/** Where the given KNOWN_AT of models/clock.malloy stands by itself. */
const everything = new Date('9999-12-31T00:00:00Z');

/**
 * How customers moved between RFM groups. Both dates are computed with one knowledge, never read from built marts: so merged
 * contacts count once, under the one that stands for them now, and both use the same grid and thresholds.
 * @throws `bad_request` where `to` is not after `from`; `conflict` where `to` is left out and nothing was built
 */
export async function rfmMigration(
  { warehouse, engine }: Pick<Mallard, 'warehouse' | 'engine'>,
  options: MigrationOptions,
): Promise<RfmMigration> {
  const { from, method } = options;
  const to = await resolveAsOf(warehouse, options.to);
  if (to <= from) {
    throw new MallardError('bad_request', `to: ${utcText(to)} is not after ${utcText(from)}.`, {
      fields: { field: 'to' },
      remedy: 'Name the earlier date as `from`.',
    });
  }
  const knownAt = options.knownAt ?? everything;
  const segment = method === 'fixed' ? 'fixed_segment' : 'segment';
  const groupsAt = async (asOf: Date) =>
    (
      await engine.compileSql(`run: rfm -> { select: contact_id, group_name is ${segment}, monetary }`, {
        asOf,
        knownAt,
        restricted: false,
      })
    ).sql;
  const [before, after] = [await groupsAt(from), await groupsAt(to)];
  const names = await engine.query(
    `run: rfm_groups -> { group_by: group_name aggregate: best is max(recency_score * 10 + value_score) order_by: best desc }`,
    { asOf: to, knownAt },
  );
  const rows = await warehouse.read((session) => session.rows<MatrixRow>(matrixSql(before, after)));
  const cells = rows.filter((row) => row.level === 0);
  return {
    from: utcText(from),
    to: utcText(to),
    known_at: options.knownAt === undefined ? null : utcText(options.knownAt),
    method,
    groups: names.rows.map((row) => String(row['group_name'])),
    cells: cells.map((row) => ({
      from_group: row.was_customer ? row.from_group : null,
      to_group: row.to_group,
      ...movedOf(row),
    })),
    from_totals: rows
      .filter((row) => row.level === 1)
      .map((row) => ({ from_group: row.was_customer ? row.from_group : null, ...movedOf(row) })),
    to_totals: rows
      .filter((row) => row.level === 2)
      .map((row) => ({ to_group: row.to_group, ...movedOf(row) })),
  };
}

interface MatrixRow extends Moved {
  /** 0: a cell, 1: a group at `from`, 2: a group at `to`. */
  level: number;
  was_customer: boolean;
  from_group: string;
  to_group: string;
}

function movedOf({ customers, revenue_from, revenue_to }: MatrixRow): Moved {
  return { customers, revenue_from, revenue_to };
}

/** Whoever was a customer at the earlier date is one at the later: with one knowledge, orders only become more. */
function matrixSql(before: string, after: string): string {
  return `with moved as (
      select b.contact_id is not null as was_customer, coalesce(b.group_name, '') as from_group, a.group_name as to_group,
        b.monetary as revenue_from, a.monetary as revenue_to
      from (${after}) a left join (${before}) b on b.contact_id = a.contact_id)
    select (grouping(from_group) * 2 + grouping(to_group))::int as level, was_customer, from_group, to_group, count(*) as customers,
      coalesce(sum(revenue_from), 0)::decimal(18, 2) as revenue_from, coalesce(sum(revenue_to), 0)::decimal(18, 2) as revenue_to
    from moved
    group by grouping sets ((was_customer, from_group, to_group), (was_customer, from_group), (to_group))
    order by all`;
}
