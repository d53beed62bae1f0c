import { DateTime } from 'luxon';
import { parameters } from './parameters.ts';
import { text } from './random.ts';
import { daySeconds, type Sampler } from './sampler.ts';

const { email, abTest } = parameters;

/** A mailing that went out at one time (or, for `welcome`, to each contact on joining). */
export interface Mailing {
  campaignId: string;
  kind: 'welcome' | 'tips' | 'digest' | 'ab';
  sentSeconds: number;
}

/** Tips each Tuesday, a digest each second Thursday of a month, the A/B campaign once. */
export function makeMailings(sampler: Sampler): Mailing[] {
  const start = DateTime.fromJSDate(sampler.start, { zone: 'utc' });
  const mailings: Mailing[] = [{ campaignId: 'welcome', kind: 'welcome', sentSeconds: 0 }];
  for (let day = 0; day < sampler.days; day++) {
    const date = start.plus({ days: day });
    if (date.weekday === 2)
      mailings.push({
        campaignId: `tips_${date.toFormat("kkkk'_w'WW")}`,
        kind: 'tips',
        sentSeconds: day * daySeconds + 9 * 3600,
      });
    if (date.weekday === 4 && date.day > 7 && date.day <= 14)
      mailings.push({
        campaignId: `digest_${date.toFormat('yyyy_MM')}`,
        kind: 'digest',
        sentSeconds: day * daySeconds + 10 * 3600,
      });
  }
  const abDay = sampler.days - abTest.daysBeforeEnd;
  mailings.push({ campaignId: abTest.campaignId, kind: 'ab', sentSeconds: abDay * daySeconds + 11 * 3600 });
  return mailings;
}

/**
 * Tables `mailings`, `stops` (i, stop_ms: when an address was suppressed or its consent withdrawn, events aside) and
 * `sends`: one row per mail that went out, with everything that its reader, proxy or scanner will do.
 */
export async function createSends(sampler: Sampler, mailings: readonly Mailing[]): Promise<void> {
  const rows = mailings.map(
    (m, index) => `(${index}, ${text(m.campaignId)}, ${text(m.kind)}, ${m.sentSeconds}::bigint)`,
  );
  await sampler.run(
    `create table mailings as select * from (values ${rows.join(', ')}) t(mailing, campaign_id, kind, sent_s)`,
  );
  await createStops(sampler);
  await createPlanned(sampler);
  await createOutcomes(sampler);
}

async function createStops(sampler: Sampler): Promise<void> {
  const between = (stream: string) =>
    `created_s + 3600 + floor(uniform('${stream}', i) * greatest(1, horizon() - created_s - 3600))::bigint`;
  await sampler.run(
    `create table stops as
     with drawn as (
       select i, case when uniform('suppressed', i) < ${email.suppressedShare} then ${between('suppressed:when')} end as suppressed_s,
         case when has_consent and uniform('withdrawn', i) < ${email.withdrawnShare} then ${between('withdrawn:when')} end as withdrawn_s
       from people where email is not null and not is_silent)
     select i, suppressed_s, withdrawn_s, 1000 * least(coalesce(suppressed_s, horizon()), coalesce(withdrawn_s, horizon())) as stop_ms
     from drawn where suppressed_s < horizon() or withdrawn_s < horizon()`,
  );
}

/** Who is written to, when: consent, no second row of the same address, not after a stop. */
async function createPlanned(sampler: Sampler): Promise<void> {
  const delayed = (i: string) =>
    `sent_s * 1000 + floor(uniform('send:delay', ${i}, mailing) * 2400000)::bigint`;
  await sampler.run(
    `create table planned as
     with readers as (
       select i, created_s, reads_weekly from people
       where has_consent and email is not null and duplicate_kind is distinct from 'email'),
     all_sends as (
       select i, 0 as mailing, created_s * 1000 + 240000 + floor(uniform('send:delay', i) * 60000)::bigint as sent_ms from readers
       union all
       select i, mailing, ${delayed('i')} from mailings join readers on kind = 'tips' and reads_weekly and created_s + 3600 < sent_s
       union all
       select i, mailing, ${delayed('i')} from mailings join readers on kind = 'digest' and created_s + 3600 < sent_s
       where uniform('digest', i, mailing) < ${email.digestShare}
       union all
       select i, mailing, ${delayed('i')} from mailings join readers on kind = 'ab' and created_s + 3600 < sent_s
       where uniform('ab', i) < ${abTest.share})
     select a.* from all_sends a left join stops using (i)
     where sent_ms < coalesce(stop_ms, horizon() * 1000)`,
  );
}

async function createOutcomes(sampler: Sampler): Promise<void> {
  const [armA, armB] = abTest.arms;
  const of = (stream: string) => `uniform('${stream}', i, mailing)`;
  const kind = `(select mailing from mailings where kind = 'ab')`;
  await sampler.run(
    `create table outcomes as
     with known as (
       select s.i, s.mailing, s.sent_ms, p.is_dead_address, p.is_apple, p.is_scanned,
         case when s.mailing = ${kind} then 1 + (uniform('arm', s.i) < 0.5)::int end::tinyint as arm,
         ${email.openFloor} + p.engagement * pow(2, -(s.sent_ms / 1000 - p.created_s) / ${email.halfLifeDays * daySeconds}.0::double)
           + case when b.first_s * 1000 < s.sent_ms and s.sent_ms < coalesce(b.dropped_out_s, horizon()) * 1000 then ${email.activeBuyerBonus} else 0 end as p_open
       from planned s join people p using (i) left join buyer_times b using (i)),
     bounced as (
       select *, case when is_dead_address then 2 when ${of('soft_bounce')} < ${email.softBounceRate} then 1 else 0 end::tinyint as bounce from known),
     read as (
       select *, bounce = 0 and arm is not null and ${of('converted')} < case arm when 1 then ${armA.conversionRate} else ${armB.conversionRate} end as is_converted,
         bounce = 0 and ${of('opened')} < p_open as is_opened
       from bounced)
     select i, mailing, sent_ms, arm, bounce, is_converted, is_opened or is_converted as is_opened,
       bounce = 0 and is_apple as is_proxied, bounce = 0 and is_scanned as is_scanned,
       case when is_converted or is_opened and ${of('clicked')} < ${email.clickGivenOpen}
            then 1 + floor(${of('links')} * ${email.linksPerMail})::int else 0 end::tinyint as links,
       sent_ms + 500 + floor(${of('delivery')} * 7500)::bigint as delivered_ms,
       sent_ms + 60000 + least(${10 * daySeconds * 1000}, floor(exponential('open:delay', i, mailing) * 21600000))::bigint as opened_ms,
       case when bounce = 0 and ${of('unsubscribed')} < ${email.unsubscribeRate} then 6
            when bounce = 0 and ${of('complained')} < ${email.complaintRate} then 7
            when bounce = 2 then 3 end::tinyint as ending
     from read`,
  );
  await sampler.run(`drop table planned`);
  // What ends the mails to a person takes effect at once: what was planned after it is not sent.
  await sampler.run(
    `create table endings as
     select i, min(${endingMs}) as ending_ms, arg_min(ending, ${endingMs}) as ending, arg_min(mailing, ${endingMs}) as mailing
     from outcomes where ending is not null group by i`,
  );
  await sampler.run(
    `create table sends as
     select o.* from outcomes o left join endings e using (i) where sent_ms < coalesce(ending_ms, horizon() * 1000)`,
  );
  await sampler.run(`drop table outcomes`);
}

/** When the event that ends the mails to a person happens: a bounce soon, an unsubscribe or complaint after reading. */
export const endingMs = `(sent_ms + case ending when 3 then 1000 + (sent_ms % 29000)
  else 120000 + floor(exponential('ending:delay', i, mailing) * 14400000)::bigint end)`;
