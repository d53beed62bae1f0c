import type { Session } from '../../data/owner/session.ts';
import { versionedTables } from '../../data/migrations/0003_versions.ts';
import { scoreTables } from '../../data/migrations/0006_scores.ts';
import type { Contract } from './contracts/contract.ts';

const versioned: ReadonlySet<string> = new Set([...versionedTables, ...scoreTables]);

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
  if (!versioned.has(contract.table)) return;
  await session.run(
    `insert into history.${contract.table} select *, $now::timestamp from ${contract.target}
     where rowid in (${rowids}) and recorded_at < $now::timestamp`,
    { now },
  );
}
