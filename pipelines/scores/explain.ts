import { MallardError } from '../../data/errors.ts';
import { isBehaviour, type ScoreRule } from '../../models/scores/rules.ts';
import { ruleVersions, versionAt } from '../../models/scores/versions.ts';
import type { Mallard } from '../context.ts';
import { resolveAsOf, utcText } from '../segments/as-of.ts';
import { changeOf, pointsOf, valued, type RuleChange } from './change.ts';
import { readKnown, type Known } from './facts.ts';
import { findPerson } from './one-person.ts';
import { inPoints, micro, scoreCut } from './points.ts';

/** `then`: each time by the rules in force at it; `current`: both by those of now. */
export type RulesOf = 'then' | 'current';

export interface ScoreAt {
  /** UTC. */
  as_of: string;
  rules_version: number;
  /** Null where the contact was not there yet. */
  score: number | null;
  /** The rules added up. */
  points: number;
  /** score = points + cut_points. */
  cut_points: number;
}

export interface RuleExplanation {
  name: string;
  title: string;
  kind: 'behaviour' | 'state';
  /** False for a rule that is in force at the earlier time only. */
  is_in_force: boolean;
  points: number;
  /** Facts that gave something; null for a state. */
  fact_count: number | null;
  /** The newest of them, UTC. */
  newest_at: string | null;
  max_points: number | null;
  /** True where the facts would have given more than `max_points`. */
  is_capped: boolean;
  /** Against the earlier time, where one was asked for. */
  change: RuleChange | null;
}

export interface ScoreExplanation {
  contact_id: string;
  asked_contact_id: string;
  /** The account's, in which days are cut. */
  time_zone: string;
  known_at: string | null;
  rules_of: RulesOf;
  at: ScoreAt;
  /** The same, at the earlier time. */
  vs: ScoreAt | null;
  /** Every rule of either time, in the file's order. */
  rules: RuleExplanation[];
  /** What the cut to 0–100 adds to the difference. */
  cut_difference: number | null;
}

export interface ExplainOptions {
  /** Default: what the marts were built as of. */
  asOf?: Date | undefined;
  /** An earlier time to compare with. */
  vs?: Date | undefined;
  /** What had been recorded by then, for both times. Default: everything. */
  knownAt?: Date | undefined;
  /** Default `then`. */
  rulesOf?: RulesOf | undefined;
}

/**
 * Why somebody's score is what it is, and why it was another before: rule by rule, with the facts behind it. What is said adds
 * up to the mart's score, and the differences to the difference, exactly.
 * @param idOrEmail an id, of a merged contact too, or an address
 * @throws `not_found` where nobody is meant or they were not there yet; `bad_request` where `vs` is not earlier;
 *   `criteria_invalid` where rules of the past do not fit the models any more
 */
export async function explainScore(
  { warehouse, engine }: Pick<Mallard, 'warehouse' | 'engine'>,
  idOrEmail: string,
  options: ExplainOptions,
): Promise<ScoreExplanation> {
  const { vs, knownAt, rulesOf = 'then' } = options;
  const asOf = await resolveAsOf(warehouse, options.asOf);
  if (vs && vs >= asOf) {
    throw new MallardError('bad_request', `vs: ${utcText(vs)} is not before ${utcText(asOf)}.`, {
      fields: { field: 'vs' },
      remedy: 'Name an earlier time.',
    });
  }
  const current = await engine.scoreRules();
  const context = await engine.scoreContext();
  const [versions, person] = await warehouse.read(
    async (session) => [await ruleVersions(session), await findPerson(session, idOrEmail, knownAt)] as const,
  );
  const intern = interned();
  const inForce = (at: Date) => {
    const learned = knownAt && knownAt < at ? knownAt : at;
    const { version, rules } = (rulesOf === 'then' ? versionAt(versions, learned) : undefined) ?? current;
    return { version, rules: rules.map(intern) };
  };
  const [now, then] = [inForce(asOf), vs ? inForce(vs) : undefined];
  const asked = { engine, warehouse, person, context, file: current.file, days: vs ? [asOf, vs] : [asOf] };
  const known = await readKnown(
    { ...asked, rules: [...new Set([...now.rules, ...(then?.rules ?? [])])] },
    { asOf, knownAt },
  );
  if (!known.isThere) {
    throw new MallardError('not_found', `${idOrEmail} was no contact yet as of ${utcText(asOf)}.`, {
      fields: { contact_id: person.contact_id },
      remedy: 'Ask for a later time.',
    });
  }
  const before =
    vs && then ? await readKnown({ ...asked, rules: then.rules }, { asOf: vs, knownAt }) : undefined;
  const rules = namesOf(now.rules, then?.rules ?? []).map((name) => {
    const rule = now.rules.find((one) => one.name === name);
    const old = then?.rules.find((one) => one.name === name);
    return explained(rule, old, known, before);
  });
  const at = scoreAt(asOf, now, known, 0);
  const earlier = vs && then && before ? scoreAt(vs, then, before, 1) : null;
  return {
    contact_id: person.contact_id,
    asked_contact_id: person.asked_contact_id,
    time_zone: context.zone,
    known_at: knownAt === undefined ? null : utcText(knownAt),
    rules_of: rulesOf,
    at,
    vs: earlier,
    rules,
    cut_difference: earlier && hundredths(at.cut_points - earlier.cut_points),
  };
}

/** One object for each rule that says the same, so that it is read once. */
function interned(): (rule: ScoreRule) => ScoreRule {
  const byText = new Map<string, ScoreRule>();
  return (rule) => {
    const text = JSON.stringify(rule);
    const known = byText.get(text) ?? rule;
    byText.set(text, known);
    return known;
  };
}

function namesOf(...lists: (readonly ScoreRule[])[]): string[] {
  return [...new Set(lists.flatMap((rules) => rules.map(({ name }) => name)))];
}

function scoreAt(
  at: Date,
  { version, rules }: { version: number; rules: readonly ScoreRule[] },
  known: Known,
  day: number,
): ScoreAt {
  const points = rules.reduce((sum, rule) => sum + pointsOf(rule, known, day), 0n);
  const cutPoints = known.isThere ? scoreCut(points) : 0n;
  return {
    as_of: utcText(at),
    rules_version: version,
    score: known.isThere ? inPoints(points + cutPoints) : null,
    points: inPoints(points),
    cut_points: inPoints(cutPoints),
  };
}

function explained(
  rule: ScoreRule | undefined,
  old: ScoreRule | undefined,
  known: Known,
  before: Known | undefined,
): RuleExplanation {
  const shown = rule ?? old;
  if (!shown) throw new Error('a rule is of one of the times');
  const facts = (rule && known.facts.get(rule))?.filter(({ points }) => points[0] !== 0n) ?? [];
  const sum = facts.reduce((total, { points }) => total + valued(points, 0), 0n);
  const most = isBehaviour(shown) ? shown.max_points : undefined;
  return {
    name: shown.name,
    title: shown.title,
    kind: isBehaviour(shown) ? 'behaviour' : 'state',
    is_in_force: rule !== undefined,
    points: rule ? inPoints(pointsOf(rule, known, 0)) : 0,
    fact_count: isBehaviour(shown) ? facts.length : null,
    newest_at: facts.reduce<string | null>((max, { at }) => (max === null || at > max ? at : max), null),
    max_points: most ?? null,
    is_capped: most !== undefined && (sum < 0n ? -sum : sum) > micro(most.toFixed(2)),
    change: before ? changeOf(rule, old, known, before) : null,
  };
}

function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}
