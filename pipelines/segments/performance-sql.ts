import type { SegmentEngine } from './types.ts';
import type { Amount } from './performance-figures.ts';
import { asPersons, intervalsSql } from './recorded-intervals.ts';

/** A row of the answer: an amount of a group of a segment. */
export interface AmountRow {
  segment_id: string;
  /** `members` while they were, `base`: everybody else and they when they were not, `just_missed` while no members. */
  group_name: 'members' | 'base' | 'just_missed';
  amount: Amount;
  /** Decimal text. */
  total: string;
  /** Sum of squares over persons. */
  squares: number;
  /** Persons with any. */
  persons: bigint;
}

/** Compiled models that the query reads. */
export interface PerformanceFacts {
  /** contact_id, created_at, acquired_at; one row a contact. */
  contacts: string;
  /** contact_id, sent_at and what became of the message. */
  messages: string;
  /** contact_id, ordered_at, reporting_amount. */
  orders: string;
}

/** The facts by the models, so that definitions, merges and currencies are theirs. */
export async function compileFacts(engine: SegmentEngine, asOf: Date): Promise<PerformanceFacts> {
  const compile = async (malloy: string) =>
    (await engine.compileSql(malloy, { asOf, restricted: false })).sql;
  return {
    contacts: await compile('run: contact_facts -> { select: contact_id, created_at, acquired_at }'),
    messages: await compile(`run: email_messages -> {
      where: is_sent and contact_id is not null
      select: contact_id, sent_at, is_delivered, is_opened, is_clicked, is_unsubscribed, is_complained }`),
    orders: await compile(`run: orders -> {
      where: is_completed and contact_id is not null
      select: contact_id, ordered_at, reporting_amount }`),
  };
}

/**
 * Amounts of all segments together. Each event table is read once, whatever the number of segments: facts become amounts of a
 * person (one row a fact and amount), and those meet the recorded intervals once. The base is not read contact by contact but is the whole
 * less the members, in sums and in sums of squares.
 *
 * A person is there from its creation, or from its first membership where that was recorded before; one that is known only by its
 * id, always. Parameters: `segments` (JSON: segment_id, position, starts_at), `starts_at` and `ends_at` of the range.
 * @param justMissed yields position, contact_id
 */
export function performanceSql(facts: PerformanceFacts, justMissed: string | undefined): string {
  return `with asked as (
      select unnest(from_json($segments, '[{"segment_id": "VARCHAR", "position": "INTEGER", "starts_at": "TIMESTAMP"}]'), recursive := true)),
    windows as (select distinct starts_at from asked),
    first_memberships as (
      select contact_id, min(changed_at) as changed_at from (${asPersons('ops.segment_changes', 'r.changed_at')}) group by contact_id),
    persons as materialized (
      select c.contact_id, min(c.acquired_at) as acquired_at,
        case when min(c.created_at) is null then timestamp '-infinity' else least(min(c.created_at), min(m.changed_at)) end as since
      from (${asPersons(`(${facts.contacts})`, 'r.created_at, r.acquired_at')}) c left join first_memberships m using (contact_id)
      group by c.contact_id),
    recorded as materialized (
      ${intervalsSql('segment_id in (select segment_id from asked)')}),
    intervals as materialized (
      select * from (
        select a.segment_id, contact_id, p.acquired_at, greatest(r.entered_at, a.starts_at) as starts_at,
          least(coalesce(r.left_at, timestamp 'infinity'), $ends_at::timestamp) as ends_at
        from recorded r join asked a using (segment_id) join persons p using (contact_id))
      where starts_at < ends_at),
    facts as materialized (${factsSql(facts)}),
    member_amounts as materialized (
      select i.segment_id, i.contact_id, f.amount, sum(f.value) as value
      from intervals i join facts f on f.contact_id = i.contact_id and f.happened_at >= i.starts_at and f.happened_at < i.ends_at group by all
      union all ${spansSql('segment_id, contact_id', 'intervals')}),
    presences as (
      select * from (
        select w.starts_at as window_start, contact_id, acquired_at, greatest(w.starts_at, since) as starts_at, $ends_at::timestamp as ends_at
        from windows w cross join persons)
      where starts_at < ends_at),
    whole_amounts as materialized (
      select w.starts_at as window_start, f.contact_id, f.amount, sum(f.value) as value
      from windows w join facts f on f.happened_at >= w.starts_at group by all
      union all ${spansSql('window_start, contact_id', 'presences')}),
    whole as (
      select window_start, amount, ${sums('value')} from whole_amounts group by all),
    not_base as (
      select m.segment_id, m.amount, sum(m.value) as total, sum(w.value::double ^ 2 - (w.value - m.value)::double ^ 2) as squares,
        count(*) filter (w.value <> 0) - count(*) filter (w.value <> m.value) as persons
      from member_amounts m join asked a using (segment_id)
        join whole_amounts w on w.window_start = a.starts_at and w.contact_id = m.contact_id and w.amount = m.amount
      group by all),
    just_missed as (${justMissed === undefined ? emptyMisses : missesSql(justMissed)})
    select segment_id, 'members' as group_name, amount, ${sums('value')} from member_amounts group by all
    union all
    select a.segment_id, 'base', amount, w.total - coalesce(n.total, 0), w.squares - coalesce(n.squares, 0), w.persons - coalesce(n.persons, 0)
    from asked a join whole w on w.window_start = a.starts_at left join not_base n using (segment_id, amount)
    union all
    select segment_id, 'just_missed', amount, ${sums('value')} from (
      select j.segment_id, w.amount, w.value - coalesce(m.value, 0) as value
      from just_missed j join whole_amounts w using (window_start, contact_id)
        left join member_amounts m on m.segment_id = j.segment_id and m.contact_id = j.contact_id and m.amount = w.amount)
    group by all`;
}

/** (contact_id, happened_at, amount, value) of the range, of persons alone. */
function factsSql({ messages, orders }: PerformanceFacts): string {
  const when = (condition: string, amount: Amount) => `case when ${condition} then '${amount}' end`;
  const became = [
    when('true', 'emails_sent'),
    when('is_delivered', 'emails_delivered'),
    when('is_delivered and is_opened', 'emails_opened'),
    when('is_delivered and is_clicked', 'emails_clicked'),
    when('is_delivered and is_unsubscribed', 'emails_unsubscribed'),
    when('is_delivered and is_complained', 'emails_complained'),
  ];
  return `select contact_id, happened_at, amount, value::decimal(18, 2) as value from (
        select contact_id, sent_at as happened_at, unnest([${became.join(', ')}]) as amount, 1 as value
        from (${messages}) where sent_at >= $starts_at::timestamp and sent_at < $ends_at::timestamp
        union all
        select contact_id, ordered_at, unnest(['orders', 'revenue']), unnest([1, reporting_amount]) from (${orders})
        union all
        select contact_id, acquired_at, 'customers_acquired', 1 from persons)
      semi join persons using (contact_id)
      where happened_at >= $starts_at::timestamp and happened_at < $ends_at::timestamp and amount is not null and value is not null`;
}

/** The lengths of stretches (starts_at, ends_at, acquired_at) as amounts, in microseconds. */
function spansSql(keys: string, relation: string): string {
  return `select ${keys}, amount, sum(value)::decimal(38, 2) from (
        select ${keys}, unnest(['contact_days', 'days_before_acquisition']) as amount, unnest([
          epoch_us(ends_at) - epoch_us(starts_at),
          greatest(epoch_us(least(ends_at, coalesce(acquired_at, ends_at))) - epoch_us(starts_at), 0)]) as value
        from ${relation}) group by all`;
}

const sums = (value: string) =>
  `sum(${value}) as total, sum(${value}::double ^ 2) as squares, count(*) filter (${value} <> 0) as persons`;

const emptyMisses = `select null::varchar as segment_id, null::timestamp as window_start, null::varchar as contact_id where false`;

/** Whoever is recorded as a member is none of them, though the marts may be newer than the last evaluation. */
function missesSql(justMissed: string): string {
  return `select distinct a.segment_id, a.starts_at as window_start, j.contact_id
      from (${asPersons(`(${justMissed})`, 'r.position')}) j join asked a using (position)
        anti join (from recorded where left_at is null) r on r.segment_id = a.segment_id and r.contact_id = j.contact_id`;
}
