import { malloyPath } from './literal.ts';
import type { EventSource } from './types.ts';

/** Events of one source: those for which all of the Malloy conditions hold. */
export interface SelectedEvents {
  source: EventSource;
  filters: readonly string[];
}

/** A step of a sequence; `days` of 24 hours after the step before, undefined where any time after it will do. */
export interface SelectedStep extends SelectedEvents {
  days: number | undefined;
}

/*
 * Each is the Malloy text of a query with one row per contact, `of_contact`, of those who have any. Where rows are grouped, an
 * aggregate is named: without one, Malloy would sort them. It is a maximum, which is the same however often a join repeats a row.
 */

/** `last_at`: when the contact's last such event was. */
export function lastEvents({ source, filters }: SelectedEvents): string {
  return `${malloyPath(source.name)} -> {
    where: ${conditions(source, filters)}
    group_by: of_contact is ${malloyPath(source.contactField)}
    aggregate: last_at is max(${timeOf(source)})
  }`;
}

/** `last_at`: when the contact last came to the end of the steps. */
export function sequenceOf(steps: readonly SelectedStep[]): string {
  const last = steps.reduce<string | undefined>(
    (before, step, index) =>
      before === undefined ? firstStep(step) : nextStep(step, before, index === steps.length - 1),
    undefined,
  );
  return `${last} -> {
    group_by: of_contact
    aggregate: last_at is step_at.max()
  }`;
}

/** `of_contact` alone is of use. @param members Malloy text of a query that yields contact_id */
export function membersOf(members: string): string {
  return `${members} -> {
    where: contact_id is not null
    group_by: of_contact is contact_id
    aggregate: row_count is count()
  }`;
}

function firstStep({ source, filters }: SelectedEvents): string {
  return `${malloyPath(source.name)} -> {
    where: ${conditions(source, filters)}
    select: of_contact is ${malloyPath(source.contactField)}, step_at is ${timeOf(source)}
  }`;
}

/** The events that come after one of the step before, and soon enough; each once where more steps follow: pairs would multiply. */
function nextStep({ source, filters, days }: SelectedStep, before: string, isLast: boolean): string {
  const contact = malloyPath(source.contactField);
  const time = timeOf(source);
  const soon = days === undefined ? '' : ` and ${time} <= step_before.step_at + ${days} days`;
  const columns = `of_contact is ${contact}, step_at is ${time}`;
  return `${malloyPath(source.name)} extend {
    join_many: step_before is ${before} on ${contact} = step_before.of_contact and ${time} > step_before.step_at${soon}
  } -> {
    where: ${conditions(source, [...filters, 'step_before.of_contact is not null'])}
    ${isLast ? `select: ${columns}` : `group_by: ${columns}\n    aggregate: last_before is step_before.step_at.max()`}
  }`;
}

function conditions(source: EventSource, filters: readonly string[]): string {
  return [`${malloyPath(source.contactField)} is not null`, ...filters].join(', ');
}

/** When an event was, as a timestamp: events of several sources are compared. */
export function timeOf({ timeField }: EventSource): string {
  const path = malloyPath(timeField.path);
  return timeField.type === 'date' ? `(${path}::timestamp)` : path;
}
