import type { Session } from '../../data/owner/session.ts';
import { versionedRows } from '../../data/versioned-rows.ts';
import type { Contract } from './contracts/contract.ts';

/**
 * Copies rows that are about to be corrected or deleted to `history.<table>`, where what was known before can still be read.
 * A row recorded at this very moment never stood: nobody can have asked for what was known between.
 * @param rowids a SELECT of the rows' rowid
 */
export async function keepVersions(
  session: Session,
  contract: Contract,
  rowids: string,
  now: string,
): Promise<void> {
  if (!Object.hasOwn(versionedRows, contract.table)) return;
  await session.run(
    `insert into history.${contract.table} select *, $now::timestamp from ${contract.target}
     where rowid in (${rowids}) and recorded_at < $now::timestamp`,
    { now },
  );
}
