/**
 * `npx tsx test/bench/contact-facts.ts [contacts] [rounds]`: `contact_facts` over 1M contacts and 20M e-mail events (default; 20 e-mail
 * events, 4 web events, 3 changes, 1 order, 1 activity a contact), by the definition's compiled SQL against SQL written by hand
 * that yields the same columns, alternating, each into a table. The two tables are compared too. Target: 1.2 times at most.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Session } from '../../data/owner/session.ts';
import { Warehouse } from '../../data/owner/warehouse.ts';
import { Project } from '../../data/project.ts';
import { ModelEngine } from '../../models/engine/engine.ts';
import { eventSubjects, windowDays } from '../../models/engine/windows.ts';

/** Milliseconds. */
interface Took {
  wall: number;
  cpu: number;
}

const TARGET_RATIO = 1.2;
const contacts = Number(process.argv[2] ?? 1_000_000);
const rounds = Number(process.argv[3] ?? 3);
const now = new Date('2026-11-02T06:00:00Z');

const folder = mkdtempSync(join(tmpdir(), 'mallard-bench-facts-'));
const warehouse = await Warehouse.open(new Project(folder), {
  clock: { now: () => now },
  memoryLimit: '10GB',
});
try {
  await timed('generate', () => warehouse.loads.transaction(generate));
  const engine = new ModelEngine(warehouse);
  const columns = (await engine.catalogue()).sources
    .find((source) => source.name === 'contact_facts')
    ?.fields.map((field) => field.path)
    .filter((path) => !/^(rfm|lead_scores)\./.test(path));
  const names = [...new Set(columns?.map((path) => path.split('.')[0] ?? path))];
  const { sql } = await engine.compileSql(`run: contact_facts -> { select: ${names.join(', ')} }`, {
    asOf: now,
    restricted: false,
  });
  const malloy: Took[] = [];
  const hand: Took[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    malloy.push(await timed('Malloy', () => fill('by_malloy', sql)));
    hand.push(await timed('by hand', () => fill('by_hand', handWritten())));
  }
  const [row] = await warehouse.read((session) =>
    session.rows<{ differing: number }>(
      `select count(*)::int as differing from
         (select ${names.join(', ')} from main.by_malloy except select ${names.join(', ')} from main.by_hand)`,
    ),
  );
  const ratio = best(malloy, 'wall') / best(hand, 'wall');
  const cpuRatio = best(malloy, 'cpu') / best(hand, 'cpu');
  print(
    `${names.length} columns, ${row?.differing ?? '?'} rows differ, ratio ${ratio.toFixed(2)} (target ${TARGET_RATIO}), of processor time ${cpuRatio.toFixed(2)}`,
  );
  if (ratio > TARGET_RATIO || row?.differing !== 0) process.exitCode = 1;
} finally {
  await warehouse.close();
  rmSync(folder, { recursive: true, force: true });
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function fill(table: string, sql: string): Promise<unknown> {
  return warehouse.build.transaction((tx) => tx.run(`create or replace table main.${table} as ${sql}`));
}

/** The quickest of several runs: what else the machine did is in the others. */
function best(runs: readonly Took[], what: keyof Took): number {
  return Math.min(...runs.map((run) => run[what]));
}

async function timed(what: string, work: () => Promise<unknown>): Promise<Took> {
  const started = performance.now();
  const before = process.cpuUsage();
  await work();
  const wall = performance.now() - started;
  const used = process.cpuUsage(before);
  const cpu = (used.user + used.system) / 1000;
  print(`${what}: ${Math.round(wall)} ms, ${Math.round(cpu)} ms of processor time`);
  return { wall, cpu };
}

async function generate(tx: Session): Promise<void> {
  const id = (n: string) => `'c' || lpad((${n})::varchar, 8, '0')`;
  const recorded = `'bench', timestamp '2026-11-01'`;
  const time = (row: string, rows: number) =>
    `timestamp '2024-11-01' + to_seconds((${row} * ${63_000_000 / rows})::bigint)`;
  await tx.run(
    `insert into core.contacts (contact_id, email, email_key, first_name, last_name, owner_id, lifecycle_stage, country, language, created_at, source, recorded_at)
     select ${id('i')}, 'Person' || i || '@example.com', 'person' || i || '@example.com', 'First' || (i % 997), 'Last' || (i % 9973), 'o' || (i % 40),
       'lead', ['DE', 'FR', 'NZ'][1 + i % 3], 'en', timestamp '2024-01-01' + to_minutes((i % 1000000)::bigint), ${recorded}
     from range(${contacts}) t(i)`,
  );
  await tx.run(
    `insert into core.contact_changes (contact_id, field, value, valid_from, source, recorded_at)
     select ${id(`hash(i) % ${contacts}`)}, ['lifecycle_stage', 'lead_status', 'owner_id'][1 + i % 3], 'v' || (i % 7), ${time('i', 3 * contacts)}, ${recorded}
     from range(${3 * contacts}) t(i)`,
  );
  await tx.run(
    `insert into core.email_events (event_id, event_type, contact_id, campaign_id, message_id, url, agent_class, bounce_class, occurred_at, source, recorded_at)
     select 'e' || i, ['sent', 'delivered', 'opened', 'sent', 'delivered', 'opened', 'clicked', 'sent', 'delivered', 'bounced'][1 + i % 10],
       ${id(`hash(i) % ${contacts - Math.floor(contacts / 10)}`)}, 'camp' || (i // 100000), 'm', 'https://www.example.com/offers/' || (i % 1000),
       ['human', 'machine', 'human', 'proxy'][1 + (i // 10) % 4], 'soft', ${time('i', 20 * contacts)}, ${recorded}
     from range(${20 * contacts}) t(i)`,
  );
  await tx.run(
    `insert into core.web_events (event_id, event_type, contact_id, session_id, url, occurred_at, source, recorded_at)
     select 'w' || i, 'page_view', ${id(`hash(i + 7) % ${contacts}`)}, 's' || i, 'https://www.example.com/', ${time('i', 4 * contacts)}, ${recorded}
     from range(${4 * contacts}) t(i)`,
  );
  await tx.run(
    `insert into core.orders (order_id, contact_id, ordered_at, amount, currency, status, source, recorded_at)
     select 'r' || i, ${id(`hash(i + 9) % ${contacts}`)}, ${time('i', contacts)}, (100 + i % 20000) / 100, 'USD', 'completed', ${recorded}
     from range(${contacts}) t(i)`,
  );
  await tx.run(
    `insert into core.activities (activity_id, activity_type, contact_id, is_completed, occurred_at, source, recorded_at)
     select 'v' || i, ['call', 'meeting', 'note'][1 + i % 3], ${id(`hash(i + 11) % ${contacts}`)}, true, ${time('i', contacts)}, ${recorded}
     from range(${contacts}) t(i)`,
  );
  await tx.run(
    `insert into core.deals (deal_id, contact_id, stage, amount, created_at, closed_at, source, recorded_at)
     select 'd' || i, ${id(`hash(i + 13) % ${contacts}`)}, ['Won', 'Lost', 'Open'][1 + i % 3], 1000 + i % 5000, ${time('i', contacts / 10)},
       case when i % 3 < 2 then ${time('i', contacts / 10)} + interval 40 day end, ${recorded}
     from range(${contacts / 10}) t(i)`,
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

/** What a careful analyst would write: each event table scanned once, aggregated, joined one to one. */
function handWritten(): string {
  const asOf = `timestamp '2026-11-02 06:00:00'`;
  const human = `(agent_class is null or agent_class = 'human')`;
  const conditions: Record<string, string> = {
    sent: `event_type = 'sent'`,
    delivered: `event_type = 'delivered'`,
    opens: `event_type = 'opened' and ${human}`,
    clicks: `event_type = 'clicked' and ${human} and not coalesce(url like '%unsubscribe%', false)`,
    replies: `event_type = 'replied'`,
    page_views: `event_type = 'page_view'`,
    order_count: `status = 'completed'`,
    revenue: `status = 'completed'`,
    activity_count: `is_completed`,
    calls: `is_completed and activity_type = 'call'`,
    meetings: `is_completed and activity_type = 'meeting'`,
  };
  const aggregate = (measure: string, filter: string) =>
    `${measure === 'revenue' ? 'sum(amount)' : 'count(*)'} filter (${filter})`;
  const windows = (time: string, measures: readonly string[]) =>
    windowDays
      .flatMap((days) =>
        measures.map(
          (measure) =>
            `${aggregate(measure, `${conditions[measure] ?? ''} and ${time} >= timestamp '2026-11-02' - interval ${days} day`)} as ${measure}_${days}`,
        ),
      )
      .join(', ');
  const struct = (alias: string, measures: readonly string[]) =>
    `{${windowDays
      .map(
        (days) =>
          `last_${days}_days: {${measures.map((m) => `${m}: coalesce(${alias}.${m}_${days}, 0)`).join(', ')}}`,
      )
      .join(', ')}}`;
  const measuresOf = (name: string) => eventSubjects.find((subject) => subject.name === name)?.windowed ?? [];
  const days = (column: string) => `date_sub('day', ${column}, timestamp '2026-11-02 23:59:59')`;
  const changed = (field: string) =>
    `arg_max(coalesce(value, ''), valid_from) filter (field = '${field}') as ${field}, count(*) filter (field = '${field}') > 0 as has_${field}`;
  const tracked = (field: string, column = field) =>
    `case when s.has_${field} then nullif(s.${field}, '') else c.${field} end as ${column}`;
  return `with e as (select contact_id, max(occurred_at) filter (${conditions['sent']}) as last_sent, max(occurred_at) filter (${conditions['opens']}) as last_open,
      max(occurred_at) filter (${conditions['clicks']}) as last_click, max(occurred_at) filter (event_type = 'bounced' and bounce_class = 'hard') as last_bounce,
      max(occurred_at) filter (event_type = 'unsubscribed') as last_unsubscribe, ${windows('occurred_at', measuresOf('email'))}
    from core.email_events where contact_id is not null and occurred_at < ${asOf} group by contact_id),
  w as (select contact_id, max(occurred_at) as last_seen, ${windows('occurred_at', measuresOf('web'))}
    from core.web_events where contact_id is not null and occurred_at < ${asOf} group by contact_id),
  priced as (select o.contact_id, o.ordered_at, o.status,
      case when currency is null or currency = 'USD' then amount else (select round(amount * max(rate), 2) from core.exchange_rates r
        where r.base_currency = 'USD' and r.currency = o.currency and r.rate_date = o.ordered_at::date) end as amount
    from core.orders o where contact_id is not null and ordered_at < ${asOf}),
  o as (select contact_id, count(*) filter (status = 'completed') as n, sum(amount) filter (status = 'completed') as revenue,
      min(ordered_at) filter (status = 'completed') as first_at, max(ordered_at) filter (status = 'completed') as last_at, ${windows('ordered_at', measuresOf('orders'))}
    from priced group by contact_id),
  a as (select contact_id, max(occurred_at) filter (is_completed) as last_at,
      max(occurred_at) filter (is_completed and activity_type in ('call', 'meeting')) as last_talk, ${windows('occurred_at', measuresOf('activities'))}
    from core.activities where contact_id is not null and occurred_at < ${asOf} group by contact_id),
  d as (select contact_id, count(*) filter (stage not in ('Won', 'Lost')) as open_count, sum(amount) filter (stage not in ('Won', 'Lost')) as open_amount,
      count(*) filter (stage = 'Won') as won_count, sum(amount) filter (stage = 'Won') as won_amount, count(*) filter (stage = 'Lost') as lost_count
    from (select contact_id, amount, case when closed_at >= ${asOf} then 'Open' else stage end as stage from core.deals where created_at is null or created_at < ${asOf})
    where contact_id is not null group by contact_id),
  s as (select contact_id, ${['lifecycle_stage', 'owner_id', 'country', 'lead_status', 'email', 'job_title', 'company_id'].map(changed).join(', ')},
      min(valid_from) filter (field = 'lifecycle_stage' and value in ('opportunity', 'customer')) as converted_at
    from core.contact_changes where valid_from < ${asOf} group by contact_id),
  k as (select contact_id, max(occurred_at) filter (status = 'granted') as granted, max(occurred_at) filter (status = 'withdrawn') as withdrawn
    from core.consent_events where channel = 'email' and purpose = 'marketing' and topic is null and contact_id is not null and occurred_at < ${asOf} group by contact_id),
  ka as (select email_key, max(occurred_at) filter (status = 'granted') as granted, max(occurred_at) filter (status = 'withdrawn') as withdrawn
    from core.consent_events where channel = 'email' and purpose = 'marketing' and topic is null and email_key is not null and occurred_at < ${asOf} group by email_key),
  x as (select distinct address_key from ops.suppressions where channel = 'email' and scope = 'global' and suppressed_at < ${asOf})
  select c.contact_id, c.email_key, c.phone, c.first_name, c.last_name, c.lead_source, c.city, c.language, c.time_zone, c.created_at, c.is_stub,
    ${tracked('email', 'email_address')}, coalesce(case when s.has_email then s.email else c.email end, '') <> '' as has_email, ${tracked('lifecycle_stage')}, ${tracked('lead_status')},
    ${tracked('owner_id')}, ${tracked('company_id')}, ${tracked('country')}, ${tracked('job_title')}, s.converted_at,
    coalesce(s.converted_at < c.created_at + interval 90 day, false) as is_converted_within_90_days,
    ${struct('e', measuresOf('email'))} as email, ${struct('w', measuresOf('web'))} as web, ${struct('o', measuresOf('orders'))} as orders, ${struct('a', measuresOf('activities'))} as activities,
    ${days('c.created_at')} as days_since_created, coalesce(o.n, 0) as order_count, coalesce(o.revenue, 0) as total_revenue,
    o.revenue / nullif(o.n, 0) as average_order_value, o.first_at as first_ordered_at, o.last_at as last_ordered_at, ${days('o.last_at')} as days_since_last_order,
    e.last_sent as last_email_sent_at, e.last_open as last_email_opened_at, e.last_click as last_email_clicked_at, ${days('e.last_sent')} as days_since_last_email_sent,
    ${days('e.last_open')} as days_since_last_email_open, ${days('e.last_click')} as days_since_last_email_click, e.last_bounce is not null as has_hard_bounced,
    e.last_unsubscribe is not null as has_unsubscribed, w.last_seen as last_web_visit_at, ${days('w.last_seen')} as days_since_last_web_visit,
    a.last_at as last_activity_at, ${days('a.last_at')} as days_since_last_activity, ${days('a.last_talk')} as days_since_last_conversation,
    coalesce(d.open_count, 0) as open_deal_count, coalesce(d.open_amount, 0) as open_deal_amount, coalesce(d.won_count, 0) as won_deal_count,
    coalesce(d.won_amount, 0) as won_deal_amount, coalesce(d.lost_count, 0) as lost_deal_count,
    case when greatest(k.withdrawn, ka.withdrawn) >= coalesce(greatest(k.granted, ka.granted), timestamp '0001-01-01') then 'withdrawn'
         when greatest(k.granted, ka.granted) is not null then 'granted' end as consent_status, x.address_key is not null as is_suppressed
  from core.contacts c left join e using (contact_id) left join w using (contact_id) left join o using (contact_id) left join a using (contact_id)
    left join d using (contact_id) left join s using (contact_id) left join k using (contact_id) left join ka on ka.email_key = c.email_key
    left join x on x.address_key = sha256(c.email_key)
  where c.created_at is null or c.created_at < ${asOf}`;
}
