import { calendarSeconds, joinClock, joinHour, processSeconds } from './calendar.ts';
import { subjects } from './names.ts';
import { choose, pick, text } from './random.ts';
import { daySeconds, type Sampler } from './sampler.ts';

/** Table `activity_rows`: what reps do about deals while they are open, and with some new contacts; in office hours. */
export async function createActivities(sampler: Sampler): Promise<void> {
  await sampler.run(
    `create table activity_rows as
     with dealt as (
       select d.i, d.deal, d.company, coalesce(d.owner, 0) as owner, d.created_op as from_op,
         coalesce(${processSeconds('office_clock', 'closed_s')}, horizon()) as to_op, 1 + floor(4 * uniform('activities', deal))::int as amount
       from deal_states d left ${joinHour('office_clock', 'closed_s')} where not is_undated),
     courted as (
       select i, null as deal, company, owner, ${processSeconds('office_clock', 'created_s')} + 600 as from_op,
         ${processSeconds('office_clock', 'created_s')} + ${14 * daySeconds} as to_op, 1 + floor(2 * uniform('courted:amount', i))::int as amount
       from people ${joinHour('office_clock', 'created_s')}
       where owner is not null and not is_silent and uniform('courted', i) < 0.4),
     each_one as (
       select *, coalesce(deal, -i)::bigint as key, unnest(range(0, amount)) as n from (from dealt union all from courted)),
     timed as (
       select *, from_op + floor(uniform('activity:when', key, n) * greatest(1, to_op - from_op))::bigint as op from each_one)
     select i, deal, company, owner, key, n, ${calendarSeconds('office_clock', 'op')} as s
     from timed ${joinClock('office_clock', 'op')} where op < horizon()`,
  );
}

const types = Object.keys(subjects) as (keyof typeof subjects)[];

export const activitiesSql = `
  with typed as (
    select a.*, contact_id, company_id, owner_id,
      ${choose(`uniform('activity:type', key, n)`, [
        [text('call'), 0.4],
        [text('email'), 0.25],
        [text('meeting'), 0.15],
        [text('note'), 0.1],
        [text('task'), 0.1],
      ])} as activity_type
    from activity_rows a join people p using (i) left join companies c on c.company = a.company left join owners o on o.owner = a.owner)
  select 'a' || lpad(row_number() over (order by s, key, n)::varchar, 7, '0') as activity_id, activity_type, contact_id, company_id,
    'd' || lpad(deal::varchar, 6, '0') as deal_id, owner_id,
    case activity_type ${types.map((type) => `when '${type}' then ${pick(`uniform('activity:subject', key, n)`, subjects[type])}`).join(' ')} end as subject,
    case when activity_type = 'call' then ${pick(`uniform('activity:outcome', key, n)`, ['connected', 'connected', 'no_answer', 'left_message'])}
         when activity_type = 'meeting' then 'held' end as outcome,
    case when activity_type = 'call' then 2 + floor(20 * uniform('activity:length', key, n))::int
         when activity_type = 'meeting' then 30 + 15 * floor(4 * uniform('activity:length', key, n))::int end as duration_minutes,
    activity_type <> 'task' or s < horizon() - ${5 * daySeconds} as is_completed, time_of_s(s) as occurred_at
  from typed order by s, key, n`;
