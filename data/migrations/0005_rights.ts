import { sql, type Kysely } from 'kysely';

/**
 * Erasures (GDPR article 17). The row is the intent: it is written before anything is erased, so that an erasure which a
 * crash interrupts is resumed at boot. It names nobody: `address_keys` are the hashes that suppress (data/address.ts),
 * `contact_keys` hashes of contact ids under the project's secret. `salt` makes the random tokens that stand in for ids; it
 * is dropped with the completion, so that nobody can lead a token back.
 */
const statements = [
  // status: running, completed. compact_by: until when the deleted bytes must be out of the database file.
  `create table ops.erasures (
     erasure_id varchar primary key, address_keys varchar[] not null, contact_keys varchar[] not null, salt varchar,
     status varchar not null, counts json, requested_by varchar, reason varchar, requested_at timestamp not null,
     completed_at timestamp, compact_by timestamp, compacted_at timestamp)`,
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}
