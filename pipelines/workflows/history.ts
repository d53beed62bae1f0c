import type { Session } from '../../data/owner/session.ts';

/**
 * Changes one column of core.contacts to `after_value` for the rows of `action_plan` that are to be done, and appends to
 * core.contact_changes, as every change of a contact must. A field without any history gets its old value first, valid from
 * the contact's creation: the models take a field that has a history from there alone, and its past would be lost otherwise.
 * @param field a column of core.contacts, never text from outside
 * @param at UTC timestamp as text
 */
export async function changeContacts(
  tx: Session,
  field: 'lifecycle_stage' | 'owner_id',
  at: string,
): Promise<void> {
  await tx.run(
    `insert into core.contact_changes (contact_id, field, value, valid_from, source, recorded_at)
     select c.contact_id, $1, p.before_value, least(coalesce(c.created_at, timestamp '1970-01-01'), $2::timestamp), c.source,
       least(c.recorded_at, $2::timestamp)
     from action_plan p join core.contacts c using (contact_id)
     where p.status = 'done' and p.before_value is not null
       and not exists (from core.contact_changes h where h.contact_id = p.contact_id and h.field = $1)
     union all
     select contact_id, $1, after_value, $2::timestamp, 'workflow', $2::timestamp from action_plan where status = 'done'`,
    [field, at],
  );
  await tx.run(
    `update core.contacts c set ${field} = p.after_value, updated_at = $1::timestamp
     from action_plan p where p.contact_id = c.contact_id and p.status = 'done'`,
    [at],
  );
}
