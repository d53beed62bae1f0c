import type { Session } from '../../data/owner/session.ts';
import { tokenSql } from './erase-sql.ts';
import { inList, type Person } from './person.ts';

/**
 * Ends what runs still have in store for the person: a mail that nobody has claimed yet is `skipped`; one that a sender has
 * in its hands may have gone out, and is `unknown`. Both with the reason `suppressed_forgotten`.
 * @param tx a transaction of the ledger lane, before the audience is anonymised; where that was lost with a crash, what was
 *   ended before is known by its token
 * @returns how many mails were ended
 */
export function finishUnsent(tx: Session, person: Person, salt: string, now: string): Promise<number> {
  return tx.run(
    `insert into ops.deliveries
       (delivery_id, campaign_run_id, message_id, contact_id, address_key, batch_id, lease_id, outcome, reason, occurred_at, recorded_at)
     select a.delivery_id, a.campaign_run_id, a.message_id, a.contact_id, a.address_key, b.batch_id, b.lease_id,
       case b.status when 'leased' then 'unknown' else 'skipped' end, 'suppressed_forgotten', $now::timestamp, $now::timestamp
     from ops.audience a
     join ops.delivery_batches b on b.campaign_run_id = a.campaign_run_id and a.position between b.position_from and b.position_to
     left join (select delivery_id, max_by(outcome, rowid) as outcome from ops.deliveries where batch_id in
         (select batch_id from ops.delivery_batches where status in ('pending', 'leased')) group by delivery_id) last
       on last.delivery_id = a.delivery_id
     left join ops.deliveries done on done.delivery_id = ${tokenSql('a.delivery_id', salt)}
     where a.decision = 'send' and b.status in ('pending', 'leased') and (last.outcome is null or last.outcome = 'failed')
       and done.delivery_id is null
       and (${inList('a.contact_id', person.contact_ids)} or ${inList('a.address_key', person.address_keys)})`,
    { now },
  );
}
