import { DateTime } from 'luxon';
import { parameters } from './parameters.ts';
import { text } from './random.ts';
import { daySeconds, type Sampler } from './sampler.ts';

/** Table `rates` (code, day, rate): US dollars for one unit. Slow waves and a little noise around a stated middle. */
export async function createRates(sampler: Sampler): Promise<void> {
  await sampler.run(
    `create table rates as
     select code, day, round(middle * (1 + 0.04 * sin(day / 97.0 + middle * 7) + 0.02 * sin(day / 31.0)
       + 0.002 * normal('rate:' || code, day)), 6) as rate
     from (values ('EUR', 1.10::double), ('GBP', 1.27::double)) c(code, middle), range(${sampler.days}) d(day)`,
  );
}

export const exchangeRatesSql = `
  select code as currency, '${parameters.currency}' as base_currency, time_of_s(day * ${daySeconds})::date as rate_date,
    rate::decimal(18,8) as rate
  from rates order by day, code`;

/** Paid channels: what a new contact costs, and what it takes in impressions and clicks. */
const channels = [
  {
    channel: 'paid_search',
    leadSource: 'paid_search',
    costPerLead: 38,
    clicksPerLead: 22,
    impressionsPerClick: 30,
  },
  {
    channel: 'paid_social',
    leadSource: 'paid_social',
    costPerLead: 24,
    clicksPerLead: 35,
    impressionsPerClick: 80,
  },
  { channel: 'webinar', leadSource: 'webinar', costPerLead: 55, clicksPerLead: 6, impressionsPerClick: 20 },
  {
    channel: 'trade_show',
    leadSource: 'trade_show',
    costPerLead: 140,
    clicksPerLead: 0,
    impressionsPerClick: 0,
  },
] as const;

/** `spend`: a row a channel and day, near the cost of the week's new contacts from it, so costs per lead come out. */
export const spendSql = `
  with channels as (
    select * from (values ${channels
      .map(
        (c) =>
          `(${text(c.channel)}, ${text(c.leadSource)}, ${c.costPerLead}, ${c.clicksPerLead}, ${c.impressionsPerClick})`,
      )
      .join(', ')}) t(channel, lead_source, cost, clicks_per_lead, impressions_per_click)),
  calendar as (select unnest(range(horizon() // ${daySeconds})) as day),
  leads as (select lead_source, created_s // ${7 * daySeconds} as week, count(*) as leads from people group by all),
  days as (
    select channel, day, leads / 7.0 as leads, cost, clicks_per_lead, impressions_per_click,
      0.8 + 0.4 * uniform('spend:' || channel, day) as factor
    from channels cross join calendar
    join leads on leads.lead_source = channels.lead_source and leads.week = day // 7)
  select time_of_s(day * ${daySeconds})::date as spend_date, channel, round(leads * cost * factor, 2)::decimal(18,2) as amount,
    '${parameters.currency}' as currency, round(leads * clicks_per_lead * factor * impressions_per_click)::bigint as impressions,
    round(leads * clicks_per_lead * factor)::bigint as clicks
  from days order by day, channel`;

/** `quotas`: a rep's won amount in a quarter, were all alike, plus a tenth; the quarter that runs on at the end has one. */
export function quotasSql(sampler: Sampler): string {
  const quarters: string[] = [];
  let from = DateTime.fromJSDate(sampler.start, { zone: 'utc' }).startOf('quarter');
  const end = DateTime.fromJSDate(sampler.end, { zone: 'utc' });
  for (; from < end; from = from.plus({ quarters: 1 }))
    quarters.push(`(date '${from.toISODate()}', date '${from.plus({ quarters: 1, days: -1 }).toISODate()}')`);
  return `
    with quarters as (select * from (values ${quarters.join(', ')}) t(period_start_date, period_end_date)),
    reps as (select owner_id, owner from owners where manager_id is not null),
    won as (select sum(amount_first)::bigint as amount from deal_states where stage = 5)
    select owner_id, period_start_date, period_end_date,
      (greatest(1000, 1000 * round(1.1 * (select amount from won) / (select count(*) from quarters) / (select count(*) from reps)
        * (0.8 + 0.4 * uniform('quota', owner)) / 1000)))::decimal(18,2) as amount, '${parameters.currency}' as currency
    from reps, quarters order by period_start_date, owner_id`;
}
