import type { Session } from '../../data/owner/session.ts';
import type { Contract, Reference } from './contracts/contract.ts';

const made: Record<Reference['table'], { key: string; columns: string; values: string }> = {
  contacts: { key: 'contact_id', columns: 'contact_id, is_stub', values: 'id, true' },
  // An export without ids names its owners and companies: the name is the id, until a load of them says more.
  owners: { key: 'owner_id', columns: 'owner_id, name, is_active', values: 'id, id, true' },
  companies: { key: 'company_id', columns: 'company_id, name', values: 'id, id' },
};

/**
 * Makes the contacts, owners and companies that a landing's rows name and that are not there, so that joins find them.
 * A later load of them fills them in.
 * @returns how many, by table
 */
export async function makeReferenced(
  session: Session,
  contract: Contract,
  landing: { table: string; columns: readonly string[] },
  stamp: { source: string; now: string },
): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { column, table } of contract.references ?? []) {
    if (!landing.columns.includes(column)) continue;
    const { key, columns, values } = made[table];
    const count = await session.run(
      `insert into core.${table} (${columns}, source, recorded_at)
       select ${values}, $source, $now::timestamp
       from (select distinct ${column} as id from ${landing.table} where _faults is null and ${column} is not null)
       where id not in (select ${key} from core.${table}) order by id`,
      { source: stamp.source, now: stamp.now },
    );
    if (count > 0) counts[table] = (counts[table] ?? 0) + count;
  }
  return counts;
}
