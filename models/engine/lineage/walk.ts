import { Annotations, type Expr, type FieldDef, type Query, type QueryFieldDef } from '@malloydata/malloy';
import { docOf } from '../describe.ts';
import { unitOf } from '../units.ts';
import { newNode, newReads, type LineageNode, type Place, type Reads } from './graph.ts';
import { isJoin, nameOf, outputScope, type Scope, type Scopes, type Stage } from './scope.ts';

/**
 * Walks Malloy's compiled definitions from a field down to the columns of tables: through expressions, joins, stages of
 * queries and structs. A definition is a node once, by the place where it is written: a field that a source inherits by
 * `extend` is the same figure, and the same node.
 *
 * What a measure filters by (`count() { where: is_won }`) makes its value. Filters of a source or a stage, the conditions of
 * joins and the groups of an aggregate are conditions: they decide which rows the value is made of.
 */
export class LineageWalker {
  readonly #scopes: Scopes;
  readonly #known: ReadonlyMap<string, LineageNode>;
  readonly #columns: ReadonlySet<string>;
  readonly #rows = new WeakMap<object, LineageNode>();
  readonly #placeless = new WeakMap<object, number>();
  readonly nodes = new Map<string, LineageNode>();
  /** Names that no field answers to: a way of Malloy's that this walk does not know. */
  readonly unresolved = new Set<string>();

  /**
   * @param columns of the warehouse, as `schema.table.column`, and `schema.table.*`
   * @param known nodes of an earlier walk over the same files
   */
  constructor(
    scopes: Scopes,
    columns: ReadonlySet<string>,
    known: ReadonlyMap<string, LineageNode> = new Map(),
  ) {
    this.#scopes = scopes;
    this.#columns = columns;
    this.#known = known;
  }

  /** What naming a field of a source reads: its definition, and what decides the source's rows. */
  field(scope: Scope, path: readonly string[]): Reads {
    const reads = newReads();
    this.#resolve(scope, path, reads);
    reads.conditions.add(this.#rowsOf(scope));
    return reads;
  }

  /** What decides a source's rows. */
  rows(scope: Scope): Reads {
    return this.#rowsOf(scope);
  }

  /** What a query reads: its columns' definitions, and what decides its rows. */
  query(query: Query): Reads {
    const reads = newReads();
    const stage = this.#scopes.stages(query).at(-1);
    if (!stage) return reads;
    for (const field of queryFields(stage)) this.#output(stage, outputName(field), [], reads);
    reads.conditions.add(this.#rowsOfStage(stage));
    return reads;
  }

  #resolve(scope: Scope, path: readonly string[], into: Reads): void {
    const [name = '', ...rest] = path;
    const definition = scope.fields.find((field) => nameOf(field) === name);
    if (!definition) {
      this.unresolved.add(path.join('.'));
      return;
    }
    if (!isJoin(definition)) {
      into.values.add(this.#node(scope, definition, rest));
      return;
    }
    const joined = this.#join(scope, definition, into);
    if (rest.length === 0) this.#countRows(joined, into);
    else this.#resolve(joined, rest, into);
  }

  /** A join's condition and the joined source's own decide what a field of it is. */
  #join(scope: Scope, join: FieldDef, into: Reads): Scope {
    const joined = this.#scopes.of(join as Parameters<Scopes['of']>[0]);
    // Kept by the join: its condition names the join itself.
    const rows = this.#rowsNode(join, (node) => {
      if ('onExpression' in join && join.onExpression) this.#condition(join.onExpression, scope, node);
      node.conditions.add(this.#rowsOf(joined));
    });
    into.links.add(rows);
    return joined;
  }

  #node(scope: Scope, field: FieldDef, rest: readonly string[]): LineageNode {
    const { base } = scope;
    if (!('e' in field) && base.kind === 'table') return this.#column(base.table, field.name);
    const name = [nameOf(field), ...rest].join('.');
    const key = this.#keyOf(field, name);
    const known = this.#known.get(key) ?? this.nodes.get(key);
    if (known) return known;
    const node = this.#describe(field, name, rest.length > 0);
    this.nodes.set(key, node);
    if ('e' in field && field.e) {
      const e = inside(field.e, rest);
      node.isPlain = e.node === 'field';
      this.#read(e, scope, node);
    } else if (field.type === 'turtle') this.#view(field.pipeline, scope, rest, node);
    else if (base.kind === 'stage') this.#output(base.stage, field.name, rest, node, node);
    else if (base.kind === 'any')
      for (const each of base.scopes) this.#resolve(each, [field.name, ...rest], node);
    else if (base.kind === 'sql') for (const column of this.#columnsOfSql(base.sql)) node.values.add(column);
    return node;
  }

  /** A column that a stage makes. @param own the column's node, where it is what is looked at */
  #output(stage: Stage, name: string, rest: readonly string[], into: Reads, own?: LineageNode): void {
    const field = queryFields(stage).find((each) => outputName(each) === name);
    into.conditions.add(this.#rowsOfStage(stage));
    if (!field) {
      // An index or a raw segment: made of all that there is.
      this.#countRows(stage.input, into);
    } else if (field.type === 'fieldref') {
      if (own) own.isPlain = true;
      const [first] = field.path;
      const view = stage.input.fields.find((each) => nameOf(each) === first);
      if (view?.type === 'turtle') this.#view(view.pipeline, stage.input, rest, into);
      else this.#resolve(stage.input, [...field.path, ...rest], into);
    } else if (field.type === 'turtle') {
      this.#view(field.pipeline, stage.input, rest, into);
    } else if ('e' in field && field.e) {
      const e = inside(field.e, rest);
      if (own) Object.assign(own, { isPlain: e.node === 'field' }, formulaOf(field));
      this.#read(e, stage.input, into, stage);
    }
    if (field && isAggregate(field, stage.input))
      for (const group of this.#groups(stage)) into.links.add(group);
  }

  /** A view, or a nested query: its last stage makes the fields. */
  #view(segments: Query['pipeline'], scope: Scope, [first, ...rest]: readonly string[], into: Reads): void {
    const stage = this.#scopes.pipeline(segments, scope).at(-1);
    if (!stage) return;
    const names = first === undefined ? queryFields(stage).map(outputName) : [first];
    for (const name of names) this.#output(stage, name, rest, into);
  }

  #read(e: Expr, scope: Scope, into: Reads, stage?: Stage): void {
    if (e.node === 'field') {
      this.#resolve(scope, e.path, into);
    } else if (e.node === 'outputField' && stage) {
      this.#resolve(outputScope(stage), [e.name], into);
    } else if (e.node === 'aggregate' && e.e.node === '') {
      this.#countRows(this.#joinedScope(scope, e.structPath ?? [], into), into);
    } else if (e.node === 'source-reference') {
      this.#countRows(this.#joinedScope(scope, e.path ?? [], into), into);
    } else {
      if (e.node === 'function_call' && stage)
        for (const name of e.partitionBy ?? []) this.#resolve(outputScope(stage), [name], into);
      for (const child of childrenOf(e)) this.#read(child, scope, into, stage);
    }
  }

  #joinedScope(scope: Scope, path: readonly string[], into: Reads): Scope {
    const [name, ...rest] = path;
    const join = scope.fields.find((field) => nameOf(field) === name);
    return join && isJoin(join) ? this.#joinedScope(this.#join(scope, join, into), rest, into) : scope;
  }

  #condition(e: Expr, scope: Scope, into: Reads, stage?: Stage): void {
    const { conditions, links } = into;
    this.#read(e, scope, { values: conditions, conditions, links }, stage);
  }

  /** What decides the rows of a source. */
  #rowsOf(scope: Scope): LineageNode {
    return this.#rowsNode(scope, (node) => {
      for (const filter of scope.filters) this.#condition(filter.e, scope, node);
      for (const field of scope.fields) {
        if (isJoin(field) && 'matrixOperation' in field && field.matrixOperation === 'inner')
          this.#join(scope, field, node);
      }
      if (scope.base.kind === 'stage') node.conditions.add(this.#rowsOfStage(scope.base.stage));
      if (scope.base.kind === 'any')
        for (const each of scope.base.scopes) node.conditions.add(this.#rowsOf(each));
    });
  }

  #rowsOfStage(stage: Stage): LineageNode {
    return this.#rowsNode(stage, (node) => {
      const own = 'filterList' in stage.segment ? (stage.segment.filterList ?? []) : [];
      for (const filter of [...stage.filters, ...own]) this.#condition(filter.e, stage.input, node, stage);
      node.conditions.add(this.#rowsOf(stage.input));
    });
  }

  #rowsNode(of: Scope | Stage | FieldDef, fill: (node: LineageNode) => void): LineageNode {
    let node = this.#rows.get(of);
    if (!node) {
      node = newNode({ kind: 'rows', name: '' });
      this.#rows.set(of, node);
      fill(node);
    }
    return node;
  }

  /** A bare `count()`: made of the table's rows, or of a stage's groups. */
  #countRows(scope: Scope, into: Reads): void {
    const { base } = scope;
    if (base.kind === 'table') into.values.add(this.#column(base.table, '*'));
    else if (base.kind === 'any') for (const each of base.scopes) this.#countRows(each, into);
    else if (base.kind === 'sql') for (const column of this.#columnsOfSql(base.sql)) into.values.add(column);
    else if (base.stage.segment.type === 'reduce')
      for (const group of this.#groups(base.stage)) into.values.add(group);
    else {
      this.#countRows(base.stage.input, into);
      this.#countJoined(base.stage, into);
    }
  }

  /** A stage that does not group has a row for each row of the joins to many that it reads. */
  #countJoined({ segment, input }: Stage, into: Reads): void {
    const usages = 'activeJoins' in segment ? (segment.activeJoins ?? []) : [];
    for (const { path } of usages) {
      const parent = this.#joinedScope(input, path.slice(0, -1), into);
      const join = parent.fields.find((field) => nameOf(field) === path.at(-1));
      if (join && isJoin(join) && join.join !== 'one') this.#countRows(this.#join(parent, join, into), into);
    }
  }

  /** What a stage groups by. */
  #groups(stage: Stage): LineageNode[] {
    const reads = newReads();
    for (const field of stage.segment.type === 'reduce' ? queryFields(stage) : []) {
      if (field.type === 'turtle' || isAggregate(field, stage.input)) continue;
      if (field.type === 'fieldref') this.#resolve(stage.input, field.path, reads);
      else if ('e' in field && field.e) this.#read(field.e, stage.input, reads);
    }
    return [...reads.values];
  }

  /** A view of `versions` is told as the table whose versions it shows. */
  #column(table: string, column: string): LineageNode {
    const [schema, name = ''] = table.split('.');
    const shown = ['core', 'ops', 'history'].find((each) => this.#columns.has(`${each}.${name}.${column}`));
    const key = `${(schema === 'versions' ? shown : undefined) ?? schema}.${name}.${column}`;
    const known = this.#known.get(key) ?? this.nodes.get(key);
    if (known) return known;
    const node = newNode({ kind: 'column', name: key });
    this.nodes.set(key, node);
    return node;
  }

  /** Raw SQL is not read further than for the tables it names; what reads none of anything is made of constants. */
  #columnsOfSql(sql: string): LineageNode[] {
    const names = sql.matchAll(/\b(?:core|ops|history|mart|raw|versions)\.[a-z_][a-z0-9_]*/gi);
    const tables = new Set([...names].map(([name]) => name.toLowerCase()));
    if (tables.size === 0 && /\bfrom\b/i.test(sql)) tables.add('duckdb.sql');
    return [...tables].map((table) => this.#column(table, '*'));
  }

  /** A definition is where it is written. */
  #keyOf(field: FieldDef, name: string): string {
    const { location } = field;
    if (location) {
      const { line, character } = location.range.start;
      return `${location.url}:${line}:${character} ${name}`;
    }
    let number = this.#placeless.get(field);
    if (number === undefined) this.#placeless.set(field, (number = this.nodes.size));
    return `${number} ${name}`;
  }

  #describe(field: FieldDef, name: string, isInside: boolean): LineageNode {
    const annotations = new Annotations(field.annotations);
    // Of a field inside a struct, the struct's own say nothing.
    const doc = isInside ? undefined : docOf(annotations);
    const unit = isInside ? undefined : unitOf(annotations);
    const place = placeOf(field);
    return newNode({
      kind: 'field',
      name,
      ...(place ? { place } : {}),
      ...(doc === undefined ? {} : { doc }),
      ...(unit === undefined ? {} : { unit }),
      ...(isInside ? {} : { type: field.type, ...formulaOf(field) }),
    });
  }
}

function queryFields({ segment }: Stage): readonly QueryFieldDef[] {
  return 'queryFields' in segment ? segment.queryFields : [];
}

function outputName(field: QueryFieldDef): string {
  return field.type === 'fieldref' ? (field.path.at(-1) ?? '') : nameOf(field);
}

function isAggregate(field: QueryFieldDef, input: Scope): boolean {
  let definition: FieldDef | undefined;
  if (field.type === 'fieldref') {
    let { fields } = input;
    for (const name of field.path) {
      definition = fields.find((each) => nameOf(each) === name);
      fields = definition && 'fields' in definition ? definition.fields : [];
    }
  } else definition = field;
  const type = definition && 'expressionType' in definition ? definition.expressionType : undefined;
  return type !== undefined && type !== 'scalar';
}

/** The expression of a field inside of a struct. */
function inside(e: Expr, path: readonly string[]): Expr {
  const [name, ...rest] = path;
  if (name === undefined) return e;
  if (e.node === 'field') return { ...e, path: [...e.path, ...path] };
  if (e.node === '()') return inside(e.e, path);
  const kid = e.node === 'recordLiteral' ? e.kids[name] : undefined;
  return kid ? inside(kid, rest) : e;
}

function childrenOf(e: Expr): Expr[] {
  const kids: (Expr | Expr[] | undefined)[] =
    'kids' in e ? Object.values(e.kids as Record<string, Expr | Expr[]>) : [];
  const own = 'e' in e ? (e.e as Expr | undefined) : undefined;
  return [...kids, own].flat().filter((kid) => kid !== undefined);
}

function placeOf({ location }: FieldDef): Place | undefined {
  return location && { url: location.url, line: location.range.start.line };
}

function formulaOf(field: object): { formula?: string } {
  const code = 'code' in field && typeof field.code === 'string' ? field.code : undefined;
  return code === undefined ? {} : { formula: code.replaceAll(/\s*\n\s*/g, ' ') };
}
