import { asOf, daysSince, newest, struct, tracked, windowDays, windows } from './world.ts';

const fields = ['name', 'industry', 'owner_id', 'employee_count', 'annual_revenue'];
const ofContacts = {
  email: ['sent', 'delivered', 'opens', 'clicks', 'replies'],
  web: ['page_views'],
  orders: ['order_count', 'revenue'],
  activities: ['activity_count', 'calls', 'meetings'],
};
export const wonAndLost = {
  deals_won: { filter: 'is_won' },
  deals_lost: { filter: 'is_lost' },
  won_amount: { filter: 'is_won', sum: 'reporting_amount' },
};
const sums = Object.entries(ofContacts).flatMap(([name, measures]) =>
  windowDays.flatMap((days) =>
    measures.map((measure) => `sum(${name}.last_${days}_days.${measure}) as ${name}_${measure}_${days}`),
  ),
);

/** A company known by its id only is there while a contact or a deal names it. Reads hand_contact_facts and hand_deal_facts. */
export const companyFacts = `with s as (select company_id, ${fields.map(newest).join(', ')} from core.company_changes group by company_id),
  c as (select c.company_id, c.domain, c.currency, c.country, c.created_at, c.described_at is null and c.name = c.company_id as is_stub,
      ${fields.map((field) => tracked('c', field, { employee_count: 'integer', annual_revenue: 'decimal(18,2)' }[field])).join(', ')}
    from core.companies c left join s using (company_id) where c.created_at is null or c.created_at < ${asOf}),
  t as (select company_id, count(*) as contact_count, count(*) filter (has_email and consent_status = 'granted' and not is_suppressed) as mailable,
      count(*) filter (order_count > 0) as customers, sum(total_revenue) as revenue, sum(order_count) as order_count, min(first_ordered_at) as first_ordered_at,
      max(last_ordered_at) as last_ordered_at, max(last_email_opened_at) as last_email_opened_at, max(last_email_clicked_at) as last_email_clicked_at,
      max(last_web_visit_at) as last_web_visit_at, max(last_activity_at) as last_activity_at, ${sums.join(', ')}
    from temp.hand_contact_facts where company_id is not null group by company_id),
  d as (select company_id, count(*) filter (is_open) as open_deals, sum(reporting_amount) filter (is_open) as open_amount, count(*) filter (is_won) as won,
      sum(reporting_amount) filter (is_won) as won_amount, count(*) filter (is_lost) as lost, max(closed_at) filter (is_won) as last_won_at, ${windows('closed_at', wonAndLost)}
    from temp.hand_deal_facts where company_id is not null group by company_id)
  select c.company_id, c.is_stub, c.name, c.domain, c.industry, c.employee_count, c.annual_revenue, c.currency, c.country, c.owner_id, c.created_at, w.name as owner_name, w.team,
    coalesce(t.contact_count, 0) as contact_count, coalesce(t.mailable, 0) as mailable_contact_count, coalesce(t.customers, 0) as customer_count,
    coalesce(t.order_count, 0) as order_count, coalesce(t.revenue, 0) as total_revenue, t.first_ordered_at, t.last_ordered_at, t.last_email_opened_at,
    t.last_email_clicked_at, t.last_web_visit_at, t.last_activity_at, ${daysSince('t.last_activity_at')} as days_since_last_activity,
    coalesce(d.open_deals, 0) as open_deal_count, coalesce(d.open_amount, 0) as open_deal_amount, coalesce(d.won, 0) as won_deal_count,
    coalesce(d.won_amount, 0) as won_deal_amount, coalesce(d.lost, 0) as lost_deal_count, d.last_won_at,
    coalesce(d.won, 0) > 0 or coalesce(t.order_count, 0) > 0 as is_customer,
    ${struct((measure, days) => `d.${measure}_${days}`, Object.keys(wonAndLost))} as deals,
    ${Object.entries(ofContacts)
      .map(
        ([name, measures]) =>
          `${struct((measure, days) => `t.${name}_${measure}_${days}`, measures)} as ${name}`,
      )
      .join(', ')}
  from c left join t using (company_id) left join d using (company_id)
    left join (select * from core.owners where created_at is null or created_at < ${asOf}) w on w.owner_id = c.owner_id
  where not c.is_stub or t.company_id is not null or d.company_id is not null`;
