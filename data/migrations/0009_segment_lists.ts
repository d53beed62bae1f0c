import { sql, type Kysely } from 'kysely';

/**
 * Who was put on the list of a static segment and taken off it. A row is written only where it changes something, so the
 * changes of one contact alternate, and who was added more often than removed is on the list.
 *
 * changed_at: from when on it counts, as `ops.segment_changes` has it. version: of the segment, with this change.
 */
const statements = [
  // change: added, removed.
  `create table ops.segment_list_changes (
     segment_id varchar not null, contact_id varchar not null, change varchar not null, changed_at timestamp not null,
     version integer not null, recorded_at timestamp not null)`, // append only
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}
