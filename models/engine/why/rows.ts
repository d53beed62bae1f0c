import type { Session } from '../../../data/owner/session.ts';
import { divide, fixed, one, textOf, type Fixed } from './decimal.ts';
import { difference, type Totals } from './totals.ts';
import type { Part, WeighingRow } from './types.ts';

interface ChangedRow {
  key: string;
  was: boolean;
  is: boolean;
  n0: unknown;
  d0: unknown;
  n1: unknown;
  d1: unknown;
  row_count: number;
  n_sum: unknown;
  d_sum: unknown;
}

/**
 * How much a change of a row's numerator and denominator weighs in the change of the value. Of a ratio, from v₀ = n₀ ÷ d₀ to n₁ ÷ d₁:
 * (Δn − v₀ Δd) ÷ d₁. Summed over all rows that is n₁ ÷ d₁ − v₀ exactly, no approximation. Where d₁ is 0, the same from the
 * other side: (Δn − v₁ Δd) ÷ d₀.
 */
export function weigher(before: Totals, after: Totals): (dn: Fixed, dd: Fixed) => Fixed {
  if (before.d === null && after.d === null) return (dn) => dn;
  const [from, divisor] = after.d ? [before, after.d] : [after, before.d ?? 0n];
  // v as a fraction, so that a weight is rounded once.
  const [n, d] = from.d ? [from.n ?? 0n, from.d] : [from.value ?? 0n, one];
  return (dn, dd) => (divisor === 0n ? 0n : divide(dn * d - n * dd, d * divisor));
}

/** The rows that weigh most in a step. @param before, after SQL of key, n, d */
export async function heaviestRows(
  session: Session,
  sql: { before: string; after: string },
  totals: { before: Totals; after: Totals },
  limit: number,
): Promise<Pick<Part, 'row_count' | 'rows' | 'everything_else' | 'rows_add_up'>> {
  const weigh = weigher(totals.before, totals.after);
  const value = (totals.after.d ? totals.before : totals.after).value ?? 0n;
  const found = await session.rows<ChangedRow>(
    `with changed as (
       select coalesce(a.key, b.key) as key, a.key is not null as was, b.key is not null as "is",
         a.n as n0, a.d as d0, b.n as n1, b.d as d1,
         coalesce(b.n, 0) - coalesce(a.n, 0) as dn, coalesce(b.d, 0) - coalesce(a.d, 0) as dd
       from (${sql.before}) a full join (${sql.after}) b on a.key = b.key)
     select * exclude (dn, dd), count(*) over ()::int as row_count, sum(dn) over () as n_sum, sum(dd) over () as d_sum
     from changed where dn <> 0 or dd <> 0
     order by abs(dn::double - ${textOf(value)}::double * dd::double) desc, key limit $limit::int`,
    { limit },
  );
  const rows = found.map((row) => ({
    key: row.key,
    before: row.was ? figures(row.n0, row.d0) : null,
    after: row.is ? figures(row.n1, row.d1) : null,
    weight_fixed: weigh(delta(row.n0, row.n1), delta(row.d0, row.d1)),
    fields: {},
  }));
  const [first] = found;
  const count = first?.row_count ?? 0;
  const addUp =
    isNear(fixed(first?.n_sum) ?? 0n, difference(totals.before.n, totals.after.n)) &&
    isNear(fixed(first?.d_sum) ?? 0n, difference(totals.before.d, totals.after.d));
  const shown = rows.reduce((sum, row) => sum + row.weight_fixed, 0n);
  let rest = difference(totals.before.value, totals.after.value) - shown;
  const [heaviest] = rows;
  if (heaviest && addUp && count === rows.length && isNear(rest, 0n)) {
    // There is nothing else: what is left is what rounding left.
    heaviest.weight_fixed += rest;
    rest = 0n;
  }
  return {
    row_count: count,
    rows: rows.map(({ weight_fixed, ...row }) => ({ ...row, weight: textOf(weight_fixed) })),
    everything_else: { row_count: count - rows.length, weight: textOf(rest) },
    rows_add_up: addUp,
  };
}

function figures(n: unknown, d: unknown): WeighingRow['before'] {
  const [numerator, denominator] = [fixed(n), fixed(d)];
  return {
    numerator: numerator === null ? null : textOf(numerator),
    denominator: denominator === null ? null : textOf(denominator),
  };
}

function delta(before: unknown, after: unknown): Fixed {
  return difference(fixed(before), fixed(after));
}

/** To a millionth: sums of floating point. */
function isNear(a: Fixed, b: Fixed): boolean {
  const apart = a - b;
  return apart < 1_000_000n && apart > -1_000_000n;
}
