import { lifecycleStages, trackedFields } from '../../data/tracked-fields.ts';
import { literal } from '../load/sql.ts';
import { canonicalsSql } from './canonicals.ts';

/**
 * Which value wins where several contacts are one person, field by field:
 *
 * - `own_then_latest`: the canonical's own if it has one; else, of the others that have one, that of the latest `updated_at`
 *   (none sorts last; ties: the smallest contact_id).
 * - `furthest_stage`: the furthest in the order subscriber < lead < mql < sql < opportunity < customer; a word that is none of
 *   these comes before all. Ties: the canonical, then the smallest contact_id.
 * - `earliest`: the earliest. Ties as above.
 *
 * Null is no value; the loader stores an empty text as null. The models say the same in Malloy (models/base).
 */
export type SurvivorshipRule = 'own_then_latest' | 'furthest_stage' | 'earliest';

const contactFields: readonly string[] = Object.keys(trackedFields.contact);

export const survivorship: Readonly<Record<string, SurvivorshipRule>> = {
  ...Object.fromEntries(contactFields.map((field): [string, SurvivorshipRule] => [field, 'own_then_latest'])),
  lifecycle_stage: 'furthest_stage',
  created_at: 'earliest',
};

/** The first row of a field, in this order, has the value that wins; over `c` (core.contacts) and `m` (its canonical). */
function orderSql(field: string): string {
  const own = 'c.contact_id <> m.canonical_contact_id';
  switch (survivorship[field] ?? 'own_then_latest') {
    case 'earliest':
      return `c.${field}, ${own}, c.contact_id`;
    case 'furthest_stage':
      return `${stageRankSql(`c.${field}`)} desc, ${own}, c.contact_id`;
    default:
      return `${own}, c.updated_at desc nulls last, c.contact_id`;
  }
}

/** The place of a stage in the order, from 1; 0 for a word that is none. */
export function stageRankSql(stage: string): string {
  return `coalesce(list_position([${lifecycleStages.map(literal).join(', ')}], ${stage}), 0)`;
}

/**
 * A SELECT of what each person has: `(canonical_contact_id, field, value, contact_id, rule)`, one row for each field that any
 * member has; `contact_id` is the member that the value comes from.
 * @param members a relation `(contact_id, canonical_contact_id)` of all members, the canonicals themselves too
 */
export function mergedValuesSql(members: string, fields: readonly string[] = contactFields): string {
  const perField = fields.map(
    (field) => `
      select m.canonical_contact_id, ${literal(field)} as field, cast(c.${field} as varchar) as value, c.contact_id,
        ${literal(survivorship[field] ?? 'own_then_latest')} as rule
      from ${members} m join core.contacts c on c.contact_id = m.contact_id where c.${field} is not null
      qualify row_number() over (partition by m.canonical_contact_id order by ${orderSql(field)}) = 1`,
  );
  return perField.join('\nunion all');
}

/**
 * A SELECT with one row for each canonical that stands for others, `(contact_id, <fields>)`, each as the whole group has it.
 * Contacts without a group have their own row of core.contacts instead: this stays as small as the merges are.
 * @param which a condition on `m.canonical_contact_id`
 */
export function groupValuesSql(fields: readonly string[], which = 'true'): string {
  const values = fields.map(
    (field) =>
      `first(c.${field} order by ${orderSql(field)}) filter (where c.${field} is not null) as ${field}`,
  );
  return `select m.canonical_contact_id as contact_id, ${values.join(', ')}
    from (select contact_id, canonical_contact_id from ${canonicalsSql}
          union all select distinct canonical_contact_id, canonical_contact_id from ${canonicalsSql}) m
    join core.contacts c on c.contact_id = m.contact_id where ${which} group by m.canonical_contact_id`;
}
