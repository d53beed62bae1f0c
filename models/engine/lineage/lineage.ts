import { isSourceDef, type Model, type NamedQueryDef } from '@malloydata/malloy';
import type { Project } from '../../../data/project.ts';
import type { CompiledModels } from '../compiled.ts';
import type { Catalogue } from '../types.ts';
import { Closure, newNode, type LineageNode, type Place, type Reads } from './graph.ts';
import { Names, type LineageLayer } from './names.ts';
import { Scopes } from './scope.ts';
import { Uses, type FieldUse } from './uses.ts';
import { LineageWalker } from './walk.ts';

export type { FieldUse };

/** A definition on the way from the columns to a field. */
export interface LineageStep {
  /** `orders.reporting_amount`. */
  field: string;
  layer: LineageLayer;
  /** Relative to models/, or to the project's folder; and the line, from 1. */
  file: string;
  line: number;
  type?: string;
  unit?: string;
  doc?: string;
  /** The Malloy expression. */
  formula?: string;
  /** The steps and columns that it is made of. */
  from: string[];
}

export interface FieldLineage {
  /**
   * Columns that make the value: `core.orders.amount`; `core.orders.*` for rows that are counted, `duckdb.sql.*` for what raw
   * SQL reads beside the warehouse. Sorted; empty for what is made of constants only.
   */
  columns: string[];
  /** Columns that only decide which rows it is made of: filters of sources, conditions of joins, groups. Sorted. */
  conditions: string[];
}

/** The full names of a catalogue's fields and measures: `contact_facts.total_revenue`, `deal_facts.win_rate`. */
export function catalogueNames({ fields, measures }: Pick<Catalogue, 'fields' | 'measures'>): string[] {
  return [
    ...fields.map(({ mart, path }) => `${mart}.${path}`),
    ...measures.map(({ source, name }) => `${source}.${name}`),
  ];
}

/** From every field of the catalogue down to the columns of the warehouse, read from the compiled definitions. */
export class Lineage {
  readonly #models: CompiledModels;
  readonly #columns: ReadonlySet<string>;
  readonly #walker: LineageWalker;
  readonly #closure = new Closure();
  readonly #names: Names;
  readonly #entries: ReadonlyMap<string, LineageNode>;
  /** Of the sources of the catalogue. */
  readonly #layers: ReadonlyMap<string, LineageLayer>;
  readonly #labels = new Map<LineageNode, string>();
  readonly #files = new Map<string, Promise<FieldUse[]>>();
  readonly #taken = new Set<string>();
  readonly #uses: Uses;
  /** What the walk could not follow; empty, or a test fails. */
  readonly unresolved: readonly string[];

  private constructor(
    models: CompiledModels,
    columns: ReadonlySet<string>,
    walker: LineageWalker,
    names: Names,
    entries: ReadonlyMap<string, LineageNode>,
    layers: ReadonlyMap<string, LineageLayer>,
  ) {
    this.#models = models;
    this.#columns = columns;
    this.#walker = walker;
    this.#names = names;
    this.#entries = entries;
    this.#layers = layers;
    this.#uses = new Uses(entries);
    this.unresolved = [...walker.unresolved];
  }

  /** @param columns of the warehouse, as `schema.table.column`, and `schema.table.*` */
  static async read(
    models: CompiledModels,
    catalogue: Catalogue,
    project: Project,
    columns: ReadonlySet<string>,
  ): Promise<Lineage> {
    const model = await models.materializer.getModel();
    const scopes = new Scopes(model._modelDef.contents);
    const walker = new LineageWalker(scopes, columns);
    const entries = new Map<string, LineageNode>();
    const fields = [
      // The project's own fields of contact_facts are defined by its source, and named as ours.
      ...catalogue.fields.map(({ mart, path, source = mart, ...field }) => ({
        ...field,
        source: mart,
        definedBy: source,
        name: path,
      })),
      ...catalogue.measures.map((measure) => ({ ...measure, definedBy: measure.source })),
    ];
    for (const { source, definedBy, name, doc, unit, type } of fields) {
      const scope = scopes.of(model.getExploreByName(definedBy).structDef);
      const reads = walker.field(scope, name.split('.'));
      const [definition] = reads.values;
      entries.set(
        `${source}.${name}`,
        newNode({
          kind: 'field',
          name,
          isPlain: true,
          type,
          ...(doc === undefined ? {} : { doc }),
          ...(unit === undefined ? {} : { unit }),
          ...(definition?.place ? { place: definition.place } : {}),
          ...reads,
        }),
      );
    }
    const names = await Names.read(models, urlsOf(walker), project);
    const layers = new Map<string, LineageLayer>();
    for (const { name, location } of model.explores) {
      if (location) layers.set(name, names.layerAt({ url: location.url, line: location.range.start.line }));
    }
    return new Lineage(models, columns, walker, names, entries, layers);
  }

  /** @param name full, as `catalogueNames` has it; undefined where there is no such field */
  of(name: string): FieldLineage | undefined {
    const node = this.#entries.get(name);
    return node && { columns: this.#closure.columns(node), conditions: this.#closure.conditions(node) };
  }

  /** The way from the columns to a field, the field itself last. What only hands on another field of its layer is left out. */
  steps(name: string): LineageStep[] {
    const entry = this.#entries.get(name);
    if (!entry) return [];
    const steps = new Map<LineageNode, LineageStep>();
    const visit = (node: LineageNode): string => {
      if (node.kind !== 'field' || !node.place) return node.name;
      const known = steps.get(node)?.field;
      if (known !== undefined) return known;
      const from = new Set(this.#shown(node).map(visit));
      const step = this.#step(node, node.place, this.#labelOf(node), [...from]);
      steps.set(node, step);
      return step.field;
    };
    const from = new Set(this.#shown(entry).map(visit));
    const made = [...steps.values()];
    if (made.at(-1)?.field === name || !entry.place) return made;
    // Defined by another source, or handed on within this one.
    const [source = ''] = name.split('.');
    const layer = this.#layers.get(source) ?? 'user';
    return [...made, { ...this.#step(entry, entry.place, name, [...from]), layer }];
  }

  #step(node: LineageNode, place: Place, field: string, from: string[]): LineageStep {
    const { type, unit, doc, formula } = node;
    return {
      field,
      layer: this.#names.layerAt(place),
      file: this.#names.fileAt(place),
      line: place.line + 1,
      ...(type === undefined ? {} : { type }),
      ...(unit === undefined ? {} : { unit }),
      ...(doc === undefined ? {} : { doc }),
      ...(formula === undefined ? {} : { formula }),
      from,
    };
  }

  /** The fields of the catalogue that are used by whoever names these, of any source: those, and what they are made of. */
  async usedByNames(names: readonly string[]): Promise<FieldUse[]> {
    const { walker, contents, scopes } = await this.#walk();
    const reads = names.flatMap((name) => {
      const [source = '', ...path] = name.split('.');
      const struct = contents[source];
      return struct && isSourceDef(struct) ? [walker.field(scopes.of(struct), path)] : [];
    });
    // What decides the source's rows is not used by who names a field of it.
    return this.#uses.of({ ...merge(reads), conditions: new Set() });
  }

  /** The fields of the catalogue that decide which rows a source has: a segment's members, say. */
  async usedByRowsOf(source: string): Promise<FieldUse[]> {
    const { walker, contents, scopes } = await this.#walk();
    const struct = contents[source];
    return struct && isSourceDef(struct) ? this.#uses.of(walker.rows(scopes.of(struct))) : [];
  }

  /** The fields of the catalogue that the queries of a file, such as a report, read. Throws `model_invalid`. */
  usedByFile(url: URL): Promise<FieldUse[]> {
    const key = url.toString();
    // An edit of the file makes the models stale, and this with them.
    let uses = this.#files.get(key);
    if (!uses) this.#files.set(key, (uses = this.#readFile(url)));
    return uses;
  }

  async #readFile(url: URL): Promise<FieldUse[]> {
    const materializer = await this.#models.compileFile(url);
    const model = await materializer.getModel();
    const walker = new LineageWalker(new Scopes(model._modelDef.contents), this.#columns, this.#walker.nodes);
    return this.#uses.of(merge(queriesOf(model, url).map((query) => walker.query(query))));
  }

  /** The fields of the catalogue that are made of a field, without another in between. */
  dependents(name: string): string[] {
    return this.#uses.dependents(name);
  }

  async #walk() {
    const { _modelDef: definition } = await this.#models.materializer.getModel();
    const scopes = new Scopes(definition.contents);
    const walker = new LineageWalker(scopes, this.#columns, this.#walker.nodes);
    return { walker, contents: definition.contents, scopes };
  }

  #shown(node: LineageNode): LineageNode[] {
    return [...node.values].flatMap((each) => {
      const [only] = each.values;
      if (each.kind !== 'field' || !each.isPlain || !only || each.values.size > 1) return [each];
      const isSameLayer =
        only.kind === 'column' ||
        (only.place && each.place && this.#names.layerAt(only.place) === this.#names.layerAt(each.place));
      return isSameLayer ? this.#shown(each) : [each];
    });
  }

  /** Two stages of one source may have a column of one name: the further one is told by a number. */
  #labelOf(node: LineageNode): string {
    let label = this.#labels.get(node);
    if (label === undefined) {
      const name = node.place ? `${this.#names.sourceAt(node.place)}.${node.name}` : node.name;
      label = name;
      for (let n = 2; this.#taken.has(label); n++) label = `${name} (${n})`;
      this.#taken.add(label);
      this.#labels.set(node, label);
    }
    return label;
  }
}

function merge(reads: readonly Reads[]): Reads {
  return {
    values: new Set(reads.flatMap(({ values }) => [...values])),
    conditions: new Set(reads.flatMap(({ conditions }) => [...conditions])),
    links: new Set(reads.flatMap(({ links }) => [...links])),
  };
}

function urlsOf({ nodes }: LineageWalker): Set<string> {
  return new Set(
    [...nodes.values()].flatMap(({ place }) => (place?.url.startsWith('file:') ? [place.url] : [])),
  );
}

/** The queries written in the file itself. */
function queriesOf(model: Model, url: URL): NamedQueryDef[] {
  return model.namedQueries.filter((query) => query.location?.url === url.toString());
}
