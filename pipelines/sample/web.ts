import { choose, pick } from './random.ts';
import { daySeconds, type Sampler } from './sampler.ts';

/**
 * Table `visits` (kind, i, n, s, pages, medium …): the visit that made the contact, later ones that thin out, those from a
 * click in a mail, those that end in an order, and visitors nobody knows (i < 0).
 */
export async function createVisits(sampler: Sampler): Promise<void> {
  await sampler.run(
    `create table visits as
     with first as (
       select 1 as kind, i, 0 as n, created_s as s, null::int as mailing, lead_source from people
       where not is_silent and lead_source not in ('trade_show', 'cold_list')),
     returning_visits as (
       select 2, i, n, created_s + 3600 + floor(exponential('visit:when', i, n) * ${60 * daySeconds})::bigint, null, null
       from (select i, created_s, unnest(range(0, (uniform('visit:again', i) < 1.2 * engagement)::int + (uniform('visit:third', i) < engagement / 2)::int)) as n
             from people where not is_silent)),
     clicks as (
       select 3, i, mailing, min(ms) // 1000 + 1, mailing, null from mail_log where type = 5 and agent = 1 group by i, mailing),
     shopping as (
       select 4, i, number, greatest(created_s, s - 300 - floor(1500 * uniform('visit:before', number))::bigint), null, null
       from order_rows join people using (i) where n >= 0 and uniform('visit:shops', number) < 0.25),
     unknown as (
       select 5, -v, 0, floor(uniform('visit:unknown', v) * (horizon() - 1))::bigint, null, null
       from range(1, 1 + ${Math.floor(sampler.contacts / 8)}) t(v))
     select *, hash(kind::bigint, i::bigint, n::bigint) & 4611686018427387903 as key
     from (from first union all from returning_visits union all from clicks union all from shopping union all from unknown)
     where s < horizon()`,
  );
  await sampler.run(
    `create table web_rows as
     with pages as (
       select kind, i, n, s, mailing, lead_source, key,
         unnest(range(0, case kind when 1 then 2 when 5 then 1 when 4 then 2 else 1 + (uniform('visit:pages', key) < 0.4)::int end)) as page
       from visits)
     select *, s + page * 20 + page * floor(60 * uniform('visit:stay', key, page))::bigint as page_s from pages`,
  );
}

const paidOrEarned = {
  utm_source: `case visit_source when 'paid_search' then 'search' when 'paid_social' then 'social' when 'webinar' then 'webinar' when 'referral' then 'partner' end`,
  utm_medium: `case visit_source when 'paid_search' then 'cpc' when 'paid_social' then 'paid_social' when 'webinar' then 'event' when 'referral' then 'referral' end`,
  referrer: `case visit_source when 'paid_search' then 'https://search.example.net/' when 'paid_social' then 'https://social.example.net/' when 'referral' then 'https://partner.example.org/' end`,
};

export const webEventsSql = `
  select short_id('w', ((kind * 4 + page)::bigint * 100000000 + abs(i)) * 500000000 + n) as event_id,
    case when page = 0 then 'page_view' when kind = 1 then 'form_submit' when kind = 4 then 'add_to_cart' else 'product_view' end as event_type,
    contact_id, short_id('v', abs(i) * 2 + (i < 0)::int) as anonymous_id,
    short_id('s', key) as session_id,
    'https://www.example.com/' || case when kind = 1 then ['welcome', 'signup'][page + 1]
      when kind = 3 then ['offers', 'products'][page + 1]
      else ${pick(`uniform('visit:page', key, page)`, ['products', 'products/lamps', 'products/garden', 'guide', 'prices'])} end as url,
    case when kind = 1 then ${paidOrEarned.referrer} when kind = 5 then 'https://search.example.net/' end as referrer,
    case when kind = 1 then ${paidOrEarned.utm_source} when kind = 3 then 'newsletter' end as utm_source,
    case when kind = 1 then ${paidOrEarned.utm_medium} when kind = 3 then 'email' end as utm_medium,
    case when kind = 3 then campaign_id end as utm_campaign,
    ${choose(`uniform('device', i)`, [
      [`'desktop'`, 0.5],
      [`'mobile'`, 0.42],
      [`'tablet'`, 0.08],
    ])} as device,
    time_of_s(page_s) as occurred_at
  from (select * exclude (lead_source), lead_source as visit_source from web_rows) left join people using (i) left join (select mailing, campaign_id from mailings) using (mailing)
  where page_s < horizon() order by page_s, key, page`;
