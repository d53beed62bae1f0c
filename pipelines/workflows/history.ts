import type { Session } from '../../data/owner/session.ts';
import { beginning } from '../../data/tracked-fields.ts';
import { writeAssertions } from '../load/assertions.ts';
import { contactDescribedAt as describedAt } from '../load/history.ts';

/**
 * Changes one column of core.contacts to `after_value` for the rows of `action_plan` that are to be done, and asserts it in
 * core.contact_changes, as every change of a contact must be (pipelines/load/history.ts). `updated_at` is left alone: it is the time
 * of the source's last edit, and a file with an older one would count as late.
 * @param field a column of core.contacts, never text from outside
 * @param at UTC timestamp as text
 */
export async function changeContacts(
  tx: Session,
  field: 'lifecycle_stage' | 'owner_id',
  at: string,
): Promise<void> {
  await tx.run(
    `create or replace temp table action_assertions as
     select p.contact_id as key, $field as field, c.${field} as value, timestamp '${beginning}' as valid_from, c.source,
       ${describedAt('c')} as recorded_at
     from action_plan p join core.contacts c using (contact_id)
     where p.status = 'done' and ${describedAt('c')} is not null
       and not exists (from core.contact_changes h where h.contact_id = p.contact_id and h.field = $field)
     union all
     select contact_id, $field, after_value, $at::timestamp, 'workflow', $at::timestamp from action_plan where status = 'done'`,
    { field, at },
  );
  await writeAssertions(tx, { table: 'contact_changes', key: 'contact_id' }, 'action_assertions', at);
  await tx.run('drop table temp.action_assertions');
  await tx.run(
    `update core.contacts c set ${field} = p.after_value
     from action_plan p where p.contact_id = c.contact_id and p.status = 'done'`,
  );
}
