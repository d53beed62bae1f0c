import type { AtomicField, Explore, Field, Model } from '@malloydata/malloy';
import type { Project } from '../../data/project.ts';
import type { CompiledModels } from './compiled.ts';
import { readContactFacts } from './contact-facts.ts';
import { docOf, fieldsInOrder, fieldType, isPublic } from './describe.ts';
import { modelPath } from './files.ts';
import { marts, type MartColumn } from './marts.ts';
import type {
  Catalogue,
  CatalogueField,
  CatalogueMeasure,
  CatalogueSegment,
  CatalogueSource,
} from './types.ts';
import { unitOf } from './units.ts';
import { eventSubjects, windowDays, windowName } from './windows.ts';

type PlainField = Omit<CatalogueField, 'mart'>;
type Description = Pick<CatalogueField, 'doc' | 'unit'>;
type Descriptions = ReadonlyMap<string, Description>;

/** What the models offer, read from the definitions: they carry the docs. */
export async function readCatalogue(models: CompiledModels, project: Project): Promise<Catalogue> {
  const model = await models.materializer.getModel();
  const windows = describeWindows(model);
  const sources = model.explores.map((source) => describeSource(source, windows, project));
  const isMart = (name: string) => (marts as readonly string[]).includes(name);
  const facts = readContactFacts(
    model,
    (source) => describeFields(source, windows),
    (source) => fileOf(source, project),
  );
  return {
    fields: [
      ...sources
        .filter((source) => isMart(source.name))
        .flatMap((source) => source.fields.map((field) => ({ ...field, mart: source.name }))),
      ...facts.ownFields,
    ],
    contact_source: facts.source,
    measures: model.explores.flatMap(describeMeasures),
    sources,
    segments: model.explores.flatMap((source) =>
      describeSegment(source, model.getExploreByName('contact_facts'), project),
    ),
    broken: [...models.broken, ...facts.problems],
  };
}

/** The columns of a mart's table: the public dimensions and structs of its definition, in a stable order. */
export function martColumns(model: Model, source: string): MartColumn[] {
  const explore = model.getExploreByName(source);
  return fieldsInOrder(explore)
    .filter((field) => isPublic(explore, field) && (isDimension(field) || isRecord(field)))
    .map((field) => {
      const doc = field.isAtomicField() ? docOf(field.annotations) : undefined;
      return { name: field.name, type: columnTypeText(field), ...(doc === undefined ? {} : { doc }) };
    });
}

/** `number`, or of a struct `{last_7_days {clicks number}}`. */
function columnTypeText(field: Field): string {
  if (field.isExploreField()) {
    return `{${field.allFields.map((inner) => `${inner.name} ${columnTypeText(inner)}`).join(', ')}}`;
  }
  return field.isAtomicField() ? field.type : '';
}

function describeSource(source: Explore, windows: Descriptions, project: Project): CatalogueSource {
  const publicFields = fieldsInOrder(source).filter((field) => isPublic(source, field));
  const doc = docOf(source.annotations);
  return {
    name: source.name,
    ...(doc === undefined ? {} : { doc }),
    ...(source.primaryKey === undefined ? {} : { primary_key: source.primaryKey }),
    layer: layerOf(source, project),
    file: fileOf(source, project),
    fields: describeFields(source, windows),
    measures: publicFields
      .filter((field) => field.isAtomicField() && field.isCalculation())
      .map((field) => field.name),
    views: publicFields.filter((field) => field.isQueryField()).map((field) => field.name),
  };
}

function describeFields(source: Explore, windows: Descriptions): PlainField[] {
  return fieldsInOrder(source)
    .filter((field) => isPublic(source, field))
    .flatMap((field) => describeField(field, '', windows));
}

/** A dimension, or the dimensions of a struct or of a joined mart, by path. */
function describeField(field: Field, prefix: string, windows: Descriptions): PlainField[] {
  const path = `${prefix}${field.name}`;
  if (isDimension(field) && field.isAtomicField()) {
    const type = fieldType(field);
    if (type === undefined) return [];
    const isPersonal = field.annotations.forRoute('personal').length > 0;
    const described = { ...windows.get(path), ...describe(field) };
    return [{ path, type, ...described, ...(isPersonal ? { is_personal: true } : {}) }];
  }
  // One step into joins: contact_facts' rfm.segment, but not the joins of the joined.
  if (!field.isExploreField() || field.isArray || (!isRecord(field) && prefix !== '')) return [];
  return fieldsInOrder(field)
    .filter((inner) => isPublic(field, inner) && (isRecord(field) || !inner.isExploreField()))
    .flatMap((inner) => describeField(inner, `${path}.`, windows));
}

function describeMeasures(source: Explore): CatalogueMeasure[] {
  const fields = fieldsInOrder(source).filter((field) => isPublic(source, field));
  const names = new Set(fields.map(({ name }) => name));
  return fields.flatMap((field) => {
    if (!field.isAtomicField() || !field.isCalculation()) return [];
    const metric = field.annotations.forRoute('metric').length > 0;
    const dimensions = metric
      ? field.annotations.parseAsTag('metric').tag.textArray('dimensions')
      : undefined;
    return {
      source: source.name,
      name: field.name,
      type: fieldType(field) ?? 'number',
      ...describe(field),
      ...countedWhere(source, field, names),
      is_metric: metric,
      dimensions: dimensions ?? [],
    };
  });
}

/** A function of the database (`fn!()`, `sql_string()`), which text from outside may not call; or a comment, which would go on. */
const notSayable = /!(?!=)|\bsql_|--|\/\//;

/**
 * `count() { where: … }`, where each condition names public fields of the source alone: then a query may state it too.
 * @param names of these fields
 */
function countedWhere(
  source: Explore,
  field: AtomicField,
  names: ReadonlySet<string>,
): Pick<CatalogueMeasure, 'counted_where'> {
  const definition = source.structDef.fields.find((each) => (each.as ?? each.name) === field.name);
  const expression = definition && 'e' in definition ? definition.e : undefined;
  if (expression?.node !== 'filteredExpr') return {};
  const { filterList } = expression.kids;
  const canBeTold = filterList.every(({ code, expressionType, refSummary }) => {
    const paths = refSummary?.fieldUsage?.map(({ path }) => path) ?? [];
    return (
      expressionType === 'scalar' &&
      !notSayable.test(code) &&
      // A given may have another name in the file that states it.
      !refSummary?.givenUsage?.length &&
      paths.every(([name = '', ...more]) => more.length === 0 && names.has(name))
    );
  });
  return canBeTold ? { counted_where: filterList.map(({ code }) => code) } : {};
}

function describeSegment(source: Explore, facts: Explore, project: Project): CatalogueSegment[] {
  if (source.annotations.forRoute('segment').length === 0) return [];
  const { tag } = source.annotations.parseAsTag('segment');
  const name = tag.text('name') ?? source.name;
  const doc = docOf(source.annotations);
  return [
    {
      name,
      title: tag.text('title') ?? name,
      ...(doc === undefined ? {} : { doc }),
      source: source.name,
      ...(isFilter(source, facts) ? { is_filter: true } : {}),
      file: fileOf(source, project),
    },
  ];
}

/** `contact_facts -> { where: … group_by: contact_id }`: one stage, nothing joined to it, nothing computed of several contacts. */
function isFilter({ structDef }: Explore, facts: Explore): boolean {
  if (structDef.type !== 'query_source') return false;
  const { structRef, pipeline } = structDef.query;
  // What is written after `extend` refers to nothing any more.
  if (typeof structRef === 'string' || structRef.referenceID === undefined) return false;
  if (!('sourceID' in facts.structDef) || structRef.referenceID !== facts.structDef.sourceID) return false;
  const [stage, ...more] = pipeline;
  if (!stage || more.length > 0 || (stage.type !== 'reduce' && stage.type !== 'project')) return false;
  const { queryFields, filterList = [], limit } = stage;
  return (
    limit === undefined &&
    queryFields.every((field) => field.type === 'fieldref' && field.path.join() === 'contact_id') &&
    filterList.every(({ expressionType }) => expressionType === 'scalar')
  );
}

/** What a field's tags say of it. A unit is a number's. */
function describe(field: AtomicField): Description {
  const doc = docOf(field.annotations);
  const unit = fieldType(field) === 'number' ? unitOf(field.annotations) : undefined;
  return { ...(doc === undefined ? {} : { doc }), ...(unit === undefined ? {} : { unit }) };
}

/** A record literal takes no tags for its inside: they come from the measures the windows are made of. */
function describeWindows(model: Model): Descriptions {
  const described = new Map<string, Description>();
  for (const subject of eventSubjects) {
    const measures = model.getExploreByName(subject.source);
    for (const measure of subject.windowed) {
      const field = measures.getFieldByName(measure);
      if (!field.isAtomicField()) continue;
      const { doc, ...unit } = describe(field);
      for (const days of windowDays) {
        described.set(`${subject.name}.${windowName(days)}.${measure}`, {
          ...unit,
          ...(doc === undefined ? {} : { doc: `${doc} In the last ${days} days.` }),
        });
      }
    }
  }
  return described;
}

function isDimension(field: Field): boolean {
  return field.isAtomicField() && !field.isCalculation();
}

/** A struct, not a join. */
function isRecord(field: Field): boolean {
  return field.isExploreField() && field.structDef.type === 'record';
}

function layerOf(source: Explore, project: Project): CatalogueSource['layer'] {
  if (source.annotations.forRoute('segment').length > 0) return 'segment';
  const file = fileOf(source, project);
  if (file.startsWith('base/')) return 'base';
  if (file.startsWith('marts/')) return 'mart';
  if (file.startsWith('metrics/')) return 'metric';
  return 'user';
}

function fileOf(source: Explore, project: Project): string {
  return modelPath(source.location?.url ?? '', project);
}
