import type { Session } from '../../data/owner/session.ts';
import { canonicalsSql } from './canonicals.ts';
import { Groups } from './groups.ts';

/** What was decided about two contacts, and why; a row of core.contact_merges. */
export interface Decision {
  contact_id: string;
  other_contact_id: string;
  decision: 'same' | 'different';
  /** What decided: `shared_email`, `shared_phone`, `shared_source_id`, `manual`, `unmerge`, `hubspot_merge_audit` … */
  rule: string;
  /** SHA-256 of the shared key, or a reference into the source; never the key itself. */
  evidence: string | null;
  source: string;
  recorded_by: string | null;
}

const decisionType = `'[{"contact_id":"VARCHAR","other_contact_id":"VARCHAR","decision":"VARCHAR","rule":"VARCHAR",
  "evidence":"VARCHAR","source":"VARCHAR","recorded_by":"VARCHAR"}]'`;
const rowsAtOnce = 50_000;

/** The decisions that stand: who is one person by them, and who is kept apart. */
export async function readGroups(session: Session): Promise<Groups> {
  const groups = new Groups();
  const pairs = await session.rows<{ a: string; b: string; decision: string }>(
    `select contact_id as a, other_contact_id as b, decision from core.contact_merges where undone_at is null`,
  );
  for (const { a, b, decision } of pairs) if (decision === 'same') groups.join(a, b);
  for (const { a, b, decision } of pairs) if (decision === 'different') groups.keepApart(a, b);
  return groups;
}

/** Appends decisions. @param at UTC timestamp as text */
export async function writeDecisions(tx: Session, decisions: readonly Decision[], at: string): Promise<void> {
  for (let from = 0; from < decisions.length; from += rowsAtOnce) {
    await tx.run(
      `insert into core.contact_merges (merge_id, contact_id, other_contact_id, decision, rule, evidence, recorded_by, source, recorded_at)
       select left(sha256(concat_ws(chr(10), contact_id, other_contact_id, decision, rule, coalesce(evidence, ''), $2)), 24),
         contact_id, other_contact_id, decision, rule, evidence, recorded_by, source, $2::timestamp
       from (select unnest(from_json($1, ${decisionType}), recursive := true))`,
      [JSON.stringify(decisions.slice(from, from + rowsAtOnce)), at],
    );
  }
}

/**
 * Brings core.contact_canonicals to what the standing decisions say: rows that no longer hold are closed, new ones appended.
 * The canonical of a group: a described contact before a stub before an id without a contact, then the first created, then
 * the smallest id; so neither the order of decisions nor their number matters.
 * @returns how many contacts stand for another now, how many rows were closed and appended
 */
export async function refreshCanonicals(
  tx: Session,
  groups: Groups,
  at: string,
): Promise<{ merged: number; closed: number; opened: number }> {
  await tx.run('create or replace temp table identity_members (contact_id varchar, group_number integer)');
  const members = groups.groups().flatMap((ids, index) => ids.map((id) => ({ id, group: index })));
  for (let from = 0; from < members.length; from += rowsAtOnce) {
    await tx.run(
      `insert into identity_members select id, "group"
       from (select unnest(from_json($1, '[{"id":"VARCHAR","group":"INTEGER"}]'), recursive := true))`,
      [JSON.stringify(members.slice(from, from + rowsAtOnce))],
    );
  }
  await tx.run(
    `create or replace temp table identity_canonicals as
     with known as (
       select contact_id, bool_and(is_stub) as is_stub, min(created_at) as created_at from core.contacts
       where contact_id in (select contact_id from identity_members) group by contact_id),
     chosen as (
       select m.contact_id, first_value(m.contact_id) over (
           partition by m.group_number order by k.contact_id is null, k.is_stub, k.created_at nulls last, m.contact_id) as canonical
       from identity_members m left join known k on k.contact_id = m.contact_id)
     select contact_id, canonical from chosen where contact_id <> canonical`,
  );
  const closed = await tx.run(
    `update core.contact_canonicals set superseded_at = $1::timestamp
     where superseded_at is null and not exists (from identity_canonicals i
       where i.contact_id = contact_canonicals.contact_id and i.canonical = contact_canonicals.canonical_contact_id)`,
    [at],
  );
  const opened = await tx.run(
    `insert into core.contact_canonicals (contact_id, canonical_contact_id, recorded_at)
     select contact_id, canonical, $1::timestamp from identity_canonicals
     where contact_id not in (select contact_id from ${canonicalsSql}) order by contact_id`,
    [at],
  );
  const count = await tx.one<{ merged: number }>('select count(*)::int as merged from identity_canonicals');
  await tx.run('drop table temp.identity_members');
  await tx.run('drop table temp.identity_canonicals');
  return { merged: count?.merged ?? 0, closed, opened };
}
