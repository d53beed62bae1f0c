import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openSample, type OpenSample } from './open-sample.ts';

let sample: OpenSample;
beforeAll(async () => {
  sample = await openSample({ contacts: 5000, seed: 7 });
});
afterAll(() => sample.close());

/** How many standard errors lie between what was seen and what the parameters say. */
function errorsBetween(observed: number, expected: number, variance: number): number {
  return Math.abs(observed - expected) / Math.sqrt(variance);
}

test('truth.json is what the result says', () => {
  expect(JSON.parse(readFileSync(join(sample.dir, 'truth.json'), 'utf8'))).toEqual(sample.truth);
});

test('the arms of the A/B campaign convert at their stated rates, and their orders can be found', async () => {
  const { campaign_id, arms, window_days } = sample.truth.ab_test;
  for (const arm of arms) {
    const [row] = await sample.rows<{ delivered: number; converted: number }>(
      `select count(distinct e.contact_id)::int as delivered, count(distinct o.contact_id)::int as converted
       from email_events e left join orders o on o.contact_id = e.contact_id and o.campaign_id = '${campaign_id}'
         and o.ordered_at between e.occurred_at and e.occurred_at + interval ${window_days} day
       where e.event_type = 'delivered' and e.message_id = '${arm.message_id}'`,
    );
    expect(row).toEqual({ delivered: arm.delivered_count, converted: arm.conversion_count });
    const rate = arm.conversion_rate;
    expect(arm.delivered_count).toBeGreaterThan(500);
    expect(
      errorsBetween(
        arm.conversion_count,
        rate * arm.delivered_count,
        arm.delivered_count * rate * (1 - rate),
      ),
    ).toBeLessThan(4);
  }
  expect(await sample.one(`select count(*) from campaign_responses where response_type = 'converted'`)).toBe(
    arms.reduce((sum, arm) => sum + arm.conversion_count, 0),
  );
});

/** Expected repeats in t weeks of a BG/NBD customer: Fader, Hardie, Lee 2005, equation 9. */
function expectedRepeats(t: number): number {
  const { r, alphaWeeks, a, b } = sample.truth.parameters.purchases;
  const z = t / (alphaWeeks + t);
  let term = 1;
  let series = 1;
  for (let n = 0; n < 20_000 && term > 1e-13; n++) {
    term *= (((r + n) * (b + n)) / ((a + b - 1 + n) * (n + 1))) * z;
    series += term;
  }
  return ((a + b - 1) / (a - 1)) * (1 - Math.pow(alphaWeeks / (alphaWeeks + t), r) * series);
}

test('repeat orders are as many as the BG/NBD parameters say', async () => {
  const buyers = await sample.rows<{ weeks: number; repeats: number }>(
    `select date_diff('second', first_order_at, timestamp '2026-11-02') / 604800.0 as weeks, (count(order_id) - 1)::int as repeats
     from truth_contacts join orders using (contact_id) where is_buyer and campaign_id is null group by contact_id, first_order_at`,
  );
  expect(buyers.length).toBe(sample.truth.counts.buyers);
  const repeats = buyers.reduce((sum, buyer) => sum + buyer.repeats, 0);
  expect(repeats).toBe(sample.truth.counts.repeat_orders);
  const expected = buyers.reduce((sum, buyer) => sum + expectedRepeats(buyer.weeks), 0);
  // Persons differ, so the variance is taken from them; expectations by length of time are subtracted.
  const variance = buyers.reduce(
    (sum, buyer) => sum + (buyer.repeats - expectedRepeats(buyer.weeks)) ** 2,
    0,
  );
  expect(errorsBetween(repeats, expected, variance)).toBeLessThan(4);
});

test('rate and drop-out by person have the stated means and spread', async () => {
  const { r, alphaWeeks, a, b, p, q, gamma } = sample.truth.parameters.purchases;
  const [row] = await sample.rows<
    Record<'n' | 'lambda' | 'lambda_variance' | 'dropout' | 'dropout_variance' | 'value' | 'value_sd', number>
  >(
    `select count(*)::int as n, avg(lambda_per_week) as lambda, var_samp(lambda_per_week) as lambda_variance, avg(dropout_probability) as dropout,
       var_samp(dropout_probability) as dropout_variance, avg(mean_order_value) as value, stddev(mean_order_value) as value_sd
     from truth_contacts where is_buyer`,
  );
  if (row === undefined) throw new Error('no buyers');
  expect(errorsBetween(row.lambda, r / alphaWeeks, r / alphaWeeks ** 2 / row.n)).toBeLessThan(4);
  expect(row.lambda_variance / (r / alphaWeeks ** 2)).toBeCloseTo(1, 0);
  expect(
    errorsBetween(row.dropout, a / (a + b), (a * b) / ((a + b) ** 2 * (a + b + 1)) / row.n),
  ).toBeLessThan(4);
  expect(row.dropout_variance / ((a * b) / ((a + b) ** 2 * (a + b + 1)))).toBeCloseTo(1, 0);
  expect(errorsBetween(row.value, (p * gamma) / (q - 1), row.value_sd ** 2 / row.n)).toBeLessThan(4);
});

test('order values in dollars have the mean of the Gamma-Gamma parameters', async () => {
  const { p, q, gamma } = sample.truth.parameters.purchases;
  const [row] = await sample.rows<{ n: number; mean: number; sd: number }>(
    `select count(*)::int as n, avg(mean) as mean, stddev(mean) as sd from (
       select contact_id, avg(amount * coalesce(rate, 1)) as mean from orders
       left join exchange_rates x on x.currency = orders.currency and rate_date = ordered_at::date
       where contact_id is not null and campaign_id is null group by 1)`,
  );
  if (row === undefined) throw new Error('no orders');
  expect(errorsBetween(row.mean, (p * gamma) / (q - 1), row.sd ** 2 / row.n)).toBeLessThan(4);
});

test('lead sources convert at their stated rates: better sources, more buyers', async () => {
  const { leadSources, purchases } = sample.truth.parameters;
  const rows = await sample.rows<{ lead_source: string; n: number; bought: number }>(
    `select lead_source, count(*)::int as n, (count(*) filter (where is_buyer))::int as bought from contacts join truth_contacts using (contact_id)
     where company_id is null and not is_silent and created_at < timestamp '2026-11-02' - interval 240 day group by 1`,
  );
  const shares = leadSources.map(({ leadSource, multiplier }) => {
    const found = rows.find((row) => row.lead_source === leadSource);
    if (found === undefined) throw new Error(`no contacts from ${leadSource}`);
    const rate = Math.min(0.95, purchases.consumerBuyerRate * multiplier);
    expect(errorsBetween(found.bought, found.n * rate, found.n * rate * (1 - rate))).toBeLessThan(4);
    return found.bought / found.n;
  });
  expect(shares[0]).toBeGreaterThan(shares[3] ?? 1);
  expect(shares[3]).toBeGreaterThan(shares[5] ?? 1);
  expect(shares[5]).toBeGreaterThan(shares[6] ?? 1);
});

test('deals are won as the reps’ and sources’ log-odds say', async () => {
  const { leadSources, deals } = sample.truth.parameters;
  const rows = await sample.rows<{ owner_id: string; lead_source: string; is_won: boolean }>(
    `select first.owner_id, lead_source, stage = 'won' as is_won
     from deals join (select deal_id, arg_min(value, valid_from) as owner_id from deal_changes where field = 'owner_id' group by 1) first using (deal_id)
     where closed_at is not null and created_at < timestamp '2026-11-02' - interval 300 day`,
  );
  let expected = 0;
  let variance = 0;
  const halves = { good: { won: 0, n: 0 }, weak: { won: 0, n: 0 } };
  for (const row of rows) {
    const rep = sample.truth.owners.find((owner) => owner.owner_id === row.owner_id)?.win_logit ?? NaN;
    const source = leadSources.find((entry) => entry.leadSource === row.lead_source)?.winLogit ?? NaN;
    const probability = 1 / (1 + Math.exp(-(deals.baseWinLogit + rep + source)));
    expected += probability;
    variance += probability * (1 - probability);
    const half = rep > 0 ? halves.good : halves.weak;
    half.n += 1;
    half.won += row.is_won ? 1 : 0;
  }
  expect(rows.length).toBeGreaterThan(500);
  expect(errorsBetween(rows.filter((row) => row.is_won).length, expected, variance)).toBeLessThan(4);
  expect(halves.good.won / halves.good.n).toBeGreaterThan(halves.weak.won / halves.weak.n + 0.1);
});

test('who does not buy opens by floor and engagement, halved every half-life', async () => {
  const { openFloor, halfLifeDays } = sample.truth.parameters.email;
  const ages = await sample.rows<{
    age: number;
    n: number;
    opened: number;
    expected: number;
    variance: number;
  }>(
    `with mails as (
       select e.contact_id, e.message_id, e.occurred_at, date_diff('second', created_at, e.occurred_at) / 86400.0 as age_days, engagement
       from email_events e join contacts using (contact_id) join truth_contacts using (contact_id)
       where event_type = 'delivered' and not is_buyer and e.campaign_id <> '${sample.truth.ab_test.campaign_id}'
         and e.occurred_at < timestamp '2026-11-02' - interval 12 day),
     opens as (select distinct contact_id, message_id from email_events where event_type = 'opened' and agent_class = 'human'),
     known as (
       select least(3, age_days // 120)::int as age, ${openFloor} + engagement * pow(2, -age_days / ${halfLifeDays}) as p, o.contact_id is not null as opened
       from mails left join opens o using (contact_id, message_id))
     select age, count(*)::int as n, (count(*) filter (where opened))::int as opened, sum(p) as expected, sum(p * (1 - p)) as variance from known group by 1 order by 1`,
  );
  expect(ages.map((row) => row.age)).toEqual([0, 1, 2, 3]);
  for (const row of ages) expect(errorsBetween(row.opened, row.expected, row.variance)).toBeLessThan(4);
  expect((ages[2]?.opened ?? 1) / (ages[2]?.n ?? 1)).toBeLessThan(
    (0.6 * (ages[0]?.opened ?? 0)) / (ages[0]?.n ?? 1),
  );
});

test('December and Saturdays sell more', async () => {
  const ratio = async (some: string, others: string) =>
    (await sample.one(`select count(*) from orders where campaign_id is null and ${some}`)) /
    (await sample.one(`select count(*) from orders where campaign_id is null and ${others}`));
  expect(await ratio('isodow(ordered_at) = 6', 'isodow(ordered_at) = 1')).toBeGreaterThan(1.2);
  expect(
    await ratio(
      `ordered_at between '2025-12-01' and '2026-01-01'`,
      `ordered_at between '2026-01-01' and '2026-02-01'`,
    ),
  ).toBeGreaterThan(1.4);
});
