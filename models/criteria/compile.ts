import type { BehaviourScans } from './behaviours.ts';
import { criteriaError } from './errors.ts';
import { limits } from './limits.ts';
import { malloyPath } from './literal.ts';
import { nearestName } from './nearest.ts';
import { conditionText, isDayCount, operatorFor, operatorsByType, ValueProblem } from './operators.ts';
import type {
  BehaviourCondition,
  Criteria,
  CriteriaCatalogue,
  CriteriaField,
  FieldCondition,
  FieldType,
} from './types.ts';

export interface CompileOptions {
  catalogue: CriteriaCatalogue;
  /** Takes what the behaviours need; absent inside of a `where`, which has no behaviours. */
  scans?: BehaviourScans;
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
  const { catalogue, scans, zone } = options;

  function node(tree: Criteria, path: string, fields: readonly CriteriaField[], behaviours: boolean): string {
    if ('all' in tree) return joined(tree.all, 'and', `${path}.all`, fields, behaviours);
    if ('any' in tree) return joined(tree.any, 'or', `${path}.any`, fields, behaviours);
    if ('not' in tree) return `(not ${node(tree.not, `${path}.not`, fields, behaviours)})`;
    if (!('measure' in tree)) return fieldCondition(tree, path, fields);
    if (!behaviours)
      throw criteriaError({ path, what: 'a behaviour cannot stand inside the `where` of another' });
    return behaviourCondition(tree, path);
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

  function fieldCondition(leaf: FieldCondition, path: string, fields: readonly CriteriaField[]): string {
    const field = fields.find((candidate) => candidate.path === leaf.field);
    if (!field)
      throw unknownName(
        `${path}.field`,
        'field',
        leaf.field,
        fields.map((candidate) => candidate.path),
      );
    return condition(malloyPath(field.path), field.type, leaf, leaf.field, path);
  }

  function behaviourCondition(leaf: BehaviourCondition, path: string): string {
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
    if (leaf.within_days !== undefined && !isDayCount(leaf.within_days)) {
      const what = `within_days is a whole number of days from 1 to ${limits.days}`;
      throw criteriaError({ path: `${path}.within_days`, what, field: leaf.measure });
    }
    const filters = leaf.where === undefined ? [] : [node(leaf.where, `${path}.where`, source.fields, false)];
    const value = scans?.column({ source, measure: measure.path, filters, days: leaf.within_days });
    if (value === undefined)
      throw criteriaError({ path, what: 'behaviours cannot be used here', field: leaf.measure });
    return condition(value, measure.type, leaf, leaf.measure, path);
  }

  function condition(
    text: string,
    type: FieldType,
    leaf: FieldCondition | BehaviourCondition,
    name: string,
    path: string,
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
    const guarded = `((${compiled}) ?? false)`;
    options.onLeaf?.({ path, value: text, type, condition: guarded });
    return guarded;
  }

  return node(criteria, '$', catalogue.fields, scans !== undefined);
}

function unknownName(path: string, kind: 'field' | 'measure', name: string, known: readonly string[]) {
  const nearest = nearestName(name, known);
  return criteriaError({
    path,
    what: `there is no ${kind} '${name}'`,
    field: name,
    allowed: known,
    ...(nearest === undefined ? {} : { nearest }),
  });
}
