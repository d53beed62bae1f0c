import type { Session } from '../../data/owner/session.ts';
import type { Contract } from './contracts/contract.ts';
import { appendHistory } from './history.ts';
import { defaultSql } from './landing-sql.ts';
import { timeOrderSql } from './order.ts';
import { identifier } from './sql.ts';

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
     from ${landing.table} l join ${contract.target} t on ${sameKey(contract, 't', 'l')} where l._faults is null`,
  );
  const found = await session.one<{ count: number; low: bigint; high: bigint }>(
    `select count(distinct id)::int as count, min(target_id) as low, max(target_id) as high from ${matched}`,
  );
  const count = found?.count ?? 0;
  let updated = 0;
  if (found && count > 0 && contract.kind !== 'log') {
    const differing = differences(contract, landing);
    await session.run(
      `create temp table ${changed} as select m.id, m.target_id from ${matched} m
       join ${contract.target} t on t.rowid = m.target_id join ${landing.table} l on l.rowid = m.id
       where t.rowid between ${found.low} and ${found.high} and (${differing.join(' or ') || 'false'})`,
    );
    // Distinct: another lane may have appended the same event twice, and both are corrected.
    const pending = await session.one<{ count: number }>(
      `select count(distinct id)::int as count from ${changed}`,
    );
    updated = pending?.count ?? 0;
    if (updated > 0) {
      await appendHistory(session, contract, landing, changed, stamp);
      await update(session, contract, landing, changed, stamp);
    }
    await session.run(`drop table ${changed}`);
  }
  const inserted = await insert(session, contract, landing, count > 0 ? matched : undefined, stamp);
  await session.run(`drop table ${matched}`);
  return { inserted, updated, unchanged: count - updated };
}

/** Deletes the rows of a source that none of its landings has. */
export async function deleteOthers(
  session: Session,
  contract: Contract,
  landings: readonly Landed[],
  source: string,
): Promise<number> {
  const keys = contract.key.map(identifier).join(', ');
  const kept = landings
    .map(({ table }) => `select ${keys} from ${table} where _faults is null`)
    .join(' union all ');
  return session.run(
    `delete from ${contract.target} where rowid in
       (select t.rowid from ${contract.target} t anti join (${kept}) l on ${sameKey(contract, 't', 'l')} where t.source = $1)`,
    [source],
  );
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
    // Merging moves keys: only containment both ways says that nothing but their order differs.
    const [old, merged] = [`coalesce(t.${name}, '{}')`, `coalesce(${value}, '{}')`];
    return `not (json_contains(${old}, ${merged}) and json_contains(${merged}, ${old}))`;
  });
  return contract.target === 'core.contacts' ? [...conditions, 't.is_stub'] : conditions;
}

function update(
  session: Session,
  contract: Contract,
  landing: Landed,
  changed: string,
  stamp: { source: string; now: string },
): Promise<unknown> {
  const columns = landing.columns.filter((name) => !contract.key.includes(name));
  const values = columns.map((name) => `${updatedValue(contract, name)} as ${identifier(name)}`);
  const sets = columns.map((name) => `${identifier(name)} = u.${identifier(name)}`);
  if (contract.target === 'core.contacts') sets.push('is_stub = false');
  // A corrected fact is known only now; a thing has been known since its first load, its history says what is new.
  if (contract.kind === 'fact') sets.push('recorded_at = $now::timestamp');
  return session.run(
    `update ${contract.target} set ${[...sets, 'source = $source'].join(', ')}
     from (select ${['c.target_id', ...values].join(', ')} from ${changed} c
           join ${contract.target} t on t.rowid = c.target_id join ${landing.table} l on l.rowid = c.id) u
     where ${contract.target}.rowid = u.target_id`,
    contract.kind === 'fact' ? { source: stamp.source, now: stamp.now } : { source: stamp.source },
  );
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
  const others = matched ? `and l.rowid not in (select id from ${matched})` : '';
  return session.run(
    `insert into ${contract.target} (${filled.map((column) => identifier(column.name)).join(', ')}, source, recorded_at)
     select ${values.join(', ')}, $source, $now::timestamp from ${landing.table} l where l._faults is null ${others}
     ${await timeOrderSql(session, contract, landing)}`,
    { source: stamp.source, now: stamp.now },
  );
}
