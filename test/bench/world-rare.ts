import type { Session } from '../../data/owner/session.ts';
import { id, recorded, type WorldSize } from './world.ts';

/** Rows too few to cost anything, for branches of the marts that the rest of the world does not take. */
export async function writeRare(tx: Session, { contacts }: WorldSize): Promise<void> {
  await writeKnownByIdOnly(tx, Math.ceil(contacts / 200));
  await writeBusy(tx, Math.ceil(contacts / 100));
}

/** Contacts of `world.ts` name half of these companies and half of these owners; nobody names the others. */
async function writeKnownByIdOnly(tx: Session, companies: number): Promise<void> {
  await tx.run(
    `insert into core.companies (company_id, name, source, recorded_at) select 'co-by-id-' || i, 'co-by-id-' || i, ${recorded} from range(${companies}) t(i)`,
  );
  await tx.run(
    `insert into core.owners (owner_id, name, source, recorded_at) select 'o-by-id-' || i, 'o-by-id-' || i, ${recorded} from range(6) t(i)`,
  );
}

/** People who did so much within the last four days that every cap of the lead score, and its cut at 100, holds for some of them. */
async function writeBusy(tx: Session, people: number): Promise<void> {
  const time = `timestamp '2026-11-02 05:00:00' - to_hours((9 * j)::bigint)`;
  const busy = `range(${people}) t(i), range(10) s(j)`;
  const who = id('100 * i + 2');
  await tx.run(
    `insert into core.email_events (event_id, event_type, contact_id, campaign_id, message_id, occurred_at, source, recorded_at)
     select concat('busy-', i, '-', j, '-', k), ['sent', 'delivered', 'opened', 'clicked'][1 + k], ${who}, 'camp1', 'busy-' || j, ${time} + to_minutes(k), ${recorded}
     from ${busy}, range(4) u(k)`,
  );
  await tx.run(
    `insert into core.web_events (event_id, event_type, contact_id, session_id, occurred_at, source, recorded_at)
     select concat('busy-', i, '-', j), 'page_view', ${who}, concat('busy-', i), ${time}, ${recorded} from ${busy}`,
  );
  await tx.run(
    `insert into core.activities (activity_id, activity_type, contact_id, owner_id, is_completed, occurred_at, source, recorded_at)
     select concat('busy-', i, '-', j), 'meeting', ${who}, 'o1', true, ${time}, ${recorded} from ${busy}`,
  );
  await tx.run(
    `insert into core.orders (order_id, contact_id, ordered_at, amount, currency, status, source, recorded_at)
     select concat('busy-', i, '-', j), ${who}, ${time}, 100 + 300 * (i % 3), 'USD', 'completed', ${recorded} from ${busy}`,
  );
}
