import { isBehaviour, type BehaviourRule, type ScoreRule } from '../../models/scores/rules.ts';
import type { Fact, Known } from './facts.ts';
import { cut, inPoints, micro, type Micro } from './points.ts';

/** Why a rule gives other points than at the earlier time. The four parts add up to the difference exactly. */
export interface RuleChange {
  points_then: number;
  difference: number;
  /** The same facts, older. */
  decay: number;
  /** Facts that have come, or a state that has begun to hold. */
  new_facts: number;
  /** Facts that count no more, or a state that has ceased to hold. */
  facts_gone: number;
  /** The rule itself was changed, made or taken out. */
  changed_rules: number;
  new_fact_count: number;
  gone_fact_count: number;
}

/** A rule's points in a world, at the end of one of the days that its facts were valued at. */
export function pointsOf(rule: ScoreRule, known: Known, day: number): Micro {
  if (!isBehaviour(rule)) return known.holds.has(rule) ? micro(rule.points.toFixed(2)) : 0n;
  return summed(rule, known.facts.get(rule) ?? [], day);
}

export function valued(points: readonly Micro[], day: number): Micro {
  return points[day] ?? 0n;
}

function summed(rule: BehaviourRule, facts: readonly Fact[], day: number): Micro {
  return cut(
    rule,
    facts.reduce((sum, { points }) => sum + valued(points, day), 0n),
  );
}

/**
 * From the earlier points to the later ones in steps, each with the rule's cut and rounding, so that nothing is left over: the facts
 * of then age; those that count no more go; new ones come; the rule becomes what it is now.
 * @param rule as it is at the later time, `old` as it was at the earlier one
 * @param known, before what the two worlds know; facts are valued at the later day (0) and at the earlier one (1)
 */
export function changeOf(
  rule: ScoreRule | undefined,
  old: ScoreRule | undefined,
  known: Known,
  before: Known,
): RuleChange {
  const then = old ? pointsOf(old, before, 1) : 0n;
  const unchanged = old ? pointsOf(old, known, 0) : 0n;
  const now = rule ? pointsOf(rule, known, 0) : 0n;
  const facts = old && isBehaviour(old) ? factChange(old, known, before) : stateChange(then, unchanged);
  return {
    points_then: inPoints(then),
    difference: inPoints(now - then),
    decay: inPoints(facts.aged - then),
    facts_gone: inPoints(facts.kept - facts.aged),
    new_facts: inPoints(unchanged - facts.kept),
    changed_rules: inPoints(now - unchanged),
    new_fact_count: facts.new_fact_count,
    gone_fact_count: facts.gone_fact_count,
  };
}

function factChange(old: BehaviourRule, known: Known, before: Known) {
  const earlier = before.facts.get(old) ?? [];
  const later = known.facts.get(old) ?? [];
  const earlierIds = new Set(earlier.map(({ id }) => id));
  const laterIds = new Set(later.map(({ id }) => id));
  const stayed = later.filter(({ id }) => earlierIds.has(id));
  const worth = (facts: readonly Fact[], day: number) => facts.filter(({ points }) => points[day] !== 0n);
  return {
    aged: summed(old, earlier, 0),
    kept: summed(old, stayed, 0),
    new_fact_count: worth(later, 0).filter(({ id }) => !earlierIds.has(id)).length,
    gone_fact_count: worth(earlier, 1).filter(({ id }) => !laterIds.has(id)).length,
  };
}

/** A state does not age: it holds or it does not. */
function stateChange(then: Micro, unchanged: Micro) {
  const hasEnded = then !== 0n && unchanged === 0n;
  return { aged: then, kept: hasEnded ? 0n : then, new_fact_count: 0, gone_fact_count: 0 };
}
