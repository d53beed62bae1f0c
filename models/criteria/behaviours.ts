import { malloyPath } from './literal.ts';
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
}

/**
 * Collects what many criteria need from the event sources, so that each source is read once, whatever the number of
 * segments. `column` answers the Malloy expression of the value, `extension` what contact_facts must be joined with.
 */
export class BehaviourScans {
  readonly #zone: string;
  readonly #scans = new Map<
    string,
    { source: EventSource; columns: string[]; days: (number | undefined)[] }
  >();

  /** @param zone IANA zone of the account */
  constructor(zone: string) {
    this.#zone = zone;
  }

  /** Malloy text of the value for one contact; the measure's value over no rows where the contact has no event. */
  column({ source, measure, filters, days }: BehaviourColumn): string {
    let scan = this.#scans.get(source.name);
    if (!scan) this.#scans.set(source.name, (scan = { source, columns: [], days: [] }));
    const window =
      days === undefined
        ? []
        : [`${malloyPath(source.timeField.path)} >= ${windowStart(source, days, this.#zone)}`];
    const conditions = [...filters, ...window];
    const text = malloyPath(measure) + (conditions.length > 0 ? ` { where: ${conditions.join(', ')} }` : '');
    let index = scan.columns.indexOf(text);
    if (index < 0) {
      index = scan.columns.push(text) - 1;
      scan.days.push(days);
    }
    return `(${eventsAlias(source)}.b${index} ?? ${nothingAlias(source)}.b${index})`;
  }

  /** The `extend { … }` of contact_facts that joins the aggregates; empty where no behaviour is used. */
  extension(): string {
    const joins = [...this.#scans.values()].map(({ source, columns, days }) => {
      const aggregates = columns.map((text, index) => `b${index} is ${text}`).join('\n      ');
      const contact = malloyPath(source.contactField);
      return `  join_one: ${eventsAlias(source)} is ${malloyPath(source.name)} -> {
    where: ${contact} is not null${scanStart(source, days, this.#zone)}
    group_by: behaviour_contact is ${contact}
    aggregate:
      ${aggregates}
  } on contact_id = ${eventsAlias(source)}.behaviour_contact
  join_cross: ${nothingAlias(source)} is ${malloyPath(source.name)} -> {
    where: false
    aggregate:
      ${aggregates}
  }`;
    });
    return joins.length === 0 ? '' : ` extend {\n${joins.join('\n')}\n}`;
  }
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
