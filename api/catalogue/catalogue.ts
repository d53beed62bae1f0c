import { MallardError } from '../../data/errors.ts';
import { nearestName } from '../../models/criteria/nearest.ts';
import type { FieldLineage, Lineage, LineageStep } from '../../models/engine/lineage/lineage.ts';
import type { Catalogue, CatalogueField, CatalogueMeasure } from '../../models/engine/types.ts';
import type { Mallard } from '../../pipelines/context.ts';
import { readUsers, type UsedBy } from './used-by.ts';
import { fieldValues, type FieldValue, type ValuesOf } from '../../models/engine/field-values.ts';

interface Told extends FieldLineage {
  used_by: UsedBy;
}

export type ToldField = CatalogueField & Told & { values?: FieldValue[]; values_as_of?: string };
export type ToldMeasure = CatalogueMeasure & Told;

/** The models' catalogue, with where each field comes from and who uses it. */
export type ToldCatalogue = Omit<Catalogue, 'fields' | 'measures'> & {
  fields: ToldField[];
  measures: ToldMeasure[];
};

/** Everything about one field or measure. */
export interface FieldDetail extends Told {
  /** Full: `contact_facts.total_revenue`, `deal_facts.win_rate`. */
  name: string;
  kind: 'field' | 'measure';
  source: string;
  path: string;
  type: string;
  doc?: string;
  unit?: string;
  is_personal?: true;
  is_metric?: boolean;
  dimensions?: string[];
  /** Of a field of the project's own: the source that defines it, and its file. */
  defined_by?: string;
  file?: string;
  /** The way from the columns to the field, which is the last. */
  steps: LineageStep[];
  values?: FieldValue[];
  values_as_of?: string;
}

export interface ListOptions {
  /** Only names (`contact_facts.email.last_30_days.clicks`) that contain this. */
  part?: string | undefined;
  /** Count the values of small domains. */
  values?: boolean | undefined;
}

/** The catalogue as people and programs ask for it. One for a server: it keeps the counted values. */
export class FieldCatalogue {
  readonly #mallard: Mallard;
  readonly #values: (catalogue: Catalogue) => ValuesOf;

  constructor(mallard: Mallard) {
    this.#mallard = mallard;
    this.#values = fieldValues(mallard.warehouse);
  }

  async list({ part = '', values = false }: ListOptions = {}): Promise<ToldCatalogue> {
    const { catalogue, told } = await this.#read();
    const valuesOf = this.#values(catalogue);
    const fields: ToldField[] = [];
    for (const field of catalogue.fields) {
      const name = `${field.mart}.${field.path}`;
      if (!name.includes(part)) continue;
      fields.push({ ...field, ...told(name), ...(values ? await valuesOf(field) : {}) });
    }
    const measures = catalogue.measures
      .map((measure) => ({ measure, name: `${measure.source}.${measure.name}` }))
      .filter(({ name }) => name.includes(part))
      .map(({ measure, name }) => ({ ...measure, ...told(name) }));
    return { ...catalogue, fields, measures };
  }

  /**
   * @param wanted full (`deal_facts.win_rate`), or a field's path alone: contact_facts' first, then other marts', then a measure's
   * @throws `not_found`, with the nearest name, or with those that the path alone may mean
   */
  async one(wanted: string): Promise<FieldDetail> {
    const { catalogue, lineage, told } = await this.#read();
    const all = catalogueItems(catalogue);
    const item = findItem(all, wanted);
    const { field } = item;
    const values = item.kind === 'field' ? await this.#values(catalogue)(item.field) : undefined;
    const { type, doc, unit } = field;
    return {
      name: item.name,
      kind: item.kind,
      source: item.source,
      path: item.path,
      type,
      ...(doc === undefined ? {} : { doc }),
      ...(unit === undefined ? {} : { unit }),
      ...('file' in field && field.file !== undefined ? { defined_by: field.source, file: field.file } : {}),
      ...('is_personal' in field ? { is_personal: true } : {}),
      ...('is_metric' in field ? { is_metric: field.is_metric, dimensions: field.dimensions } : {}),
      ...told(item.name),
      steps: lineage.steps(item.name),
      ...values,
    };
  }

  /** All that a page about the whole graph shows. */
  async graph(): Promise<{ catalogue: ToldCatalogue; lineage: Lineage }> {
    return { catalogue: await this.list(), lineage: await this.#mallard.engine.lineage() };
  }

  async #read() {
    const { engine } = this.#mallard;
    const catalogue = await engine.catalogue();
    const lineage = await engine.lineage();
    const usedBy = await readUsers(this.#mallard, lineage, catalogue);
    const told = (name: string): Told => ({
      ...(lineage.of(name) ?? { columns: [], conditions: [] }),
      used_by: usedBy(name),
    });
    return { catalogue, lineage, told };
  }
}

type Item = { name: string; source: string; path: string } & (
  { kind: 'field'; field: CatalogueField } | { kind: 'measure'; field: CatalogueMeasure }
);

function catalogueItems({ fields, measures }: Catalogue): Item[] {
  return [
    ...fields.map((field): Item => {
      const { mart: source, path } = field;
      return { name: `${source}.${path}`, source, path, kind: 'field', field };
    }),
    ...measures.map((field): Item => {
      const { source, name: path } = field;
      return { name: `${source}.${path}`, source, path, kind: 'measure', field };
    }),
  ];
}

function findItem(all: readonly Item[], wanted: string): Item {
  const named = all.find(({ name }) => name === wanted);
  if (named) return named;
  const fields = all.filter(({ kind, path }) => kind === 'field' && path === wanted);
  const field = fields.find(({ source }) => source === 'contact_facts') ?? fields[0];
  if (field) return field;
  const measures = all.filter(({ path }) => path === wanted);
  const [measure] = measures;
  if (measure && measures.length === 1) return measure;
  if (measures.length > 1) {
    const names = measures.map(({ name }) => name);
    throw new MallardError('not_found', `'${wanted}' may be ${names.join(' or ')}.`, {
      fields: { name: wanted, candidates: names },
      remedy: 'Say which, with its source.',
    });
  }
  const nearest = nearestName(
    wanted,
    all.flatMap(({ name, path }) => [name, path]),
  );
  const hint = nearest === undefined ? '' : ` Did you mean '${nearest}'?`;
  throw new MallardError('not_found', `There is no field or measure '${wanted}'.${hint}`, {
    fields: { name: wanted, ...(nearest === undefined ? {} : { nearest }) },
    remedy: 'List them with `mallard fields`.',
  });
}
