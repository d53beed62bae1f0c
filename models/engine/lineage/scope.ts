import {
  isJoinedSource,
  type FieldDef,
  type FilterCondition,
  type PipeSegment,
  type Query,
  type SourceDef,
  type StructDef,
} from '@malloydata/malloy';

/** A stage of a query: what it reads, and the segment that says what comes of it. */
export interface Stage {
  segment: PipeSegment;
  input: Scope;
  /** Filters of the query as a whole; of its first stage only. */
  filters: readonly FilterCondition[];
}

/** Where a source's plain columns come from. */
type Base =
  | { kind: 'table'; table: string }
  | { kind: 'stage'; stage: Stage }
  | { kind: 'sql'; name: string; sql: string }
  | { kind: 'any'; scopes: Scope[] };

/** The fields that an expression may name, and the filters that hold for every row. */
export interface Scope {
  fields: readonly FieldDef[];
  filters: readonly FilterCondition[];
  base: Base;
}

/** Gives the scope of a compiled source, always the same one for the same. */
export class Scopes {
  readonly #known = new WeakMap<object, Scope>();
  readonly #queries = new WeakMap<object, Stage[]>();
  readonly #contents: Readonly<Record<string, unknown>>;

  /** @param contents what the model defines, for queries that name their source */
  constructor(contents: Readonly<Record<string, unknown>>) {
    this.#contents = contents;
  }

  of(struct: StructDef): Scope {
    let scope = this.#known.get(struct);
    if (!scope) {
      const filters = 'filterList' in struct ? (struct.filterList ?? []) : [];
      scope = { fields: struct.fields, filters, base: this.#baseOf(struct) };
      this.#known.set(struct, scope);
    }
    return scope;
  }

  /** The stages of a query, the last of which makes its columns. */
  stages(query: Query): Stage[] {
    const known = this.#queries.get(query);
    if (known) return known;
    const stages = this.pipeline(query.pipeline, this.of(this.#resolve(query)), query.filterList ?? []);
    this.#queries.set(query, stages);
    return stages;
  }

  pipeline(
    segments: readonly PipeSegment[],
    first: Scope,
    filters: readonly FilterCondition[] = [],
  ): Stage[] {
    const stages: Stage[] = [];
    for (const segment of segments) {
      const before = stages.at(-1);
      const input: Scope = before ? outputScope(before) : first;
      const own = 'extendSource' in segment ? (segment.extendSource ?? []) : [];
      stages.push({
        segment,
        input: own.length === 0 ? input : { ...input, fields: [...input.fields, ...own] },
        filters: before ? [] : filters,
      });
    }
    return stages;
  }

  #resolve(query: Query): SourceDef {
    const { structRef } = query;
    return typeof structRef === 'string' ? (this.#contents[structRef] as SourceDef) : structRef;
  }

  #baseOf(struct: StructDef): Base {
    switch (struct.type) {
      case 'table':
        return { kind: 'table', table: struct.tablePath };
      case 'query_source': {
        const stage = this.stages(struct.query).at(-1);
        // A query without a stage is its source as it is.
        return stage
          ? { kind: 'stage', stage }
          : { kind: 'any', scopes: [this.of(this.#resolve(struct.query))] };
      }
      case 'composite':
        return { kind: 'any', scopes: struct.sources.map((source) => this.of(source)) };
      case 'sql_select':
        return { kind: 'sql', name: struct.as ?? 'sql', sql: struct.selectStr };
      default:
        return { kind: 'sql', name: struct.as ?? struct.name, sql: '' };
    }
  }
}

export function nameOf(field: { as?: string | undefined; name: string }): string {
  return field.as ?? field.name;
}

export function isJoin(field: FieldDef): field is FieldDef & SourceDef & { onExpression?: unknown } {
  return 'join' in field && field.type !== 'record' && field.type !== 'array' && isJoinedSource(field);
}

/** The columns that a stage makes, as the next stage names them. */
export function outputScope(stage: Stage): Scope {
  const { segment } = stage;
  const fields = 'outputStruct' in segment ? segment.outputStruct.fields : [];
  return { fields, filters: [], base: { kind: 'stage', stage } };
}
