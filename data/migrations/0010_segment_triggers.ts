import { sql, type Kysely } from 'kysely';

/** What is to be done with whoever enters or leaves a segment. */
const statements = [
  // change: entered, left. status: active, paused. since_at: changes recorded before it are done with. error: of the last attempt.
  `create table ops.segment_triggers (
     trigger_id varchar not null, segment_id varchar not null, change varchar not null, action json not null,
     contacts_max integer not null, status varchar not null, since_at timestamp not null, error varchar,
     created_at timestamp not null, updated_at timestamp not null)`,
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}
