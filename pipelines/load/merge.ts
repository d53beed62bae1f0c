import type { Session } from '../../data/owner/session.ts';
import type { Contract } from './contracts/contract.ts';
import { assertStoredValues, changedThing, foldChanges } from './fold.ts';
import { changeLogOf, describedAt, hasStubs, recordChanges, sameJson } from './history.ts';
import { defaultSql } from './landing-sql.ts';
import { timeOrderSql } from './order.ts';
import { identifier, literal } from './sql.ts';
import { keepVersions } from './versions.ts';

export interface MergeCounts {
  inserted: number;
  updated: number;
  unchanged: number;
}

interface Landed {
  table: string;
  columns: readonly string[];
}

/**
 * Brings a landing's good rows into their table, by key: new rows are inserted, rows that differ in a column of the file
 * are updated, the others left alone. A column that the file does not have keeps its value; an empty one loses it.
 * What was known before stays readable: of contacts, companies and deals field by field (history.ts), of other tables as
 * whole rows in `history`.
 *
 * Keys are looked up in the whole table: bounding the look-up by time would be quicker on a small load, but would not
 * find an event whose time is what is being corrected, and load it twice.
 */
export async function mergeLanding(
  session: Session,
  contract: Contract,
  landing: Landed,
  stamp: { source: string; now: string },
): Promise<MergeCounts> {
  const matched = `${landing.table}_matched`;
  const changed = `${landing.table}_changed`;
  await session.run(
    `create temp table ${matched} as select l.rowid as id, t.rowid as target_id
     from ${landing.table} l join ${contract.target} t on ${sameKey(contract, 't', 'l')} where l._faults is null ${sameIfSql(contract, landing)}`,
  );
  const found = await session.one<{ count: number; low: bigint; high: bigint }>(
    `select count(distinct id)::int as count, min(target_id) as low, max(target_id) as high from ${matched}`,
  );
  const thing = changedThing(contract);
  if (thing) await assertStoredValues(session, thing, landing, stamp.now);
  const count = found?.count ?? 0;
  let updated = 0;
  if (found && count > 0 && contract.kind !== 'log') {
    const differing = differences(contract, landing);
    await session.run(
      `create temp table ${changed} as select m.id, m.target_id from ${matched} m
       join ${contract.target} t on t.rowid = m.target_id join ${landing.table} l on l.rowid = m.id
       where t.rowid between ${found.low} and ${found.high} and (${differing.join(' or ') || 'false'})`,
    );
    updated = await correct(session, contract, landing, changed, stamp);
    await session.run(`drop table ${changed}`);
  }
  const inserted = await insert(session, contract, landing, count > 0 ? matched : undefined, stamp);
  if (contract.history) await joinHistory(session, contract, landing, matched, stamp);
  if (thing)
    await foldChanges(
      session,
      thing,
      `select ${contract.key[0]} from ${landing.table} where _faults is null`,
    );
  await session.run(`drop table ${matched}`);
  return { inserted, updated, unchanged: count - updated };
}

/** Updates the rows that differ, keeping what they were. Answers how many of the landing's rows said something new. */
async function correct(
  session: Session,
  contract: Contract,
  landing: Landed,
  changed: string,
  stamp: { source: string; now: string },
): Promise<number> {
  // Distinct: another lane may have appended the same event twice, and both are corrected.
  const pending = await session.one<{ count: number }>(
    `select count(distinct id)::int as count from ${changed}`,
  );
  if (!pending || pending.count === 0) return 0;
  if (!contract.history) {
    await keepVersions(session, contract, `select target_id from ${changed}`, stamp.now);
    await update(session, contract, landing, changed, undefined, stamp);
    return pending.count;
  }
  const { updated, held } = await recordChanges(session, contract, landing, changed, stamp);
  await update(session, contract, landing, changed, held, stamp);
  if (held) await session.run(`drop table ${held}`);
  return updated;
}

/** New rows whose history was there before them, loaded first or left by a deleted row: see `recordChanges`. */
async function joinHistory(
  session: Session,
  contract: Contract,
  landing: Landed,
  matched: string,
  stamp: { source: string; now: string },
): Promise<void> {
  const { table, key } = changeLogOf(contract);
  const first = `${landing.table}_first`;
  await session.run(
    `create temp table ${first} as select l.rowid as id, t.rowid as target_id
     from ${landing.table} l join ${contract.target} t on t.${key} = l.${key}
     where l._faults is null and l.rowid not in (select id from ${matched})
       and l.${key} in (select ${key} from core.${table})`,
  );
  if (await session.one(`select 1 from ${first} limit 1`)) {
    // What it holds back is in the rows already: the history's newest is brought into them next.
    const { held } = await recordChanges(session, contract, landing, first, stamp, true);
    if (held) await session.run(`drop table ${held}`);
    await foldChanges(
      session,
      contract,
      `select l.${key} from ${landing.table} l join ${first} f on f.id = l.rowid`,
    );
  }
  await session.run(`drop table ${first}`);
}

/** Deletes the rows of a source that none of its landings has. */
export async function deleteOthers(
  session: Session,
  contract: Contract,
  landings: readonly Landed[],
  stamp: { source: string; now: string },
): Promise<number> {
  const keys = contract.key.map(identifier).join(', ');
  const kept = landings
    .map(({ table }) => `select ${keys} from ${table} where _faults is null`)
    .join(' union all ');
  const gone = `select t.rowid from ${contract.target} t anti join (${kept}) l on ${sameKey(contract, 't', 'l')}
    where t.source = ${literal(stamp.source)}`;
  await keepVersions(session, contract, gone, stamp.now);
  return session.run(`delete from ${contract.target} where rowid in (${gone})`);
}

function sameKey(contract: Contract, left: string, right: string): string {
  return contract.key
    .map((name) => {
      const column = contract.columns.find((one) => one.name === name);
      // A hash join takes both; only what may be null needs the second.
      const operator = column?.required || contract.key.length === 1 ? '=' : 'is not distinct from';
      return `${left}.${identifier(name)} ${operator} ${right}.${identifier(name)}`;
    })
    .join(' and ');
}

function sameIfSql({ sameIf }: Contract, { columns }: Landed): string {
  return sameIf?.columns.every((name) => columns.includes(name)) ? `and ${sameIf.sql('t', 'l')}` : '';
}

/** What a matched row has after the load, where that is not simply the file's value. */
function updatedValue(contract: Contract, name: string): string {
  const column = contract.columns.find((one) => one.name === name);
  if (column?.type === 'JSON')
    return attributes(`json_merge_patch(coalesce(t.${name}, '{}'), coalesce(l.${name}, '{}'))`);
  // The file knows the address only; a contact found for it once stays.
  if (contract.resolvesContact && name === 'contact_id') return `coalesce(l.${name}, t.${name})`;
  return `l.${identifier(name)}`;
}

function attributes(merged: string): string {
  return `nullif(cast(${merged} as varchar), '{}')::json`;
}

function differences(contract: Contract, landing: Landed): string[] {
  const compared = landing.columns.filter((name) => !contract.key.includes(name));
  const conditions = compared.map((name) => {
    const value = updatedValue(contract, name);
    const column = contract.columns.find((one) => one.name === name);
    if (column?.type !== 'JSON') return `t.${identifier(name)} is distinct from ${value}`;
    return `not ${sameJson(`t.${name}`, value)}`;
  });
  return hasStubs(contract) ? [...conditions, `${describedAt(contract, 't')} is null`] : conditions;
}

/** @param held a table of target_id and fields: columns of a row that keep their value (history.ts) */
function update(
  session: Session,
  contract: Contract,
  landing: Landed,
  changed: string,
  held: string | undefined,
  stamp: { source: string; now: string },
): Promise<unknown> {
  const columns = landing.columns.filter((name) => !contract.key.includes(name));
  const values = columns.map((name) => {
    const value = updatedValue(contract, name);
    const kept = held
      ? `case when list_contains(h.fields, ${literal(heldAs(contract, name))}) then t.${identifier(name)} else ${value} end`
      : value;
    return `${kept} as ${identifier(name)}`;
  });
  const sets = columns.map((name) => `${identifier(name)} = u.${identifier(name)}`);
  if (contract.target === 'core.contacts') sets.push('is_stub = false');
  if (hasStubs(contract)) sets.push('described_at = coalesce(described_at, $now::timestamp)');
  // A corrected row is known only now; of contacts, companies and deals the history says what is new.
  else if (!contract.history) sets.push('recorded_at = $now::timestamp');
  return session.run(
    `update ${contract.target} set ${[...sets, 'source = $source'].join(', ')}
     from (select ${['c.target_id', ...values].join(', ')} from ${changed} c
           join ${contract.target} t on t.rowid = c.target_id join ${landing.table} l on l.rowid = c.id
           ${held ? `left join ${held} h on h.target_id = c.target_id` : ''}) u
     where ${contract.target}.rowid = u.target_id`,
    contract.history && !hasStubs(contract)
      ? { source: stamp.source }
      : { source: stamp.source, now: stamp.now },
  );
}

/** A derived column is kept with the one it is derived from. */
function heldAs(contract: Contract, name: string): string {
  return contract.columns.find((column) => column.name === name)?.derivedFrom?.column ?? name;
}

async function insert(
  session: Session,
  contract: Contract,
  landing: Landed,
  matched: string | undefined,
  stamp: { source: string; now: string },
): Promise<number> {
  const stored = contract.columns.filter((column) => !column.isInputOnly);
  const filled = stored.filter(
    (column) => landing.columns.includes(column.name) || column.default !== undefined,
  );
  const values = filled.map((column) => {
    if (!landing.columns.includes(column.name)) return defaultSql(column.default ?? 'null', stamp.now);
    const name = `l.${identifier(column.name)}`;
    return column.type === 'JSON' ? attributes(`json_merge_patch('{}', coalesce(${name}, '{}'))`) : name;
  });
  const described = hasStubs(contract) ? ', described_at' : '';
  const others = matched ? `and l.rowid not in (select id from ${matched})` : '';
  return session.run(
    `insert into ${contract.target} (${filled.map((column) => identifier(column.name)).join(', ')}, source, recorded_at${described})
     select ${values.join(', ')}, $source, $now::timestamp${described && ', $now::timestamp'} from ${landing.table} l where l._faults is null ${others}
     ${await timeOrderSql(session, contract, landing)}`,
    { source: stamp.source, now: stamp.now },
  );
}
