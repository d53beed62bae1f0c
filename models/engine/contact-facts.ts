import type { Explore, Model } from '@malloydata/malloy';
import type { BrokenModel, CatalogueField } from './types.ts';

/** The source that criteria, previews and variables of campaigns run over. */
const factsName = 'contact_facts';

/** What describes a source's fields, as the catalogue does. */
type Describe = (source: Explore) => Pick<CatalogueField, 'path' | 'type' | 'doc'>[];

export interface ContactFacts {
  /** `contact_facts`, or the project's source that stands for it. */
  source: string;
  /** The fields it has beyond those of contact_facts. */
  ownFields: CatalogueField[];
  problems: BrokenModel[];
}

/**
 * A project's source tagged `#(extends) contact_facts` stands for contact_facts wherever segments and campaigns read it, so
 * that the project's own fields are used as ours are. There is one; a further one, or one that is no contact_facts with
 * more fields, is reported and not used.
 */
export function readContactFacts(
  model: Model,
  describe: Describe,
  fileOf: (source: Explore) => string,
): ContactFacts {
  const facts = model.getExploreByName(factsName);
  const problems: BrokenModel[] = [];
  const seen = new Set<string>();
  let chosen: Explore | undefined;
  for (const source of model.explores) {
    const [tag] = source.annotations.forRoute('extends').slice(-1);
    const place = placeOfTag(source);
    if (!tag || place === undefined || seen.has(place)) continue;
    seen.add(place);
    const file = fileOf(source);
    const problem = chosen
      ? `${chosen.name} of ${fileOf(chosen)} extends contact_facts already, and there is only one such source: put the fields of both into one`
      : whyNot(source, tag.content.trim(), facts, describe);
    if (problem === undefined) chosen = source;
    else problems.push({ file, message: `${file}: ${source.name}: ${problem}.` });
  }
  return {
    source: chosen?.name ?? factsName,
    ownFields: ownFields(chosen, facts, describe, fileOf),
    problems,
  };
}

/** Where the tag was written: what extends a tagged source inherits it from there, and is no second one. */
function placeOfTag({ structDef }: Explore): string | undefined {
  const notes = structDef.annotations?.blockNotes ?? structDef.annotations?.inherits?.blockNotes ?? [];
  const note = notes.find(({ text }) => text.startsWith('#(extends)'));
  return note && `${note.at.url}:${note.at.range.start.line}`;
}

function whyNot(source: Explore, target: string, facts: Explore, describe: Describe): string | undefined {
  if (target !== factsName) return `#(extends) ${target}: only contact_facts can be extended`;
  if (source.primaryKey !== facts.primaryKey)
    return `its primary key is not ${facts.primaryKey}: write \`is contact_facts extend { … }\``;
  const types = new Map(describe(source).map(({ path, type }) => [path, type]));
  const missing = describe(facts).find(({ path, type }) => types.get(path) !== type);
  if (missing)
    return `it has no ${missing.path} as contact_facts has it: write \`is contact_facts extend { … }\`, and take nothing away`;
  if (filterCount(source) !== filterCount(facts))
    return 'it has a `where:`, and segments must see every contact: filter in the segment instead';
  return undefined;
}

function ownFields(
  chosen: Explore | undefined,
  facts: Explore,
  describe: Describe,
  fileOf: (source: Explore) => string,
): CatalogueField[] {
  if (!chosen) return [];
  const ours = new Set(describe(facts).map(({ path }) => path));
  const many = manyJoins(chosen);
  return describe(chosen)
    .filter(({ path }) => !ours.has(path) && !many.has(path.split('.')[0] ?? ''))
    .map((field) => ({ ...field, mart: factsName, source: chosen.name, file: fileOf(chosen) }));
}

/** A field of many rows has no one value of a contact. */
function manyJoins(source: Explore): Set<string> {
  return new Set(
    source.structDef.fields.flatMap((field) =>
      'join' in field && field.join !== 'one' ? [field.as ?? field.name] : [],
    ),
  );
}

function filterCount({ structDef }: Explore): number {
  return 'filterList' in structDef ? (structDef.filterList?.length ?? 0) : 0;
}
