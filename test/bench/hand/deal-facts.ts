import { asOf, converted, daysSince, newest, rates, today, tracked } from './world.ts';

/** The fields of deals that this world changes, and those that an account typically keeps the history of. */
const fields = ['owner_id', 'company_id', 'pipeline', 'stage', 'amount', 'closed_at', 'expected_close_date'];

export const dealFacts = `with s as (
    select deal_id, ${fields.map(newest).join(', ')}, max(valid_from) filter (field = 'stage' and valid_from < ${asOf}) as stage_since
    from core.deal_changes group by deal_id),
  m as (
    select deal_id, count(*) filter (occurred_at < ${asOf}) as n, max(occurred_at) filter (occurred_at < ${asOf}) as last_at,
      arg_max(to_stage, occurred_at) filter (occurred_at < ${asOf}) as to_stage, nullif(arg_min(coalesce(from_stage, ''), occurred_at), '') as from_stage
    from core.deal_stage_changes group by deal_id),
  a as (
    select deal_id, count(*) filter (is_completed) as n, max(occurred_at) filter (is_completed) as last_at
    from core.activities where deal_id is not null and occurred_at < ${asOf} group by deal_id),
  ${rates},
  stages as (
    select pipeline, stage, max(position) as position, coalesce(bool_or(is_won), false) as is_won, coalesce(bool_or(is_closed), false) or coalesce(bool_or(is_won), false) as is_closed,
      count(*) filter (is_won is not null or is_closed is not null) > 0 as is_stated, max(probability) as probability
    from core.deal_stages group by all),
  firsts as (select pipeline, min(position) as position from stages group by all),
  d as (
    select d.deal_id, d.name, d.contact_id, d.currency, d.product, d.lead_source, d.created_at,
      ${fields.map((field) => tracked('d', field, { amount: 'decimal(18,2)', closed_at: 'timestamp', expected_close_date: 'date' }[field])).join(', ')},
      coalesce(s.stage_since < timestamp '0001-01-02', true) as stage_is_first
    from core.deals d left join s using (deal_id)
    where d.created_at is null or d.created_at < ${asOf}),
  then_ as (
    select d.* replace (
        case when not stage_is_first or coalesce(closed_at < ${asOf}, false) then stage
             when m.deal_id is not null then coalesce(m.to_stage, m.from_stage)
             when closed_at >= ${asOf} then null else stage end as stage,
        case when closed_at < ${asOf} then closed_at end as closed_at),
      coalesce(closed_at >= ${asOf}, false) as closes_later, case when closed_at < ${asOf} then closed_at else ${asOf} end::date as valued_on,
      m.n as move_count, m.last_at as moved_at
    from d left join m using (deal_id)),
  o as (
    select d.*, ${converted('d')} as reporting_amount, st.probability as stage_probability, st.position as stage_position, f.position as first_stage_position,
      not closes_later and case when st.is_stated then st.is_won else coalesce(lower(regexp_replace(d.stage, '[^A-Za-z]', '', 'g')) in ('won', 'closedwon'), false) end as is_won,
      not closes_later and case when st.is_stated then st.is_closed and not st.is_won else coalesce(lower(regexp_replace(d.stage, '[^A-Za-z]', '', 'g')) in ('lost', 'closedlost'), false) end as is_lost
    from then_ d left join stages st on st.pipeline = d.pipeline and st.stage = d.stage left join firsts f on f.pipeline = d.pipeline
      left join rates r on r.currency = d.currency and r.rate_date = d.valued_on)
  select o.deal_id, o.name, o.contact_id, o.company_id, o.owner_id, o.pipeline, o.stage, o.amount, o.currency, o.product, o.lead_source, o.created_at, o.closed_at,
    o.expected_close_date, o.reporting_amount, o.is_won, o.is_lost, o.stage_probability, o.stage_position, o.first_stage_position, is_won or is_lost as is_closed,
    not (is_won or is_lost) as is_open, not (is_won or is_lost) and coalesce(stage_position > first_stage_position, true) as is_qualified,
    case when is_won then date_sub('second', o.created_at, o.closed_at) / 86400 end as sales_cycle_days,
    case when not (is_won or is_lost) then date_sub('day', date_trunc('day', o.created_at), ${today}) end as age_days,
    w.name as owner_name, w.team, c.name as company_name, c.industry, coalesce(o.move_count, 0) as stage_change_count, o.moved_at as last_stage_changed_at,
    case when not (is_won or is_lost) then ${daysSince('o.moved_at')} end as days_in_stage, coalesce(a.n, 0) as activity_count,
    ${daysSince('a.last_at')} as days_since_last_activity, case when not (is_won or is_lost) then reporting_amount * stage_probability end as weighted_amount
  from o left join a on a.deal_id = o.deal_id
    left join (select * from core.owners where created_at is null or created_at < ${asOf}) w on w.owner_id = o.owner_id
    left join (
      select c.company_id, ${tracked('c', 'name')}, ${tracked('c', 'industry')}
      from core.companies c left join (select company_id, ${['name', 'industry'].map(newest).join(', ')} from core.company_changes group by company_id) s using (company_id)
      where created_at is null or created_at < ${asOf}) c on c.company_id = o.company_id`;
