import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Type, type Static, type TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { parse } from 'yaml';
import { errorMessage, MallardError } from '../../data/errors.ts';
import type { Project } from '../../data/project.ts';
import { nearestName } from '../criteria/nearest.ts';
import { parseCriteria } from '../criteria/parse.ts';
import type { Criteria } from '../criteria/types.ts';

/** The sources of facts, with the field that says when one was and the one that tells it from others. */
export const scoreSources = {
  email_events: { time: 'occurred_at', key: 'event_id' },
  web_events: { time: 'occurred_at', key: 'event_id' },
  activities: { time: 'occurred_at', key: 'activity_id' },
  orders: { time: 'ordered_at', key: 'order_id' },
} as const;

export type ScoreSource = keyof typeof scoreSources;

/** A fact older than so many half-lives gives nothing: less than a thousandth of its points is left. */
export const halfLivesKept = 10;

// Not `multipleOf: 0.01`: 2.3 is none, in floating point.
const hundredths = (value: number) => Math.abs(value * 100 - Math.round(value * 100)) < 1e-6;
const points = Type.Refine(Type.Number({ minimum: -1000, maximum: 1000 }), hundredths);
const common = {
  name: Type.String({ pattern: '^[a-z][a-z0-9_]{0,39}$' }),
  title: Type.String({ pattern: '^[^\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029]{1,200}$' }),
  points,
};
const BehaviourShape = Type.Object({
  ...common,
  source: Type.Union(Object.keys(scoreSources).map((name) => Type.Literal(name))),
  where: Type.Optional(Type.Unknown()),
  half_life_days: Type.Integer({ minimum: 1, maximum: 3650 }),
  max_points: Type.Optional(Type.Refine(Type.Number({ exclusiveMinimum: 0, maximum: 1000 }), hundredths)),
});
const StateShape = Type.Object({ ...common, when: Type.Unknown() });

/** What was wrong, in words of ours. */
const expected: Record<string, string> = {
  name: 'is lower-case letters, digits and _, at most 40, and begins with a letter',
  title: 'is one line of text, at most 200 characters',
  points: 'is a number from -1000 to 1000 with at most two decimals',
  source: `is one of ${Object.keys(scoreSources).join(', ')}`,
  half_life_days: 'is a whole number of days from 1 to 3650',
  max_points: 'is a number above 0, at most 1000, with at most two decimals',
  when: 'is a condition',
};

/** Gives `points` for every fact, halved every half-life since; the sum is cut at ±`max_points`. */
export type BehaviourRule = Omit<Static<typeof BehaviourShape>, 'where' | 'source'> & {
  source: ScoreSource;
  where?: Criteria;
};

/** Gives `points` as long as the condition holds. */
export type StateRule = Omit<Static<typeof StateShape>, 'when'> & { when: Criteria };

export type ScoreRule = BehaviourRule | StateRule;

export function isBehaviour(rule: ScoreRule): rule is BehaviourRule {
  return 'source' in rule;
}

/** The rules with where they were read from. */
export interface RuleFile {
  file: string;
  rules: ScoreRule[];
  /** SHA-256 of the rules; comments and layout do not change it. */
  hash: string;
}

/** Names that are columns of the mart by themselves. */
const taken = ['cut'];

/** The project's `lead_score.yaml` where there is one, else the package's. */
export function ruleFileOf(project: Project): string {
  return statSync(project.leadScoreFile, { throwIfNoEntry: false })
    ? project.leadScoreFile
    : packageRuleFile(project);
}

export function packageRuleFile(project: Project): string {
  return join(project.packageModels, 'lead_score.yaml');
}

/**
 * Reads a rule file. Whether conditions fit the catalogue is `definition.ts`'s business.
 * @throws MallardError `bad_request` or `criteria_invalid` that names file, rule, path and remedy
 */
export function readRules(file: string): RuleFile {
  let document: unknown;
  try {
    document = parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new MallardError('bad_request', `${file} is not YAML: ${errorMessage(cause)}`, { cause });
  }
  return { file, ...checkRules(document, file) };
}

/** The rules of a parsed file. Throws like `readRules`. */
export function checkRules(document: unknown, file: string): { rules: ScoreRule[]; hash: string } {
  const list = (document as { rules?: unknown } | null)?.rules;
  if (!Array.isArray(list) || list.length === 0 || list.length > 100)
    throw problem(file, '$', '$.rules', 'is a list of 1 to 100 rules');
  const rules = list.map((rule, index) => checkRule(rule, file, `$.rules[${index}]`));
  for (const [index, { name }] of rules.entries()) {
    const path = `$.rules[${index}].name`;
    if (taken.includes(name)) throw problem(file, name, path, `'${name}' has a meaning of its own`);
    if (rules.findIndex((rule) => rule.name === name) !== index)
      throw problem(file, name, path, 'is the name of an earlier rule');
  }
  return { rules, hash: hashOf(rules) };
}

export function hashOf(rules: readonly ScoreRule[]): string {
  return createHash('sha256').update(JSON.stringify(rules)).digest('hex');
}

function checkRule(rule: unknown, file: string, path: string): ScoreRule {
  if (typeof rule !== 'object' || rule === null || Array.isArray(rule))
    throw problem(file, path, path, 'is an object with name, title and points');
  const named = (rule as { name?: unknown }).name;
  const who = typeof named === 'string' ? named : path;
  const isState = 'when' in rule;
  if (isState === 'source' in rule)
    throw problem(file, who, path, 'has either `source` (a behaviour) or `when` (a state)');
  const shape = isState ? StateShape : BehaviourShape;
  checkKeys(rule, Object.keys(shape.properties), file, who, path);
  checkShape(shape, rule, file, who, path);
  // In one order, whatever the file's: the hash goes by the text.
  const { name, title } = rule as ScoreRule;
  if (isState) {
    const { when, points: given } = rule as StateRule;
    return { name, title, when: criteria(when, file, who, `${path}.when`), points: given };
  }
  const { source, where, points: given, half_life_days, max_points } = rule as BehaviourRule;
  return {
    name,
    title,
    source,
    ...(where === undefined ? {} : { where: criteria(where, file, who, `${path}.where`) }),
    points: given,
    half_life_days,
    ...(max_points === undefined ? {} : { max_points }),
  };
}

function checkKeys(rule: object, allowed: string[], file: string, who: string, path: string): void {
  for (const key of Object.keys(rule)) {
    if (allowed.includes(key)) continue;
    const nearest = nearestName(key, allowed);
    const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`;
    throw problem(file, who, `${path}.${key}`, `has no meaning here${hint} Allowed: ${allowed.join(', ')}`);
  }
}

function checkShape(shape: TSchema, rule: object, file: string, who: string, path: string): void {
  if (Value.Check(shape, rule)) return;
  for (const [key, schema] of Object.entries((shape as TSchema & { properties: object }).properties)) {
    const value = (rule as Record<string, unknown>)[key];
    if (value === undefined && key === 'max_points') continue;
    if (value !== undefined && Value.Check(schema as TSchema, value)) continue;
    if (value === undefined && key === 'where') continue;
    throw problem(file, who, `${path}.${key}`, expected[key] ?? 'is not valid');
  }
}

function criteria(tree: unknown, file: string, who: string, path: string): Criteria {
  try {
    return parseCriteria(tree);
  } catch (error) {
    throw inRule(error, file, who, path);
  }
}

/** An error of criteria, placed in the file. */
export function inRule(error: unknown, file: string, rule: string, path: string): unknown {
  if (!(error instanceof MallardError)) return error;
  const what = error.message.slice(0, -error.remedy.length).trimEnd();
  return new MallardError(error.code, `${file}: rule ${rule}: ${what.replace(/^\$/, path)}`, {
    fields: { ...error.fields, file, rule },
    remedy: 'Correct the rule, and build again.',
    cause: error,
  });
}

function problem(file: string, rule: string, path: string, what: string): MallardError {
  const place = rule.startsWith('$') ? file : `${file}: rule ${rule}`;
  return new MallardError('bad_request', `${place}: ${path} ${what}.`, {
    fields: { file, rule, path },
    remedy: 'Correct the rule, and build again.',
  });
}
