import type { Session } from '../../data/owner/session.ts';

/** What the benchmark world holds, all of it in two years before its AS_OF. */
export interface WorldSize {
  contacts: number;
  emailEvents: number;
  deals: number;
  orders: number;
}

/** 20 e-mail events, 2 deals, 2 orders a contact; the other tables follow the contacts and the deals. */
export function worldOf(contacts: number): WorldSize {
  return { contacts, emailEvents: 20 * contacts, deals: 2 * contacts, orders: 2 * contacts };
}

/** AS_OF of the benchmarks that use the world. */
export const worldAsOf = new Date('2026-11-02T06:00:00Z');

export const recorded = `'bench', timestamp '2026-11-01'`;
const seconds = 63_000_000;
export const id = (n: string) => `'c' || lpad((${n})::varchar, 8, '0')`;
/** The time of a row, spread evenly. */
const time = (row: string, rows: number) =>
  `timestamp '2024-11-01' + to_seconds((${row} * ${seconds / rows})::bigint)`;
/** One of ten is in another currency. */
const currency = (row: string) => `case when ${row} % 10 = 7 then 'EUR' else 'USD' end`;

/** Fills an empty warehouse, in SQL, the same every time: plain facts, and per table the cases that cost (changes, currencies, guests). */
export async function generateWorld(tx: Session, size: WorldSize): Promise<void> {
  await writePeople(tx, size);
  await writeEmails(tx, size);
  await writeVisitsAndActivities(tx, size);
  await writeDeals(tx, size);
  await writeMoney(tx, size);
}

async function writePeople(tx: Session, { contacts }: WorldSize): Promise<void> {
  const companies = Math.ceil(contacts / 20);
  await tx.run(
    `insert into core.owners (owner_id, name, team, is_active, created_at, source, recorded_at)
     select 'o' || i, 'Owner ' || i, 'team ' || (i % 8), i % 10 > 0, timestamp '2024-01-01', ${recorded} from range(200) t(i)`,
  );
  await tx.run(
    `insert into core.companies (company_id, name, domain, industry, employee_count, annual_revenue, currency, country, owner_id, created_at, source, recorded_at)
     select 'co' || i, 'Company ' || i, 'c' || i || '.example.com', 'industry ' || (i % 12), 10 + i % 5000, 1000 * (i % 9000), 'USD',
       ['DE', 'FR', 'NZ'][1 + i % 3], 'o' || (i % 200), timestamp '2024-01-01' + to_minutes((i % 400000)::bigint), ${recorded}
     from range(${companies}) t(i)`,
  );
  await tx.run(
    `insert into core.company_changes (company_id, field, value, valid_from, source, recorded_at)
     select 'co' || (i // 2), 'industry', 'industry ' || (i % 12), case i % 2 when 0 then timestamp '0001-01-01' else ${time('i', companies)} end, ${recorded}
     from range(${companies}) t(i)`,
  );
  await tx.run(
    `insert into core.contacts (contact_id, email, email_key, first_name, last_name, company_id, owner_id, lifecycle_stage, lead_source, country, language, created_at, source, recorded_at)
     select ${id('i')}, 'Person' || i || '@example.com', 'person' || i || '@example.com', 'First' || (i % 997), 'Last' || (i % 9973),
       case when i % 4 > 0 then 'co' || (hash(i) % ${companies}) when i % 400 = 0 then 'co-by-id-' || (i // 400) end,
       case when i % 400 = 0 then 'o-by-id-' || (i % 3) else 'o' || (i % 200) end,
       'lead', ['webinar', 'referral', 'search'][1 + i % 3], ['DE', 'FR', 'NZ'][1 + i % 3], 'en', timestamp '2024-01-01' + to_minutes((i % 1000000)::bigint), ${recorded}
     from range(${contacts}) t(i)`,
  );
  await tx.run(
    `insert into core.contact_changes (contact_id, field, value, valid_from, source, recorded_at)
     select ${id(`hash(i) % ${contacts}`)}, ['lifecycle_stage', 'lead_status', 'owner_id'][1 + i % 3],
       case i % 3 when 0 then ['lead', 'mql', 'sql', 'opportunity', 'customer'][1 + i % 5] when 1 then 'v' || (i % 7) else 'o' || (i % 200) end,
       ${time('i', 3 * contacts)}, ${recorded}
     from range(${3 * contacts}) t(i)`,
  );
  await tx.run(
    `insert into core.consent_events (consent_event_id, contact_id, status, occurred_at, source, recorded_at)
     select 'k' || i, ${id('i')}, 'granted', timestamp '2024-12-01', ${recorded} from range(${contacts}) t(i) where i % 2 = 0`,
  );
  await tx.run(
    `insert into ops.suppressions (address_key, reason, suppressed_at, source, recorded_at)
     select sha256('person' || i || '@example.com'), 'imported', timestamp '2025-01-01', ${recorded} from range(${contacts}) t(i) where i % 50 = 0`,
  );
}

/**
 * Three messages in ten events: one opened, one clicked, one that bounced, was answered, complained of, dropped, or of which no more was
 * heard. What happens to a message does so within a day of its sending. Every other campaign was sent
 * from here: its messages have a delivery's id and a run.
 */
async function writeEmails(tx: Session, { contacts, emailEvents }: WorldSize): Promise<void> {
  const reached = contacts - Math.floor(contacts / 10);
  await tx.run(
    `insert into core.email_events (event_id, event_type, contact_id, campaign_id, campaign_run_id, message_id, delivery_id, url, agent_class, bounce_class, occurred_at, source, recorded_at)
     select 'e' || i, event_type, ${id(`hash(m) % ${reached}`)}, 'camp' || c, case when c % 2 = 0 then 'camp' || c || '-run-1' end, 'm' || (m % 2),
       case when c % 2 = 0 then 'delivery-' || md5(m::varchar) end,
       case event_type when 'clicked' then 'https://www.example.com/' || case when i % 7 = 0 then 'unsubscribe/' else 'offers/' end || (i % 1000) end,
       case when event_type in ('opened', 'clicked') then ['human', 'machine', 'human', 'proxy'][1 + (i // 10) % 4] end,
       case event_type when 'bounced' then ['soft', 'hard'][1 + (i // 10) % 2] end,
       sent_at + to_seconds(case event_type when 'sent' then 0 when 'delivered' then 5 else (60 + hash(i) % 80000)::bigint end), ${recorded}
     from (
       select i, m, m // 30000 as c, ${time('(i // 10) * 10', emailEvents)} as sent_at,
         case i % 10
           when 7 then case (i // 10) % 16 when 1 then 'dropped' else 'sent' end
           when 8 then case (i // 10) % 8 when 6 then 'deferred' else 'delivered' end
           when 9 then ['bounced', 'bounced', 'replied', 'unsubscribed', 'complained', 'bounced', 'deferred', 'bounced'][1 + (i // 10) % 8]
           else ['sent', 'delivered', 'opened', 'sent', 'delivered', 'opened', 'clicked'][1 + i % 10]
         end as event_type
       from (select i, (i // 10) * 3 + [0, 0, 0, 1, 1, 1, 1, 2, 2, 2][1 + i % 10] as m from range(${emailEvents}) t(i)))`,
  );
  await tx.run(
    `insert into ops.campaigns (campaign_id, title, definition, version, created_at, updated_at)
     select 'camp' || c, 'Campaign ' || c, '{}', 1, timestamp '2024-10-01', timestamp '2024-10-01'
     from range(${Math.ceil((emailEvents * 0.3) / 30_000)}) t(c) where c % 2 = 0`,
  );
}

async function writeVisitsAndActivities(tx: Session, { contacts, deals }: WorldSize): Promise<void> {
  await tx.run(
    `insert into core.web_events (event_id, event_type, contact_id, session_id, url, occurred_at, source, recorded_at)
     select 'w' || i, 'page_view', ${id(`hash(i + 7) % ${contacts}`)}, 's' || i, 'https://www.example.com/', ${time('i', 4 * contacts)}, ${recorded}
     from range(${4 * contacts}) t(i)`,
  );
  await tx.run(
    `insert into core.activities (activity_id, activity_type, contact_id, deal_id, owner_id, is_completed, occurred_at, source, recorded_at)
     select 'v' || i, ['call', 'meeting', 'note'][1 + i % 3], ${id(`hash(i + 11) % ${contacts}`)}, case when i % 2 = 0 then 'd' || (hash(i) % ${deals}) end,
       'o' || (i % 200), i % 9 > 0, ${time('i', contacts)}, ${recorded}
     from range(${contacts}) t(i)`,
  );
}

/** Three moves a deal; every other deal's amount was corrected once, every fourth's stages are in its changes too. */
async function writeDeals(tx: Session, { contacts, deals }: WorldSize): Promise<void> {
  const created = time('i', deals);
  const days = `(10 + hash(i) % 60)::int`;
  const stage = `['Won', 'Lost', 'Proposal', 'Proposal'][1 + i % 4]`;
  await tx.run(
    `insert into core.deal_stages (pipeline, stage, label, position, is_won, is_closed, probability, source, recorded_at)
     select 'default', unnest(['Prospecting', 'Engaging', 'Proposal', 'Won', 'Lost']), null, unnest([1, 2, 3, 4, 5]),
       unnest([false, false, false, true, false]), unnest([false, false, false, true, true]), unnest([.1, .3, .6, 1, 0]), ${recorded}`,
  );
  await tx.run(
    `insert into core.deals (deal_id, name, contact_id, company_id, owner_id, stage, amount, currency, product, created_at, closed_at, expected_close_date, source, recorded_at)
     select 'd' || i, 'Deal ' || i, ${id(`hash(i + 13) % ${contacts}`)}, 'co' || (hash(i + 5) % ${Math.ceil(contacts / 20)}), 'o' || (i % 200), ${stage},
       1000 + i % 5000, ${currency('i')}, 'product ' || (i % 9), ${created}, case when i % 4 < 2 then ${created} + to_days(${days}) end,
       (${created} + interval 60 day)::date, ${recorded}
     from range(${deals}) t(i)`,
  );
  await tx.run(
    `insert into core.deal_stage_changes (deal_id, from_stage, to_stage, owner_id, occurred_at, source, recorded_at)
     select 'd' || i, [null, 'Prospecting', 'Engaging'][1 + j], case j when 0 then 'Prospecting' when 1 then 'Engaging' else ${stage} end, 'o' || (i % 200),
       ${created} + to_days(case j when 0 then 0 when 1 then 3 else ${days} end), ${recorded}
     from range(${deals}) t(i), range(3) s(j)`,
  );
  await tx.run(
    `insert into core.deal_changes (deal_id, field, value, valid_from, source, recorded_at)
     select 'd' || i, 'amount', case j when 0 then '500.00' else (1000 + i % 5000)::decimal(18,2)::varchar end,
       case j when 0 then timestamp '0001-01-01' else ${created} + interval 5 day end, ${recorded}
     from range(${deals}) t(i), range(2) s(j) where i % 2 = 0
     union all
     select 'd' || i, 'stage', case j when 0 then 'Prospecting' when 1 then 'Engaging' else ${stage} end,
       case j when 0 then timestamp '0001-01-01' when 1 then ${created} + interval 3 day else ${created} + to_days(${days}) end, ${recorded}
     from range(${deals}) t(i), range(3) s(j) where i // 4 % 4 = 0`,
  );
  await tx.run(
    `insert into core.quotas (owner_id, period_start_date, period_end_date, amount, currency, source, recorded_at)
     select 'o' || i, (date '2024-10-01' + to_months(3 * q::int))::date, (date '2024-10-01' + to_months(3 * q::int + 3) - interval 1 day)::date, 5000000, 'USD', ${recorded}
     from range(200) t(i), range(10) s(q)`,
  );
}

async function writeMoney(tx: Session, { contacts, orders, emailEvents }: WorldSize): Promise<void> {
  const campaigns = Math.ceil((emailEvents * 0.3) / 30_000);
  await tx.run(
    `insert into core.orders (order_id, contact_id, campaign_id, ordered_at, amount, currency, status, source, recorded_at)
     select 'r' || i, case when i % 20 > 0 then ${id(`hash(i + 9) % ${Math.ceil(contacts * 0.6)}`)} end, case when i % 3 = 0 then 'camp' || (hash(i) % ${campaigns}) end,
       ${time('i', orders)}, (100 + i % 20000) / 100, ${currency('i')}, case when i % 25 = 3 then 'refunded' else 'completed' end, ${recorded}
     from range(${orders}) t(i)`,
  );
  await tx.run(
    `insert into core.exchange_rates (currency, base_currency, rate_date, rate, source, recorded_at)
     select 'EUR', 'USD', (date '2024-10-01' + i::int)::date, 1.05 + (i % 100) / 1000, ${recorded} from range(800) t(i)`,
  );
  await tx.run(
    `insert into core.spend (spend_date, channel, campaign_id, amount, currency, impressions, clicks, source, recorded_at)
     select (date '2024-11-01' + (i // 8)::int)::date, ['email', 'search', 'social', 'display'][1 + i % 4], 'camp' || (hash(i) % ${campaigns}), 100 + i % 50, ${currency('i')}, 10000, 120, ${recorded}
     from range(730 * 8) t(i)`,
  );
  await tx.run(
    `insert into core.campaign_responses (response_id, contact_id, campaign_id, response_type, occurred_at, source, recorded_at)
     select 'p' || i, ${id(`hash(i + 17) % ${contacts}`)}, 'camp' || (hash(i) % ${campaigns}), 'form', ${time('i', Math.ceil(contacts / 5))}, ${recorded}
     from range(${Math.ceil(contacts / 5)}) t(i)`,
  );
}
