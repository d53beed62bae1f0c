import {
  asOf,
  clicked,
  converted,
  daysSince,
  newest,
  opened,
  rates,
  struct,
  tracked,
  windows,
} from './world.ts';

const fields = ['email', 'lifecycle_stage', 'lead_status', 'owner_id', 'company_id', 'country', 'job_title'];
const email = {
  sent: { filter: `event_type = 'sent'` },
  delivered: { filter: `event_type = 'delivered'` },
  opens: { filter: opened },
  clicks: { filter: clicked },
  replies: { filter: `event_type = 'replied'` },
};
const web = { page_views: { filter: `event_type = 'page_view'` } };
const orders = {
  order_count: { filter: `status = 'completed'` },
  revenue: { filter: `status = 'completed'`, sum: 'amount' },
};
const activities = {
  activity_count: { filter: 'is_completed' },
  calls: { filter: `is_completed and activity_type = 'call'` },
  meetings: { filter: `is_completed and activity_type = 'meeting'` },
};
const windowsOf = (alias: string, measures: object) =>
  struct((measure, days) => `${alias}.${measure}_${days}`, Object.keys(measures));

/** Reads hand_deal_facts. */
export const contactFacts = `with e as (select contact_id, max(occurred_at) filter (event_type = 'sent') as last_sent, max(occurred_at) filter (${opened}) as last_open,
      max(occurred_at) filter (${clicked}) as last_click, max(occurred_at) filter (event_type = 'bounced' and bounce_class = 'hard') as last_bounce,
      max(occurred_at) filter (event_type = 'unsubscribed') as last_unsubscribe, ${windows('occurred_at', email)}
    from core.email_events where contact_id is not null and occurred_at < ${asOf} group by contact_id),
  w as (select contact_id, max(occurred_at) as last_seen, ${windows('occurred_at', web)}
    from core.web_events where contact_id is not null and occurred_at < ${asOf} group by contact_id),
  ${rates},
  priced as (select o.contact_id, o.ordered_at, o.status, ${converted('o')} as amount
    from core.orders o left join rates r on r.currency = o.currency and r.rate_date = o.ordered_at::date where contact_id is not null and ordered_at < ${asOf}),
  o as (select contact_id, count(*) filter (status = 'completed') as n, coalesce(sum(amount) filter (status = 'completed'), 0) as revenue,
      min(ordered_at) filter (status = 'completed') as first_at, max(ordered_at) filter (status = 'completed') as last_at, ${windows('ordered_at', orders)}
    from priced group by contact_id),
  a as (select contact_id, max(occurred_at) filter (is_completed) as last_at,
      max(occurred_at) filter (is_completed and activity_type in ('call', 'meeting')) as last_talk, ${windows('occurred_at', activities)}
    from core.activities where contact_id is not null and occurred_at < ${asOf} group by contact_id),
  d as (select contact_id, count(*) filter (is_open) as open_count, sum(reporting_amount) filter (is_open) as open_amount, count(*) filter (is_won) as won_count,
      sum(reporting_amount) filter (is_won) as won_amount, count(*) filter (is_lost) as lost_count, min(closed_at) filter (is_won) as first_won
    from temp.hand_deal_facts where contact_id is not null group by contact_id),
  s as (select contact_id, ${fields.map(newest).join(', ')},
      min(valid_from) filter (field = 'lifecycle_stage' and value in ('opportunity', 'customer') and valid_from < ${asOf}) as converted_at,
      min(valid_from) filter (field = 'lifecycle_stage' and value in ('mql', 'sql', 'opportunity', 'customer') and valid_from < ${asOf}) as qualified_at
    from core.contact_changes group by contact_id),
  k as (select contact_id, max(occurred_at) filter (status = 'granted') as granted, max(occurred_at) filter (status = 'withdrawn') as withdrawn
    from core.consent_events where channel = 'email' and purpose = 'marketing' and topic is null and contact_id is not null and occurred_at < ${asOf} group by contact_id),
  ka as (select email_key, max(occurred_at) filter (status = 'granted') as granted, max(occurred_at) filter (status = 'withdrawn') as withdrawn
    from core.consent_events where channel = 'email' and purpose = 'marketing' and topic is null and email_key is not null and occurred_at < ${asOf} group by email_key),
  l as (select address_key, max(lifted_at) as lifted_at from ops.suppression_lifts where channel = 'email' and scope = 'global' and lifted_at < ${asOf} group by address_key),
  x as (select distinct address_key from ops.suppressions left join l using (address_key)
    where channel = 'email' and scope = 'global' and suppressed_at < ${asOf} and not coalesce(reason = 'unsubscribed' and lifted_at > suppressed_at, false)),
  c as (select c.contact_id, case when s.has_email and s.email is distinct from c.email then lower(trim(s.email)) else c.email_key end as email_key, c.phone, c.first_name, c.last_name,
      c.lead_source, c.city, c.language, c.time_zone, c.created_at, c.is_stub, ${fields.map((field) => tracked('c', field)).join(', ')},
      case when s.converted_at < c.created_at then c.created_at else s.converted_at end as converted_at,
      case when s.qualified_at < c.created_at then c.created_at else s.qualified_at end as qualified_at
    from core.contacts c left join s using (contact_id) where c.created_at is null or c.created_at < ${asOf})
  select c.contact_id, c.email_key, c.phone, c.first_name, c.last_name, c.lead_source, c.city, c.language, c.time_zone, c.created_at, c.is_stub,
    c.email as email_address, coalesce(c.email, '') <> '' as has_email, c.lifecycle_stage, c.lead_status, c.owner_id, c.company_id, c.country, c.job_title,
    c.converted_at, c.qualified_at, coalesce(c.converted_at < c.created_at + interval 90 day, false) as is_converted_within_90_days,
    coalesce(c.created_at < timestamp '2026-11-02' - interval 90 day, false) as is_mature_lead,
    ${windowsOf('e', email)} as email, ${windowsOf('w', web)} as web, ${windowsOf('o', orders)} as orders, ${windowsOf('a', activities)} as activities,
    ${daysSince('c.created_at')} as days_since_created, coalesce(o.n, 0) as order_count, coalesce(o.revenue, 0) as total_revenue,
    o.revenue / nullif(o.n, 0) as average_order_value, o.first_at as first_ordered_at, o.last_at as last_ordered_at, ${daysSince('o.last_at')} as days_since_last_order,
    e.last_sent as last_email_sent_at, e.last_open as last_email_opened_at, e.last_click as last_email_clicked_at, ${daysSince('e.last_sent')} as days_since_last_email_sent,
    ${daysSince('e.last_open')} as days_since_last_email_open, ${daysSince('e.last_click')} as days_since_last_email_click, e.last_bounce is not null as has_hard_bounced,
    e.last_unsubscribe is not null as has_unsubscribed, w.last_seen as last_web_visit_at, ${daysSince('w.last_seen')} as days_since_last_web_visit,
    a.last_at as last_activity_at, ${daysSince('a.last_at')} as days_since_last_activity, ${daysSince('a.last_talk')} as days_since_last_conversation,
    coalesce(d.open_count, 0) as open_deal_count, coalesce(d.open_amount, 0) as open_deal_amount, coalesce(d.won_count, 0) as won_deal_count,
    coalesce(d.won_amount, 0) as won_deal_amount, coalesce(d.lost_count, 0) as lost_deal_count,
    case when o.first_at is null or d.first_won < o.first_at then d.first_won else o.first_at end as acquired_at,
    case when greatest(k.withdrawn, ka.withdrawn) >= coalesce(greatest(k.granted, ka.granted), timestamp '0001-01-01') then 'withdrawn'
         when greatest(k.granted, ka.granted) is not null then 'granted' end as consent_status, x.address_key is not null as is_suppressed
  from c left join e using (contact_id) left join w using (contact_id) left join o using (contact_id) left join a using (contact_id)
    left join d using (contact_id) left join k using (contact_id) left join ka on ka.email_key = c.email_key
    left join x on x.address_key = sha256(c.email_key)`;
