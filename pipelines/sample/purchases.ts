import { parameters } from './parameters.ts';
import { daySeconds, type Sampler } from './sampler.ts';

const weekSeconds = 7 * daySeconds;

/**
 * Tables `buyers` (who buys, and by which parameters) and `purchases` (i, n, op: n = 0 is the first order), in process
 * time. See parameters.ts for the models. The process is run literally: gaps are added up until the drop-out or the end.
 */
export async function createPurchases(sampler: Sampler): Promise<void> {
  const p = parameters.purchases;
  await sampler.run(
    `create table buyers as
     with chosen as (
       select i, created_op, created_op + 60 + floor(exponential('first_order', i) * ${p.firstOrderDelayDays * daySeconds})::bigint as first_op
       from people join lead_sources using (lead_source)
       where not is_silent and uniform('buys', i)
         < least(0.95, multiplier * case when is_business then ${p.businessBuyerRate} else ${p.consumerBuyerRate} end)),
     traits as (
       select i, first_op, gamma_variate('lambda', i, ${p.r}) / ${p.alphaWeeks} as lambda_per_week,
         beta_variate('dropout', i, ${p.a}, ${p.b}) as dropout_probability,
         gamma_variate('nu', i, ${p.q}) / ${p.gamma} as nu
       from chosen where first_op < horizon())
     select *, lambda_per_week * (horizon() - first_op) / ${weekSeconds} as expected,
       -- The repeat after which the person drops out: geometric.
       least(100000, 1 + floor(ln(uniform('dropout:at', i)) / ln(1 - least(0.999999, greatest(1e-6, dropout_probability)))))::int as last_repeat
     from traits`,
  );
  await sampler.run(
    `create table purchases as
     with repeats as (
       select i, first_op, lambda_per_week, unnest(range(1, 1 + repeats_max)) as n
       -- More than six standard deviations above the mean never happens within the horizon.
       from (select *, least(last_repeat, ceil(expected + 6 * sqrt(expected) + 10))::bigint as repeats_max from buyers)),
     gaps as (
       select i, first_op, n, least(horizon(), 1 + floor(exponential('gap', i, n) / greatest(lambda_per_week, 1e-9) * ${weekSeconds}))::bigint as gap
       from repeats),
     timed as (
       select i, n, first_op + sum(gap) over (partition by i order by n rows unbounded preceding)::bigint as op from gaps)
     select i, n, op from timed where op < horizon()
     union all
     select i, 0, first_op from buyers`,
  );
  await sampler.run(
    `create table drop_outs as
     select i, op as dropped_out_op from purchases join buyers using (i) where n = last_repeat`,
  );
}
