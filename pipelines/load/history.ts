import type { Session } from '../../data/owner/session.ts';
import type { Contract } from './contracts/contract.ts';
import { identifier, literal } from './sql.ts';

/**
 * Appends what a load changes in tracked fields, before the rows are updated. For each changed field: first, if the
 * history has nothing of it yet, the old value, valid from when the thing was created (else first recorded); then the new value,
 * valid from the row's `updated_at` if that is later than the old value's, else from the time of the load.
 *
 * Filling a stub is no change: nothing was known before.
 * @param changed a table of id (the landing's rowid) and target_id (the target's rowid)
 */
export async function appendHistory(
  session: Session,
  contract: Contract,
  landing: { table: string; columns: readonly string[] },
  changed: string,
  stamp: { source: string; now: string },
): Promise<void> {
  const { history } = contract;
  const fields = history?.fields.filter((field) => landing.columns.includes(field)) ?? [];
  if (!history || fields.length === 0) return;
  const key = identifier(contract.key[0] ?? '');
  const updatedAt = landing.columns.includes('updated_at') ? 'l.updated_at' : 'cast(null as timestamp)';
  const stub = contract.target === 'core.contacts' ? 'and not t.is_stub' : '';
  const changes = fields.map(
    (field) =>
      `select t.${key} as key, ${literal(field)} as field, cast(t.${field} as varchar) as old_value, cast(l.${field} as varchar) as new_value,
         coalesce(t.created_at, t.recorded_at) as created_at, ${updatedAt} as updated_at
       from ${changed} c join ${contract.target} t on t.rowid = c.target_id join ${landing.table} l on l.rowid = c.id
       where t.${field} is distinct from l.${field} ${stub}`,
  );
  const steps = `${landing.table}_steps`;
  await session.run(
    `create temp table ${steps} as
     with changes as (${changes.join(' union all ')}),
     known as (select ${key} as key, field, max(valid_from) as valid_from from ${history.table}
               where ${key} in (select key from changes) group by all)
     select changes.*, known.valid_from is null as is_first, coalesce(known.valid_from, created_at) as old_from
     from changes left join known using (key, field)`,
  );
  const into = `insert into ${history.table} (${key}, field, value, valid_from, source, recorded_at)`;
  const stamped = { source: stamp.source, now: stamp.now };
  await session.run(
    `${into} select key, field, old_value, old_from, $source, $now::timestamp from ${steps} where is_first order by old_from, key`,
    stamped,
  );
  await session.run(
    `${into} select key, field, new_value, case when updated_at > old_from then updated_at else $now::timestamp end as valid_from,
       $source, $now::timestamp from ${steps} order by valid_from, key`,
    stamped,
  );
  await session.run(`drop table ${steps}`);
}
