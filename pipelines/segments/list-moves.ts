import type { Session } from '../../data/owner/session.ts';
import { canonicalsSql } from '../identity/canonicals.ts';
import type { ListMode } from './list-input.ts';

export interface ListMoves {
  /** Persons that were named and are known. */
  matched: number;
  /** Of these, who was on the list before. */
  already: number;
  added: number;
  removed: number;
  /** Of the segment, with these moves. */
  version: number;
}

export interface ListStamp {
  /** UTC timestamps as text. From when on the moves count, but never before an earlier change of the list: */
  asOf: string;
  at: string;
}

/**
 * Brings the list of a segment to what `namedSql` says, which yields `contact_id`, and appends what changed to
 * `ops.segment_list_changes`. In the caller's transaction on the build lane.
 *
 * Persons are compared, not records: a list may have two records of one person from before their merge. Who is added is
 * recorded by the canonical's id; who is removed, by every id that was on the list.
 */
export async function moveList(
  tx: Session,
  { segmentId, mode, namedSql }: { segmentId: string; mode: ListMode; namedSql: string },
  stamp: ListStamp,
): Promise<ListMoves> {
  await tx.run(
    `create or replace temp table list_named as
     select distinct coalesce(k.canonical_contact_id, n.contact_id) as contact_id
     from (${namedSql}) n left join ${canonicalsSql} k on k.contact_id = n.contact_id where n.contact_id is not null`,
  );
  await tx.run(
    `create or replace temp table list_before as
     select l.contact_id, coalesce(k.canonical_contact_id, l.contact_id) as person_id
     from (select contact_id from ops.segment_list_changes where segment_id = $1
       group by contact_id having count(*) filter (change = 'added') > count(*) filter (change = 'removed')) l
     left join ${canonicalsSql} k on k.contact_id = l.contact_id`,
    [segmentId],
  );
  await tx.run(`create or replace temp table list_moves as ${movesSql(mode)}`);
  const moves = await countMoves(tx, segmentId);
  // Never an empty INSERT, nor one straight from a join: see diff.ts.
  if (moves.added + moves.removed > 0) {
    await tx.run(
      `insert into ops.segment_list_changes (segment_id, contact_id, change, changed_at, version, recorded_at)
       select $1, contact_id, change, greatest($2::timestamp, (select max(changed_at) from ops.segment_list_changes where segment_id = $1)),
         $3::integer, $4::timestamp
       from list_moves`,
      [segmentId, stamp.asOf, moves.version, stamp.at],
    );
  }
  for (const table of ['list_named', 'list_before', 'list_moves']) await tx.run(`drop table temp.${table}`);
  return moves;
}

function movesSql(mode: ListMode): string {
  const entries = `select contact_id, 'added' as change from list_named
    where contact_id not in (select person_id from list_before)`;
  const leavers = (isNamed: boolean) =>
    `select contact_id, 'removed' as change from list_before
     where person_id ${isNamed ? '' : 'not '}in (select contact_id from list_named)`;
  if (mode === 'add') return entries;
  return mode === 'remove' ? leavers(true) : `${entries} union all ${leavers(false)}`;
}

/** The version counts on from the newest that the segment or its list has had, where anything changes or all is new. */
async function countMoves(tx: Session, segmentId: string): Promise<ListMoves> {
  const row = await tx.one<Omit<ListMoves, 'version'> & { last_version: number }>(
    `select (select count(*) from list_named)::int as matched,
       (select count(*) from list_named where contact_id in (select person_id from list_before))::int as already,
       (select count(*) from list_moves where change = 'added')::int as added,
       (select count(distinct b.person_id) from list_moves m join list_before b using (contact_id)
          where m.change = 'removed')::int as removed,
       greatest((select max(version) from ops.segments where segment_id = $1),
         (select max(version) from ops.segment_list_changes where segment_id = $1), 0)::int as last_version`,
    [segmentId],
  );
  const { last_version: last = 0, ...counts } = row ?? { matched: 0, already: 0, added: 0, removed: 0 };
  const isChanged = counts.added + counts.removed > 0 || last === 0;
  return { ...counts, version: last + (isChanged ? 1 : 0) };
}
