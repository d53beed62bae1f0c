import { DateTime } from 'luxon';
import type { Account } from '../../../data/account.ts';
import { MallardError } from '../../../data/errors.ts';
import type { TimeOptions } from '../types.ts';
import { sliceCondition, type SliceFilter } from './query.ts';
import type { MetricsEngine } from './request.ts';

export type CohortUnit = 'week' | 'month' | 'quarter' | 'year';

export interface CohortCell {
  customers: number;
  /** customers ÷ the cohort's size. */
  share: number;
  orders: number;
  revenue: number;
}

export interface Cohort {
  /** First day of the cohort's period, in the account's zone. */
  cohort: string;
  /** Customers with their first completed order in it. */
  size: number;
  /** By periods since, 0 first; null for periods that have not begun. */
  cells: (CohortCell | null)[];
}

export interface CohortMatrix {
  as_of: string;
  known_at: string | null;
  unit: CohortUnit;
  definition: string;
  /** The oldest first. */
  cohorts: Cohort[];
}

export const cohortDimensions = ['lead_source', 'country', 'owner_id'] as const;

const definition =
  'Customers by the period of their first completed order, and how many of them ordered in each later period. Guests are nobody; the running period is not over.';

/** Customers by the period of their first order × periods since. Throws `dimension_refused`. */
export async function computeCohorts(
  engine: MetricsEngine,
  account: Account,
  options: TimeOptions & { unit: CohortUnit; where?: readonly SliceFilter[] | undefined },
): Promise<CohortMatrix> {
  const filters = options.where ?? [];
  filters.forEach(refuseOther);
  const where = filters.map(sliceCondition);
  const { rows } = await engine.query(
    `run: customer_cohorts -> {${where.length === 0 ? '' : `\n  where: ${where.join(', ')}`}
  group_by: cohort_start, periods_since
  aggregate: cohort_customers, cohort_orders, cohort_revenue
}`,
    { asOf: options.asOf, knownAt: options.knownAt, cohortUnit: options.unit },
  );
  const now = DateTime.fromJSDate(options.asOf, { zone: account.time_zone });
  const byCohort = new Map<string, Map<number, CohortCell>>();
  for (const row of rows) {
    const cohort = String(row['cohort_start']);
    const cells = byCohort.get(cohort) ?? new Map<number, CohortCell>();
    byCohort.set(cohort, cells);
    cells.set(Number(row['periods_since']), {
      customers: Number(row['cohort_customers']),
      share: 0,
      orders: Number(row['cohort_orders']),
      revenue: Number(row['cohort_revenue'] ?? 0),
    });
  }
  const starts = [...byCohort.keys()].sort();
  const first = starts[0];
  const width = first === undefined ? 0 : periodsUntil(first, now, options.unit) + 1;
  return {
    as_of: options.asOf.toISOString(),
    known_at: options.knownAt?.toISOString() ?? null,
    unit: options.unit,
    definition,
    cohorts: starts.map((cohort) => {
      const cells = byCohort.get(cohort);
      const size = cells?.get(0)?.customers ?? 0;
      const begun = periodsUntil(cohort, now, options.unit);
      return {
        cohort,
        size,
        cells: Array.from({ length: width }, (_, since) => {
          if (since > begun) return null;
          const cell = cells?.get(since) ?? { customers: 0, orders: 0, revenue: 0 };
          return { ...cell, share: size === 0 ? 0 : cell.customers / size };
        }),
      };
    }),
  };
}

function refuseOther({ dimension }: SliceFilter): void {
  if (!(cohortDimensions as readonly string[]).includes(dimension)) {
    throw new MallardError('dimension_refused', `Cohorts cannot honestly be cut by ${dimension}.`, {
      fields: { dimension, dimensions: cohortDimensions },
      remedy: `Use one of ${cohortDimensions.join(', ')}.`,
    });
  }
}

/** Periods that have begun since the one that starts on a day of the account's zone. */
function periodsUntil(start: string, now: DateTime, unit: CohortUnit): number {
  const from = DateTime.fromISO(start, { zone: now.zone });
  return Math.floor(now.diff(from, unit).as(unit));
}
