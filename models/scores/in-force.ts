import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { errorMessage } from '../../data/errors.ts';
import { fileStamp } from '../../data/files.ts';
import type { Project } from '../../data/project.ts';
import type { BrokenModel } from '../engine/types.ts';
import { scoreDefinition, scoreDefinitionFile, type RuleContext } from './definition.ts';
import { packageRuleFile, readRules, ruleFileOf, type RuleFile } from './rules.ts';
import type { RuleVersion } from './versions.ts';

/** The rules that scores are computed by, and what stands in for the definition because of them. */
export interface RulesInForce extends RuleFile {
  /** The version that they are, or will be once they are recorded. */
  version: number;
  /** The definition's text by file, for `compileModels`; empty where the committed one says the same. */
  instead: ReadonlyMap<string, string>;
  /** The project's rule file, where it is not valid and the rules of before stand. */
  broken: BrokenModel[];
  /** True where a rule file came, went or was edited since. */
  isStale(): boolean;
}

/**
 * The project's rules compiled to Malloy. A file that is not valid breaks nothing but itself: the newest version that was
 * recorded stays in force, without one the package's rules.
 * @param newest the newest version recorded
 */
export function rulesInForce(
  project: Project,
  newest: RuleVersion | undefined,
  context: RuleContext,
): RulesInForce {
  const stamp = stampOf(project);
  const isStale = () => stampOf(project) !== stamp;
  const file = ruleFileOf(project);
  const compile = (rules: RuleFile, broken: BrokenModel[]): RulesInForce => {
    const version = newest?.hash === rules.hash ? newest.version : (newest?.version ?? 0) + 1;
    const text = scoreDefinition(rules, version, context);
    const committed = readFileSync(join(project.packageModels, scoreDefinitionFile), 'utf8');
    const instead = new Map(text === committed ? [] : [[scoreDefinitionFile, text]]);
    return { ...rules, version, instead, broken, isStale };
  };
  try {
    return compile(readRules(file), []);
  } catch (error) {
    const broken = [{ file: relative(project.dir, file), message: errorMessage(error) }];
    if (file === packageRuleFile(project)) throw error;
    if (newest) {
      try {
        return compile({ file, rules: newest.rules, hash: newest.hash }, broken);
      } catch {
        // Its fields are gone: the package's rules fit the package's models.
      }
    }
    return compile(readRules(packageRuleFile(project)), broken);
  }
}

function stampOf(project: Project): string {
  return [project.leadScoreFile, packageRuleFile(project)].map(fileStamp).join();
}
