import type { Session } from '../../data/owner/session.ts';
import { toTimestamp } from '../../data/clock.ts';

/**
 * Who a recorded id stands for. Facts, memberships and deliveries keep the id they were recorded with, for good; every SQL that
 * groups or joins by contact maps it through one of these, at the time it reads. A contact without a row is its own.
 */

/** The current mapping as a relation `(contact_id, canonical_contact_id)`: merged contacts alone, one row each. */
export const canonicalsSql = `(select contact_id, canonical_contact_id from core.contact_canonicals where superseded_at is null)`;

/** The mapping as it was known before `at` (a SQL timestamp): the rule of the models' KNOWN_AT. */
export function canonicalsKnownAtSql(at: string): string {
  return `(select contact_id, canonical_contact_id from core.contact_canonicals
    where recorded_at < ${at} and (superseded_at is null or superseded_at >= ${at}))`;
}

/** The id that stands for the contact id `expression`, as an expression; null stays null. */
export function canonicalOf(expression: string): string {
  return `coalesce((select k.canonical_contact_id from core.contact_canonicals k
    where k.superseded_at is null and k.contact_id = ${expression}), ${expression})`;
}

/**
 * Every id of the person that the contact id `expression` (a parameter, say) belongs to, as a relation `(contact_id)`: itself
 * alone where it is not merged. An id that nobody has gives itself.
 */
export function memberIdsSql(expression: string): string {
  return `(select ${canonicalOf(expression)} as contact_id
    union select contact_id from ${canonicalsSql} where canonical_contact_id = ${canonicalOf(expression)})`;
}

/** Whether anybody is merged at all: what joins a million rows to the mapping asks first. */
export async function hasMerged(session: Session): Promise<boolean> {
  const found = await session.one(
    'select 1 from core.contact_canonicals where superseded_at is null limit 1',
  );
  return found !== undefined;
}

/** The current mapping of merged contacts, or what it was known to be before `knownAt`. */
export async function readCanonicals(session: Session, knownAt?: Date): Promise<Map<string, string>> {
  const relation =
    knownAt === undefined ? canonicalsSql : canonicalsKnownAtSql(`timestamp '${toTimestamp(knownAt)}'`);
  const rows = await session.rows<{ contact_id: string; canonical_contact_id: string }>(
    `from ${relation} order by contact_id`,
  );
  return new Map(rows.map((row) => [row.contact_id, row.canonical_contact_id]));
}
