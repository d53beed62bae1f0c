import { DateTime } from 'luxon';
import { shapeOf } from './operators.ts';
import type {
  BehaviourCondition,
  Criteria,
  CriteriaScalar,
  CriteriaValue,
  EventSelection,
  FieldCondition,
} from './types.ts';
import type { Leaf } from './walk.ts';

/** Conditions as people say them: "lifecycle_stage is lead", "email.last_30_days.clicks is 0, at least 1 needed". */
type Comparison = FieldCondition | BehaviourCondition;

/** What a value is, as it was read: text of decimals, days and UTC times too. */
export type LeafValue = string | number | boolean | null;

/** The condition alone: "order_count is at least 1". */
export function conditionWords(leaf: Leaf): string {
  if ('segment' in leaf) return `in the segment ${leaf.segment}`;
  if ('sequence' in leaf) {
    const steps = leaf.sequence.map(({ within_days: days, ...events }, index) => {
      const soon = days === undefined ? '' : ` within ${days === 1 ? 'a day' : `${days} days`}`;
      return `${index === 0 ? '' : ', then '}${eventsWords(events)}${soon}`;
    });
    const window =
      leaf.within_days === undefined ? '' : `, the last within the last ${lastDays(leaf.within_days)}`;
    return `${steps.join('')}${window}`;
  }
  return `${subject(leaf)} ${predicate(leaf)}`;
}

/**
 * The condition with the value that decided it.
 * @param zone IANA zone in which times are shown
 * @param since what a number of days reaches back to, as text; undefined for other operators
 */
export function verdictWords(
  leaf: Leaf,
  {
    isTrue,
    value,
    zone,
    since,
  }: { isTrue: boolean; value: LeafValue; zone: string; since?: string | undefined },
): string {
  if ('segment' in leaf) return `${isTrue ? '' : 'not '}${conditionWords(leaf)}`;
  if ('sequence' in leaf)
    return `${conditionWords(leaf)}: ${isTrue ? `last on ${valueWords(value, zone)}` : 'never'}`;
  const name = subject(leaf);
  const actual = valueWords(value, zone);
  const { operator } = leaf;
  if (operator === 'is_not_set')
    return isTrue ? `${name} is not set` : `${name} is ${actual}, must not be set`;
  if (operator === 'is_set') return isTrue ? `${name} is ${actual}` : `${name} is not set, must be`;
  if (isTrue && saysAll(leaf, actual)) return `${name} is ${actual}`;
  if (isTrue) return `${name} is ${actual} (${need(leaf)}${since === undefined ? '' : `, since ${since}`})`;
  return `${name} is ${actual}, ${need(leaf)}${since === undefined ? '' : ` (since ${since})`} needed`;
}

/** "email_events.clicks within the last 30 days where campaign_id is c1", or the field's path. */
function subject(leaf: Comparison): string {
  if ('field' in leaf) return leaf.field;
  const window = leaf.within_days === undefined ? '' : ` within the last ${lastDays(leaf.within_days)}`;
  const since = leaf.since === undefined ? '' : ` since the last ${eventsWords(leaf.since)}`;
  return `${leaf.measure}${window}${leaf.where === undefined ? '' : ` where ${treeWords(leaf.where)}`}${since}`;
}

function eventsWords({ source, where }: EventSelection): string {
  return `${source}${where === undefined ? '' : ` where ${treeWords(where)}`}`;
}

/** A whole tree in a line, as it stands behind "where". */
function treeWords(tree: Criteria): string {
  if ('all' in tree) return tree.all.map(inner).join(' and ');
  if ('any' in tree) return tree.any.map(inner).join(' or ');
  if ('not' in tree) return `not ${inner(tree.not)}`;
  return conditionWords(tree);
}

function inner(tree: Criteria): string {
  return 'all' in tree || 'any' in tree ? `(${treeWords(tree)})` : treeWords(tree);
}

function predicate(leaf: Comparison): string {
  if (leaf.operator === 'not_contains') return `does not contain ${given(leaf.value)}`;
  if (leaf.operator === 'ends_with') return `ends with ${given(leaf.value)}`;
  if (leaf.operator === 'contains') return `contains ${given(leaf.value)}`;
  if (leaf.operator === 'starts_with') return `starts with ${given(leaf.value)}`;
  return `is ${need(leaf)}`;
}

/** What a value must be: "lead", "at least 1", "one of lead, mql", "within the last 30 days". */
function need({ operator, value }: Comparison): string {
  const says = given(value);
  switch (operator) {
    case 'equals':
      return says;
    case 'not_equals':
      return `other than ${says}`;
    case 'in':
      return Array.isArray(value) && value.length > 1 ? `one of ${says}` : says;
    case 'not_in':
      return `none of ${says}`;
    case 'not_contains':
      return `text without ${says}`;
    case 'ends_with':
      return `text that ends with ${says}`;
    case 'contains':
      return `text that contains ${says}`;
    case 'starts_with':
      return `text that starts with ${says}`;
    case 'between': {
      const [low, high] = Array.isArray(value) ? value : [];
      return `from ${given(low)} to ${given(high)}`;
    }
    case 'within_last_days':
      return `within the last ${lastDays(value)}`;
    case 'more_than_days_ago':
      return `more than ${String(value)} ${Number(value) === 1 ? 'day' : 'days'} ago`;
    case 'is_set':
      return 'set';
    case 'is_not_set':
      return 'not set';
    case 'greater_than':
      return `more than ${says}`;
    default:
      // at_least, at_most, less_than, before, after
      return `${operator.replaceAll('_', ' ')} ${says}`;
  }
}

/** Whether "is <value>" says the whole condition. */
function saysAll(leaf: Comparison, actual: string): boolean {
  return shapeOf(leaf.operator) === 'one' && leaf.operator === 'equals' && given(leaf.value) === actual;
}

const mostListed = 6;

function given(value: CriteriaValue | undefined): string {
  if (value === undefined) return '';
  if (!Array.isArray(value)) return scalarWords(value);
  const shown = value.slice(0, mostListed).map(scalarWords).join(', ');
  return value.length > mostListed ? `${shown} and ${value.length - mostListed} more` : shown;
}

/** Text that would not be seen, or be read as something else, stands in quotes. */
function scalarWords(value: CriteriaScalar): string {
  if (typeof value !== 'string') return String(value);
  return /^[^\s,"][^,"\n]*$/.test(value) && value.trim() === value ? value : JSON.stringify(value);
}

function lastDays(value: CriteriaValue | undefined): string {
  return Number(value) === 1 ? 'day' : `${String(value)} days`;
}

/** A time comes as UTC text and is shown in the zone, to the minute; a number to 12 digits. */
export function valueWords(value: LeafValue, zone: string): string {
  if (value === null) return 'not set';
  if (typeof value === 'number') return String(Number(value.toPrecision(12)));
  if (typeof value === 'string' && /^\d{4}-\d{2}-\d{2}T[\d:.]+Z$/.test(value))
    return DateTime.fromISO(value, { zone: 'utc' }).setZone(zone).toFormat('yyyy-MM-dd HH:mm');
  return scalarWords(value);
}
