import { toTimestamp } from '../../data/clock.ts';
import type { Session } from '../../data/owner/session.ts';
import { json } from '../../data/owner/values.ts';
import type { Warehouse } from '../../data/owner/warehouse.ts';
import type { ScoreRule } from './rules.ts';

/** The rules, as they were found to be others than before. */
export interface RuleVersion {
  version: number;
  rules: ScoreRule[];
  /** SHA-256 of the rules. */
  hash: string;
  /** UTC: in force from then on. */
  created_at: string;
}

/** Every version, the newest first. */
export function ruleVersions(session: Session): Promise<RuleVersion[]> {
  return session.rows<RuleVersion>(
    'select version, rules, hash, created_at from ops.lead_score_versions order by version desc',
  );
}

/** The version in force at a time: the newest that had been made by then, before the first the first. */
export function versionAt(versions: readonly RuleVersion[], at: Date): RuleVersion | undefined {
  return versions.find(({ created_at }) => new Date(created_at) <= at) ?? versions.at(-1);
}

/** How long ago a build's AS_OF may be for it to be one of the present: it may have waited for another. */
const presentMs = 3_600_000;

/**
 * Appends the rules where they are others than the newest version's; answers the version that they are.
 * @param asOf what is about to be built. A build of the present was asked for a moment ago: its rules are in force from that
 *   moment, so that the score of that time is explained by them.
 */
export async function recordRules(
  warehouse: Warehouse,
  { rules, hash }: { rules: readonly ScoreRule[]; hash: string },
  asOf: Date,
): Promise<number> {
  return warehouse.ledger.transaction(async (tx) => {
    const newest = await tx.one<{ version: number; hash: string }>(
      'select version, hash from ops.lead_score_versions order by version desc limit 1',
    );
    if (newest?.hash === hash) return newest.version;
    const now = warehouse.clock.now();
    const isPresent = asOf <= now && now.getTime() - asOf.getTime() <= presentMs;
    const version = (newest?.version ?? 0) + 1;
    await tx.db
      .insertInto('ops.lead_score_versions')
      .values({ version, rules: json(rules), hash, created_at: toTimestamp(isPresent ? asOf : now) })
      .execute();
    return version;
  });
}
