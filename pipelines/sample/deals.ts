import { calendarSeconds, joinClock, joinHour, processSeconds } from './calendar.ts';
import { parameters } from './parameters.ts';
import { daySeconds, type Sampler } from './sampler.ts';

/** Stages in order; numbers in the tables are positions, from 1. `days` is the mean stay. */
export const stages = [
  { stage: 'qualification', label: 'Qualification', days: 7, probability: 0.2 },
  { stage: 'discovery', label: 'Discovery', days: 12, probability: 0.35 },
  { stage: 'proposal', label: 'Proposal', days: 14, probability: 0.5 },
  { stage: 'negotiation', label: 'Negotiation', days: 10, probability: 0.7 },
  { stage: 'won', label: 'Closed won', days: 0, probability: 1 },
  { stage: 'lost', label: 'Closed lost', days: 0, probability: 0 },
] as const;
export const wonStage = 5;
export const lostStage = 6;

/** Tables `deal_starts`, `deal_steps` (deal, step, stage, occurred_s) and `deal_states` (as of the end). */
export async function createDeals(sampler: Sampler): Promise<void> {
  await createStarts(sampler);
  await createSteps(sampler);
  await createStates(sampler);
}

/** A business contact that becomes an opportunity has one to four deals; the first follows its creation. */
async function createStarts(sampler: Sampler): Promise<void> {
  const d = parameters.deals;
  await sampler.run(
    `create table deal_starts as
     with opportunities as (
       select p.*, s.win_logit as source_logit, c.employee_count,
         ${processSeconds('office_clock', 'created_s')} + 600 as known_op,
         1 + (uniform('deal:second', i) < 0.35)::int + (uniform('deal:third', i) < 0.12)::int + (uniform('deal:fourth', i) < 0.04)::int as deal_count
       from people p join lead_sources s using (lead_source) join companies c using (company)
       ${joinHour('office_clock', 'created_s')}
       where not is_silent and uniform('opportunity', i) < least(0.9, ${d.opportunityRate} * multiplier)),
     each_deal as (select *, unnest(range(0, deal_count)) as k from opportunities),
     gaps as (
       select *, floor(exponential('deal:gap', i, k) * case when k = 0 then 20 else 150 end * ${daySeconds})::bigint as gap from each_deal),
     timed as (select *, known_op + sum(gap) over (partition by i order by k)::bigint as created_deal_op from gaps),
     dated as (
       select * exclude (start_s, start_op, length_op), ${calendarSeconds('office_clock', 'created_deal_op')} as deal_created_s
       from timed ${joinClock('office_clock', 'created_deal_op')}
       where created_deal_op < horizon()),
     numbered as (select *, row_number() over (order by deal_created_s, i, k)::int as deal from dated)
     select deal, i, k, company, employee_count, lead_source, source_logit, created_deal_op as created_op, deal_created_s as created_s,
       case when deal_created_s < owner_changed_s or owner_changed_s is null then owner else owner_next end as owner,
       case when deal_created_s < owner_changed_s then owner_changed_s end as owner_changed_s, owner_next,
       uniform('deal:no_date', deal) < ${d.withoutDateShare} as is_undated,
       uniform('deal:no_company', deal) < ${d.withoutCompanyShare} as is_without_company
     from numbered`,
  );
}

/** The way through the stages: a list of stages by outcome, the stays summed, cut at the end of the history. */
async function createSteps(sampler: Sampler): Promise<void> {
  const d = parameters.deals;
  const means = stages.map((stage) => stage.days * daySeconds);
  await sampler.run(
    `create table deal_steps as
     with fates as (
       select deal, created_op, created_s,
         uniform('deal:stalls', deal) < ${d.stalledShare} as is_stalled,
         uniform('deal:won', deal) < 1 / (1 + exp(-(${d.baseWinLogit} + source_logit + win_logit))) as is_won,
         uniform('deal:skips', deal) < ${d.skipNegotiationShare} as skips,
         uniform('deal:reopens', deal) < ${d.reopenedShare} as reopens,
         uniform('deal:until', deal) as u_until
       from deal_starts join owners using (owner) where not is_undated),
     ways as (
       select *, case when is_won and not is_stalled then 4 when u_until < 0.35 then 1 when u_until < 0.65 then 2 when u_until < 0.85 then 3 else 4 end as reached
       from fates),
     paths as (
       select deal, created_op, created_s,
         case when is_won and skips and not is_stalled then [1, 2, 3]
              when reopens and reached >= 3 then [1, 2, 3, 2] || range(3, reached + 1) else range(1, reached + 1) end
         || case when is_stalled then [] when is_won then [${wonStage}] else [${lostStage}] end as path
       from ways),
     stays as (select deal, created_op, created_s, unnest(path)::int as stage, generate_subscripts(path, 1)::int as step from paths),
     timed as (
       -- A stay is the sum of two exponentials: never quite zero, seldom very long.
       select *, created_op + coalesce(sum(600 + floor((exponential('stay', deal, step) + exponential('stay:more', deal, step)) / 2
           * [${means.join(', ')}][stage])::bigint) over (partition by deal order by step rows between unbounded preceding and 1 preceding), 0)::bigint as op
       from stays)
     select deal, step, stage, greatest(created_s, ${calendarSeconds('office_clock', 'op')}) as occurred_s
     from timed ${joinClock('office_clock', 'op')} where op < horizon()`,
  );
}

/** Where each deal stands at the end, with what changes on the way: amount once, expected close as it slips, owner. */
async function createStates(sampler: Sampler): Promise<void> {
  await sampler.run(
    `create table deal_states as
     with ends as (
       select deal, arg_max(stage, step) as stage, max(occurred_s) as last_s, min(occurred_s) filter (where stage >= ${wonStage}) as closed_s,
         min(occurred_s) filter (where stage = 3) as proposed_s
       from deal_steps group by deal),
     amounts as (
       select s.*, e.last_s, e.closed_s, e.proposed_s, coalesce(e.stage, 1) as stage,
         (50 * round(exp(8.2 + 0.45 * normal('deal:amount', s.deal)) * pow(employee_count / 55.0, 0.2) / 50))::bigint as amount_first,
         0.7 + 0.6 * uniform('deal:amount:factor', s.deal) as factor,
         s.created_s // ${daySeconds} + 25 + floor(50 * uniform('deal:expected', s.deal))::bigint as expected_day_first
       from deal_starts s left join ends e using (deal))
     select * exclude (factor),
       (50 * round(amount_first * factor / 50))::bigint as amount_next,
       case when uniform('deal:amount:changes', deal) < 0.3 then proposed_s end as amount_changed_s,
       -- Each time the day nears and the deal is open, it moves by 30 days.
       greatest(0, least(12, (coalesce(closed_s, horizon()) // ${daySeconds} - expected_day_first + 29) // 30))::int as slips
     from amounts`,
  );
}

/** Table `deal_slips` (deal, slip, changed_s, expected_day): every value of the expected close date, the first included. */
export async function createDealSlips(sampler: Sampler): Promise<void> {
  await sampler.run(
    `create table deal_slips as
     select deal, slip, expected_day_first + 30 * slip as expected_day,
       case when slip = 0 then created_s else (expected_day_first + 30 * (slip - 1)) * ${daySeconds} - 3 * 3600 end as changed_s
     from (select *, unnest(range(0, slips + 1)) as slip from deal_states where not is_undated)
     where slip = 0 or (expected_day_first + 30 * (slip - 1)) * ${daySeconds} - 3 * 3600 < coalesce(closed_s, horizon())`,
  );
}
