import { asOf } from './world.ts';

/** The median of a customer's intervals so far, by DuckDB's own running median. Reads hand_contact_facts. */
export const customerSpans = `with days as (select distinct contact_id, ordered_at::date as day from core.orders where contact_id is not null and status = 'completed' and ordered_at < ${asOf}),
  intervals as (
    select contact_id, day, day - lag(day) over by_day as gap, lead(day) over by_day as next_day
    from days window by_day as (partition by contact_id order by day)),
  limits as (
    select contact_id, day, next_day, day + (floor(greatest(3 * median(gap) over (partition by contact_id order by day), 90))::int + 1) as lapses_on
    from intervals),
  starts as (
    select *, coalesce(day >= lag(lapses_on) over (partition by contact_id order by day), true) as is_first, next_day is null or next_day >= lapses_on as is_last
    from limits),
  numbered as (select *, sum(is_first::int) over (partition by contact_id order by day) as span_number from starts),
  spans as (
    select contact_id, span_number, min(day) as started_on, max(day) as last_order_on, count(*) as order_day_count, max(lapses_on) filter (is_last) as lapses_on
    from numbered group by contact_id, span_number)
  select concat(contact_id, '/', span_number) as span_id, contact_id, span_number, started_on, last_order_on, order_day_count,
    case when lapses_on <= ${asOf}::date then lapses_on end as lapsed_on, c.country, c.lead_source, c.owner_id
  from spans left join temp.hand_contact_facts c using (contact_id)`;
