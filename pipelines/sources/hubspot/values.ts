import { createHash } from 'node:crypto';
import { isTrue, type Columns, type Skip } from '../import/mapping.ts';
import type { Property } from '../import/history.ts';

export const system = 'hubspot';

/**
 * HubSpot's ids are plain numbers, as are those of many a shop: two people could get one id. So ours begin with the
 * system's name.
 */
export function ourId(theirs: string): string {
  return `'hubspot-' || ${theirs}`;
}

export const idNote = 'as `hubspot-<id>`';

/** Times come as ISO, and in a property's history as milliseconds since 1970. */
export function time(theirs: string): string {
  return `case when regexp_full_match(${theirs}, '\\d{11,13}')
    then cast(make_timestamp(try_cast(${theirs} as bigint) * 1000) as varchar) else ${theirs} end`;
}

/** Which stage of ours; null where it is none, such as one of the account's own. */
export function lifecycle(theirs: string): string {
  return `case lower(${theirs}) when 'subscriber' then 'subscriber' when 'lead' then 'lead'
    when 'marketingqualifiedlead' then 'mql' when 'salesqualifiedlead' then 'sql' when 'opportunity' then 'opportunity'
    when 'customer' then 'customer' when 'evangelist' then 'customer' end`;
}

/** `america_slash_new_york` -> `America/New_York`. */
export function timeZone(theirs: string): string {
  return `(select min(name) from pg_timezone_names()
    where lower(name) = replace(lower(${theirs}), '_slash_', '/'))`;
}

/** A property, in a thing's table as `property_<name>`. */
export function property(
  name: string,
  options: {
    columns?: readonly string[];
    sql?: (value: string) => string;
    note?: string;
    isKept?: boolean;
  } = {},
): Property {
  const { columns = [`property_${name}`], sql = (value: string) => value, ...rest } = options;
  return { name, columns, sql, ...rest };
}

export const idProperty = (name: string, columns?: readonly string[]): Property =>
  property(name, { sql: ourId, note: idNote, ...(columns ? { columns } : {}) });

export const timeProperty = (name: string, columns?: readonly string[]): Property =>
  property(name, { sql: time, ...(columns ? { columns } : {}) });

/** Fivetran hashes columns on request (MD5, base64): a hashed name is recognised as well. */
export function nameForms(name: string): readonly string[] {
  return [name, createHash('md5').update(name).digest('base64')];
}

export const isDeleted = (column: Columns): string =>
  ['_fivetran_deleted', 'is_deleted', 'is_hubspot_deleted', 'property_hs_is_deleted', 'archived']
    .map((name) => isTrue(column(name)))
    .join(' or ');

export const deleted: Skip = { reason: 'deleted in HubSpot', when: isDeleted, isDeletion: true };
