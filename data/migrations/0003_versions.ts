import { sql, type Kysely } from 'kysely';

/**
 * What was known when. A row that a load corrects or deletes goes to `history.<table>` with the time from which it no longer
 * stood; `versions.<table>` shows both, so that models can read what was known by any time: `recorded_at < K and
 * (superseded_at is null or superseded_at >= K)`. Contacts, companies and deals keep their edits field by field in
 * `core.*_changes` instead; of them only deleted rows go to `history`.
 *
 * The views name their columns by position of the table at this time: a migration that adds a column to a table of
 * `versionedTables` must add it to `history.<table>` as well and make the view anew (`versionStatements`).
 */
export const versionedTables = [
  'owners',
  'companies',
  'contacts',
  'contact_identities',
  'contact_changes',
  'company_changes',
  'deals',
  'deal_changes',
  'deal_stages',
  'deal_stage_changes',
  'quotas',
  'exchange_rates',
  'email_events',
  'web_events',
  'activities',
  'orders',
  'order_lines',
  'spend',
  'campaign_responses',
  'consent_events',
] as const;

const statements = [
  // When the thing's own row first came: a stub has none yet, and is there from the first event that names it (first_seen_at).
  // `phone_key`: the number in E.164.
  `alter table core.contacts add column described_at timestamp`,
  `alter table core.contacts add column first_seen_at timestamp`,
  `alter table core.contacts add column phone_key varchar`,
  `update core.contacts set described_at = recorded_at where not is_stub`,
  `alter table core.companies add column updated_at timestamp`,
  `alter table core.companies add column described_at timestamp`,
  `update core.companies set described_at = recorded_at`,

  `create table core.company_changes (
     company_id varchar not null, field varchar not null, value varchar, valid_from timestamp not null,
     source varchar not null, recorded_at timestamp not null)`,

  // Who gave consent where: the form's address or the file, and who recorded it.
  `alter table core.consent_events add column place varchar`,
  `alter table core.consent_events add column actor varchar`,

  // What was decided about two contacts. decision: same, different. rule: what decided ('email', 'phone', 'manual',
  // 'hubspot_merge_audit' …), evidence: the shared key's hash, or a reference. A decision is taken back by undone_at.
  `create table core.contact_merges (
     merge_id varchar not null, contact_id varchar not null, other_contact_id varchar not null, decision varchar not null,
     rule varchar not null, evidence varchar, recorded_by varchar, source varchar not null, recorded_at timestamp not null,
     undone_at timestamp, undone_by varchar)`,
  // Which contact stands for a merged one, as known from recorded_at until superseded_at (null: now). No row: itself.
  `create table core.contact_canonicals (
     contact_id varchar not null, canonical_contact_id varchar not null, recorded_at timestamp not null,
     superseded_at timestamp)`,

  `create schema history`,
  `create schema versions`,
  ...versionedTables.flatMap(versionStatements),
];

/** Makes `history.<table>` and `versions.<table>`. */
export function versionStatements(table: string): string[] {
  return [
    `create table history.${table} as select *, cast(null as timestamp) as superseded_at from core.${table} limit 0`,
    `create view versions.${table} as
       select *, cast(null as timestamp) as superseded_at from core.${table} union all select * from history.${table}`,
  ];
}

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}
