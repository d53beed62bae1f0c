import { trackedFields } from '../../../data/tracked-fields.ts';
import { compileCriteria } from '../../../models/criteria/compile.ts';
import { daysSinceTest, valueTest, type IntervalTest } from '../../../models/criteria/interval-tests.ts';
import { isFieldCondition, isPlainBehaviour, type Leaf } from '../../../models/criteria/intervals.ts';
import type {
  BehaviourCondition,
  Criteria,
  CriteriaCatalogue,
  EventSource,
  FieldCondition,
  FieldType,
} from '../../../models/criteria/types.ts';
import { isEventSource, measureKind, type MeasureKind } from '../../../models/engine/timelines/events.ts';
import type { SourceShape, Sources } from '../../../models/engine/timelines/expressions.ts';
import { fieldRule, type OwnField, type Reading } from '../../../models/engine/timelines/fields.ts';

/** How a leaf is followed over time exactly: what of, how it is read, and the test. */
export type LeafPlan = Tested & ({ from: 'own'; field: OwnField } | EventsPlan);

export interface EventsPlan {
  from: 'events';
  source: EventSource;
  measure: string;
  /** Malloy conditions that select the events. */
  filters: readonly string[];
  kind: MeasureKind;
  days: number | undefined;
}

interface Tested {
  read: Reading;
  test: IntervalTest;
  /** Of what is tested. */
  type: FieldType;
}

export interface PlanOptions {
  catalogue: CriteriaCatalogue;
  /** The compiled definitions' sources. */
  sources: Sources;
  zone: string;
}

/** The plan of a leaf; undefined where it can only be sampled. The leaf must fit the catalogue. */
export function planLeaf(leaf: Leaf, options: PlanOptions): LeafPlan | undefined {
  if (isPlainBehaviour(leaf)) return behaviourPlan(leaf, options);
  return isFieldCondition(leaf) ? fieldPlan(leaf, options) : undefined;
}

function behaviourPlan(leaf: BehaviourCondition, options: PlanOptions): LeafPlan | undefined {
  const [name = '', measure = ''] = leaf.measure.split('.');
  const source = options.catalogue.sources.find((candidate) => candidate.name === name);
  const type = source?.measures.find(({ path }) => path === measure)?.type;
  const test = type && valueTest(type, leaf.operator, leaf.value, options.zone);
  const events = source && eventsPlan(source, measure, leaf.within_days, leaf.where, options);
  return test && events && { ...events, read: 'value', test, type };
}

function fieldPlan(leaf: FieldCondition, options: PlanOptions): LeafPlan | undefined {
  const { catalogue, sources, zone } = options;
  const type = catalogue.fields.find(({ path }) => path === leaf.field)?.type;
  const facts = sources[catalogue.contactSource] as SourceShape | undefined;
  const rule = facts && fieldRule(facts, leaf.field);
  if (!type || !rule) return undefined;
  const { read } = rule;
  const test =
    read === 'days_since'
      ? daysSinceTest(leaf.operator, leaf.value, zone)
      : valueTest(type, leaf.operator, leaf.value, zone);
  if (!test) return undefined;
  const tested = { read, test, type: read === 'days_since' ? ('timestamp' as const) : type };
  if (rule.kind === 'own') {
    const isTime = trackedFields.contact[rule.field] === 'timestamp';
    return read === 'days_since' && !isTime ? undefined : { from: 'own', field: rule.field, ...tested };
  }
  const source = catalogue.sources.find(({ name }) => name === rule.source);
  if (!source || (rule.window && rule.window.time !== source.timeField.path)) return undefined;
  const measure = source.measures.find(({ path }) => path === rule.measure);
  if (read === 'days_since' && measure?.type !== 'timestamp') return undefined;
  const events = eventsPlan(source, rule.measure, rule.window?.days, undefined, options);
  // Without `?? 0` a count is null for a contact without any event, and 0 for one with another.
  return events && (events.kind === 'sum') === rule.isZeroWithoutEvents
    ? { ...events, ...tested }
    : undefined;
}

function eventsPlan(
  source: EventSource,
  measure: string,
  days: number | undefined,
  where: Criteria | undefined,
  { catalogue, sources, zone }: PlanOptions,
): EventsPlan | undefined {
  const shape = sources[source.name] as SourceShape | undefined;
  const kind = shape && measureKind(shape, measure);
  if (!kind || source.timeField.type !== 'timestamp') return undefined;
  if (!isEventSource(shape, source.timeField.path, sources)) return undefined;
  const { contactSource } = catalogue;
  const inner = { contactSource, fields: source.fields, sources: [] };
  const filters = where === undefined ? [] : [compileCriteria(where, { catalogue: inner, zone })];
  return { from: 'events', source, measure, filters, kind, days };
}
