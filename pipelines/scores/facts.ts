import { DateTime } from 'luxon';
import type { Warehouse } from '../../data/owner/warehouse.ts';
import { malloyString, malloyTimestamp } from '../../models/criteria/literal.ts';
import type { ModelEngine, TimeOptions } from '../../models/engine/engine.ts';
import { daysKept, factPoints, ruleCondition, type RuleContext } from '../../models/scores/definition.ts';
import {
  isBehaviour,
  scoreSources,
  type BehaviourRule,
  type ScoreRule,
  type ScoreSource,
} from '../../models/scores/rules.ts';
import { forPerson, onePersonWorld, type OnePerson } from './one-person.ts';
import { micro, type Micro } from './points.ts';

/** A fact that a rule counts. */
export interface Fact {
  id: string;
  /** UTC. */
  at: string;
  /** What it gives at each of the asked times, by their place; nothing once it is too old. */
  points: Micro[];
}

/** What a world knows of somebody, for each rule: the facts of a behaviour, whether a state holds. */
export interface Known {
  /** False before the contact was there. */
  isThere: boolean;
  facts: ReadonlyMap<ScoreRule, readonly Fact[]>;
  holds: ReadonlySet<ScoreRule>;
}

interface Asked {
  engine: ModelEngine;
  warehouse: Warehouse;
  person: OnePerson;
  context: RuleContext;
  /** Of several versions, perhaps; those that say the same are read once each all the same. */
  rules: readonly ScoreRule[];
  /** Where the rules are from, for messages. */
  file: string;
  /** At the end of whose days facts are worth something; the first of them is the latest. */
  days: readonly Date[];
}

/** Reads what was known of a person at a time. Throws `criteria_invalid` where a rule does not fit the models any more. */
export async function readKnown(asked: Asked, time: TimeOptions): Promise<Known> {
  const states = asked.rules.filter((rule) => !isBehaviour(rule));
  const columns = states.map((rule, index) => `s${index} is ${conditionOf(rule, asked)}`);
  const [row] = await rowsOf(
    asked,
    `run: contact_facts -> { where: ${own(asked)} select: ${['contact_id', ...columns].join(', ')} }`,
    time,
  );
  if (!row) return { isThere: false, facts: new Map(), holds: new Set() };
  const holds = new Set(states.filter((_rule, index) => row[`s${index}`] === true));
  const facts = new Map<ScoreRule, readonly Fact[]>();
  for (const source of Object.keys(scoreSources) as ScoreSource[]) {
    const rules = asked.rules.filter(
      (rule) => isBehaviour(rule) && rule.source === source,
    ) as BehaviourRule[];
    if (rules.length > 0) await readFacts(asked, time, source, rules, facts);
  }
  return { isThere: true, facts, holds };
}

async function readFacts(
  asked: Asked,
  time: TimeOptions,
  source: ScoreSource,
  rules: readonly BehaviourRule[],
  into: Map<ScoreRule, readonly Fact[]>,
): Promise<void> {
  const { time: field, key } = scoreSources[source];
  const days = asked.days.map((at) => dayOf(at, asked.context.zone));
  const longest = Math.max(...rules.map(daysKept));
  // Facts that were worth something at the earliest of the days are asked for: they are then known to have aged, not gone.
  const first = days.at(-1)?.start ?? days[0]?.start;
  const matches = rules.map((rule, index) => `m${index} is ${conditionOf(rule, asked)}`);
  const worth = rules.flatMap((rule, index) =>
    days.map(({ start, lastSecond }, day) => {
      const points = factPoints(rule, `days(${field} to ${malloyTimestamp(lastSecond)})`);
      const oldest = malloyTimestamp(start.minus({ hours: 24 * daysKept(rule) }));
      return `p${index}_${day} is pick ${points} when ${field} >= ${oldest} else 0::'DECIMAL(18,6)'`;
    }),
  );
  const since = first ? malloyTimestamp(first.minus({ hours: 24 * longest })) : '';
  const rows = await rowsOf(
    asked,
    `run: ${source} -> {
       where: ${own(asked)} and ${field} >= ${since}
       select: fact_id is ${key}, happened_at is ${field}, ${[...matches, ...worth].join(', ')}
     }`,
    time,
  );
  for (const [index, rule] of rules.entries()) {
    const facts = rows
      .filter((row) => row[`m${index}`] === true)
      .map((row) => ({
        id: String(row['fact_id']),
        at: String(row['happened_at']),
        points: days.map((_day, day) => micro(String(row[`p${index}_${day}`]))),
      }));
    into.set(rule, facts);
  }
}

function own({ person }: Asked): string {
  return `contact_id = ${malloyString(person.contact_id)}`;
}

function conditionOf(rule: ScoreRule, { file, context }: Asked): string {
  return ruleCondition(rule, file, '$', context);
}

async function rowsOf(
  { engine, warehouse, person }: Asked,
  malloy: string,
  time: TimeOptions,
): Promise<Record<string, unknown>[]> {
  const { sql } = await engine.compileInWorld(onePersonWorld, malloy, { ...time, restricted: false });
  // Not within a read that lasts: compiling reads too, and would wait for a reader that such reads hold.
  return warehouse.read((session) => session.rows(forPerson(sql, person)));
}

/** The day of a time in the account's zone, as models/clock.malloy has it: its start, and the second 86,399 s later. */
function dayOf(at: Date, zone: string): { start: DateTime<true>; lastSecond: DateTime<true> } {
  const start = DateTime.fromJSDate(at, { zone }).startOf('day').toUTC() as DateTime<true>;
  return { start, lastSecond: start.plus({ seconds: 86_399 }) };
}
