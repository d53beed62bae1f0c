import type { Session } from '../../data/owner/session.ts';
import { beginning } from '../../data/tracked-fields.ts';
import { writeAssertions } from './assertions.ts';
import type { Contract, Reference } from './contracts/contract.ts';

const made: Record<Reference['table'], { key: string; columns: string; values: string }> = {
  contacts: { key: 'contact_id', columns: 'contact_id, is_stub, first_seen_at', values: 'id, true, seen_at' },
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
    const named = namedSql(contract, landing, column);
    if (table === 'contacts') await lowerFirstSeen(session, landing, named, stamp);
    const count = await session.run(
      `insert into core.${table} (${columns}, source, recorded_at)
       select ${values}, $source, $now::timestamp
       from (${named}) where id not in (select ${key} from core.${table}) order by id`,
      { source: stamp.source, now: stamp.now },
    );
    if (count > 0) counts[table] = (counts[table] ?? 0) + count;
  }
  return counts;
}

/** The ids that a column names, and the first time that one of the rows tells of. */
function namedSql(
  contract: Contract,
  landing: { table: string; columns: readonly string[] },
  column: string,
): string {
  const time = contract.time ?? contract.since;
  const seenAt = time !== undefined && landing.columns.includes(time) ? `min(${time})` : 'null';
  return `select ${column} as id, cast(${seenAt} as timestamp) as seen_at from ${landing.table}
    where _faults is null and ${column} is not null group by ${column}`;
}

/**
 * A stub is there from the first event that names it. An earlier one that arrives later moves that, known only now: a
 * correction, as of `created_at` (history.ts).
 */
async function lowerFirstSeen(
  session: Session,
  landing: { table: string },
  named: string,
  stamp: { source: string; now: string },
): Promise<void> {
  if (!(await session.one('select 1 from core.contacts where is_stub and first_seen_at is not null limit 1')))
    return;
  const earlier = `${landing.table}_earlier`;
  await session.run(
    `create temp table ${earlier} as
     select t.contact_id as key, 'first_seen_at' as field, cast(n.seen_at as varchar) as value,
       timestamp '${beginning}' as valid_from, $source as source, $now::timestamp as recorded_at,
       cast(t.first_seen_at as varchar) as old_value, t.source as old_source, t.recorded_at as old_recorded_at, n.seen_at
     from core.contacts t join (${named}) n on n.id = t.contact_id
     where t.is_stub and (t.first_seen_at > n.seen_at or (t.first_seen_at is not null and n.seen_at is null))`,
    { source: stamp.source, now: stamp.now },
  );
  await session.run(
    `insert into history.contact_changes
     select key, field, old_value, valid_from, old_source, old_recorded_at, $now::timestamp from ${earlier}
     where key not in (select contact_id from core.contact_changes where field = 'first_seen_at') and old_recorded_at < $now::timestamp`,
    { now: stamp.now },
  );
  await writeAssertions(session, { table: 'contact_changes', key: 'contact_id' }, earlier, stamp.now);
  await session.run(
    `update core.contacts set first_seen_at = e.seen_at from ${earlier} e where core.contacts.contact_id = e.key`,
  );
  await session.run(`drop table ${earlier}`);
}
