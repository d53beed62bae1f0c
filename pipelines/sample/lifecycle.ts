import { lifecycleStages } from '../../data/tracked-fields.ts';
import { wonStage } from './deals.ts';
import { list } from './random.ts';
import { daySeconds, type Sampler } from './sampler.ts';

const leadStatuses = ['new', 'new', 'working', 'qualified', 'qualified', 'qualified'] as const;

/**
 * Table `lifecycle` (i, rank, s): each contact's way from its first stage to the furthest one, never backwards. Deals and
 * orders decide; what leads up to a deal lies before it.
 */
export async function createLifecycle(sampler: Sampler): Promise<void> {
  await sampler.run(
    `create table lifecycle as
     with first_deals as (select i, min(created_s) as deal_s from deal_states where not is_undated group by i),
     wins as (select i, min(closed_s) as won_s from deal_states where stage = ${wonStage} group by i),
     first_orders as (select i, min(s) as order_s from order_rows where i > 0 group by i),
     ways as (
       select p.i, created_s, is_silent, deal_s, least(won_s, order_s) as customer_s, multiplier
       from people p join lead_sources using (lead_source)
       left join first_deals using (i) left join wins using (i) left join first_orders using (i)),
     milestones as (
       select i, case when uniform('stage:first', i) < 0.4 then 1 else 2 end as rank, created_s as s from ways
       union all
       select i, 2, created_s + 60 + floor(exponential('stage:lead', i) * ${30 * daySeconds})::bigint from ways
       where not is_silent and uniform('stage:becomes_lead', i) < 0.5
       union all
       select i, 3, created_s + 120 + floor(exponential('stage:mql', i) * ${40 * daySeconds})::bigint from ways
       where not is_silent and deal_s is null and uniform('stage:becomes_mql', i) < 0.25 * multiplier
       union all select i, 3, created_s + floor((deal_s - created_s) * 0.3)::bigint from ways where deal_s is not null
       union all select i, 4, created_s + floor((deal_s - created_s) * 0.7)::bigint from ways where deal_s is not null
       union all select i, 5, deal_s from ways where deal_s is not null
       union all select i, 6, customer_s from ways where customer_s is not null),
     climbing as (
       select i, rank, s, max(rank) over (partition by i order by s, rank rows between unbounded preceding and 1 preceding) as reached,
         lead(s) over (partition by i order by s, rank) as next_s
       from milestones where s < horizon())
     select i, rank, s from climbing where (reached is null or rank > reached) and next_s is distinct from s`,
  );
  await sampler.run(
    `create table lifecycle_ends as select i, max(rank) as rank, max(s) as s from lifecycle group by i`,
  );
}

const before = (field: string, first: string, next: string, changed: string, joins = '') =>
  `select i, '${field}' as field, ${first} as value, created_s as s from people ${joins} where ${changed} is not null
   union all select i, '${field}', ${next}, ${changed} from people ${joins} where ${changed} is not null`;

/** `contact_changes`: the stage and lead status of everybody; owner, country and job of those for whom they changed. */
export const contactChangesSql = `
  with statuses as (
    select i, ${list(leadStatuses)}[rank] as value, s, lag(${list(leadStatuses)}[rank]) over (partition by i order by s, rank) as previous from lifecycle),
  changes as (
    select i, 'lifecycle_stage' as field, ${list(lifecycleStages)}[rank] as value, s from lifecycle
    union all select i, 'lead_status', value, s from statuses where value is distinct from previous
    union all ${before('owner_id', 'a.owner_id', 'b.owner_id', 'owner_changed_s', 'join owners a using (owner) join owners b on b.owner = owner_next')}
    union all ${before('country', 'country', 'country_next', 'country_changed_s')}
    union all ${before('job_title', 'job_title', 'job_title_next', 'job_changed_s')})
  select contact_id, field, value, time_of_s(s) as valid_from from changes join people using (i) order by s, i, field, value`;

/** `contacts`: the latest state. */
export const contactsSql = `
  with latest as (
    select p.* exclude (country, job_title),
      case when owner_changed_s is null then owner else owner_next end as last_owner,
      case when country_changed_s is null then country else country_next end as country,
      case when job_changed_s is null then job_title else job_title_next end as job_title,
      l.rank, greatest(created_s, l.s, coalesce(owner_changed_s, 0), coalesce(country_changed_s, 0), coalesce(job_changed_s, 0)) as updated_s
    from people p join lifecycle_ends l using (i))
  select contact_id, l.email, phone, first_name, last_name, company_id, owner_id, job_title,
    ${list(lifecycleStages)}[rank] as lifecycle_stage, ${list(leadStatuses)}[rank] as lead_status, lead_source, l.country,
    cities[1 + floor(uniform('city', i) * len(cities))::int] as city, language, time_zone,
    case when uniform('attributes', i) < 0.6
         then '{"interest":"' || ['home', 'kitchen', 'garden', 'office', 'travel'][1 + floor(5 * uniform('interest', i))::int] || '"}' end as attributes,
    time_of_s(created_s) as created_at, time_of_s(updated_s) as updated_at
  from latest l join countries on countries.country = l.country left join companies c on c.company = l.company left join owners on owners.owner = last_owner
  order by i`;
