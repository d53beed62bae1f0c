import { DateTime } from 'luxon';
import { text } from './random.ts';
import { daySeconds, type Sampler } from './sampler.ts';

/** Table `response_rows`: sign-ups and attendance at a webinar each quarter, and the A/B campaign's conversions. */
export async function createResponses(sampler: Sampler): Promise<void> {
  const start = DateTime.fromJSDate(sampler.start, { zone: 'utc' });
  const webinars: string[] = [];
  // Counted back from the end, so that there is always a recent one.
  for (let day = sampler.days - 12; day > 0; day -= 91) {
    const name = `webinar_${start.plus({ days: day }).toFormat('yyyy_MM')}`;
    webinars.push(`(${webinars.length}, ${text(name)}, ${day * daySeconds + 15 * 3600}::bigint)`);
  }
  await sampler.run(
    `create table webinars as select * from (values ${webinars.join(', ')}) t(webinar, campaign_id, held_s)`,
  );
  await sampler.run(
    `create table response_rows as
     with invited as (
       select i, webinar, campaign_id, held_s, uniform('webinar', i, webinar) as u,
         greatest(created_s + 60, held_s - floor(uniform('webinar:when', i, webinar) * ${14 * daySeconds})::bigint) as s
       from webinars join people on created_s + 3600 < held_s
       where not is_silent and uniform('webinar', i, webinar) < case when lead_source = 'webinar' then 0.05 else 0.01 end),
     registered as (select i, campaign_id, 'registered' as response_type, s, held_s, u, webinar from invited),
     attended as (select i, campaign_id, 'attended', held_s, held_s, u, webinar from invited
                  where uniform('webinar:comes', i, webinar) < 0.5),
     converted as (
       select i, campaign_id, 'converted', s, null, null, null from order_rows join mailings using (mailing))
     select i, campaign_id, response_type, s from (from registered union all from attended union all from converted) where s < horizon()`,
  );
}

export const responsesSql = `
  select 'r' || lpad(row_number() over (order by s, i, response_type)::varchar, 7, '0') as response_id, contact_id, campaign_id,
    response_type, time_of_s(s) as occurred_at
  from response_rows join people using (i) order by s, i, response_type`;
