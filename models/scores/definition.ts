import { compileCriteria } from '../criteria/compile.ts';
import type { Criteria, CriteriaCatalogue, CriteriaField } from '../criteria/types.ts';
import {
  halfLivesKept,
  inRule,
  isBehaviour,
  scoreSources,
  type BehaviourRule,
  type RuleFile,
  type ScoreRule,
  type ScoreSource,
} from './rules.ts';

/** The file that the rules are compiled to, relative to models/. */
export const scoreDefinitionFile = 'marts/lead_scores_definition.malloy';

export interface RuleContext {
  catalogue: CriteriaCatalogue;
  /** IANA zone of the account: days in conditions are its days. */
  zone: string;
}

const warning =
  '// Generated from models/lead_score.yaml by `npx tsx models/engine/generate.ts`. Do not edit: edit the rules. Where a project has a\n' +
  '// lead_score.yaml of its own, the engine compiles the text made from that in this file’s place.';

/**
 * The Malloy text of the score's definition.
 * @param version what `rules_version` says
 * @throws MallardError `criteria_invalid` naming file, rule and path, where a condition does not fit the catalogue
 */
export function scoreDefinition(
  { rules, file }: Pick<RuleFile, 'rules' | 'file'>,
  version: number,
  context: RuleContext,
): string {
  const conditions = rules.map((rule, index) => ruleCondition(rule, file, `$.rules[${index}]`, context));
  const conditionOf = new Map(rules.map((rule, index) => [rule, conditions[index] ?? 'true']));
  const behaviours = rules.filter(isBehaviour);
  const sources = Object.keys(scoreSources).filter((source): source is ScoreSource =>
    behaviours.some((rule) => rule.source === source),
  );
  const imports = sources.map((source) => `import '../base/${source}.malloy'\n`).join('');
  const scans = sources.map((source) =>
    scanText(
      source,
      behaviours.filter((rule) => rule.source === source),
      conditionOf,
    ),
  );
  const joins = sources.map((source) => `    scored_${source} on contact_id = scored_${source}.contact_id\n`);
  const columns = rules.map(
    (rule) => `    #(doc) ${ruleDoc(rule)}
    #(unit) points
    ${rule.name}_points is ${isBehaviour(rule) ? cutText(rule) : `(pick ${rule.points} when ${conditionOf.get(rule)} else 0)::'DECIMAL(18,2)'`}`,
  );
  return `##! experimental { givens access_modifiers }
${warning}
import '../clock.malloy'
${imports}import 'contact_facts_definition.malloy'
${scans.join('')}
// Grain: one row per contact. Key: contact_id. Built into mart.lead_scores, after mart.contact_facts. Every rule is a column, and
// the columns and the cut add up to the score exactly: "why 72?" is answered by reading the row, or by \`mallard scores explain\`.
#(doc) Rule-based lead scores, with what each rule gave.
source: lead_scores_definition is contact_facts_definition${joins.length === 0 ? '' : ` extend {\n  join_one:\n${joins.join('')}}`} -> {
  select:
    #(doc) The contact.
    #(personal)
    contact_id

${columns.join('\n')}
} extend {
  primary_key: contact_id

  dimension:
    #(doc) The rules added up, before the cut to 0–100.
    #(unit) points
    points is (${rules.map(({ name }) => `${name}_points`).join(' + ')})::'DECIMAL(18,2)'
    #(doc) Lead score, 0 to 100.
    #(unit) score
    score is (
      pick 0 when points < 0
      pick 100 when points > 100
      else points
    )::'DECIMAL(18,2)'
    #(doc) What the cut to 0–100 added or took: points + cut_points = score.
    #(unit) points
    cut_points is (score - points)::'DECIMAL(18,2)'
    #(doc) The version of the rules (\`mallard scores rules\`).
    #(unit) version
    rules_version is ${version}::'INTEGER'
}
`;
}

/** The condition of a rule as Malloy text over its source or over contact_facts, never null; 'true' where every fact counts. */
export function ruleCondition(rule: ScoreRule, file: string, path: string, context: RuleContext): string {
  const isFact = isBehaviour(rule);
  const tree = isFact ? rule.where : rule.when;
  if (tree === undefined) return 'true';
  try {
    return conditionOver(
      tree,
      isFact ? factFields(rule.source, context) : stateFields(context),
      context.zone,
    );
  } catch (error) {
    throw inRule(error, file, rule.name, `${path}.${isFact ? 'where' : 'when'}`);
  }
}

function conditionOver(tree: Criteria, fields: readonly CriteriaField[], zone: string): string {
  return compileCriteria(tree, {
    catalogue: { fields, sources: [], contactSource: 'contact_facts' },
    zone,
  });
}

function factFields(source: ScoreSource, { catalogue }: RuleContext): readonly CriteriaField[] {
  return catalogue.sources.find(({ name }) => name === source)?.fields ?? [];
}

/** The score stands on contact_facts and beside the other marts that it joins. */
function stateFields({ catalogue }: RuleContext): readonly CriteriaField[] {
  return catalogue.fields.filter(({ path }) => !/^(rfm|lead_scores)\./.test(path));
}

/** What a fact gives at the end of a day, exact to a millionth, so that sums do not depend on their order. */
export function factPoints({ points, half_life_days }: BehaviourRule, daysAgo: string): string {
  return `(${points < 0 ? `(${points})` : points} * pow(2, 0 - ${daysAgo} / ${half_life_days}))::'DECIMAL(18,6)'`;
}

export function daysKept({ half_life_days }: BehaviourRule): number {
  return halfLivesKept * half_life_days;
}

/** One aggregation a source: events are filtered before they are added up, and nothing fans out. */
function scanText(
  source: ScoreSource,
  rules: readonly BehaviourRule[],
  conditionOf: ReadonlyMap<ScoreRule, string>,
): string {
  const { time } = scoreSources[source];
  const longest = Math.max(...rules.map(daysKept));
  const sums = rules.map(
    (rule) =>
      `    ${rule.name}_sum is sum(${factPoints(rule, 'days_ago')}) { where: ${time} >= $TODAY - ${daysKept(rule)} days and ${conditionOf.get(rule)} }`,
  );
  const any = rules.map((rule) => conditionOf.get(rule)).join('\n      or ');
  return `
source: scored_${source} is ${source} -> {
  where:
    contact_id is not null and ${time} >= $TODAY - ${longest} days,
    (${any})
  group_by: contact_id
  aggregate:
${sums.join('\n')}
}
`;
}

function cutText({ name, source, points, max_points }: BehaviourRule): string {
  const sum = `scored_${source}.${name}_sum`;
  if (max_points === undefined) return `round(${sum} ?? 0, 2)::'DECIMAL(18,2)'`;
  const cut =
    points < 0 ? `${-max_points} when ${sum} < ${-max_points}` : `${max_points} when ${sum} > ${max_points}`;
  return `(pick ${cut} else round(${sum} ?? 0, 2))::'DECIMAL(18,2)'`;
}

/** "Clicked an e-mail: 10 points each, half after 14 days, 25 at most." */
export function ruleDoc(rule: ScoreRule): string {
  const given = `${rule.points} ${Math.abs(rule.points) === 1 ? 'point' : 'points'}`;
  if (!isBehaviour(rule)) return `${rule.title}: ${given}.`;
  const most =
    rule.max_points === undefined ? '' : `, ${rule.points < 0 ? '-' : ''}${rule.max_points} at most`;
  return `${rule.title}: ${given} each, half after ${rule.half_life_days} days${most}.`;
}
