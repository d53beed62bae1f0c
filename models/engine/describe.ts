import type { Annotations, AtomicField, Explore, Field } from '@malloydata/malloy';
import type { FieldType, QueryColumn } from './types.ts';

/** The text of `#(doc)`, several lines joined. */
export function docOf(annotations: Annotations): string | undefined {
  const [own] = annotations.forRoute('doc').slice(-1);
  return own?.content.trim();
}

export function fieldType(field: AtomicField): FieldType | undefined {
  const type: string = field.type;
  if (type === 'timestamptz') return 'timestamp';
  // A cast to a type of the database, such as DECIMAL(18,2) or INTEGER, is a number to us.
  return isFieldType(type) ? type : undefined;
}

function isFieldType(type: string): type is FieldType {
  return ['string', 'number', 'boolean', 'date', 'timestamp'].includes(type);
}

/** The columns of a result, in the order of the query. */
export function resultColumns(result: Explore): QueryColumn[] {
  return fieldsInOrder(result).map((field) => {
    const doc = docOf(field.annotations);
    return { name: field.name, type: columnType(field), ...(doc === undefined ? {} : { doc }) };
  });
}

function columnType(field: Field): QueryColumn['type'] {
  if (field.isExploreField()) return field.isArray || !field.isRecord ? 'array' : 'record';
  if (!field.isAtomicField()) return 'unknown';
  return field.isJSON() ? 'json' : (fieldType(field) ?? 'unknown');
}

/** In the order of their definition; `allFields` has plain ones first. */
export function fieldsInOrder(source: Explore): Field[] {
  return source.structDef.fields.flatMap((definition) => {
    const field = source.getFieldByNameIfExists(definition.as ?? definition.name);
    return field ? [field] : [];
  });
}

/** A field that queries may name: neither internal nor private. */
export function isPublic(source: Explore, field: Field): boolean {
  const definition = source.structDef.fields.find(
    (candidate) => (candidate.as ?? candidate.name) === field.name,
  );
  return definition?.accessModifier === undefined;
}
