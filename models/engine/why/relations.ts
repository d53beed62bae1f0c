import { toTimestamp } from '../../../data/clock.ts';
import { versionedRows, type VersionedRow } from '../../../data/versioned-rows.ts';

/** What stands in for a table in a world; undefined: the table itself. */
export type Relation = (table: string) => string | undefined;

/** A versioned table's name and row, for `versions.<table>`; undefined for any other. */
export function versioned(table: string): { name: string; row: VersionedRow } | undefined {
  const name = /^versions\.(\w+)$/.exec(table)?.[1];
  const row = name === undefined ? undefined : (versionedRows as Record<string, VersionedRow>)[name];
  return name === undefined || row === undefined ? undefined : { name, row };
}

/** Who is who as is known now, to models that ask what was known at an earlier time. */
export const mergedAsKnownNow: Relation = (table) =>
  table === 'core.contact_canonicals'
    ? `select * replace (timestamp '0001-01-01' as recorded_at) from core.contact_canonicals where superseded_at is null`
    : undefined;

/**
 * What was known by `knownAt`, and what has been recorded since of which nothing was known: to models that ask for everything.
 * @param touched the versioned tables in which anything was recorded or superseded since; the others are as they are
 */
export function withLateFacts(knownAt: Date, touched: ReadonlySet<string>): Relation {
  return (table) => {
    const found = versioned(table);
    if (!found || !touched.has(found.name)) return undefined;
    const { name } = found;
    return `select * replace (null::timestamp as superseded_at) from versions.${name}
        where recorded_at < ${at(knownAt)} and (superseded_at is null or superseded_at >= ${at(knownAt)})
      union all
      select *, null::timestamp as superseded_at from (${lateRowsSql(name, found.row, knownAt)})`;
  };
}

/** Rows recorded since whose key was not known. Only keys that were superseded since are looked at: they are few. */
export function lateRowsSql(name: string, row: VersionedRow, knownAt: Date): string {
  return `select late.* from core.${name} late anti join (${supersededSql(name, knownAt)}) known on ${sameKey(row, 'known', 'late')}
    where late.recorded_at >= ${at(knownAt)}`;
}

/** Rows that were known, and have been corrected or deleted since. */
export function supersededSql(name: string, knownAt: Date): string {
  return `select * from history.${name} where recorded_at < ${at(knownAt)} and superseded_at >= ${at(knownAt)}`;
}

/**
 * Only what had happened before `before`, to models that ask as of a later time. What has happened since, and what models
 * may learn from a row of the future, is as it is at that time: see `VersionedRow.later`.
 */
export function happenedBefore(before: Date): Relation {
  return (table) => {
    if (table === 'ops.suppressions') return `select * from ${table} where suppressed_at < ${at(before)}`;
    if (table === 'ops.suppression_lifts') return `select * from ${table} where lifted_at < ${at(before)}`;
    const found = versioned(table);
    if (!found) return undefined;
    const { name, row } = found;
    if (row.later === 'left_out') {
      const conditions = row.times.map((time) => happened(row, time, before));
      return conditions.length === 0 ? undefined : `select * from ${table} where ${conditions.join(' and ')}`;
    }
    const replaced = row.times.map((time) => `${putOff(time, before)} as ${time}`);
    const asserted = assertedTimes(name);
    if (asserted.length > 0) replaced.push(`${assertedPutOff(asserted, before)} as value`);
    return replaced.length === 0 ? undefined : `select * replace (${replaced.join(', ')}) from ${table}`;
  };
}

function happened({ day }: VersionedRow, time: string, before: Date): string {
  if (day === undefined) return `${time} < ${at(before)}`;
  return `${time} ${day === 'begun' ? '<=' : '<'} ${at(before)}::date`;
}

/** A thousand years later: after whatever is asked for, and in the same order. */
function putOff(time: string, before: Date): string {
  return `case when ${time} >= ${at(before)} then ${time} + to_years(1000) else ${time} end`;
}

/** The times that a change log asserts of its things: a deal's close is stated by an edit, and happens when it says. */
function assertedTimes(log: string): readonly string[] {
  const things: Record<string, string> = {
    contact_changes: 'contacts',
    company_changes: 'companies',
    deal_changes: 'deals',
  };
  const thing = things[log];
  return thing === undefined ? [] : ((versionedRows as Record<string, VersionedRow>)[thing]?.times ?? []);
}

function assertedPutOff(fields: readonly string[], before: Date): string {
  const time = 'try_cast(value as timestamp)';
  return `case when field in (${fields.map((field) => `'${field}'`).join(', ')}) and ${time} >= ${at(before)}
    then cast(${time} + to_years(1000) as varchar) else value end`;
}

function sameKey({ key }: VersionedRow, a: string, b: string): string {
  return key.map((name) => `${a}.${name} is not distinct from ${b}.${name}`).join(' and ');
}

/** A SQL literal. */
export function at(date: Date): string {
  return `timestamp '${toTimestamp(date)}'`;
}
