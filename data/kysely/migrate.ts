import type { DuckDBConnection } from '@duckdb/node-api';
import { Migrator, sql, type Migration } from 'kysely';
import { errorMessage, MallardError } from '../errors.ts';
import * as core from '../migrations/0001_core.ts';
import * as martOps from '../migrations/0002_mart_ops.ts';
import * as versions from '../migrations/0003_versions.ts';
import * as consent from '../migrations/0004_consent.ts';
import * as rights from '../migrations/0005_rights.ts';
import * as scores from '../migrations/0006_scores.ts';
import * as modelVersions from '../migrations/0007_model_versions.ts';
import * as testRuns from '../migrations/0008_test_runs.ts';
import * as segmentLists from '../migrations/0009_segment_lists.ts';
import * as segmentTriggers from '../migrations/0010_segment_triggers.ts';
import * as touched from '../migrations/0011_touched.ts';
import { kyselyOn } from './dialect.ts';

/** A migration goes forward only. */
export type ForwardMigration = Required<Pick<Migration, 'up'>>;

/** By name; the number decides the order. Listed, not found by reading a folder: the build has one less thing to copy. */
export const migrations: Readonly<Record<string, ForwardMigration>> = {
  '0001_core': core,
  '0002_mart_ops': martOps,
  '0003_versions': versions,
  '0004_consent': consent,
  '0005_rights': rights,
  '0006_scores': scores,
  '0007_model_versions': modelVersions,
  '0008_test_runs': testRuns,
  '0009_segment_lists': segmentLists,
  '0010_segment_triggers': segmentTriggers,
  '0011_touched': touched,
};

/**
 * Runs what has not run yet, in order, each migration in a transaction of its own, and checkpoints. Which have run stands
 * in `ops.kysely_migration`.
 * @param connection used alone: nobody else has one yet
 * @param available default: those of data/migrations
 * @returns the names of those it ran
 * @throws MallardError `migration_failed` with `fields.migration` and `fields.done`; nothing of the failed one is kept
 */
export async function migrate(
  connection: DuckDBConnection,
  available: Readonly<Record<string, ForwardMigration>> = migrations,
): Promise<string[]> {
  const db = kyselyOn<unknown>(connection);
  const migrator = new Migrator({
    db,
    provider: { getMigrations: () => Promise.resolve({ ...available }) },
    migrationTableSchema: 'ops',
    // Kysely's check of the order sorts by the clock's time of each run: a clock set back would refuse the file for ever.
    allowUnorderedMigrations: true,
  });
  const done: string[] = [];
  // One at a time: `migrateToLatest` would run all in one transaction, and lose the good ones with the bad.
  for (
    let name = await migrateOne(migrator, done);
    name !== undefined;
    name = await migrateOne(migrator, done)
  ) {
    done.push(name);
    // A crash before a checkpoint would replay the DDL from the log, where DuckDB has had bugs: leave it none.
    await sql`checkpoint`.execute(db);
  }
  return done;
}

/** The name of the one it ran, or undefined where none was left. */
async function migrateOne(migrator: Migrator, done: readonly string[]): Promise<string | undefined> {
  const { error, results } = await migrator.migrateUp();
  const name = results?.[0]?.migrationName;
  if (error === undefined) return name;
  const what = name === undefined ? 'The migrations cannot be run' : `Migration ${name} failed`;
  throw new MallardError('migration_failed', `${what}: ${errorMessage(error)}.`, {
    fields: { migration: name, done: [...done] },
    cause: error,
  });
}
