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
  if (!twice) return;
  throw new MallardError(
    'model_invalid',
    `${source} has ${twice.rows} rows of contact ${twice.contact_id}: a join in it matches several.`,
    {
      fields: { source, contact_id: twice.contact_id, rows: twice.rows },
      remedy: 'Aggregate the joined source to one row per contact before joining it.',
    },
  );
}
