import { calendarSeconds, joinClock } from './calendar.ts';
import { products } from './names.ts';
import { parameters } from './parameters.ts';
import { choose, list } from './random.ts';
import { daySeconds, type Sampler } from './sampler.ts';

const { purchases: p } = parameters;

/** Calendar times that the mails depend on: table `buyer_times` (i, first_s, dropped_out_s), and `bought` (i, n, s). */
export async function createBought(sampler: Sampler): Promise<void> {
  await sampler.run(
    `create table bought as select i, n, ${calendarSeconds('shop_clock', 'op')} as s from purchases ${joinClock('shop_clock', 'op')}`,
  );
  await sampler.run(
    `create table buyer_times as
     with dropped as (
       select i, ${calendarSeconds('shop_clock', 'dropped_out_op')} as dropped_out_s
       from drop_outs ${joinClock('shop_clock', 'dropped_out_op')})
     select b.i, b.s as first_s, dropped_out_s from bought b left join dropped using (i) where n = 0`,
  );
}

/**
 * Tables `order_rows` and `order_line_rows`: the purchase process, the conversions of the A/B campaign (their own draws,
 * on top of the process) and guests' orders. Cents throughout, so that lines sum to the order.
 */
export async function createOrders(sampler: Sampler): Promise<void> {
  // The key that an order's draws hang on: the person and the ordinal; conversions have ordinal -1, guests no person.
  await sampler.run(
    `create table order_starts as
     with conversions as (
       select i, opened_ms // 1000 + 600 + floor(uniform('conversion:delay', i) * 7200)::bigint as s, mailing
       from sends where is_converted),
     guests as (
       select -g as i, floor(uniform('guest', g) * (horizon() - 1))::bigint as op
       from range(1, 1 + floor((select count(*) from bought) * ${p.guestShare / (1 - p.guestShare)})::bigint) t(g)),
     everything as (
       select i::bigint as i, n, s, null as mailing from bought
       union all select i, -1, s, mailing from conversions where s < horizon()
       union all select i, 0, ${calendarSeconds('shop_clock', 'op')}, null from guests ${joinClock('shop_clock', 'op')})
     select row_number() over (order by s, i, n) as number, i, n, s, mailing, hash(i::bigint, n::bigint) & 4611686018427387903 as key from everything`,
  );
  await sampler.run(
    `create table order_line_rows as
     with priced as (
       select o.number, o.key, o.s, coalesce(country_then.currency, 'USD') as currency,
         greatest(300, round(100 * gamma_variate('value', o.key, ${p.p})
           / coalesce(b.nu, gamma_variate('value:nu', o.key, ${p.q}) / ${p.gamma})))::bigint as cents_usd
       from order_starts o left join people x on x.i = o.i left join buyers b on b.i = o.i
       left join countries country_then on country_then.country =
         case when o.s >= country_changed_s then country_next else x.country end),
     local as (
       select number, key, currency, round(cents_usd / coalesce(rate, 1))::bigint as cents
       from priced left join rates on rates.code = currency and rates.day = s // ${daySeconds}),
     lines as (
       select *, unnest(range(1, 2 + (uniform('lines', key) < 0.5)::int + (uniform('lines', key) < 0.2)::int + (uniform('lines', key) < 0.07)::int)) as line from local),
     weighted as (
       select *, 20 + floor(80 * uniform('line:weight', key, line))::bigint as weight,
         1 + (uniform('line:quantity', key, line) < 0.3)::int + (uniform('line:quantity', key, line) < 0.08)::int as quantity,
         1 + floor(${products.length} * uniform('line:product', key, line))::int as product
       from lines),
     shared as (select *, cents * weight // sum(weight) over (partition by number)::bigint as share from weighted)
     select number, currency, line::int as line, quantity, product, greatest(1, round(share / quantity))::bigint as unit_cents from shared`,
  );
  await sampler.run(
    `create table order_rows as
     with sums as (
       select number, any_value(currency) as currency, sum(unit_cents * quantity)::bigint as cents, sum(quantity)::int as quantity
       from order_line_rows group by number)
     select number, i, n, s, mailing, key, currency, cents, quantity from order_starts join sums using (number)`,
  );
  await sampler.run(`drop table order_starts`);
}

const orderId = `'or' || lpad(number::varchar, 7, '0')`;

export const ordersSql = `
  select ${orderId} as order_id, contact_id, campaign_id, time_of_s(s) as ordered_at,
    (cents / 100)::decimal(18,2) as amount, currency, quantity,
    ${choose(`uniform('order:status', key)`, [
      [`'refunded'`, p.refundedShare],
      [`'cancelled'`, p.cancelledShare],
      [`'completed'`, 1 - p.refundedShare - p.cancelledShare],
    ])} as status,
    case when campaign_id is not null then 'email' else ${choose(`uniform('order:channel', key)`, [
      [`'web'`, 0.7],
      [`'store'`, 0.2],
      [`'phone'`, 0.1],
    ])} end as channel
  from order_rows o left join people p on p.i = o.i left join mailings m using (mailing)
  order by s, number`;

export const orderLinesSql = `
  select ${orderId} || '-' || line as order_line_id, ${orderId} as order_id, 'p' || lpad(product::varchar, 3, '0') as product_id,
    ${list(products.map(([name]) => name))}[product] as product_name,
    ${list(products.map(([, category]) => category))}[product] as category, quantity,
    (unit_cents / 100)::decimal(18,2) as unit_price, (unit_cents * quantity / 100)::decimal(18,2) as amount
  from order_line_rows l order by number, line`;
