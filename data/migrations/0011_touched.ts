import { sql, type Kysely } from 'kysely';

/** After events arrive, only the contacts that they are about are evaluated again (pipelines/segments/touched). */
const statements = [
  // Of each build of contact_facts: every fact recorded before settled_before was there for it; later ones may have been.
  `create table ops.mart_snapshots (
     as_of timestamp not null, settled_before timestamp not null, recorded_at timestamp not null)`, // append only
  // One row per evaluation of touched contacts in which somebody entered or left. It looked at what was recorded from
  // recorded_since on; the next one looks from settled_before on. after_run: the rowid of the newest row of ops.segment_runs then.
  `create table ops.segment_touched_runs (
     run_id varchar not null, as_of timestamp not null, after_run bigint not null, recorded_since timestamp not null,
     settled_before timestamp not null, touched_count bigint not null, entered_count bigint not null,
     left_count bigint not null, duration_ms bigint not null, recorded_at timestamp not null)`, // append only
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}
