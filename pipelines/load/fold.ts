import type { Session } from '../../data/owner/session.ts';
import { beginning } from '../../data/tracked-fields.ts';
import { writeAssertions } from './assertions.ts';
import { castTo } from './casts.ts';
import type { Contract } from './contracts/contract.ts';
import { things } from './contracts/things.ts';
import { changeLogOf, describedAt } from './history.ts';
import { identifier, literal } from './sql.ts';

/** The things whose changes a contract loads: `contacts` of `contact_changes`; undefined for any other table. */
export function changedThing(contract: Contract): Contract | undefined {
  return things.find((thing) => thing.history?.table === contract.target);
}

/**
 * A change's `value` is text in the file; here it becomes what the field's own column would take of it (`Lead` is `lead`), or the
 * row gets a fault.
 */
export async function normaliseChanges(
  session: Session,
  thing: Contract,
  landing: { table: string },
  dateFormat: string | undefined,
): Promise<void> {
  const casts = thing.columns
    .filter((column) => thing.history?.fields.includes(column.name))
    .map((column) => ({ name: column.name, ...castTo(column, 'value', 'VARCHAR', dateFormat) }));
  const typed = casts.map(({ name, sql }) => `when ${literal(name)} then cast(${sql} as varchar)`);
  const reasons = casts.map(({ name, reason }) => `when ${literal(name)} then ${literal(reason ?? '')}`);
  const taken = `case field ${typed.join(' ')} end`;
  await session.run(
    `update ${landing.table} set
       _faults = case when ${taken} is null
         then cast(to_json([{column_name: 'value', value: value, reason: case field ${reasons.join(' ')} end}]) as varchar) end,
       value = coalesce(${taken}, value)
     where _faults is null and value is not null and ${taken} is distinct from value`,
  );
}

/**
 * Before changes of a field without any history are stored: the value that the thing's row has is what it had before them,
 * as far as is known, and is asserted from the beginning; even where the changes begin with the thing's creation, for it is what
 * was known until they came.
 * @param landing changes, with the key, `field` and `valid_from`
 */
export async function assertStoredValues(
  session: Session,
  thing: Contract,
  landing: { table: string },
  now: string,
): Promise<void> {
  const log = changeLogOf(thing);
  const described = describedAt(thing, 't');
  const values = fieldsOf(thing).map(
    (field) => `when ${literal(field)} then cast(t.${identifier(field)} as varchar)`,
  );
  const stored = `${landing.table}_stored`;
  await session.run(
    `create temp table ${stored} as
     with first as (select distinct ${log.key} as key, field from ${landing.table} where _faults is null)
     select f.key, f.field, case f.field ${values.join(' ')} end as value, timestamp '${beginning}' as valid_from, t.source,
       ${described} as recorded_at
     from first f join ${thing.target} t on t.${log.key} = f.key
     anti join core.${log.table} h on h.${log.key} = f.key and h.field = f.field
     where ${described} is not null`,
  );
  try {
    await writeAssertions(session, log, stored, now);
  } finally {
    await session.run(`drop table if exists ${stored}`).catch(() => 0);
  }
}

/**
 * Brings the newest of what is asserted into the things' rows: they hold the present state, for speed.
 * @param keys a SELECT of the keys to look at
 */
export async function foldChanges(session: Session, thing: Contract, keys: string): Promise<void> {
  const log = changeLogOf(thing);
  const present = await session.rows<{ field: string }>(
    `select distinct field from core.${log.table} where ${log.key} in (${keys})`,
  );
  const fields = fieldsOf(thing).filter((field) => present.some((one) => one.field === field));
  if (fields.length === 0) return;
  const typeOf = (field: string) => thing.columns.find((column) => column.name === field)?.type ?? 'VARCHAR';
  const pivoted = fields.map(
    (field, i) =>
      `bool_or(field = ${literal(field)}) as has_${i},
       try_cast(max(value) filter (field = ${literal(field)}) as ${typeOf(field)}) as value_${i}`,
  );
  const sets = fields.map((field, i) => {
    const value = `case when u.has_${i} then u.value_${i} else ${thing.target}.${identifier(field)} end`;
    return { field, value };
  });
  const derived = thing.columns
    .filter((column) => column.derivedFrom && fields.includes(column.derivedFrom.column))
    .map((column) => {
      const from = sets.find((set) => set.field === column.derivedFrom?.column)?.value ?? 'null';
      return { field: column.name, value: column.derivedFrom?.sql(`(${from})`) ?? 'null' };
    });
  const differs = fields.map(
    (field, i) => `(u.has_${i} and u.value_${i} is distinct from ${thing.target}.${identifier(field)})`,
  );
  await session.run(
    `update ${thing.target} set ${[...sets, ...derived].map(({ field, value }) => `${identifier(field)} = ${value}`).join(', ')}
     from (select key, ${pivoted.join(', ')} from (
         select ${log.key} as key, field, (max(struct_pack(f := valid_from, v := value))).v as value
         from core.${log.table} where ${log.key} in (${keys}) group by all) group by key) u
     where ${thing.target}.${log.key} = u.key and (${differs.join(' or ')})`,
  );
}

function fieldsOf(thing: Contract): readonly string[] {
  return thing.history?.fields ?? [];
}
