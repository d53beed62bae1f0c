import { limits } from './limits.ts';
import { valueForms } from './literal.ts';
import { operatorFor, operatorNames, operatorsByType, shapeOf, type ValueShape } from './operators.ts';
import { CriteriaTreeSchema } from './schema.ts';
import type { CriteriaCatalogue, CriteriaField, EventSource, FieldType } from './types.ts';

type Json = Record<string, unknown>;

const types = Object.keys(operatorsByType) as FieldType[];

/**
 * JSON Schema (draft 7) of a segment file, for editors: the tree of `schema.ts` with the catalogue put in, so that names are
 * completed with their docs, and operators with those of the field's type. `enumDescriptions` is what VS Code and
 * yaml-language-server show beside a name. A behaviour's `where` knows the fields of its own source.
 */
export function segmentFileSchema(catalogue: CriteriaCatalogue): object {
  const { fields, sources } = catalogue;
  const rows = fieldConditions('fields', fields, { logic: { enum: ['AND', 'OR'] } });
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'A segment of Mallard',
    type: 'object',
    additionalProperties: false,
    required: ['title', 'criteria'],
    properties: {
      segment_id: { type: 'string', description: 'the name of the file, which counts; may be left out' },
      title: { type: 'string', minLength: 1, maxLength: 200, description: 'what people call it' },
      description: { type: ['string', 'null'], description: 'who is in it, and what for' },
      criteria: { description: 'who belongs to it', anyOf: [ref('criteria'), ref('rows')] },
    },
    definitions: {
      criteria: { anyOf: alternatives(catalogue) },
      rows: { description: 'the flat form', type: 'array', minItems: 1, items: { anyOf: rows } },
      ...namesOf('fields', fields),
      ...Object.assign({}, ...sources.map(definitionsOf)),
    },
  };
}

/** What belongs to one event source: the names of its fields and measures, and what may stand in a `where`. */
function definitionsOf({ name, fields, measures }: EventSource): Json {
  const where = [...combinators(`where_${name}`), ...fieldConditions(`fields_of_${name}`, fields)];
  return {
    [`where_${name}`]: { anyOf: where },
    ...namesOf(`fields_of_${name}`, fields),
    ...namesOf(
      `measures_of_${name}`,
      measures.map((measure) => ({ ...measure, path: `${name}.${measure.path}` })),
    ),
  };
}

/** The alternatives of the tree's own schema, those that name something of the catalogue once per type. */
function alternatives(catalogue: CriteriaCatalogue): Json[] {
  return treeAlternatives().flatMap((alternative) => {
    if (hasProperty(alternative, 'field')) return fieldConditions('fields', catalogue.fields);
    if (hasProperty(alternative, 'measure')) return behaviours(catalogue, alternative);
    if (hasProperty(alternative, 'sequence')) return [sequence(catalogue, alternative)];
    return [withRefs(alternative, 'criteria')];
  });
}

/** `all`, `any` and `not` of other conditions: all that may stand around the conditions of a `where`. */
function combinators(target: string): Json[] {
  return treeAlternatives()
    .filter((alternative) => ['all', 'any', 'not'].some((key) => hasProperty(alternative, key)))
    .map((alternative) => withRefs(alternative, target));
}

/** Conditions on the fields whose names are the definitions `<group>_<type>`. */
function fieldConditions(group: string, fields: readonly CriteriaField[], optional: Json = {}): Json[] {
  return typesOf(fields).map((type) => comparison(type, { field: ref(`${group}_${type}`) }, optional));
}

function behaviours({ sources }: CriteriaCatalogue, alternative: Json): Json[] {
  const { measure: _measure, operator: _operator, value: _value, ...rest } = propertiesOf(alternative);
  const optional = { ...rest, since: { ...(rest['since'] as Json), ...eventsOf(sources) } };
  return sources.flatMap(({ name, measures }) =>
    typesOf(measures).map((type) =>
      comparison(
        type,
        { measure: ref(`measures_of_${name}_${type}`) },
        { ...optional, where: ref(`where_${name}`) },
      ),
    ),
  );
}

/** Steps that know the fields of their own source. */
function sequence({ sources }: CriteriaCatalogue, alternative: Json): Json {
  const { sequence: steps, ...rest } = propertiesOf(alternative) as { sequence: Json } & Json;
  const { properties } = steps['items'] as { properties: Json };
  const items = eventsOf(sources, { within_days: properties['within_days'] });
  return { ...alternative, properties: { sequence: { ...steps, items }, ...rest } };
}

/** Events of one of the sources, with a `where` over its fields. */
function eventsOf(sources: readonly EventSource[], more: Json = {}): Json {
  return {
    type: 'object',
    required: ['source'],
    properties: { source: { enum: sources.map(({ name }) => name) }, where: { type: 'object' }, ...more },
    additionalProperties: false,
    allOf: sources.map(({ name }) => ({
      if: { required: ['source'], properties: { source: { const: name } } },
      then: { properties: { where: ref(`where_${name}`) } },
    })),
  };
}

/**
 * A condition on something of a type. What its value is depends on the operator, by `if` and `then`: with an alternative for
 * each shape of value, yaml-language-server offers only `is_set` and `is_not_set` as long as there is no value yet.
 */
function comparison(type: FieldType, subject: Json, optional: Json): Json {
  const shaped = operatorNames.flatMap((name) => {
    const operator = operatorFor(type, name);
    return operator === undefined ? [] : [{ name, shape: shapeOf(operator) }];
  });
  const shapes = [...new Set(shaped.map(({ shape }) => shape))];
  return {
    type: 'object',
    additionalProperties: false,
    required: [...Object.keys(subject), 'operator'],
    properties: { ...subject, ...optional, operator: { enum: shaped.map(({ name }) => name) }, value: {} },
    allOf: shapes.map((shape) => {
      const names = shaped.filter((each) => each.shape === shape).map(({ name }) => name);
      return {
        if: { required: ['operator'], properties: { operator: { enum: names } } },
        then:
          shape === 'none'
            ? { properties: { value: false } }
            : { required: ['value'], properties: { value: valueSchema(type, shape) } },
      };
    }),
  };
}

function valueSchema(type: FieldType, shape: Exclude<ValueShape, 'none'>): Json {
  const one = scalarSchema(type);
  if (shape === 'days')
    return { type: 'integer', minimum: 1, maximum: limits.days, description: 'whole days' };
  if (shape === 'pair')
    return { type: 'array', items: one, minItems: 2, maxItems: 2, description: '[lowest, highest]' };
  if (shape === 'list')
    return { anyOf: [{ type: 'array', items: one, minItems: 1, maxItems: limits.list_values }, one] };
  return one;
}

/** Numbers may be decimal text, and ids that look like numbers are text. */
function scalarSchema(type: FieldType): Json {
  const description = valueForms[type];
  if (type === 'boolean') return { type: 'boolean', description };
  if (type === 'date' || type === 'timestamp') return { type: 'string', description };
  return { type: ['string', 'number'], description };
}

/** The names with their docs, by type: `<group>_number` and so on. */
function namesOf(group: string, fields: readonly CriteriaField[]): Json {
  const named = typesOf(fields).map((type) => {
    const ofType = fields.filter((field) => field.type === type);
    const names = {
      enum: ofType.map(({ path }) => path),
      enumDescriptions: ofType.map(({ doc }) => doc ?? ''),
    };
    return [`${group}_${type}`, names];
  });
  return Object.fromEntries(named) as Json;
}

function typesOf(fields: readonly CriteriaField[]): FieldType[] {
  return types.filter((type) => fields.some((field) => field.type === type));
}

function treeAlternatives(): Json[] {
  const { anyOf } = plain(CriteriaTreeSchema.$defs.Criteria) as { anyOf: Json[] };
  return anyOf;
}

function hasProperty(alternative: Json, property: string): boolean {
  return property in propertiesOf(alternative);
}

function propertiesOf(alternative: Json): Json {
  return (alternative['properties'] ?? {}) as Json;
}

/**
 * TypeBox refers to the tree by its name; a file by a pointer into itself. Whose fields a `where` knows depends on what stands
 * beside it: where that is not a measure, it is left to `mallard segments apply`.
 */
function withRefs(alternative: Json, target: string): Json {
  return plain(alternative, (key, value) => {
    if (key === 'where') return { type: 'object', description: 'conditions over the fields of the event' };
    return key === '$ref' && value === 'Criteria' ? ref(target).$ref : value;
  }) as Json;
}

function ref(name: string): { $ref: string } {
  return { $ref: `#/definitions/${name}` };
}

/** A schema as a file holds it, without TypeBox's own symbols. */
function plain(schema: unknown, replace?: (key: string, value: unknown) => unknown): unknown {
  return JSON.parse(JSON.stringify(schema, replace));
}
