import { bare, isField, kid, named, type Expression, type SourceShape, type Sources } from './expressions.ts';

/** How the values of a measure over parts of the events make its value over all of them. */
export type MeasureKind = 'sum' | 'min' | 'max';

/** The kind of a measure; undefined where its parts do not tell (means, ratios, distinct counts). */
export function measureKind(source: SourceShape, measure: string): MeasureKind | undefined {
  const expression = named(source.fields, measure)?.e;
  return expression && kindOf(source, expression);
}

function kindOf(source: SourceShape, given: Expression): MeasureKind | undefined {
  const expression = bare(given);
  if (expression.node === 'filteredExpr') {
    const inner = kid(expression, 'e');
    return inner && kindOf(source, inner);
  }
  if (expression.node === 'field' && expression.path?.length === 1) {
    return measureKind(source, expression.path[0] ?? '');
  }
  // Of joined rows each counts once, however many events join it.
  if (expression.node !== 'aggregate' || (expression.structPath ?? []).length > 0) return undefined;
  switch (expression.function) {
    case 'count':
    case 'sum':
      return 'sum';
    case 'min':
    case 'max':
      return expression.function;
    default:
      return undefined;
  }
}

/**
 * True where a source's rows are the rows of one table, each there from its own time on: a filter `time < $AS_OF` on the table, and
 * nothing between it and the source but selections of columns.
 */
export function isEventSource(source: SourceShape, time: string, sources: Sources): boolean {
  if (source.type === 'table') return (source.filterList ?? []).some(({ e }) => isBeforeAsOf(e, time));
  const { query } = source;
  if (source.type !== 'query_source' || !query) return false;
  const isSelection = query.pipeline.every(
    ({ type, queryFields, limit }) =>
      type === 'project' &&
      limit === undefined &&
      queryFields.every(({ expressionType }) => !/analytic|aggregate/.test(expressionType ?? '')),
  );
  const before = typeof query.structRef === 'string' ? sources[query.structRef] : query.structRef;
  return isSelection && before !== undefined && isEventSource(before as SourceShape, time, sources);
}

function isBeforeAsOf(given: Expression, time: string): boolean {
  const expression = bare(given);
  const right = kid(expression, 'right');
  return (
    expression.node === '<' &&
    isField(kid(expression, 'left'), time) &&
    right?.node === 'given' &&
    right.refName === 'AS_OF'
  );
}

/** A time that no data has, and whose day stands in no text by chance: where it shows in SQL, AS_OF was used. */
export const farFuture = new Date('9998-03-07T13:47:31.123Z');

/**
 * True where SQL compiled as of `farFuture` uses that time for nothing but to leave out what is not before it: then its rows
 * before T are those of any T. What is joined by the event's own day (exchange rates) is of a day that is never later.
 */
export function usesAsOfForRowsOnly(sql: string, time: string): boolean {
  const literal = `TIMESTAMP '9998-03-07 13:47:31.123'`;
  const ownDay = new RegExp(`base\\."(\\w+)"<=CAST\\(${literal} AS date\\)`, 'g');
  const rest = sql
    .replace(`base."${time}"<${literal}`, '')
    .replaceAll(ownDay, (found, column: string) =>
      new RegExp(`CAST\\(base\\."${time}" AS date\\)=\\w+\\."${column}"`).test(sql) ? '' : found,
    );
  return !/9998-03-0[5-9]/.test(rest);
}
