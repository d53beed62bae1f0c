import { renameSync } from 'node:fs';
import { join } from 'node:path';
import type { Session } from '../../data/owner/session.ts';
import type { Warehouse } from '../../data/owner/warehouse.ts';
import { syncFile } from '../../data/files.ts';
import type { Project } from '../../data/project.ts';
import type { Query } from '../segments/members.ts';
import type { Webhook } from './action.ts';
import { logAction, type LoggedRun } from './action-log.ts';
import { postWebhook } from './webhook.ts';

/**
 * Sends the contacts that are to be acted on, a message at a time, and logs each message that was taken: after a failure, or a
 * crash, the next run goes on with it. One that was taken and not logged goes out again, with the same id.
 * @param options.plan the rows of `targetsQuery`; `fieldsSql` see contact-fields.ts
 * @throws `provider_failed`, `configuration_missing`
 */
export async function sendMessages(
  warehouse: Warehouse,
  action: Webhook,
  options: { plan: Query; run: LoggedRun; fieldsSql: string; event: string },
): Promise<void> {
  const { plan, run, fieldsSql, event } = options;
  const messages = await warehouse.read((session) =>
    session.rows<{ message_id: string; contact_ids: string[] }>(
      `select after_value as message_id, list(contact_id order by contact_id) as contact_ids from (${plan.sql})
       where status = 'done' group by all order by contact_ids[1]`,
      plan.params,
    ),
  );
  await log(warehouse, run, { ...plan, sql: `from (${plan.sql}) where status = 'skipped'` });
  for (const { message_id: id, contact_ids: ids } of messages) {
    const of = { ids: JSON.stringify(ids) };
    const contacts = await warehouse.read((session) =>
      session.rows<{ contact: object }>(
        `select case when f.contact_id is null then json_object('contact_id', i.contact_id) else to_json(f) end as contact
         from (select unnest(from_json($ids, '["VARCHAR"]')) as contact_id) i left join (${fieldsSql}) f on f.contact_id = i.contact_id
         order by i.contact_id`,
        of,
      ),
    );
    await postWebhook(action, {
      id,
      type: `segment.${event}`,
      at: new Date(`${run.at}Z`),
      data: {
        segment_id: run.segmentId,
        run_id: run.runId,
        contacts: contacts.map(({ contact }) => contact),
      },
    });
    await log(warehouse, run, {
      sql: `select unnest(from_json($ids, '["VARCHAR"]')) as contact_id, null::varchar as before_value, $message_id::varchar as after_value,
        'done' as status, null::varchar as reason`,
      params: { ...of, message_id: id },
    });
  }
}

async function log(warehouse: Warehouse, run: LoggedRun, decisions: Query): Promise<void> {
  await warehouse.loads.transaction((tx) => logAction(tx, 'webhook', decisions, run));
}

/**
 * Writes the contacts that are to be acted on to `exports/<segment>.<list>.csv`, whole or not at all. A run that is repeated after a
 * crash writes the same file.
 */
export async function writeList(
  tx: Session,
  project: Project,
  { plan, segmentId, fieldsSql }: { plan: Query; segmentId: string; fieldsSql: string },
): Promise<void> {
  const named = await tx.one<{ list: string }>(
    `select after_value as list from (${plan.sql}) where status = 'done' limit 1`,
    plan.params,
  );
  const file = join(project.exports, `${segmentId}.${named?.list}.csv`);
  const part = `${file}.part`;
  await tx.run(
    `copy (select f.* replace (p.contact_id as contact_id) from (${plan.sql}) p left join (${fieldsSql}) f on f.contact_id = p.contact_id
       where p.status = 'done' order by p.contact_id)
     to '${part.replaceAll("'", "''")}' (format csv, header)`,
    plan.params,
  );
  syncFile(part);
  renameSync(part, file);
}
