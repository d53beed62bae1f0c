import type { Session } from '../../data/owner/session.ts';
import { canonicalsSql } from '../identity/canonicals.ts';

/**
 * The diff of an evaluation against the open memberships. Both sides become one row per contact with a bit per segment, so
 * that what is compared is contacts, not pairs, and only what moved is ever unpivoted. Of 400,000 contacts in 100 segments
 * (3.6M memberships) unpivoting and an outer join of the pairs took 2.4 s of processor time, this 1.0 s.
 *
 * Persons are compared, not records: an open membership counts for the canonical of the contact it was recorded for, so a merge
 * makes nobody enter or leave, and after an unmerge it is that contact's again. Who enters is recorded by the canonical's id;
 * who leaves, by every id that was in, so that the log of each id stays true by itself.
 */
const bitsPerWord = 62;

/** One segment of the diff and its boolean column in the evaluation; 'false' empties the segment. */
export interface DiffColumn {
  segment_id: string;
  version: number;
  column: string;
}

export interface DiffStamp {
  runId: string;
  /** UTC timestamps as text. */
  asOf: string;
  at: string;
}

/** Moves per segment; segments without a move are absent. */
export interface Moves {
  segment_id: string;
  entered_count: number;
  left_count: number;
}

/**
 * Brings `ops.segment_memberships_open` to what `evaluationSql` says and appends the difference to `ops.segment_changes`.
 * Runs in the caller's transaction on the build lane. Segments not in `columns` are left alone. For many contacts call
 * `findMoves` and `recordMoves` in a transaction each, and `forgetMoves` after.
 * @param among see `findMoves`
 */
export async function applyDiff(
  tx: Session,
  evaluationSql: string,
  columns: readonly DiffColumn[],
  stamp: DiffStamp,
  among?: string,
): Promise<Moves[]> {
  await findMoves(tx, evaluationSql, columns, among);
  const moves = await recordMoves(tx, stamp);
  await forgetMoves(tx);
  return moves;
}

/**
 * Finds who enters and leaves, and writes nothing but temporary tables of the session.
 * @param columns at least one
 * @param among a relation with a `contact_id`: only these contacts are compared, and `evaluationSql` yields no others. It has
 *   every record of a person or none. Default: everybody
 */
export async function findMoves(
  session: Session,
  evaluationSql: string,
  columns: readonly DiffColumn[],
  among?: string,
): Promise<void> {
  const words = wordsOf(columns);
  await session.run(`create or replace temp table segment_bits as ${bitsSql(words)}`, [bitsJson(columns)]);
  const anyMerged = await wasAnyMerged(session);
  await session.run(
    `create or replace temp table segment_moves as ${movesSql(evaluationSql, columns, words, anyMerged, among)}`,
  );
  const leavers = anyMerged
    ? `select b.segment_id, b.version, o.contact_id, m.contact_id as person_id, false from ${pairs('l', words)}
       join (${openSql(among)}) o on o.segment_id = b.segment_id and o.person_id = m.contact_id`
    : `select b.segment_id, b.version, m.contact_id, m.contact_id, false from ${pairs('l', words)}`;
  await session.run(
    `create or replace temp table segment_move_pairs as
     select b.segment_id, b.version, m.contact_id, m.contact_id as person_id, true as is_entry from ${pairs('e', words)}
     union all ${leavers}`,
  );
}

/**
 * Records what `findMoves` found. In a transaction of its own, DuckDB copies it by all cores: of a table of the same
 * transaction by one.
 *
 * Nobody's change is put before a later one of theirs: who was evaluated again since `asOf` (touched/), and moved, keeps what
 * that found.
 */
export async function recordMoves(tx: Session, { runId, asOf, at }: DiffStamp): Promise<Moves[]> {
  await tx.run(
    `delete from segment_move_pairs p using (from ops.segment_changes where changed_at > $1::timestamp) c
     where c.segment_id = p.segment_id and c.contact_id = p.contact_id`,
    [asOf],
  );
  const moves = await tx.rows<Moves>(
    `select segment_id, count(*) filter (is_entry)::int as entered_count, count(distinct person_id) filter (not is_entry)::int as left_count
     from segment_move_pairs group by segment_id`,
  );
  if (moves.length > 0) await writeMoves(tx, moves, { runId, asOf, at });
  return moves;
}

/** Drops what `findMoves` made, where it is there. */
export async function forgetMoves(session: Session): Promise<void> {
  for (const table of ['segment_bits', 'segment_moves', 'segment_move_pairs'])
    await session.run(`drop table if exists temp.${table}`);
}

/**
 * What `applyDiff` would move, counted in one SELECT that writes nothing. Segments without a move are absent.
 * @param columns at least one
 */
export async function countMoves(
  session: Session,
  evaluationSql: string,
  columns: readonly DiffColumn[],
): Promise<Moves[]> {
  const words = wordsOf(columns);
  return session.rows<Moves>(
    `with segment_bits as materialized (${bitsSql(words)}),
       segment_moves as materialized (${movesSql(evaluationSql, columns, words, await wasAnyMerged(session))})
     select segment_id, count(*) filter (is_entry)::int as entered_count, count(*) filter (not is_entry)::int as left_count
     from (select b.segment_id, true as is_entry from ${pairs('e', words)}
       union all select b.segment_id, false from ${pairs('l', words)})
     group by segment_id`,
    [bitsJson(columns)],
  );
}

/**
 * One INSERT a table, never an empty one, and each from a plain scan. Inserting straight from the join of bits, which runs in
 * parallel and may find nothing, made DuckDB 1.5.6 lose rows: where a transaction of more than a row group (122,880 rows) also
 * has an empty INSERT of that kind into the same table, what is appended to it later is not seen until the file is reopened.
 */
async function writeMoves(
  tx: Session,
  moves: readonly Moves[],
  { runId, asOf, at }: DiffStamp,
): Promise<void> {
  await tx.run(
    `insert into ops.segment_changes (segment_id, contact_id, change, changed_at, version, run_id, recorded_at)
     select segment_id, contact_id, case when is_entry then 'entered' else 'left' end, $1::timestamp, version, $2, $3::timestamp
     from segment_move_pairs`,
    [asOf, runId, at],
  );
  if (moves.some(({ left_count: left }) => left > 0)) {
    await tx.run(
      `delete from ops.segment_memberships_open o using segment_move_pairs p
       where not p.is_entry and o.segment_id = p.segment_id and o.contact_id = p.contact_id`,
    );
  }
  if (moves.some(({ entered_count: entered }) => entered > 0)) {
    await tx.run(
      `insert into ops.segment_memberships_open (segment_id, contact_id, entered_at, valid_until, run_id)
       select segment_id, contact_id, $1::timestamp, null, $2 from segment_move_pairs where is_entry`,
      [asOf, runId],
    );
  }
}

function wordsOf(columns: readonly DiffColumn[]): number[] {
  return Array.from({ length: Math.ceil(columns.length / bitsPerWord) }, (_, word) => word);
}

/** Where nobody ever was merged, as in most of the first builds, nothing is looked up. */
async function wasAnyMerged(session: Session): Promise<boolean> {
  return (await session.one('select 1 from core.contact_canonicals limit 1')) !== undefined;
}

/** `(segment_id, version, b0, b1, …)` of the segments in `$1`: the bit of each, in the word that has it. */
function bitsSql(words: readonly number[]): string {
  const bits = words.map(
    (word) =>
      `case when position // ${bitsPerWord} = ${word} then 1::bigint << (position % ${bitsPerWord}) else 0 end as b${word}`,
  );
  return `select segment_id, version, ${bits.join(', ')}
     from (select unnest(from_json($1, '[{"segment_id": "VARCHAR", "version": "INTEGER", "position": "INTEGER"}]'), recursive := true))`;
}

function bitsJson(columns: readonly DiffColumn[]): string {
  return JSON.stringify(
    columns.map(({ segment_id, version }, position) => ({ segment_id, version, position })),
  );
}

/** The open memberships to compare with. */
function openOf(among: string | undefined): string {
  const open = 'ops.segment_memberships_open';
  return among === undefined ? open : `(from ${open} where contact_id in (select contact_id from ${among}))`;
}

/** These, each with whose it is now. */
function openSql(among: string | undefined): string {
  return `select o.segment_id, o.contact_id, coalesce(k.canonical_contact_id, o.contact_id) as person_id
    from ${openOf(among)} o left join ${canonicalsSql} k on k.contact_id = o.contact_id`;
}

/**
 * Of each contact that moved: the bits of what it entered (`e…`) and left (`l…`).
 *
 * The marts may be older than the last merge or unmerge. What they say of a merged contact counts for its canonical; and a
 * contact that was merged once and that they do not know by itself yet is not judged before the next build.
 */
function movesSql(
  evaluationSql: string,
  columns: readonly DiffColumn[],
  words: readonly number[],
  anyMerged: boolean,
  among?: string,
): string {
  const mask = (word: number) =>
    columns
      .slice(word * bitsPerWord, (word + 1) * bitsPerWord)
      .map(({ column }, bit) => `case when ${column} then ${1n << BigInt(bit)}::bigint else 0::bigint end`)
      .join(' | ');
  const masks = words.map((word) => `(${mask(word)}) as w${word}`);
  const olds = words.map((word) => `bit_or(b.b${word}) as w${word}`);
  const both = (word: number) => [`coalesce(n.w${word}, 0)`, `coalesce(o.w${word}, 0)`] as const;
  const moved = words.flatMap((word) => {
    const [now, before] = both(word);
    return [`${now} & ~${before} as e${word}`, `${before} & ~${now} as l${word}`];
  });
  const differs = words.map((word) => both(word).join(' <> ')).join(' or ');
  if (!anyMerged) {
    return `
    with now_in as (select contact_id, ${masks.join(', ')} from (${evaluationSql})),
      before_in as (
        select o.contact_id, ${olds.join(', ')}
        from ${openOf(among)} o join segment_bits b using (segment_id) group by o.contact_id)
    select contact_id, ${moved.join(', ')} from now_in n full join before_in o using (contact_id) where ${differs}`;
  }
  const either = words.map((word) => `bit_or(w${word}) as w${word}`).join(', ');
  return `
    with evaluated as (select contact_id, ${masks.join(', ')} from (${evaluationSql})),
      now_in as (
        select coalesce(k.canonical_contact_id, e.contact_id) as contact_id, ${either}
        from evaluated e left join ${canonicalsSql} k on k.contact_id = e.contact_id group by 1),
      before_in as (
        select o.person_id as contact_id, ${olds.join(', ')} from (${openSql(among)}) o join segment_bits b using (segment_id) group by 1),
      parted as (
        select k.contact_id from core.contact_canonicals k semi join core.contacts c on c.contact_id = k.contact_id
        where k.superseded_at is not null)
    select contact_id, ${moved.join(', ')} from now_in n full join before_in o using (contact_id)
    where (${differs}) and not (n.contact_id is null and o.contact_id in (select contact_id from parted))`;
}

/** The moves of one side as pairs of segment (`b`) and contact (`m`). */
function pairs(side: 'e' | 'l', words: readonly number[]): string {
  const anyBit = words.map((word) => `(m.${side}${word} & b.b${word}) <> 0`).join(' or ');
  return `segment_moves m join segment_bits b on ${anyBit}`;
}
