import type { Session } from '../../data/owner/session.ts';
import type { Contract } from './contracts/contract.ts';
import { identifier } from './sql.ts';

/** Rows of a row group: what a zone map speaks of. */
const GROUP_ROWS = 122_880;
/** Sorting doubles the time of an insert. Where fewer row groups than this overlap the next one, scans prune as well. */
const OVERLAPPING_SHARE_MAX = 0.1;

/**
 * ORDER BY for rows that are kept by time, so that zone maps prune; empty where they stand in order already, as most
 * exports do. A file of one row group is always sorted: that costs nothing.
 */
export async function timeOrderSql(
  session: Session,
  contract: Contract,
  landing: { table: string; columns: readonly string[] },
): Promise<string> {
  if (contract.time === undefined || !landing.columns.includes(contract.time)) return '';
  const time = identifier(contract.time);
  const found = await session.one<{ groups: number; overlapping: number }>(
    `select count(*)::int as groups, (count(*) filter (high > next_low))::int as overlapping
     from (select high, lead(low) over (order by number) as next_low
           from (select rowid // ${GROUP_ROWS} as number, min(${time}) as low, max(${time}) as high from ${landing.table} group by 1))`,
  );
  if (!found || (found.groups > 1 && found.overlapping <= found.groups * OVERLAPPING_SHARE_MAX)) return '';
  return `order by l.${time}, l.rowid`;
}
