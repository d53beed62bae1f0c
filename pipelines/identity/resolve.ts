import type { IdentitySettings } from '../../data/account.ts';
import { toTimestamp } from '../../data/clock.ts';
import type { Session } from '../../data/owner/session.ts';
import type { Warehouse } from '../../data/owner/warehouse.ts';
import { canonicalsSql } from './canonicals.ts';
import { readGroups, refreshCanonicals, writeDecisions, type Decision } from './decisions.ts';
import { rolledBack } from './dry-run.ts';
import type { Groups } from './groups.ts';
import { findSharedKeys, matchRules, type MatchRule } from './keys.ts';
import { backfillPhoneKeys } from './phone-keys.ts';

export interface ResolveOptions {
  /** The account's `identity`. */
  identity: IdentitySettings;
  recordedBy?: string | null | undefined;
  /** Decides, and writes nothing. Default false. */
  dryRun?: boolean | undefined;
}

export interface ResolveResult {
  /** Nothing that matters had changed since the last run in this process: nothing was looked at. */
  is_skipped: boolean;
  dry_run: boolean;
  /** New decisions by rule. */
  decisions: Record<MatchRule, number>;
  /** Contacts that stand for another now. */
  merged_count: number;
  /** Mappings that were closed, and made. */
  closed_count: number;
  opened_count: number;
  /** Contacts that got a phone key now. */
  phones_keyed: number;
  /** Keys of more contacts than `max_shared`: they match nobody. */
  shared_by_many: SharedKey[];
  /** Keys that would join two, perhaps through a third, who were decided to be different: they match nobody. */
  disputed: SharedKey[];
  /** Source ids that a later load gave to another contact: a correction, or two records of one person. Not decided here. */
  moved_ids: MovedId[];
}

export interface SharedKey {
  rule: MatchRule;
  /** SHA-256 of the key. */
  evidence: string;
  contact_count: number;
  /** Some of them, the first by id. */
  contact_ids: string[];
}

export interface MovedId {
  kind: string;
  evidence: string;
  from_contact_id: string;
  to_contact_id: string;
}

const reported = 100;

/**
 * Finds contacts that share a key (e-mail, phone, source id), records that they are one person, and brings the mapping up to
 * date, in one transaction on the loads lane. What is decided stays decided: a key that is taken away parts nobody. The second run changes
 * nothing. Decisions `different` always hold, through third contacts too.
 */
export async function resolveIdentities(
  warehouse: Warehouse,
  options: ResolveOptions,
): Promise<ResolveResult> {
  const dryRun = options.dryRun ?? false;
  const before = await warehouse.read((session) => fingerprint(session, options.identity));
  if (!dryRun && resolved.get(warehouse) === before) return skipped;
  const at = toTimestamp(warehouse.clock.now());
  const { result, after } = await rolledBack(warehouse.loads, dryRun, async (tx) => ({
    result: await resolveIn(tx, options, at),
    after: await fingerprint(tx, options.identity),
  }));
  if (!dryRun) resolved.set(warehouse, after);
  return result;
}

/** What the last run of this process had before it. Not kept in the file: to look again after a start costs a second. */
const resolved = new WeakMap<Warehouse, string>();

const skipped: ResolveResult = {
  is_skipped: true,
  dry_run: false,
  decisions: { shared_source_id: 0, shared_email: 0, shared_phone: 0 },
  merged_count: 0,
  closed_count: 0,
  opened_count: 0,
  phones_keyed: 0,
  shared_by_many: [],
  disputed: [],
  moved_ids: [],
};

/** Changes with everything that a run looks at. 0.1 s for a million contacts. */
async function fingerprint(session: Session, settings: IdentitySettings): Promise<string> {
  const sums = await session.one(
    `select * from
       (select count(*)::varchar as contacts, bit_xor(hash(contact_id, email_key, phone, phone_key, is_stub, created_at))::varchar as contact_sum from core.contacts),
       (select count(*)::varchar as ids, bit_xor(hash(contact_id, kind, value))::varchar as id_sum from core.contact_identities),
       (select count(*)::varchar as decisions, bit_xor(hash(merge_id, undone_at))::varchar as decision_sum from core.contact_merges)`,
  );
  return JSON.stringify([sums, settings]);
}

async function resolveIn(tx: Session, options: ResolveOptions, at: string): Promise<ResolveResult> {
  const { identity } = options;
  const phonesKeyed = identity.match_on.includes('phone')
    ? await backfillPhoneKeys(tx, identity.default_country)
    : 0;
  await findSharedKeys(tx, identity);
  const groups = await readGroups(tx);
  const { decisions, disputed } = await decide(tx, groups, options);
  await writeDecisions(tx, decisions, at);
  const mapping = await refreshCanonicals(tx, groups, at);
  const result: ResolveResult = {
    is_skipped: false,
    dry_run: options.dryRun ?? false,
    decisions: countByRule(decisions),
    merged_count: mapping.merged,
    closed_count: mapping.closed,
    opened_count: mapping.opened,
    phones_keyed: phonesKeyed,
    shared_by_many: await sharedByMany(tx, identity.max_shared),
    disputed,
    moved_ids: await movedIds(tx),
  };
  await tx.run('drop table temp.identity_keys');
  return result;
}

interface CandidateKey {
  rule: MatchRule;
  evidence: string;
  contact_ids: string[];
}

/**
 * One decision for each contact that a key brings to the others: from the first holder to one of each other group. In the
 * order of the rules, then of the ids: what is disputed may depend on the order, and that is always the same.
 */
async function decide(
  tx: Session,
  groups: Groups,
  { identity, recordedBy }: ResolveOptions,
): Promise<{ decisions: Decision[]; disputed: SharedKey[] }> {
  const keys = await tx.rows<CandidateKey>(
    `select k.rule, sha256(k.key) as evidence, list(k.contact_id order by k.contact_id) as contact_ids
     from identity_keys k left join ${canonicalsSql} c using (contact_id)
     group by k.rule, k.key
     having count(*) <= $max and count(distinct coalesce(c.canonical_contact_id, k.contact_id)) > 1`,
    { max: identity.max_shared },
  );
  const order = Object.values(matchRules);
  keys.sort(
    (a, b) =>
      order.indexOf(a.rule) - order.indexOf(b.rule) ||
      compare(a.contact_ids[0] ?? '', b.contact_ids[0] ?? '') ||
      compare(a.evidence, b.evidence),
  );
  const decisions: Decision[] = [];
  const disputed: SharedKey[] = [];
  for (const { rule, evidence, contact_ids: ids } of keys) {
    if (ids.some((a, index) => ids.slice(index + 1).some((b) => groups.areApart(a, b)))) {
      disputed.push({ rule, evidence, contact_count: ids.length, contact_ids: ids });
      continue;
    }
    const [hub = '', ...others] = ids;
    for (const other of others) {
      if (groups.areSame(hub, other)) continue;
      groups.join(hub, other);
      decisions.push({
        contact_id: hub,
        other_contact_id: other,
        decision: 'same',
        rule,
        evidence,
        source: 'mallard',
        recorded_by: recordedBy ?? null,
      });
    }
  }
  return { decisions, disputed: disputed.slice(0, reported) };
}

function sharedByMany(tx: Session, max: number): Promise<SharedKey[]> {
  return tx.rows<SharedKey>(
    `select rule, sha256(key) as evidence, count(*)::int as contact_count, list(contact_id order by contact_id)[1:3] as contact_ids
     from identity_keys group by rule, key having count(*) > $max order by contact_count desc, evidence limit $reported`,
    { max, reported },
  );
}

/**
 * core.contact_identities has one contact for each id: a load that gives it to another corrects the row, and the old one goes
 * to history. That is no shared key, but both may be one person.
 */
function movedIds(tx: Session): Promise<MovedId[]> {
  return tx.rows<MovedId>(
    `select distinct o.kind, sha256(o.kind || chr(10) || o.value) as evidence, o.contact_id as from_contact_id, n.contact_id as to_contact_id
     from history.contact_identities o join core.contact_identities n using (kind, value)
     left join ${canonicalsSql} ko on ko.contact_id = o.contact_id left join ${canonicalsSql} kn on kn.contact_id = n.contact_id
     where coalesce(ko.canonical_contact_id, o.contact_id) <> coalesce(kn.canonical_contact_id, n.contact_id)
       and not exists (from core.contact_merges m where m.undone_at is null and m.decision = 'different'
         and (m.contact_id = o.contact_id and m.other_contact_id = n.contact_id or m.contact_id = n.contact_id and m.other_contact_id = o.contact_id))
     order by all limit ${reported}`,
  );
}

function countByRule(decisions: readonly Decision[]): ResolveResult['decisions'] {
  const counts = { ...skipped.decisions };
  for (const { rule } of decisions) counts[rule as MatchRule] += 1;
  return counts;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
