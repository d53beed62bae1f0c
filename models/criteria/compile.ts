import type { BehaviourScans } from './behaviours.ts';
import { criteriaError } from './errors.ts';
import { limits } from './limits.ts';
import { malloyPath } from './literal.ts';
import { nearestName } from './nearest.ts';
import { conditionText, operatorFor, operatorsByType, ValueProblem } from './operators.ts';
import { membersOf, sequenceOf, type SelectedEvents, type SelectedStep } from './relations.ts';
import type {
  BehaviourCondition,
  Criteria,
  CriteriaCatalogue,
  CriteriaField,
  EventSelection,
  EventSource,
  FieldCondition,
  FieldType,
  SegmentCondition,
  SegmentDefinitions,
  SequenceCondition,
  SequenceStep,
} from './types.ts';

export interface CompileOptions {
  catalogue: CriteriaCatalogue;
  /** Takes what the behaviours need; absent where there can be none, nor sequences, nor segments. */
  scans?: BehaviourScans;
  /** What segment conditions may name. Default: none. */
  segments?: SegmentDefinitions | undefined;
  /** IANA zone of the account: days given as values are its days. */
  zone: string;
  /** Is told of every leaf, those inside of a `where` too: what explains a tree shows what decides it. */
  onLeaf?: (leaf: CompiledLeaf) => void;
}

/** A leaf as Malloy text, over what the tree is compiled over. */
export interface CompiledLeaf {
  /** JSONPath in the tree: '$.all[0].any[1]'. */
  path: string;
  /** The value that is compared. */
  value: string;
  type: FieldType;
  /** Never null. */
  condition: string;
}

/**
 * The Malloy condition of a tree, over contact_facts joined with the scans' extension. It is never null: each condition is
 * false on null, so that `not` is an exact complement.
 * @throws MallardError `criteria_invalid` naming the path, the field, what is allowed and the nearest name
 */
export function compileCriteria(criteria: Criteria, options: CompileOptions): string {
  const { catalogue, scans, segments = new Map<string, never>(), zone } = options;
  /** The segments being compiled, from the outermost. */
  const inside: string[] = [];
  let conditions = 0;

  function node(
    tree: Criteria,
    path: string,
    fields: readonly CriteriaField[],
    behaviours: boolean,
    guarded = guard,
  ): string {
    if (++conditions > limits.conditions_with_segments) {
      const what = `with the segments it names, it has more than ${limits.conditions_with_segments} conditions`;
      throw criteriaError({ path, what });
    }
    if ('all' in tree) return joined(tree.all, 'and', `${path}.all`, fields, behaviours);
    if ('any' in tree) return joined(tree.any, 'or', `${path}.any`, fields, behaviours);
    if ('not' in tree) return `(not ${node(tree.not, `${path}.not`, fields, behaviours)})`;
    if ('field' in tree) return fieldCondition(tree, path, fields, guarded);
    if (!behaviours || !scans) {
      const what = 'a behaviour, sequence or segment cannot stand inside of a `where`';
      throw criteriaError({ path, what });
    }
    if ('segment' in tree) return segmentCondition(tree, path, scans);
    if ('sequence' in tree) return sequenceCondition(tree, path, scans);
    return behaviourCondition(tree, path, scans);
  }

  function joined(
    trees: readonly Criteria[],
    word: 'and' | 'or',
    path: string,
    fields: readonly CriteriaField[],
    behaviours: boolean,
  ): string {
    return `(${trees.map((tree, index) => node(tree, `${path}[${index}]`, fields, behaviours)).join(` ${word} `)})`;
  }

  function fieldCondition(
    leaf: FieldCondition,
    path: string,
    fields: readonly CriteriaField[],
    guarded: typeof guard,
  ): string {
    const field = fields.find((candidate) => candidate.path === leaf.field);
    if (!field)
      throw unknownName(
        `${path}.field`,
        'field',
        leaf.field,
        fields.map((candidate) => candidate.path),
      );
    return condition(malloyPath(field.path), field.type, leaf, leaf.field, path, guarded);
  }

  function behaviourCondition(leaf: BehaviourCondition, path: string, joins: BehaviourScans): string {
    const dot = leaf.measure.indexOf('.');
    const source = catalogue.sources.find(
      (candidate) => candidate.name === leaf.measure.slice(0, Math.max(dot, 0)),
    );
    const measure = source?.measures.find((candidate) => candidate.path === leaf.measure.slice(dot + 1));
    if (!source || !measure) {
      const known = catalogue.sources.flatMap(({ name, measures }) =>
        measures.map((one) => `${name}.${one.path}`),
      );
      throw unknownName(`${path}.measure`, 'measure', leaf.measure, known);
    }
    const value = joins.column({
      source,
      measure: measure.path,
      countedWhere: measure.countedWhere ?? [],
      filters: filtersOf(leaf.where, source, path),
      days: leaf.within_days,
      since: leaf.since && selectedEvents(leaf.since, `${path}.since`),
    });
    return condition(value, measure.type, leaf, leaf.measure, path);
  }

  function sequenceCondition(
    { sequence, within_days: days }: SequenceCondition,
    path: string,
    joins: BehaviourScans,
  ): string {
    const steps = sequence.map((step, index): SelectedStep => {
      const selected = selectedEvents(step, `${path}.sequence[${index}]`);
      const since = days === undefined ? undefined : stepWindow(days, sequence.slice(index + 1));
      const window = since === undefined ? [] : [joins.withinDays(selected.source, since)];
      return { ...selected, filters: [...selected.filters, ...window], days: step.within_days };
    });
    const sequenceRelation = joins.relation(sequenceOf(steps));
    return relationCondition(path, sequenceRelation, `${sequenceRelation}.last_at`, 'timestamp');
  }

  function segmentCondition({ segment: id }: SegmentCondition, path: string, joins: BehaviourScans): string {
    const definition = segments.get(id);
    if (!definition) throw unknownName(`${path}.segment`, 'segment', id, [...segments.keys()]);
    if ('members' in definition) {
      const relation = joins.relation(membersOf(definition.members));
      return relationCondition(path, relation, `(${relation}.of_contact is not null)`, 'boolean');
    }
    if (inside.includes(id)) {
      const circle = [...inside.slice(inside.indexOf(id)), id].join(' -> ');
      throw criteriaError({
        path: `${path}.segment`,
        what: `segments cannot name each other in a circle: ${circle}`,
      });
    }
    inside.push(id);
    const text = node(definition.criteria, `${path}.segment(${id})`, catalogue.fields, true);
    inside.pop();
    return text;
  }

  /** True of who is in a relation; `value` is what explains it. */
  function relationCondition(path: string, relation: string, value: string, type: FieldType): string {
    const isIn = `(${relation}.of_contact is not null)`;
    options.onLeaf?.({ path, value, type, condition: isIn });
    return isIn;
  }

  function selectedEvents({ source: name, where }: EventSelection, path: string): SelectedEvents {
    const source = catalogue.sources.find((candidate) => candidate.name === name);
    if (!source) {
      throw unknownName(
        `${path}.source`,
        'source of events',
        name,
        catalogue.sources.map((known) => known.name),
      );
    }
    return { source, filters: filtersOf(where, source, path) };
  }

  /**
   * Conditions that must all hold. What selects rows need not be guarded against null, and the plainer it is, the fewer rows
   * DuckDB reads.
   */
  function filtersOf(where: Criteria | undefined, source: EventSource, path: string): string[] {
    if (where === undefined) return [];
    return 'all' in where
      ? where.all.map((tree, index) => filter(tree, `${path}.where.all[${index}]`, source))
      : [filter(where, `${path}.where`, source)];
  }

  function filter(tree: Criteria, path: string, { fields }: EventSource): string {
    const isPlain = 'field' in tree;
    return node(tree, path, fields, false, isPlain ? (plain) => `(${plain})` : guard);
  }

  function condition(
    text: string,
    type: FieldType,
    leaf: FieldCondition | BehaviourCondition,
    name: string,
    path: string,
    guarded = guard,
  ): string {
    const operator = operatorFor(type, leaf.operator);
    if (operator === undefined) {
      const allowed = operatorsByType[type];
      const nearest = nearestName(leaf.operator, allowed);
      throw criteriaError({
        path: `${path}.operator`,
        what: `${name} is a ${type}, which has no operator '${leaf.operator}'`,
        field: name,
        operator: leaf.operator,
        allowed,
        ...(nearest === undefined ? {} : { nearest }),
      });
    }
    const compiled = conditionText(text, type, operator, leaf.value, zone);
    if (compiled instanceof ValueProblem) {
      const what = `${name}: ${compiled.what}`;
      throw criteriaError({ path: `${path}.value`, what, field: name, operator });
    }
    options.onLeaf?.({ path, value: text, type, condition: guard(compiled) });
    return guarded(compiled);
  }

  return node(criteria, '$', catalogue.fields, scans !== undefined);
}

/**
 * Within how many days a step must have been, for the last of those after it to be within `days`: no other need be read. Undefined:
 * however long ago. A day more than theirs, since a source's time may be a date in the account's zone.
 */
function stepWindow(days: number, after: readonly SequenceStep[]): number | undefined {
  if (after.length === 0) return days;
  const soon = after.map((step) => step.within_days ?? Infinity).reduce((sum, each) => sum + each);
  return soon === Infinity ? undefined : days + soon + 1;
}

/** False where the condition is null. */
function guard(condition: string): string {
  return `((${condition}) ?? false)`;
}

function unknownName(path: string, kind: string, name: string, known: readonly string[]) {
  const nearest = nearestName(name, known);
  return criteriaError({
    path,
    what: `there is no ${kind} '${name}'`,
    field: name,
    allowed: known,
    ...(nearest === undefined ? {} : { nearest }),
  });
}
