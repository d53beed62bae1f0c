import { sql, type Kysely } from 'kysely';

/**
 * The definitions that were in force, so that a figure can be computed as it was defined then. A build appends a row where
 * the texts differ from the newest row's; one that goes back to earlier texts appends them again.
 *
 * version: SHA-256 of the texts. files: `{package: {path: text}, project: {path: text}}`, every `.malloy` text that was compiled.
 */
const statements = [
  `create table ops.model_versions (version varchar not null, files json not null, created_at timestamp not null)`,
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}
