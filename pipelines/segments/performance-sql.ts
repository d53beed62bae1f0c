import type { SegmentEngine } from './types.ts';
import { amounts, spans, type Amount } from './performance-figures.ts';
import { asPersons, intervalsSql } from './recorded-intervals.ts';

/** Of a group of a segment: of each amount its total, the sum of its squares over persons, and how many persons have any. */
export type GroupRow = {
  segment_id: string;
  /** `members` while they were, `base`: everybody else and they when they were not, `just_missed` while no members. */
  group_name: 'members' | 'base' | 'just_missed';
} & Record<`${Amount}_total`, bigint | string> &
  Record<`${Amount}_squares`, number> &
  Record<`${Amount}_persons`, bigint>;

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
 * Amounts of all segments together. Each event table is read once, whatever the number of segments: its rows meet the recorded
 * intervals in one join, and become one row a membership and one a person. The base is not read contact by contact: it is the
 * whole less the members, in sums and in sums of squares.
 *
 * A person is there from its creation, or from its first membership where that was recorded before; one that is known only by its
 * id, always. Parameters: `segments` (JSON: segment_id, position, starts_at), `starts_at` and `ends_at` of the range.
 * @param justMissed yields position, contact_id
 */
export function performanceSql(facts: PerformanceFacts, justMissed: string | undefined): string {
  return `with asked as materialized (
      select *, dense_rank() over (order by starts_at)::int as window_number
      from (select unnest(from_json($segments, '[{"segment_id": "VARCHAR", "position": "INTEGER", "starts_at": "TIMESTAMP"}]'), recursive := true))),
    first_memberships as (
      select contact_id, min(changed_at) as changed_at from (${asPersons('ops.segment_changes', 'r.changed_at')}) group by contact_id),
    persons as materialized (
      select row_number() over ()::int as person, c.contact_id, min(c.acquired_at) as acquired_at,
        case when min(c.created_at) is null then timestamp '-infinity' else least(min(c.created_at), min(m.changed_at)) end as since
      from (${asPersons(`(${facts.contacts})`, 'r.created_at, r.acquired_at')}) c left join first_memberships m using (contact_id)
      group by c.contact_id),
    recorded as materialized (
      select a.position, a.window_number, p.person, p.acquired_at, r.left_at is null as is_open, greatest(r.entered_at, a.starts_at) as starts_at,
        least(coalesce(r.left_at, timestamp 'infinity'), $ends_at::timestamp) as ends_at
      from (${intervalsSql('segment_id in (select segment_id from asked)')}) r
        join asked a using (segment_id) join persons p using (contact_id)),
    intervals as (from recorded where starts_at < ends_at),
    facts as materialized (${factsSql(facts)}),
    members as materialized (
      select position, window_number, person, ${each(summed)} from (
        select i.position, i.window_number, i.person, ${each((name) => (spans.has(name) ? `0::bigint as ${name}` : `f.${name}`))}
        from intervals i join facts f on f.person = i.person and f.happened_at >= i.starts_at and f.happened_at < i.ends_at
        union all ${spansSql('position, window_number, person', 'intervals')})
      group by all),
    windows as (select distinct window_number, starts_at from asked),
    presences as (
      select w.window_number, person, acquired_at, $ends_at::timestamp as ends_at,
        least(greatest(w.starts_at, since), $ends_at::timestamp) as starts_at
      from windows w cross join persons),
    everybody as materialized (
      select window_number, person, ${each(summed)} from (
        select w.window_number, f.person, ${each((name) => (spans.has(name) ? `0::bigint as ${name}` : `f.${name}`))}
        from windows w join facts f on f.happened_at >= w.starts_at
        union all ${spansSql('window_number, person', 'presences')})
      group by all),
    whole as (select window_number, ${each(groupSums)} from everybody group by all),
    not_base as (
      select m.position, ${each(
        (name) => `sum(m.${name}) as ${name}_total,
        sum(w.${name}::double * w.${name} - (w.${name} - m.${name})::double * (w.${name} - m.${name})) as ${name}_squares,
        count(*) filter (w.${name} <> 0) - count(*) filter (w.${name} <> m.${name}) as ${name}_persons`,
      )}
      from members m join everybody w using (window_number, person)
      group by all),
    just_missed as (${justMissed === undefined ? 'select null::int as position, null::int as window_number, null::int as person where false' : missesSql(justMissed)}),
    sums as (
      select position, 'members' as group_name, ${each(groupSums)} from members group by all
      union all
      select a.position, 'base', ${each((name) =>
        ['total', 'squares', 'persons']
          .map((sum) => `w.${name}_${sum} - coalesce(n.${name}_${sum}, 0)`)
          .join(', '),
      )}
      from asked a join whole w using (window_number) left join not_base n using (position)
      union all
      select position, 'just_missed', ${each(groupSums)} from (
        select j.position, ${each((name) => `w.${name} - coalesce(m.${name}, 0) as ${name}`)}
        from just_missed j join everybody w using (window_number, person)
          left join members m on m.position = j.position and m.person = j.person)
      group by all)
    select segment_id, sums.* exclude (position) from sums join asked using (position)`;
}

const each = (text: (name: Amount) => string) => amounts.map(text).join(', ');
const typeOf = (name: Amount) => (name === 'revenue' ? 'decimal(18, 2)' : 'bigint');
const summed = (name: Amount) => `coalesce(sum(${name}), 0)::${typeOf(name)} as ${name}`;
const groupSums = (name: Amount) =>
  `sum(${name}) as ${name}_total, sum(${name}::double * ${name}) as ${name}_squares, count(*) filter (${name} <> 0) as ${name}_persons`;

/** (person, happened_at, …amounts) of the range, of persons alone. */
function factsSql({ messages, orders }: PerformanceFacts): string {
  const having = (values: Partial<Record<Amount, string>>) =>
    amounts
      .filter((name) => !spans.has(name))
      .map((name) => `${values[name] ?? '0'}::${typeOf(name)} as ${name}`)
      .join(', ');
  const message = having({
    emails_sent: '1',
    emails_delivered: 'is_delivered',
    emails_opened: '(is_delivered and is_opened)',
    emails_clicked: '(is_delivered and is_clicked)',
    emails_unsubscribed: '(is_delivered and is_unsubscribed)',
    emails_complained: '(is_delivered and is_complained)',
  });
  const inRange = (time: string) => `${time} >= $starts_at::timestamp and ${time} < $ends_at::timestamp`;
  return `select person, sent_at as happened_at, ${message}
      from (${messages}) join persons using (contact_id) where ${inRange('sent_at')}
      union all
      select person, ordered_at, ${having({ orders: '1', revenue: 'coalesce(reporting_amount, 0)' })}
      from (${orders}) join persons using (contact_id) where ${inRange('ordered_at')}
      union all
      select person, acquired_at, ${having({ customers_acquired: '1' })} from persons where ${inRange('acquired_at')}`;
}

/** The lengths of stretches (starts_at, ends_at, acquired_at) as amounts, in microseconds; nothing else happened. */
function spansSql(keys: string, relation: string): string {
  const lengths: Partial<Record<Amount, string>> = {
    contact_days: 'epoch_us(ends_at) - epoch_us(starts_at)',
    days_before_acquisition:
      'greatest(epoch_us(least(ends_at, coalesce(acquired_at, ends_at))) - epoch_us(starts_at), 0)',
  };
  return `select ${keys}, ${each((name) => `${lengths[name] ?? '0'} as ${name}`)} from ${relation}`;
}

/** Whoever is recorded as a member is none of them, though the marts may be newer than the last evaluation. */
function missesSql(justMissed: string): string {
  return `select distinct j.position, a.window_number, p.person
      from (${asPersons(`(${justMissed})`, 'r.position')}) j join persons p using (contact_id) join asked a using (position)
        anti join (from recorded where is_open) r on r.position = j.position and r.person = p.person`;
}
