import { malloyPath } from './literal.ts';
import { lastEvents, timeOf, type SelectedEvents } from './relations.ts';
import { dayOfToday } from './today.ts';
import type { EventSource } from './types.ts';

/** One aggregate of a contact's events; equal ones share a column. */
export interface BehaviourColumn {
  source: EventSource;
  /** The measure's name on its source. */
  measure: string;
  /** Malloy conditions over the source that select the events; none means all. */
  filters: readonly string[];
  /** The window, or undefined where every event counts. */
  days: number | undefined;
  /** Only events after the contact's last one of these. */
  since?: SelectedEvents | undefined;
}

interface Scan {
  source: EventSource;
  columns: string[];
  days: (number | undefined)[];
  /** Relations that the source is joined with, by contact. */
  relations: Set<string>;
}

/**
 * Collects what many criteria need beside contact_facts, so that each source is read once, whatever the number of segments,
 * and each further relation (relations.ts) once. `column` answers the Malloy expression of a behaviour's value, `relation` the
 * name of a relation, `extension` what contact_facts must be joined with.
 */
export class BehaviourScans {
  readonly #zone: string;
  readonly #scans = new Map<string, Scan>();
  /** Malloy texts of relations; a relation's place is its name. */
  readonly #relations: string[] = [];

  /** @param zone IANA zone of the account */
  constructor(zone: string) {
    this.#zone = zone;
  }

  /**
   * Malloy text of the value for one contact; the measure's value over no rows where the contact has no event, null where it
   * has none of those of `since`.
   */
  column({ source, measure, filters, days, since }: BehaviourColumn): string {
    let scan = this.#scans.get(source.name);
    if (!scan) this.#scans.set(source.name, (scan = { source, columns: [], days: [], relations: new Set() }));
    const conditions = [...filters];
    if (days !== undefined) conditions.push(this.withinDays(source, days));
    const last = since && this.relation(lastEvents(since));
    if (last !== undefined) {
      scan.relations.add(last);
      conditions.push(`${timeOf(source)} > ${last}.last_at`);
    }
    const text = malloyPath(measure) + (conditions.length > 0 ? ` { where: ${conditions.join(', ')} }` : '');
    let index = scan.columns.indexOf(text);
    if (index < 0) {
      index = scan.columns.push(text) - 1;
      scan.days.push(days);
    }
    const value = `(${eventsAlias(source)}.b${index} ?? ${nothingAlias(source)}.b${index})`;
    return last === undefined ? value : `(pick ${value} when ${last}.last_at is not null else null)`;
  }

  /** The condition that an event is of the last days. */
  withinDays(source: EventSource, days: number): string {
    return `${malloyPath(source.timeField.path)} >= ${windowStart(source, days, this.#zone)}`;
  }

  /** The name of a relation with a row per `of_contact`, joined with contact_facts. */
  relation(malloy: string): string {
    const found = this.#relations.indexOf(malloy);
    return relationAlias(found >= 0 ? found : this.#relations.push(malloy) - 1);
  }

  /** The `extend { … }` of contact_facts that joins the aggregates; empty where no behaviour is used. */
  extension(): string {
    const relations = this.#relations.map((malloy, index) => relationJoin(index, malloy, 'contact_id'));
    const joins = [...this.#scans.values()].map(({ source, columns, days, relations: used }) => {
      const aggregates = columns.map((text, index) => `b${index} is ${text}`).join('\n      ');
      const contact = malloyPath(source.contactField);
      const joined = this.#relations.flatMap((malloy, index) =>
        used.has(relationAlias(index)) ? relationJoin(index, malloy, contact) : [],
      );
      const events = `${malloyPath(source.name)}${extending(joined)}`;
      return `  join_one: ${eventsAlias(source)} is ${events} -> {
    where: ${contact} is not null${scanStart(source, days, this.#zone)}
    group_by: behaviour_contact is ${contact}
    aggregate:
      ${aggregates}
  } on contact_id = ${eventsAlias(source)}.behaviour_contact
  join_cross: ${nothingAlias(source)} is ${events} -> {
    where: false
    aggregate:
      ${aggregates}
  }`;
    });
    return extending([...relations, ...joins]);
  }
}

function extending(joins: readonly string[]): string {
  return joins.length === 0 ? '' : ` extend {\n${joins.join('\n')}\n}`;
}

function relationAlias(index: number): string {
  return malloyPath(`criteria_relation_${index}`);
}

function relationJoin(index: number, malloy: string, contact: string): string {
  return `  join_one: ${relationAlias(index)} is ${malloy} on ${contact} = ${relationAlias(index)}.of_contact`;
}

/** Where every column has a window, the scan begins with the longest: time-sorted storage is then pruned. */
function scanStart(source: EventSource, days: readonly (number | undefined)[], zone: string): string {
  const longest = days.reduce<number | undefined>(
    (max, day) => (max === undefined || day === undefined ? undefined : Math.max(max, day)),
    0,
  );
  return longest === undefined
    ? ''
    : `, ${malloyPath(source.timeField.path)} >= ${windowStart(source, longest, zone)}`;
}

/** Windows begin with a day of the account; see `today.ts` for sources whose time is a date. */
function windowStart(source: EventSource, days: number, zone: string): string {
  return source.timeField.type === 'date' ? dayOfToday(zone, days) : `$TODAY - ${days} days`;
}

function eventsAlias(source: EventSource): string {
  return malloyPath(`behaviour_${source.name}`);
}

/** One row: what the measures are over no events at all, which a left join alone would leave null. */
function nothingAlias(source: EventSource): string {
  return malloyPath(`no_behaviour_${source.name}`);
}
