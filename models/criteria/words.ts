import { DateTime } from 'luxon';
import { shapeOf } from './operators.ts';
import type { BehaviourCondition, Criteria, CriteriaScalar, CriteriaValue, FieldCondition } from './types.ts';

/** Conditions as people say them: "lifecycle_stage is lead", "email.last_30_days.clicks is 0, at least 1 needed". */
type Leaf = FieldCondition | BehaviourCondition;

/** What a value is, as it was read: text of decimals, days and UTC times too. */
export type LeafValue = string | number | boolean | null;

/** The condition alone: "order_count is at least 1". */
export function conditionWords(leaf: Leaf): string {
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
function subject(leaf: Leaf): string {
  if ('field' in leaf) return leaf.field;
  const window = leaf.within_days === undefined ? '' : ` within the last ${lastDays(leaf.within_days)}`;
  return `${leaf.measure}${window}${leaf.where === undefined ? '' : ` where ${treeWords(leaf.where)}`}`;
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

function predicate(leaf: Leaf): string {
  if (leaf.operator === 'contains') return `contains ${given(leaf.value)}`;
  if (leaf.operator === 'starts_with') return `starts with ${given(leaf.value)}`;
  return `is ${need(leaf)}`;
}

/** What a value must be: "lead", "at least 1", "one of lead, mql", "within the last 30 days". */
function need({ operator, value }: Leaf): string {
  const says = given(value);
  switch (operator) {
    case 'equals':
      return says;
    case 'not_equals':
      return `other than ${says}`;
    case 'in':
      return Array.isArray(value) && value.length > 1 ? `one of ${says}` : says;
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
function saysAll(leaf: Leaf, actual: string): boolean {
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
