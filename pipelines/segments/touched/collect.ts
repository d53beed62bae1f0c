import type { Session } from '../../../data/owner/session.ts';
import { canonicalsSql } from '../../identity/canonicals.ts';
import { copiedTables, dealsOfTouched, rowsAboutTouched, touchedMembers } from './world.ts';

/** Where facts are, what names whom they are about, and the columns with the times from which on they are true. */
interface Facts {
  table: string;
  key: 'contact_id' | 'deal_id' | 'email_key' | 'address_key';
  /** The column that has the key, where it is not called so. */
  column?: string;
  times: readonly string[];
  /** Columns with the time of recording; default recorded_at. */
  stamps?: readonly string[];
  /** Rows that were corrected or deleted are in `history`. */
  isVersioned: boolean;
}

const mapping = { times: [], stamps: ['recorded_at', 'superseded_at'], isVersioned: false } as const;

const facts: readonly Facts[] = [
  { table: 'email_events', key: 'contact_id', times: ['occurred_at'], isVersioned: true },
  { table: 'web_events', key: 'contact_id', times: ['occurred_at'], isVersioned: true },
  { table: 'activities', key: 'contact_id', times: ['occurred_at'], isVersioned: true },
  { table: 'campaign_responses', key: 'contact_id', times: ['occurred_at'], isVersioned: true },
  { table: 'orders', key: 'contact_id', times: ['ordered_at'], isVersioned: true },
  { table: 'consent_events', key: 'contact_id', times: ['occurred_at'], isVersioned: true },
  { table: 'consent_events', key: 'email_key', times: ['occurred_at'], isVersioned: true },
  { table: 'contact_changes', key: 'contact_id', times: ['valid_from'], isVersioned: true },
  {
    table: 'contacts',
    key: 'contact_id',
    times: ['created_at', 'first_seen_at'],
    // A stub keeps the time of its recording when it is described.
    stamps: ['recorded_at', 'described_at'],
    isVersioned: true,
  },
  { table: 'deals', key: 'contact_id', times: ['created_at', 'closed_at'], isVersioned: true },
  { table: 'deal_changes', key: 'deal_id', times: ['valid_from'], isVersioned: true },
  { table: 'deal_stage_changes', key: 'deal_id', times: ['occurred_at'], isVersioned: true },
  { table: 'contact_canonicals', key: 'contact_id', ...mapping },
  { table: 'contact_canonicals', key: 'contact_id', column: 'canonical_contact_id', ...mapping },
  { table: 'ops.suppressions', key: 'address_key', times: ['suppressed_at'], isVersioned: false },
  { table: 'ops.suppression_lifts', key: 'address_key', times: ['lifted_at'], isVersioned: false },
];

/** What to look at: UTC, as SQL takes it. */
export interface Span {
  /** What was recorded from here on … */
  since: string;
  /** … and what is true from a time on that lies between these two (a fact that was dated ahead). */
  from: string;
  now: string;
}

/**
 * Puts the ids of who was touched, under all their records, into `touchedMembers`, and what they were found by into
 * `touched_recent`. What stands in `touched_seen` already is left out: `remember` puts it there. Answers how many were found.
 */
export async function collectTouched(tx: Session, span: Span): Promise<number> {
  await createSeen(tx);
  await tx.run(
    `create or replace temp table touched_recent as
     select key, id, stamp, count(*) as rows from (${facts.map((each) => recentSql(each, span)).join(' union all ')})
     where id is not null group by all`,
  );
  // A row may come to a time that is there already: hence by the count.
  await tx.run(
    `create or replace temp table touched_fresh as
     select distinct key, id from touched_recent r where stamp is null or not exists (
       from touched_seen s where s.key = r.key and s.id = r.id and s.stamp = r.stamp and s.rows = r.rows)`,
  );
  await tx.run(`create or replace temp table touched_members as ${membersSql}`);
  const found = await tx.one<{ count: number }>(`select count(*)::int as count from ${touchedMembers}`);
  return found?.count ?? 0;
}

/** Copies the rows of who was touched that the models read several times. */
export async function copyTouched(tx: Session): Promise<void> {
  await tx.run(`create or replace temp table touched_deal_ids as ${dealsOfTouched}`);
  for (const table of copiedTables)
    await tx.run(`create or replace temp table touched_${table} as ${rowsAboutTouched(table)}`);
}

/** What was found last need not be found again, unless more is recorded at the same time. */
export async function remember(tx: Session): Promise<void> {
  await tx.run('create or replace temp table touched_seen as from touched_recent where stamp is not null');
}

/** Everything will be found again. */
export async function forgetSeen(tx: Session): Promise<void> {
  await createSeen(tx);
  await tx.run('delete from touched_seen');
}

function createSeen(tx: Session): Promise<unknown> {
  return tx.run(
    'create temp table if not exists touched_seen (key varchar, id varchar, stamp timestamp, rows bigint)',
  );
}

/** `(key, id, stamp)` of the rows to look at; no stamp for what has become true, whenever it was recorded: it counts once. */
function recentSql(
  { table, key, column = key, times, stamps = ['recorded_at'], isVersioned }: Facts,
  span: Span,
): string {
  const current = table.includes('.') ? table : `core.${table}`;
  const select = (from: string, stamp: string, where: string) =>
    `select '${key}' as key, ${column} as id, ${stamp} as stamp from ${from} where ${where}`;
  const since = `timestamp '${span.since}'`;
  return [
    ...stamps.map((stamp) => select(current, stamp, `${stamp} >= ${since}`)),
    ...(isVersioned ? [select(`history.${table}`, 'superseded_at', `superseded_at >= ${since}`)] : []),
    ...times.map((time) =>
      select(
        current,
        'null::timestamp',
        `${time} >= timestamp '${span.from}' and ${time} < timestamp '${span.now}'`,
      ),
    ),
  ].join(' union all ');
}

const idsOf = (key: Facts['key']) => `(select id from touched_fresh where key = '${key}')`;

/** Who each key means: a deal all contacts that it ever had, an address all that have it now; then all records of each person. */
const membersSql = `
  with named as (
      select id as contact_id from touched_fresh where key = 'contact_id'
      union select contact_id from versions.deals where deal_id in ${idsOf('deal_id')}
      union select value from versions.deal_changes where field = 'contact_id' and deal_id in ${idsOf('deal_id')}
      union select contact_id from core.contacts where email_key in ${idsOf('email_key')}
      union select contact_id from core.contacts
        where exists ${idsOf('address_key')} and sha256(email_key) in ${idsOf('address_key')}),
    persons as (
      select coalesce(k.canonical_contact_id, n.contact_id) as contact_id
      from named n left join ${canonicalsSql} k using (contact_id) where n.contact_id is not null)
  select contact_id from persons
  union select contact_id from named where contact_id is not null
  union select k.contact_id from ${canonicalsSql} k where k.canonical_contact_id in (select contact_id from persons)`;
