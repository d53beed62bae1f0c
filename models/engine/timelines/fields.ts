import { trackedFields } from '../../../data/tracked-fields.ts';
import {
  bare,
  isField,
  kid,
  kids,
  named,
  type Definition,
  type Expression,
  type SourceShape,
} from './expressions.ts';

/**
 * What a field of contact_facts follows over time, read from its definition: a measure over the contact's events, of the last
 * days only where it has a `window`, or a column of contacts, as its history tells it.
 */
export type FieldRule = (MeasureRule | { kind: 'own'; field: OwnField }) & { read: Reading };

/**
 * What the field tells of it: the value itself; whether there is one; whether it is text other than ''; or the days from it to
 * `$LAST_SECOND`.
 */
export type Reading = 'value' | 'is_set' | 'is_filled' | 'days_since';

interface MeasureRule {
  kind: 'measure';
  source: string;
  measure: string;
  window: { days: number; time: string } | undefined;
  isZeroWithoutEvents: boolean;
}

export type OwnField = Exclude<keyof typeof trackedFields.contact, 'attributes' | 'updated_at'>;

/** contact_facts has a struct `email`. */
const renamed: Readonly<Record<string, OwnField>> = { email_address: 'email' };

/** The rule of a field by its path in the catalogue; undefined where its definition is none of these. */
export function fieldRule(facts: SourceShape, path: string): FieldRule | undefined {
  const [first = '', ...inner] = path.split('.');
  const field = named(facts.fields, first);
  if (!field || 'query' in field) return undefined;
  if (field.e === undefined) return inner.length === 0 ? ownRule(path) : undefined;
  let expression: Expression | undefined = field.e;
  for (const name of inner) {
    expression = expression?.node === 'recordLiteral' ? kid(expression, name) : undefined;
  }
  return expression && expressionRule(facts, bare(expression));
}

function ownRule(path: string): FieldRule | undefined {
  const field = renamed[path] ?? path;
  if (field === 'attributes' || field === 'updated_at' || path === 'email') return undefined;
  return field in trackedFields.contact
    ? { kind: 'own', field: field as OwnField, read: 'value' }
    : undefined;
}

function expressionRule(facts: SourceShape, expression: Expression): FieldRule | undefined {
  switch (expression.node) {
    case 'field':
      return pathRule(facts, expression.path ?? [], false);
    case 'coalesce': {
      const left = kid(expression, 'left');
      const isZero = kid(expression, 'right')?.literal === '0';
      return left?.node === 'field' && isZero ? pathRule(facts, left.path ?? [], true) : undefined;
    }
    case 'is-not-null':
      return readAs('is_set', expression.e && expressionRule(facts, bare(expression.e)));
    case 'and':
      return filledRule(facts, kid(expression, 'left'), kid(expression, 'right'));
    case 'timeDiff': {
      const left = kid(expression, 'left');
      const isToday = kid(expression, 'right')?.refName === 'LAST_SECOND' && expression.units === 'day';
      return isToday ? readAs('days_since', left && expressionRule(facts, left)) : undefined;
    }
    default:
      return undefined;
  }
}

function readAs(read: Reading, rule: FieldRule | undefined): FieldRule | undefined {
  return rule?.read === 'value' && !(rule.kind === 'measure' && rule.isZeroWithoutEvents)
    ? { ...rule, read }
    : undefined;
}

/** `x is not null and x != ''`. */
function filledRule(facts: SourceShape, left?: Expression, right?: Expression): FieldRule | undefined {
  const field = left?.node === 'is-not-null' && left.e ? bare(left.e) : undefined;
  const isSame = right?.node === '!=' && isField(kid(right, 'left'), ...(field?.path ?? []));
  const other = right && kid(right, 'right');
  if (field?.node !== 'field' || !isSame || other?.node !== 'stringLiteral' || other.literal !== '')
    return undefined;
  return readAs('is_filled', expressionRule(facts, field));
}

function pathRule(
  facts: SourceShape,
  path: readonly string[],
  isZeroWithoutEvents: boolean,
): FieldRule | undefined {
  const [first = '', column] = path;
  if (column === undefined) return isZeroWithoutEvents ? undefined : fieldRule(facts, first);
  const join = named(facts.fields, first);
  if (path.length > 2 || !join || !isJoinedByContact(join.onExpression, first)) return undefined;
  const aggregated = join.query && aggregateOf(join.query);
  const definition = aggregated && named(aggregated.fields, column);
  if (!aggregated || !definition) return undefined;
  const use = measureUse(definition);
  return (
    use && {
      kind: 'measure',
      source: nameOfSource(aggregated.source),
      isZeroWithoutEvents,
      read: 'value',
      ...use,
    }
  );
}

function isJoinedByContact(on: Expression | undefined, join: string): boolean {
  return (
    on?.node === '=' &&
    isField(kid(on, 'left'), 'contact_id') &&
    isField(kid(on, 'right'), join, 'contact_id')
  );
}

/** Events aggregated by contact in one stage, those without a contact left out. */
function aggregateOf(
  query: NonNullable<SourceShape['query']>,
): { source: SourceShape; fields: Definition[] } | undefined {
  const [stage] = query.pipeline;
  const source = query.structRef;
  if (!stage || query.pipeline.length > 1 || stage.type !== 'reduce' || typeof source === 'string') {
    return undefined;
  }
  const filters = [...(stage.filterList ?? []), ...(query.filterList ?? [])];
  const isPlain = filters.every(({ e }) => e.node === 'is-not-null' && isField(e.e, 'contact_id'));
  const keys = stage.queryFields.filter(({ path, e }) => path?.join() === 'contact_id' && !e);
  return isPlain && keys.length === 1 ? { source, fields: stage.queryFields } : undefined;
}

/** `clicks`, or `clicks_30 is clicks { where: occurred_at >= $TODAY - 30 days }`. */
function measureUse(definition: Definition): Pick<MeasureRule, 'measure' | 'window'> | undefined {
  const { e, path } = definition;
  if (!e) return path?.length === 1 ? { measure: path[0] ?? '', window: undefined } : undefined;
  const inner = kid(e, 'e');
  const [filter, ...more] = kids(e, 'filterList');
  if (e.node !== 'filteredExpr' || inner?.node !== 'field' || more.length > 0 || !filter?.e) return undefined;
  const condition = bare(filter.e);
  const start = kid(condition, 'right');
  const time = kid(condition, 'left');
  const isWindow =
    condition.node === '>=' &&
    start?.node === 'delta' &&
    start.op === '-' &&
    start.units === 'day' &&
    kid(start, 'base')?.refName === 'TODAY' &&
    time?.path?.length === 1;
  const days = Number(start && kid(start, 'delta')?.literal);
  const [measure] = inner.path ?? [];
  if (!isWindow || !Number.isInteger(days) || inner.path?.length !== 1 || measure === undefined)
    return undefined;
  return { measure, window: { days, time: time.path?.[0] ?? '' } };
}

function nameOfSource({ as, name }: SourceShape): string {
  return as ?? name;
}
