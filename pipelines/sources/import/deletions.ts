import type { Warehouse } from '../../../data/owner/warehouse.ts';
import { inTransaction, type Session } from '../../../data/owner/session.ts';
import type { Contract } from '../../load/contracts/contract.ts';
import { contractOf } from '../../load/contracts/index.ts';
import { loadTable } from '../../load/load.ts';
import type { Scratch } from '../../load/scratch.ts';
import { identifier, literal } from '../../load/sql.ts';
import { columnsOf, deletedIn, type StagedTables } from './load-sql.ts';
import type { Load } from './mapping.ts';
import { nowOf } from './run-load.ts';

/** Things that facts refer to: their id stays, so that joins find it. */
const emptied = ['contacts', 'companies'];

/**
 * Takes out of ours what the system says is deleted and what it brought before. A contact or company is emptied: its id stays, with
 * nothing to know it or write to it by, and `contact_changes` keeps what it was. Anything else goes to `history.<table>`.
 * @returns rows that were taken out now
 */
export async function applyDeletions(
  warehouse: Warehouse,
  system: string,
  load: Load,
  tables: StagedTables,
  scratch: Scratch,
): Promise<number> {
  const contract = contractOf(load.target);
  const keys = deletedKeysSql(load, contract, tables);
  if (keys === undefined) return 0;
  if (emptied.includes(load.target)) return emptyThings(warehouse, system, contract, keys, scratch);
  const now = nowOf(warehouse);
  return warehouse.loads.exclusive((session) =>
    inTransaction(session, () => removeRows(session, system, contract, keys, now)),
  );
}

/** A SELECT of the keys that the export marks deleted and does not have besides, and when it last changed them. */
function deletedKeysSql(load: Load, contract: Contract, tables: StagedTables): string | undefined {
  const deletions = (load.skips ?? []).filter((skip) => skip.isDeletion);
  const staged = tables.get(load.from);
  if (deletions.length === 0 || !staged || load.query) return undefined;
  const column = columnsOf({ ...load, joins: [] }, tables);
  const valueOf = (name: string) => `cast(${load.fields?.[name]?.sql(column) ?? 'null'} as varchar)`;
  const keys = contract.key.map((name) => `${valueOf(name)} as ${identifier(name)}`).join(', ');
  const names = contract.key.map(identifier).join(', ');
  const from = `read_parquet(${literal(staged.path)}) s`;
  const either = (skips: typeof deletions) =>
    skips.map(({ when }) => `coalesce(${when(column)}, false)`).join(' or ');
  return `select ${names}, max(deleted_at) as deleted_at from (
      select ${keys}, try_cast(${valueOf('updated_at')} as timestamp) as deleted_at from ${from} where ${either(deletions)}) d
    anti join (select ${keys} from ${from} where not (${either([...(load.skips ?? [])])})) k using (${names})
    group by ${names}`;
}

async function removeRows(
  session: Session,
  system: string,
  contract: Contract,
  keys: string,
  now: string,
): Promise<number> {
  const matches = contract.key.map((name) => `t.${identifier(name)} = k.${identifier(name)}`).join(' and ');
  const gone = `select t.rowid from ${contract.target} t join (${keys}) k on ${matches} where t.source = ${literal(system)}`;
  const history = contract.target.replace(/^core\./, 'history.');
  await session.run(
    `insert into ${history} by name select *, $1::timestamp as superseded_at from ${contract.target} where rowid in (${gone})`,
    [now],
  );
  return session.run(`delete from ${contract.target} where rowid in (${gone})`);
}

async function emptyThings(
  warehouse: Warehouse,
  system: string,
  contract: Contract,
  keys: string,
  scratch: Scratch,
): Promise<number> {
  const path = scratch.file('.parquet');
  const key = identifier(contract.key[0] ?? '');
  const count = await warehouse.loads.exclusive(async (session) => {
    await session.run(
      `copy (select ${emptyColumns(contract, system).join(', ')} from ${contract.target} t join (${keys}) k on k.${key} = t.${key}
         where t.source = ${literal(system)} ${contract.table === 'contacts' ? 'and not t.is_stub' : ''})
       to ${literal(path)} (format parquet)`,
    );
    return session.one<{ rows: number }>(`select count(*)::int as rows from read_parquet(${literal(path)})`);
  });
  if ((count?.rows ?? 0) === 0) return 0;
  const result = await loadTable(warehouse, {
    table: contract.table,
    source: system,
    files: [{ path, name: `deleted in ${system}` }],
  });
  return result.rows_updated;
}

function emptyColumns(contract: Contract, system: string): string[] {
  const key = contract.key[0] ?? '';
  return contract.columns
    .filter((column) => !column.derivedFrom)
    .map(({ name, type }) => {
      if (name === key) return `t.${identifier(name)}`;
      // Companies show their id where they have no name, as those do that nothing is known of.
      if (contract.table === 'companies' && name === 'name') return `t.${identifier(key)} as name`;
      // As of when the system last changed it, so that the same row undeleted is not older than its deletion.
      if (name === 'updated_at') return `cast(greatest(k.deleted_at, t.updated_at) as varchar) as updated_at`;
      if (name === 'created_at') return `cast(t.created_at as varchar) as created_at`;
      if (type !== 'JSON') return `cast(null as varchar) as ${identifier(name)}`;
      // A null takes a value away; what is not named would stay.
      return `cast(to_json(map_from_entries(list_append(
        list_transform(list_filter(coalesce(json_keys(t.${name}), []), lambda k: k <> ${literal(deletedIn)}), lambda k: {'k': k, 'v': cast(null as varchar)}),
        {'k': ${literal(deletedIn)}, 'v': ${literal(system)}}))) as varchar) as ${name}`;
    });
}
