import { MallardError } from '../../data/errors.ts';
import type { Session } from '../../data/owner/session.ts';

/**
 * Refuses rows that name a contact twice: a join of the project's own source that matches several rows would count, and
 * write to, somebody several times. Ours match one row each; this is for theirs.
 * @param sql yields `contact_id`
 * @throws `model_invalid` naming the source and a contact
 */
export async function refuseFanOut(session: Session, sql: string, source: string): Promise<void> {
  const twice = await session.one<{ contact_id: string; rows: number }>(
    `select contact_id, count(*)::int as rows from (${sql}) group by contact_id having count(*) > 1
     order by contact_id limit 1`,
  );
  if (twice) throw repeatedContact(source, twice.contact_id, twice.rows);
}

/** `model_invalid`: a join in `source` matches several rows of a contact. */
export function repeatedContact(source: string, contactId: string, rows: number): MallardError {
  return new MallardError(
    'model_invalid',
    `${source} has ${rows} rows of contact ${contactId}: a join in it matches several.`,
    {
      fields: { source, contact_id: contactId, rows },
      remedy: 'Aggregate the joined source to one row per contact before joining it.',
    },
  );
}
