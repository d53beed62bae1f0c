import type { StructDef } from '@malloydata/malloy';

/**
 * The parts of Malloy's compiled expressions that timelines are read from. Malloy’s own type has over a hundred kinds; what is
 * none of those named here is not understood, and whoever reads it says so.
 */
export interface Expression {
  node: string;
  path?: string[];
  /** Of `given`. */
  refName?: string;
  /** Of `aggregate`; `structPath` where it is over joined rows. */
  function?: string;
  structPath?: string[];
  /** Of `numberLiteral` and `stringLiteral`. */
  literal?: string;
  /** Of `delta` and `timeDiff`. */
  op?: string;
  units?: string;
  e?: Expression;
  kids?: Record<string, Expression | Expression[]>;
}

export interface Definition {
  name: string;
  as?: string;
  type?: string;
  path?: string[];
  e?: Expression;
  expressionType?: string;
}

/** A source, as far as it is read here. */
export interface SourceShape {
  type: string;
  name: string;
  as?: string;
  fields: (Definition & Partial<SourceShape> & { onExpression?: Expression })[];
  filterList?: { e: Expression }[];
  query?: { structRef: string | SourceShape; pipeline: Stage[]; filterList?: { e: Expression }[] };
}

export interface Stage {
  type: string;
  queryFields: Definition[];
  filterList?: { e: Expression }[];
  limit?: number;
}

/** Sources by name, as a compiled model has them. */
export type Sources = Readonly<Record<string, unknown>>;

export function sourceOf(struct: StructDef): SourceShape {
  return struct as unknown as SourceShape;
}

export function named<T extends Definition>(definitions: readonly T[], name: string): T | undefined {
  return definitions.find((definition) => nameOf(definition) === name);
}

export function nameOf({ name, as, path }: Definition): string | undefined {
  return as ?? name ?? path?.at(-1);
}

/** Without the parentheses around it. */
export function bare(expression: Expression): Expression {
  return expression.node === '()' && expression.e ? bare(expression.e) : expression;
}

/** A kid that is one expression. */
export function kid(expression: Expression, name: string): Expression | undefined {
  const found = expression.kids?.[name];
  return found === undefined || Array.isArray(found) ? undefined : bare(found);
}

/** The kids of a list. */
export function kids(expression: Expression, name: string): Expression[] {
  const found = expression.kids?.[name];
  return Array.isArray(found) ? found : [];
}

export function isField(expression: Expression | undefined, ...path: string[]): boolean {
  return expression?.node === 'field' && expression.path?.join('.') === path.join('.');
}
