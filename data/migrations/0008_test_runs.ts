import { sql, type Kysely } from 'kysely';

/**
 * What the data tests and the limits of freshness said, once per run and test. Only counts are kept: the rows that failed may
 * be about people, and the same test shows them again.
 */
const statements = [
  // kind: data, freshness. model: the file that states it. severity: warn, error. status: passed, warned, failed, errored.
  `create table ops.test_runs (
     run_id varchar not null, kind varchar not null, test varchar not null, model varchar not null,
     severity varchar not null, status varchar not null, failing_count bigint, error varchar, as_of timestamp not null,
     known_at timestamp, duration_ms bigint not null, recorded_at timestamp not null)`, // append only
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}
