import { identifier, literal } from '../load/sql.ts';
import type { Identifier, Names } from './registry.ts';
import { inList, type Person } from './person.ts';

/** What `forgotten` stands for in a text that had mentioned a person. */
export const forgottenWord = 'forgotten';

/** Fewer digits are no telephone number that could be found in a text. */
const phoneDigitsMin = 7;

/** The condition that a row is the person's by the columns of its rule. */
export function namesSql(names: Names, person: Person): string {
  const conditions = Object.entries(names).flatMap(([kind, columns]) =>
    columns.map((column) => identifies(kind as Identifier, identifier(column), person)),
  );
  return anyOf(conditions);
}

function identifies(kind: Identifier, column: string, person: Person): string {
  const conditions: Record<Identifier, () => string> = {
    contact: () => inList(column, person.contact_ids),
    email: () => inList(`lower(trim(${column}))`, person.emails),
    address_key: () => inList(column, person.address_keys),
    delivery: () => inList(column, person.delivery_ids),
    deal: () => inList(column, person.deal_ids),
  };
  return conditions[kind]();
}

/**
 * A pattern (RE2 and JavaScript alike, over lower case) that finds an address, a telephone number however it is written,
 * or an id that cannot be a word or a number of something else; undefined where the person has none of them.
 * Group 1 is what stands before it, group 2 what stands behind.
 */
export function mentionPattern(person: Person): string | undefined {
  const emails = person.emails.map((email) => quoted(email).replace('@', '(?:@|%40)'));
  const phones = person.phones.flatMap((phone) => {
    const digits = phone.replaceAll(/\D/g, '').replace(/^0+/, '');
    return digits.length < phoneDigitsMin ? [] : [`[+(0]*${digits.split('').join('[^0-9a-z]{0,3}')}`];
  });
  const ids = [...person.contact_ids, ...person.other_ids, ...person.delivery_ids]
    .filter(isUnmistakable)
    .map((id) => quoted(id.toLowerCase()));
  const found = [...emails, ...phones, ...ids, ...person.address_keys];
  if (found.length === 0) return undefined;
  return String.raw`(^|[^a-z0-9._+\-]|%[0-9a-f][0-9a-f])(?:${found.join('|')})($|[^a-z0-9._\-]|[.](?:$|[^a-z0-9]))`;
}

/** Text that only this person's rows can hold: at least 8 signs, letters and digits, such as a UUID or a Salesforce id. */
export function isUnmistakable(id: string): boolean {
  return id.length >= 8 && /[a-z]/i.test(id) && /\d/.test(id);
}

const people = 'contact|person|people|customer|user|lead|member|subscriber|recipient';
const personColumn = new RegExp(`(^|_)(${people}|who|vid)(_?ids?|_?key)?$`, 'i');
const peoplesPlace = new RegExp(people, 'i');

/**
 * Whether a short value of a column may be the id of a person: by its name (`contact_id`, `user`), or as the `id` of a table
 * or file of people. In other columns a 17 is a quantity, and somebody else's.
 */
export function isPersonColumn(name: string, place: string): boolean {
  return personColumn.test(name) || (/^(hs_)?(object_)?id$/i.test(name) && peoplesPlace.test(place));
}

/** The condition that a cell of a text column mentions the person. `text` is SQL of type varchar. */
export function mentionsSql(text: string, pattern: string | undefined): string {
  return pattern === undefined
    ? 'false'
    : `coalesce(regexp_matches(lower(${text}), ${literal(pattern)}), false)`;
}

/** The condition for a row of a table nobody knows: it mentions the person, or has an id of theirs in a column of ids. */
export function foundSql(
  columns: readonly { name: string; text: string }[],
  place: string,
  person: Person,
): string {
  const pattern = mentionPattern(person);
  const ids = [...person.contact_ids, ...person.other_ids];
  return anyOf(
    columns.flatMap(({ name, text }) => [
      mentionsSql(text, pattern),
      isPersonColumn(name, place) ? inList(text, ids) : 'false',
    ]),
  );
}

/**
 * Of a line of a file as it was rejected, or of JSON: whether one of its cells is an id of the person. A rejected line does not
 * say which cell is what: one of somebody else with the same text in it is emptied too, rather than this one left.
 */
export function lineHasIdSql(column: string, person: Person): string {
  const ids = [...person.contact_ids, ...person.other_ids];
  if (ids.length === 0) return 'false';
  return `coalesce(list_has_any(list_transform(string_split_regex(${column}, '[,;\\t|{}:]'), lambda cell : trim(cell, ' "''\r\n')), [${ids.map(literal).join(', ')}]), false)`;
}

export function anyOf(conditions: readonly string[]): string {
  const real = [...new Set(conditions)].filter((condition) => condition !== 'false');
  return real.length === 0 ? 'false' : `(${real.join(' or ')})`;
}

/** A text as a pattern that matches it alone. */
export function quoted(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\/-]/g, String.raw`\$&`);
}
