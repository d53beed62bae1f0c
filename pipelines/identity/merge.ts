import { toTimestamp } from '../../data/clock.ts';
import { MallardError } from '../../data/errors.ts';
import type { Session } from '../../data/owner/session.ts';
import type { Warehouse } from '../../data/owner/warehouse.ts';
import { memberIdsSql } from './canonicals.ts';
import { readGroups, refreshCanonicals, writeDecisions, type Decision } from './decisions.ts';
import { rolledBack } from './dry-run.ts';
import { findContact } from './find-contact.ts';
import { mergedValuesSql, type SurvivorshipRule } from './survivorship.ts';

export type MergePair = Omit<Decision, 'decision' | 'recorded_by'> & { recorded_by?: string | null };

export interface RecordedMerges {
  /** New decisions. */
  recorded: number;
  /** Pairs that this rule and source had decided before, still standing or undone since: left alone. */
  known: number;
  /** Pairs that would join, perhaps through others, two that were decided to be different: not recorded. */
  kept_apart: number;
  /** Pairs of a contact with itself: nothing to decide. */
  itself: number;
}

/**
 * Records that pairs of contacts are one person, as another system has decided. Idempotent: a pair that the same rule and
 * source gave before is not recorded again, so what was unmerged here stays so when the source is imported again. Ids that have no contact (a CRM's
 * merge deletes one) are taken: their facts may come later.
 */
export function recordMerges(warehouse: Warehouse, pairs: readonly MergePair[]): Promise<RecordedMerges> {
  return warehouse.loads.transaction((tx) => recordMergesIn(tx, pairs, toTimestamp(warehouse.clock.now())));
}

/** `recordMerges` in a transaction of the loads lane. @param at UTC timestamp as text */
export async function recordMergesIn(
  tx: Session,
  pairs: readonly MergePair[],
  at: string,
): Promise<RecordedMerges> {
  const counts: RecordedMerges = { recorded: 0, known: 0, kept_apart: 0, itself: 0 };
  const groups = await readGroups(tx);
  const known = new Set(
    (
      await tx.rows<{ key: string }>(
        `select concat_ws(chr(10), rule, source, least(contact_id, other_contact_id), greatest(contact_id, other_contact_id)) as key
         from core.contact_merges where decision = 'same'`,
      )
    ).map(({ key }) => key),
  );
  const recorded: Decision[] = [];
  for (const pair of pairs) {
    const { contact_id: a, other_contact_id: b } = pair;
    const key = [pair.rule, pair.source, ...(a < b ? [a, b] : [b, a])].join('\n');
    if (a === b) counts.itself += 1;
    else if (known.has(key)) counts.known += 1;
    else if (groups.areApart(a, b)) counts.kept_apart += 1;
    else {
      known.add(key);
      groups.join(a, b);
      recorded.push({ ...pair, decision: 'same', recorded_by: pair.recorded_by ?? null });
    }
  }
  counts.recorded = recorded.length;
  if (recorded.length === 0) return counts;
  await writeDecisions(tx, recorded, at);
  await refreshCanonicals(tx, groups, at);
  return counts;
}

export interface MergedValue {
  field: string;
  value: string;
  /** The member that it comes from. */
  contact_id: string;
  rule: SurvivorshipRule;
}

export interface MergeOptions {
  recordedBy?: string | null | undefined;
  /** Decides, and writes nothing. Default false. */
  dryRun?: boolean | undefined;
}

export interface MergeResult {
  /** Which one stands for all. */
  canonical_contact_id: string;
  /** All ids of the person, sorted. */
  members: string[];
  values: MergedValue[];
  /** They were one person before; nothing was decided. */
  is_merged_already: boolean;
  /** Decisions that they are different, which this one takes back. */
  undone_different: number;
  dry_run: boolean;
}

/**
 * Decides that two contacts are one person (rule `manual`): a person's word, which takes back what kept any two of the joined
 * groups apart. Two that are one already are left as they are.
 * @param a, b ids or e-mail addresses, of merged contacts too
 * @throws `not_found`; `bad_request` where both are the same contact
 */
export async function mergeContacts(
  warehouse: Warehouse,
  a: string,
  b: string,
  options: MergeOptions = {},
): Promise<MergeResult> {
  const dryRun = options.dryRun ?? false;
  const at = toTimestamp(warehouse.clock.now());
  return rolledBack(warehouse.loads, dryRun, async (tx) => {
    const [first, second] = [await findContact(tx, a), await findContact(tx, b)];
    if (first === second) {
      throw new MallardError('bad_request', `${a} and ${b} are the same contact, ${first}.`, {
        fields: { contact_id: first },
        remedy: 'Name two different contacts.',
      });
    }
    const groups = await readGroups(tx);
    const isMergedAlready = groups.areSame(first, second);
    let undone = 0;
    if (!isMergedAlready) {
      undone = await undo(
        tx,
        `decision = 'different' and (contact_id in ${memberIdsSql('$a')} and other_contact_id in ${memberIdsSql('$b')}
           or contact_id in ${memberIdsSql('$b')} and other_contact_id in ${memberIdsSql('$a')})`,
        { a: first, b: second },
        { at, by: options.recordedBy },
      );
      await writeDecisions(
        tx,
        [
          {
            contact_id: first,
            other_contact_id: second,
            decision: 'same',
            rule: 'manual',
            evidence: null,
            source: 'mallard',
            recorded_by: options.recordedBy ?? null,
          },
        ],
        at,
      );
      groups.join(first, second);
      await refreshCanonicals(tx, groups, at);
    }
    return {
      ...(await describePerson(tx, first)),
      is_merged_already: isMergedAlready,
      undone_different: undone,
      dry_run: dryRun,
    };
  });
}

export interface UnmergeResult {
  contact_id: string;
  /** The other members of the group it was taken out of, sorted, and who stands for each now. */
  others: { contact_id: string; canonical_contact_id: string }[];
  /** Decisions taken back. */
  undone: number;
  dry_run: boolean;
}

/**
 * Takes a contact out of its group: the decisions that hold it are undone, and it is recorded as different from every other
 * member, so that no matching joins them again. Others that shared the same key stay together by that key; others that were
 * held together through it alone part as well.
 * @throws `not_found`; `conflict` where it is merged with nobody
 */
export async function unmerge(
  warehouse: Warehouse,
  contact: string,
  options: MergeOptions = {},
): Promise<UnmergeResult> {
  const dryRun = options.dryRun ?? false;
  const at = toTimestamp(warehouse.clock.now());
  const recordedBy = options.recordedBy ?? null;
  return rolledBack(warehouse.loads, dryRun, async (tx) => {
    const id = await findContact(tx, contact);
    const others = (await memberIds(tx, id)).filter((member) => member !== id);
    if (others.length === 0) {
      throw new MallardError('conflict', `${id} is merged with nobody.`, {
        fields: { contact_id: id },
        remedy: 'See `mallard contacts show`.',
      });
    }
    const held = await tx.rows<{ other: string; rule: string; evidence: string | null; source: string }>(
      `select case when contact_id = $id then other_contact_id else contact_id end as other, rule, evidence, source
       from core.contact_merges where decision = 'same' and undone_at is null and $id in (contact_id, other_contact_id)
       order by rule, evidence, other`,
      { id },
    );
    const undone = await undo(
      tx,
      `decision = 'same' and $id in (contact_id, other_contact_id)`,
      { id },
      { at, by: recordedBy },
    );
    await writeDecisions(
      tx,
      [
        ...stillShared(held, recordedBy),
        ...others.map((other): Decision => ({
          contact_id: id,
          other_contact_id: other,
          decision: 'different',
          rule: 'unmerge',
          evidence: null,
          source: 'mallard',
          recorded_by: recordedBy,
        })),
      ],
      at,
    );
    await refreshCanonicals(tx, await readGroups(tx), at);
    return {
      contact_id: id,
      others: await tx.rows(
        `select o.contact_id, coalesce(k.canonical_contact_id, o.contact_id) as canonical_contact_id
         from (select unnest(from_json($1, '["VARCHAR"]')) as contact_id) o
         left join core.contact_canonicals k on k.contact_id = o.contact_id and k.superseded_at is null order by 1`,
        [JSON.stringify(others)],
      ),
      undone,
      dry_run: dryRun,
    };
  });
}

/** Those that shared one key with the contact taken out still share it with each other. */
function stillShared(
  held: readonly { other: string; rule: string; evidence: string | null; source: string }[],
  recordedBy: string | null,
): Decision[] {
  const hubs = new Map<string, string>();
  return held.flatMap(({ other, rule, evidence, source }): Decision[] => {
    if (evidence === null || !rule.startsWith('shared_')) return [];
    const key = `${rule} ${evidence}`;
    const hub = hubs.get(key);
    hubs.set(key, hub ?? other);
    if (hub === undefined || hub === other) return [];
    return [
      {
        contact_id: hub,
        other_contact_id: other,
        decision: 'same',
        rule,
        evidence,
        source,
        recorded_by: recordedBy,
      },
    ];
  });
}

function undo(
  tx: Session,
  which: string,
  params: Record<string, unknown>,
  stamp: { at: string; by: string | null | undefined },
): Promise<number> {
  return tx.run(
    `update core.contact_merges set undone_at = $at::timestamp, undone_by = $by::varchar where undone_at is null and (${which})`,
    { ...params, at: stamp.at, by: stamp.by ?? null },
  );
}

/** All ids of a contact's person, sorted; itself alone where it is not merged. */
export async function memberIds(session: Session, contactId: string): Promise<string[]> {
  const rows = await session.rows<{ contact_id: string }>(
    `from ${memberIdsSql('$id::varchar')} order by contact_id`,
    { id: contactId },
  );
  return rows.map((row) => row.contact_id);
}

/** Who a person is: the canonical, the members, and each value with where it comes from. */
export async function describePerson(
  session: Session,
  contactId: string,
): Promise<Pick<MergeResult, 'canonical_contact_id' | 'members' | 'values'>> {
  const members = await memberIds(session, contactId);
  const canonical = await session.one<{ id: string }>(
    `select coalesce((select canonical_contact_id from core.contact_canonicals where superseded_at is null and contact_id = $id), $id::varchar) as id`,
    { id: contactId },
  );
  const id = canonical?.id ?? contactId;
  const relation = `(select contact_id, $canonical::varchar as canonical_contact_id from (select unnest(from_json($members, '["VARCHAR"]')) as contact_id))`;
  const values = await session.rows<MergedValue>(
    `select field, value, contact_id, rule from (${mergedValuesSql(relation)})`,
    { canonical: id, members: JSON.stringify(members) },
  );
  return { canonical_contact_id: id, members, values };
}
