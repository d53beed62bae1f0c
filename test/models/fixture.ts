import type { Warehouse } from '../../data/owner/warehouse.ts';
import { testClock } from '../support.ts';

/** The time the tests ask for: Monday, 2026-11-02 06:00 UTC. */
export const asOf = testClock.now();

/**
 * A small base, every row invented, made from the number of the row alone: 60 contacts, of whom c1 to c6 have nothing
 * at all and c7 is a stub; events over two years; guests' orders; deals without dates; things that changed.
 */
export async function insertFixture(warehouse: Warehouse): Promise<void> {
  await warehouse.loads.transaction(async (tx) => {
    for (const statement of statements) await tx.run(statement);
  });
}

const recorded = `'fixture', timestamp '2026-11-01 00:00:00'`;
const at = (key: string, days: number) =>
  `timestamp '2026-11-02 05:59:59' - to_seconds((hash(${key}) % (86400 * ${days}))::bigint)`;

const statements = [
  `insert into core.owners (owner_id, name, team, source, recorded_at)
   values ('o1', 'Owner One', 'North', ${recorded}), ('o2', 'Owner Two', 'South', ${recorded})`,
  `insert into core.companies (company_id, name, industry, source, recorded_at) values ('a1', 'Example A', 'retail', ${recorded})`,
  `insert into core.contacts (contact_id, email, email_key, first_name, owner_id, company_id, lifecycle_stage, country,
     lead_source, created_at, is_stub, source, recorded_at)
   select 'c' || i, if(i = 7, null, 'Person' || i || '@Example.com'), if(i = 7, null, 'person' || i || '@example.com'), 'P' || i,
     'o' || (1 + i % 2), 'a1', ['subscriber', 'lead', 'mql', 'customer'][1 + i % 4], 'DE', ['web', 'fair'][1 + i % 2],
     if(i = 7, null, timestamp '2026-11-02' - to_days((i * 11)::int)), i = 7, ${recorded}
   from range(1, 61) t(i)`,
  // c30 converted 40 days after its creation, c31 200 days after; c40's country changed twice, c41 lost its
  // owner; of c42's change nobody knew before the morning of the second of November.
  `insert into core.contact_changes (contact_id, field, value, valid_from, source, recorded_at)
   select c.contact_id, 'lifecycle_stage', v.value, c.created_at + to_days(v.days::int), ${recorded}
   from core.contacts c join (values ('c30', 'lead', 0), ('c30', 'opportunity', 40), ('c30', 'customer', 60), ('c31', 'lead', 0),
     ('c31', 'customer', 200)) v(contact_id, value, days) using (contact_id)`,
  `insert into core.contact_changes (contact_id, field, value, valid_from, source, recorded_at) values
     ('c40', 'country', 'DE', timestamp '2026-01-01', ${recorded}), ('c40', 'country', 'FR', timestamp '2026-05-01', ${recorded}),
     ('c40', 'country', 'IT', timestamp '2026-12-01', ${recorded}), ('c41', 'owner_id', 'o1', timestamp '2026-01-01', ${recorded}),
     ('c41', 'owner_id', null, timestamp '2026-06-01', ${recorded})`,
  `insert into core.contact_changes (contact_id, field, value, valid_from, source, recorded_at)
   values ('c42', 'country', 'DE', timestamp '0001-01-01', ${recorded}),
     ('c42', 'country', 'FR', timestamp '2026-05-01', 'fixture', timestamp '2026-11-02 03:00:00')`,
  `insert into core.email_events (event_id, event_type, contact_id, email, campaign_id, message_id, delivery_id, url, agent_class,
     bounce_class, occurred_at, source, recorded_at)
   select 'e' || i,
     ['sent', 'delivered', 'opened', 'clicked', 'bounced', 'unsubscribed', 'complained', 'replied'][1 + (hash('t' || i) % 8)::int],
     if(i % 50 = 0, null, 'c' || (8 + hash('c' || i) % 53)), 'x@example.com', 'camp' || (i % 3), 'm' || (i % 7),
     if(i % 2 = 0, 'd' || (i % 400), null), if(i % 9 = 0, 'https://example.com/unsubscribe?x', 'https://example.com/a'),
     [null, 'human', 'machine', 'proxy'][1 + (hash('a' || i) % 4)::int], ['hard', 'soft'][1 + i % 2], ${at(`'e' || i`, 500)}, ${recorded}
   from range(3000) t(i)`,
  `insert into core.web_events (event_id, event_type, contact_id, anonymous_id, session_id, url, occurred_at, source, recorded_at)
   select 'w' || i, ['page_view', 'form_submit'][1 + (i % 5 = 0)::int], if(i % 3 = 0, null, 'c' || (8 + hash('wc' || i) % 53)), 'anon' || i,
     's' || (i // 4), 'https://example.com/', ${at(`'w' || i`, 400)}, ${recorded}
   from range(800) t(i)`,
  `insert into core.activities (activity_id, activity_type, contact_id, deal_id, owner_id, is_completed, occurred_at, source, recorded_at)
   select 'v' || i, ['call', 'meeting', 'email', 'note', 'task'][1 + i % 5], 'c' || (8 + hash('vc' || i) % 53), 'd' || (1 + i % 40), 'o' || (1 + i % 2),
     i % 6 <> 0, ${at(`'v' || i`, 300)}, ${recorded}
   from range(300) t(i)`,
  // Every ninth order is a guest's; every tenth was undone; a few are in EUR, one of them on a day without a rate.
  `insert into core.orders (order_id, contact_id, ordered_at, amount, currency, quantity, status, channel, source, recorded_at)
   select 'r' || i, if(i % 9 = 0, null, 'c' || (8 + hash('oc' || i) % 44)), ${at(`'o' || i`, 700)},
     (1 + hash('m' || i) % 30000) / 100, if(i % 20 = 1, 'EUR', if(i % 2 = 0, 'USD', null)), 1,
     ['completed', 'cancelled', 'refunded'][if(i % 10 = 0, 2 + (i // 10) % 2, 1)::int], 'web', ${recorded}
   from range(400) t(i)`,
  `insert into core.exchange_rates (currency, base_currency, rate_date, rate, source, recorded_at)
   select 'EUR', 'USD', day, 1.05 + (hash(day) % 1000)::int / 10000, ${recorded}
   from (select distinct ordered_at::date as day from core.orders where currency = 'EUR' and order_id <> 'r21')`,
  // A rate recorded twice must not double an order.
  `insert into core.exchange_rates select * from core.exchange_rates limit 5`,
  `insert into core.deals (deal_id, name, contact_id, company_id, owner_id, stage, amount, created_at, closed_at, source, recorded_at)
   select 'd' || i, 'Deal ' || i, if(i % 7 = 0, null, 'c' || (8 + i % 53)), if(i % 5 = 0, null, 'a1'), 'o' || (1 + i % 2),
     ['Prospecting', 'Engaging', 'Won', 'Lost', 'Closed Won', 'closedlost', 'Signed', 'Engaging'][1 + i % 8],
     if(i % 8 = 0, null, 100 * i), if(i % 11 = 0, null, timestamp '2026-11-01' - to_days((400 - i * 4)::int)),
     if(i % 8 in (2, 3, 4, 5, 6) and i % 13 <> 0, timestamp '2026-11-01' - to_days((300 - i * 4)::int), null), ${recorded}
   from range(1, 71) t(i)`,
  `insert into core.deal_stages (pipeline, stage, position, is_won, is_closed, probability, source, recorded_at) values
     ('default', 'Signed', 5, true, true, 1, ${recorded}), ('default', 'Engaging', 2, false, false, 0.4, ${recorded})`,
  `insert into core.deal_stage_changes (deal_id, from_stage, to_stage, occurred_at, source, recorded_at) values
     ('d1', 'Prospecting', 'Engaging', timestamp '2026-03-01', ${recorded}), ('d2', 'Engaging', 'Won', timestamp '2026-03-05', ${recorded})`,
  `insert into core.consent_events (consent_event_id, contact_id, email_key, status, topic, occurred_at, source, recorded_at) values
     ('k1', 'c8', null, 'granted', null, timestamp '2026-01-01', ${recorded}), ('k2', 'c8', null, 'withdrawn', null, timestamp '2026-02-01', ${recorded}),
     ('k3', null, 'person9@example.com', 'granted', null, timestamp '2026-01-01', ${recorded}),
     ('k4', 'c10', null, 'withdrawn', null, timestamp '2026-01-01', ${recorded}),
     ('k5', null, 'person10@example.com', 'granted', null, timestamp '2026-03-01', ${recorded}),
     ('k6', 'c11', null, 'granted', null, timestamp '2026-01-01', ${recorded}), ('k7', 'c11', null, 'withdrawn', 'news', timestamp '2026-02-01', ${recorded}),
     ('k8', 'c12', null, 'granted', null, timestamp '2026-12-01', ${recorded})`,
  `insert into ops.suppressions (address_key, reason, suppressed_at, source, recorded_at) values
     (sha256('person8@example.com'), 'manual', timestamp '2026-02-01', ${recorded}),
     (sha256('person13@example.com'), 'manual', timestamp '2026-12-01', ${recorded})`,
];
