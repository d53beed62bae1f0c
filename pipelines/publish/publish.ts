import { renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { errorMessage, MallardError } from '../../data/errors.ts';
import { syncFile } from '../../data/files.ts';
import type { Session } from '../../data/owner/session.ts';
import { bundledModels } from '../../models/engine/bundle.ts';
import { givensOf } from '../../models/engine/givens.ts';
import type { Mallard } from '../context.ts';
import { identifier, literal } from '../load/sql.ts';
import { builtAsOf, utcText } from '../segments/as-of.ts';
import { publishedTables, type PublishedTable } from './tables.ts';

export interface Published {
  file: string;
  /** What `givens.json` beside it says: what the marts are as of, or now where they were never built. */
  as_of: string;
  tables: number;
  rows: number;
  bytes: number;
  duration_ms: number;
}

/** What the file is attached as meanwhile. Whoever lists tables of the catalogue must ask for `current_database()`. */
const alias = 'snapshot_being_published';

/**
 * Writes the snapshot anew and puts it in place of the old one. What is loaded meanwhile is in the next. Throws
 * `storage_failed` where the disk refuses; the old snapshot then stays.
 */
export async function publish(mallard: Mallard): Promise<Published> {
  const started = performance.now();
  return mallard.warehouse.build.exclusive(async (session) => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return {
          ...(await publishOnce(mallard, session)),
          duration_ms: Math.round(performance.now() - started),
        };
      } catch (cause) {
        removeDraft(`${mallard.project.publishedFile}.new`);
        // An erasure deletes every snapshot, the one that is being written too: then it is written anew, without the person.
        if ((cause as NodeJS.ErrnoException).code === 'ENOENT' && attempt < attemptsMax) continue;
        if (cause instanceof MallardError) throw cause;
        throw new MallardError('storage_failed', `The snapshot cannot be written: ${errorMessage(cause)}.`, {
          cause,
        });
      }
    }
  });
}

const attemptsMax = 5;

async function publishOnce(
  { project, account, clock }: Mallard,
  session: Session,
): Promise<Omit<Published, 'duration_ms'>> {
  const draft = `${project.publishedFile}.new`;
  removeDraft(draft);
  const tables = await publishedTables(session, project, account.publish);
  const { rows, asOf } = await copy(session, draft, tables);
  const time = asOf === undefined ? clock.now() : new Date(asOf);
  syncFile(draft);
  writeFileSync(`${project.publishedGivens}.new`, givensText(givensOf({ asOf: time }, account)));
  writeFileSync(`${project.publishedModels}.new`, bundledModels(project.packageModels));
  renameSync(draft, project.publishedFile);
  renameSync(`${project.publishedGivens}.new`, project.publishedGivens);
  renameSync(`${project.publishedModels}.new`, project.publishedModels);
  syncFile(project.published);
  return {
    file: project.publishedFile,
    as_of: utcText(time),
    tables: tables.length,
    rows,
    bytes: statSync(project.publishedFile).size,
  };
}

/** Everything as of one snapshot of the database, in one transaction. */
async function copy(
  session: Session,
  draft: string,
  tables: readonly PublishedTable[],
): Promise<{ rows: number; asOf: string | undefined }> {
  await session.run(`attach ${literal(draft)} as ${alias}`);
  try {
    const main = await session.one<{ name: string }>('select current_database() as name');
    await session.run('begin transaction');
    try {
      await copyTables(session, tables);
      await copyViews(session, identifier(main?.name ?? ''));
      const asOf = await builtAsOf(session);
      await session.run('commit');
      const counted = await session.one<{ rows: number }>(
        `select sum(estimated_size)::double as rows from duckdb_tables() where database_name = '${alias}'`,
      );
      return { rows: counted?.rows ?? 0, asOf };
    } catch (error) {
      await session.run('rollback').catch(() => undefined);
      throw error;
    } finally {
      await session.run(`use ${identifier(main?.name ?? '')}.main`);
    }
  } finally {
    // Writes what is in its log into the file.
    await session.run(`detach ${alias}`);
  }
}

async function copyTables(session: Session, tables: readonly PublishedTable[]): Promise<void> {
  for (const schema of ['core', 'history', 'versions', 'mart', 'ops', 'raw'])
    await session.run(`create schema ${alias}.${schema}`);
  for (const { schema, table, sql } of tables)
    await session.run(`create table ${alias}.${identifier(schema)}.${identifier(table)} as ${sql}`);
}

/** `versions.<table>`: core and history together. A view is bound where it is made: in the snapshot's own schemas. */
async function copyViews(session: Session, main: string): Promise<void> {
  const views = await session.rows<{ sql: string }>(
    `select sql from duckdb_views() where database_name = current_database() and schema_name = 'versions'`,
  );
  await session.run(`use ${alias}.main`);
  for (const { sql } of views) await session.run(sql);
  await session.run(`use ${main}.main`);
}

function givensText(givens: Record<string, string>): string {
  return `${JSON.stringify(givens, null, 2)}\n`;
}

function removeDraft(draft: string): void {
  for (const suffix of ['', '.wal']) rmSync(`${draft}${suffix}`, { force: true });
}
