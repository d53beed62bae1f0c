import type { Session } from '../../data/owner/session.ts';
import type { Contract } from './contracts/contract.ts';
import type { Landing } from './landing.ts';
import { identifier, literal } from './sql.ts';

/**
 * Makes the keys of a landing's good rows distinct:
 * - rows that brought no id are numbered among their identical ones: every one of them is a row of its own;
 * - rows that are equal to the letter collapse to one;
 * - of rows with one key and different values the one with the latest `updated_at` stays, else the last in the file; the
 *   others get a fault, so that they land in `raw.rejects`. In a log they collapse.
 * @returns how many rows collapsed
 */
export async function settleDuplicates(
  session: Session,
  contract: Contract,
  landing: Landing,
): Promise<number> {
  if (await hasDistinctKeys(session, contract, landing)) return 0;
  if (contract.contentKey) {
    await numberIdenticalRows(session, contract, landing);
    if (await hasDistinctKeys(session, contract, landing)) return 0;
  }
  return collapse(session, contract, landing);
}

function keyHash(contract: Contract): string {
  return `hash(${contract.key.map(identifier).join(', ')})`;
}

/** Distinct hashes prove distinct keys, in half the time of comparing the keys themselves. */
async function hasDistinctKeys(session: Session, contract: Contract, landing: Landing): Promise<boolean> {
  const counted = await session.one<{ is_distinct: boolean }>(
    `select count(distinct ${keyHash(contract)}) = count(*) as is_distinct from ${landing.table} where _faults is null`,
  );
  return counted?.is_distinct ?? true;
}

function shared(contract: Contract, landing: Landing): string {
  return `_faults is null and ${keyHash(contract)} in
    (select ${keyHash(contract)} from ${landing.table} where _faults is null group by 1 having count(*) > 1)`;
}

async function numberIdenticalRows(session: Session, contract: Contract, landing: Landing): Promise<void> {
  const key = identifier(contract.key[0] ?? '');
  await session.run(
    `update ${landing.table} set ${key} = ${key} || '-' || numbered.ordinal
     from (select rowid as id, row_number() over (partition by ${key} order by rowid) as ordinal
           from ${landing.table} where _has_content_key and ${shared(contract, landing)}) numbered
     where ${landing.table}.rowid = numbered.id and numbered.ordinal > 1`,
  );
}

async function collapse(session: Session, contract: Contract, landing: Landing): Promise<number> {
  const { table, columns } = landing;
  const key = contract.key.map(identifier).join(', ');
  const latest = columns.includes('updated_at') ? 'updated_at desc nulls last, ' : '';
  const row = `struct_pack(${columns.map((name) => `${identifier(name)} := ${identifier(name)}::varchar`).join(', ')})`;
  const settled = `${table}_settled`;
  try {
    await session.run(
      `create temp table ${settled} as
       select rowid as id, row_number() over of_key as position, ${row} is not distinct from first_value(${row}) over of_key as is_same
       from ${table} where ${shared(contract, landing)}
       window of_key as (partition by ${key} order by ${latest}rowid desc)`,
    );
    const goes = contract.kind === 'log' ? 'true' : 'is_same';
    const collapsed = await session.run(
      `delete from ${table} where rowid in (select id from ${settled} where position > 1 and ${goes})`,
    );
    const keyText = contract.key.map((name) => `cast(${identifier(name)} as varchar)`).join(', ');
    const reason = `duplicate_key: another row of the file has the same ${contract.key.join(', ')} and other values`;
    await session.run(
      `update ${table} set _faults = cast(to_json([{column_name: ${literal(contract.key.join(', '))}, value: concat_ws(', ', ${keyText}), reason: ${literal(reason)}}]) as varchar)
       where rowid in (select id from ${settled} where position > 1 and not (${goes}))`,
    );
    return collapsed;
  } finally {
    await session.run(`drop table if exists ${settled}`);
  }
}
