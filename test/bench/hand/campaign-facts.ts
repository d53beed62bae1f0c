import { asOf, converted, rates } from './world.ts';

/** Reads hand_email_performance. */
export const campaignFacts = `with ${rates},
  e as (select campaign_id, min(sent_at) as first_sent_at, max(sent_at) as last_sent_at, sum(sent_messages) as sent_count, sum(dropped_messages) as dropped_count,
      sum(delivered_messages) as delivered_count, sum(bounced_messages) as bounced_count, sum(hard_bounced_messages) as hard_bounced_count, sum(opened_messages) as opened_count,
      sum(clicked_messages) as clicked_count, sum(replied_messages) as replied_count, sum(unsubscribed_messages) as unsubscribed_count, sum(complained_messages) as complained_count
    from temp.hand_email_performance where campaign_id is not null group by campaign_id),
  o as (select campaign_id, count(*) filter (status = 'completed') as n, count(distinct contact_id) filter (status = 'completed') as customers,
      sum(${converted('o')}) filter (status = 'completed') as revenue
    from core.orders o left join rates r on r.currency = o.currency and r.rate_date = o.ordered_at::date where campaign_id is not null and ordered_at < ${asOf} group by campaign_id),
  s as (select campaign_id, sum(${converted('s')}) as amount, sum(clicks) as clicks from core.spend s left join rates r on r.currency = s.currency and r.rate_date = s.spend_date
    where campaign_id is not null and spend_date < ${asOf}::date group by campaign_id),
  p as (select campaign_id, count(*) as n, count(distinct contact_id) as people from core.campaign_responses where campaign_id is not null and occurred_at < ${asOf} group by campaign_id),
  c as (select campaign_id, title from ops.campaigns where created_at < ${asOf}),
  ids as (select campaign_id from e union select campaign_id from o union select campaign_id from s union select campaign_id from p union select campaign_id from c)
  select ids.campaign_id, c.title, c.campaign_id is not null as is_planned_here, e.first_sent_at, e.last_sent_at,
    ${[
      'sent',
      'dropped',
      'delivered',
      'bounced',
      'hard_bounced',
      'opened',
      'clicked',
      'replied',
      'unsubscribed',
      'complained',
    ]
      .map((what) => `coalesce(e.${what}_count, 0) as ${what}_count`)
      .join(', ')},
    coalesce(p.n, 0) as response_count, coalesce(p.people, 0) as responder_count, coalesce(o.n, 0) as order_count, coalesce(o.customers, 0) as ordering_customer_count,
    coalesce(o.revenue, 0) as order_revenue, coalesce(s.amount, 0) as spend_amount, coalesce(s.clicks, 0) as ad_click_count
  from ids left join e using (campaign_id) left join o using (campaign_id) left join s using (campaign_id) left join p using (campaign_id) left join c using (campaign_id)`;
