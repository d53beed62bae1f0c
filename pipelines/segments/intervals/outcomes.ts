import type { CriteriaCatalogue } from '../../../models/criteria/types.ts';
import type { SegmentEngine } from '../types.ts';
import { eventValues } from './events.ts';
import type { Moves } from './moves.ts';
import type { Workspace } from './workspace.ts';

/** What happened in the days after an entry, per entry, beside everybody. */
export interface Outcome {
  outcome: string;
  /** Mean over entries; money in the reporting currency. Null without entries. */
  per_entry: number | null;
  /** The mean over everybody who was there on the days of the entries, over as many days from those days on. */
  per_contact: number | null;
  /** per_entry ÷ per_contact. */
  ratio: number | null;
}

/** Measures of the models: name, source, measure. */
const measured = [
  ['orders', 'orders', 'order_count'],
  ['revenue', 'orders', 'revenue'],
  ['clicks', 'email_events', 'clicks'],
  ['unsubscribes', 'email_events', 'unsubscribes'],
] as const;

/**
 * Entries whose days are over, and what came after them.
 * @param entries a table `(contact_id, moment)`: entries with `days` days of the span after them
 */
export async function outcomesAfter(
  work: Workspace,
  engine: SegmentEngine,
  catalogue: CriteriaCatalogue,
  { entries, there, days }: { entries: string; there: Moves; days: number },
): Promise<Outcome[]> {
  const perDay = await work.keep(
    'entry_days',
    `select date_trunc('day', moment) as day, count(*) as entry_count from ${entries} group by day`,
  );
  const population = await work.keep(
    'population',
    `select p.day, p.entry_count, sum(m.moves) as contacts from ${perDay} p
     join (select date_trunc('day', moment - interval 1 microsecond) + interval 1 day as day, sum(move) as moves from ${there.table} group by 1) m on m.day <= p.day
     group by p.day, p.entry_count having sum(m.moves) > 0`,
  );
  const outcomes: Outcome[] = [];
  for (const [outcome, name, measure] of measured) {
    const source = catalogue.sources.find((candidate) => candidate.name === name);
    if (!source) continue;
    const plan = { from: 'events', source, measure, filters: [], kind: 'sum', days: undefined } as const;
    const events = await eventValues(work, engine, plan);
    if (events === undefined) continue;
    const row = await work.session.one<Omit<Outcome, 'outcome' | 'ratio'>>(
      meansSql(work, { events, entries, population, there, days }),
    );
    const { per_entry = null, per_contact = null } = row ?? {};
    outcomes.push({
      outcome,
      per_entry,
      per_contact,
      ratio: per_entry === null || !per_contact ? null : per_entry / per_contact,
    });
  }
  return outcomes;
}

/** An event counts for every day from `days` before it to its own, on which its contact was there. */
function meansSql(
  work: Workspace,
  {
    events,
    entries,
    population,
    there,
    days,
  }: { events: string; entries: string; population: string; there: Moves; days: number },
): string {
  return `with begun as (select contact_id, min(moment) as begun from ${there.table} where move > 0 group by contact_id),
    reach as (
      select greatest(date_trunc('day', e.moment - interval (${days}) day) + interval 1 day,
          date_trunc('day', b.begun - interval 1 microsecond) + interval 1 day) as first_day,
        date_trunc('day', e.moment) as last_day, e.value
      from ${events} e join begun b using (contact_id) where e.moment >= ${work.from}),
    steps as (
      select day, sum(value) as value from (
        select first_day as day, value from reach where first_day <= last_day
        union all select last_day + interval 1 day, -value from reach where first_day <= last_day) group by day),
    everybody as (
      select p.day, p.entry_count, p.contacts, coalesce(sum(s.value), 0) as value
      from ${population} p left join steps s on s.day <= p.day group by all)
    select
      (select (sum(e.value) / nullif((select count(*) from ${entries}), 0))::double
       from (select n.moment, coalesce(sum(v.value), 0) as value from ${entries} n
         left join ${events} v on v.contact_id = n.contact_id and v.moment >= n.moment and v.moment < n.moment + interval (${days}) day
         group by n.contact_id, n.moment) e) as per_entry,
      (select (sum(entry_count * value::double / contacts) / sum(entry_count))::double from everybody) as per_contact`;
}
