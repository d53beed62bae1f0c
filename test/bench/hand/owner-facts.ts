import { wonAndLost } from './company-facts.ts';
import { asOf, converted, rates, struct, windows } from './world.ts';

const activities = {
  activity_count: { filter: 'is_completed' },
  calls: { filter: `is_completed and activity_type = 'call'` },
  meetings: { filter: `is_completed and activity_type = 'meeting'` },
};

/** An owner known by the id only is there while something names it. Reads hand_contact_facts and hand_deal_facts. */
export const ownerFacts = `with a as (select owner_id, max(occurred_at) filter (is_completed) as last_at, ${windows('occurred_at', activities)}
    from core.activities where owner_id is not null and occurred_at < ${asOf} group by owner_id),
  d as (select owner_id, count(*) filter (is_open) as open_deals, sum(reporting_amount) filter (is_open) as open_amount, sum(weighted_amount) as weighted,
      count(*) filter (is_won) as won, sum(reporting_amount) filter (is_won) as won_amount, count(*) filter (is_lost) as lost, max(closed_at) filter (is_won) as last_won_at,
      count(*) filter (is_open and expected_close_date < ${asOf}::date) as overdue, ${windows('closed_at', wonAndLost)}
    from temp.hand_deal_facts where owner_id is not null group by owner_id),
  c as (select owner_id, count(*) as contacts, count(*) filter (order_count > 0) as customers from temp.hand_contact_facts where owner_id is not null group by owner_id),
  ${rates},
  q as (select q.owner_id, q.period_start_date, q.period_end_date, ${converted('q')} as quota
    from core.quotas q left join rates r on r.currency = q.currency and r.rate_date = q.period_start_date
    where period_start_date <= ${asOf}::date and period_end_date >= ${asOf}::date),
  t as (select owner_id, sum(quota) as quota, sum(coalesce(won, 0)) filter (quota is not null) as won, sum(coalesce(pipeline, 0)) filter (quota is not null) as pipeline
    from (select q.owner_id, q.period_start_date, q.period_end_date, any_value(quota) as quota,
        sum(reporting_amount) filter (is_won and closed_at::date between q.period_start_date and q.period_end_date) as won,
        sum(reporting_amount) filter (is_open and expected_close_date between q.period_start_date and q.period_end_date) as pipeline
      from q left join temp.hand_deal_facts d on d.owner_id = q.owner_id group by all)
    group by owner_id)
  select w.owner_id, w.name, w.email, w.team, w.manager_id, w.is_active, w.created_at, coalesce(c.contacts, 0) as contact_count, coalesce(c.customers, 0) as customer_count,
    coalesce(d.open_deals, 0) as open_deal_count, coalesce(d.open_amount, 0) as open_deal_amount, coalesce(d.weighted, 0) as weighted_open_amount,
    coalesce(d.overdue, 0) as overdue_deal_count, coalesce(d.won, 0) as won_deal_count, coalesce(d.won_amount, 0) as won_deal_amount, coalesce(d.lost, 0) as lost_deal_count,
    d.last_won_at, a.last_at as last_activity_at, t.quota as current_quota, t.won as current_won_amount, t.pipeline as current_pipeline_amount,
    ${struct((measure, days) => `a.${measure}_${days}`, Object.keys(activities))} as activities, ${struct((measure, days) => `d.${measure}_${days}`, Object.keys(wonAndLost))} as deals
  from core.owners w left join c using (owner_id) left join d using (owner_id) left join a using (owner_id) left join t using (owner_id)
  where (w.created_at is null or w.created_at < ${asOf})
    and (w.name <> w.owner_id or c.owner_id is not null or d.owner_id is not null or a.owner_id is not null or t.owner_id is not null)`;
