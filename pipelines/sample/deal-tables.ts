import { stages, wonStage } from './deals.ts';
import { parameters } from './parameters.ts';
import { list, text } from './random.ts';
import { daySeconds } from './sampler.ts';

const dealId = `'d' || lpad(deal::varchar, 6, '0')`;
const stageName = (position: string) => `${list(stages.map((s) => s.stage))}[${position}]`;
const openOwner = `case when owner_changed_s < coalesce(closed_s, horizon()) then owner_next else owner end`;
const dayOf = (day: string) => `time_of_s(${day} * ${daySeconds})::date`;

export const dealStagesSql = `
  select 'default' as pipeline, stage, label, position, position = ${wonStage} as is_won, position >= ${wonStage} as is_closed, probability
  from (values ${stages.map((s, index) => `(${text(s.stage)}, ${text(s.label)}, ${index + 1}, ${s.probability}::double)`).join(', ')})
    t(stage, label, position, probability) order by position`;

/** `deals`: the latest state. A few came from a list without any date, a few have no company. */
export const dealsSql = `
  select ${dealId} as deal_id, c.name || ' / ' || (k + 1) as name, contact_id,
    case when not is_without_company then company_id end as company_id, owner_id, 'default' as pipeline, ${stageName('d.stage')} as stage,
    (case when amount_changed_s is null then amount_first else amount_next end)::decimal(18,2) as amount, '${parameters.currency}' as currency,
    ['Starter', 'Team', 'Enterprise'][1 + floor(3 * uniform('deal:product', deal))::int] as product, d.lead_source,
    case when not is_undated then time_of_s(d.created_s) end as created_at, time_of_s(closed_s) as closed_at,
    case when not is_undated then ${dayOf('(select max(expected_day) from deal_slips x where x.deal = d.deal)')} end as expected_close_date,
    case when not is_undated then time_of_s(greatest(last_s, d.created_s)) end as updated_at
  from deal_states d join people p using (i) join companies c on c.company = d.company
  left join owners o on o.owner = ${openOwner.replaceAll('owner_changed_s', 'd.owner_changed_s').replaceAll('owner_next', 'd.owner_next').replace('else owner', 'else d.owner')}
  order by deal`;

export const dealStageChangesSql = `
  select ${dealId} as deal_id,
    ${stageName('lag(s.stage) over (partition by deal order by step)')} as from_stage, ${stageName('s.stage')} as to_stage,
    owner_id, time_of_s(s.occurred_s) as occurred_at
  from deal_steps s join deal_starts d using (deal)
  left join owners o on o.owner = case when d.owner_changed_s <= s.occurred_s then owner_next else d.owner end
  order by s.occurred_s, deal, step`;

/** `deal_changes`: amount, expected close, owner and stage, each with its first value. */
export const dealChangesSql = `
  with dated as (select * from deal_states where not is_undated),
  changes as (
    select deal, 'amount' as field, amount_first::decimal(18,2)::varchar as value, created_s as s, 0 as step from dated
    union all select deal, 'amount', amount_next::decimal(18,2)::varchar, amount_changed_s, 1 from dated where amount_changed_s is not null
    union all select deal, 'expected_close_date', ${dayOf('expected_day')}::varchar, changed_s, slip from deal_slips
    union all select deal, 'owner_id', owner_id, created_s, 0 from dated join owners using (owner)
    union all select deal, 'owner_id', owner_id, owner_changed_s, 1 from dated join owners on owners.owner = owner_next
      where owner_changed_s < coalesce(closed_s, horizon())
    union all select deal, 'stage', ${stageName('stage')}, occurred_s, step from deal_steps)
  select ${dealId} as deal_id, field, value, time_of_s(s) as valid_from from changes order by s, deal, field, step`;
