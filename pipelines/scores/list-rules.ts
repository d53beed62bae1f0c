import type { ScoreRule } from '../../models/scores/rules.ts';
import { ruleVersions, type RuleVersion } from '../../models/scores/versions.ts';
import type { Mallard } from '../context.ts';

export interface ListedRules {
  /** Where they are edited. */
  file: string;
  /** In force. */
  version: number;
  rules: ScoreRule[];
  /** Why the project's file is not in force, where it is not valid. */
  problem: string | null;
  /** The newest first. */
  versions: RuleVersion[];
}

/** The lead score's rules in force, which are recorded where they are new, and every version. */
export async function listRules({
  engine,
  warehouse,
}: Pick<Mallard, 'engine' | 'warehouse'>): Promise<ListedRules> {
  const { file, version, rules, broken } = await engine.scoreRules();
  return {
    file,
    version,
    rules,
    problem: broken[0]?.message ?? null,
    versions: await warehouse.read(ruleVersions),
  };
}
