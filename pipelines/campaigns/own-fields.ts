import type { Warehouse } from '../../data/owner/warehouse.ts';
import { malloyPath } from '../../models/criteria/literal.ts';
import type { ModelEngine } from '../../models/engine/engine.ts';
import { resolveAsOf } from '../segments/as-of.ts';
import { refuseFanOut } from '../segments/fan-out.ts';
import { jsonReady, ownFieldsRelation, type ContactVariable } from './facts.ts';

/** What tells of the project's own fields of contact_facts. */
export type OwnFieldsEngine = Pick<ModelEngine, 'catalogue' | 'compileSql'>;

export interface OwnFields {
  variables: ContactVariable[];
  /** A SELECT with one row per contact: `contact_id`, and what `variables` name. */
  sql: string;
}

/**
 * Those of `paths` that are fields of the project's source that stands for contact_facts (`#(extends) contact_facts`), as of
 * the newest build. No table has them: they are computed where they are used.
 * @throws `conflict` where the marts are not built, `model_invalid` where a join of the source repeats a contact
 */
export async function ownFields(
  { engine, warehouse }: { engine: OwnFieldsEngine; warehouse: Warehouse },
  paths: readonly string[],
): Promise<OwnFields | undefined> {
  const { fields, contact_source: source } = await engine.catalogue();
  const named = fields.filter((field) => field.source === source && paths.includes(field.path));
  if (named.length === 0) return undefined;
  const columns = named.map(({ path }, index) => `v${index} is ${malloyPath(path)}`);
  const { sql } = await engine.compileSql(
    `run: ${malloyPath(source)} -> { select: contact_id, ${columns.join(', ')} }`,
    { asOf: await resolveAsOf(warehouse, undefined), restricted: false },
  );
  await warehouse.read((session) => refuseFanOut(session, sql, source));
  return {
    variables: named.map((field, index) => ({
      path: field.path,
      sql: jsonReady(`${ownFieldsRelation}.v${index}`, field.type),
      mart: ownFieldsRelation,
    })),
    // Whatever a load between the check and the launch does: nobody is written to twice.
    sql: `select distinct on (contact_id) * from (${sql})`,
  };
}
