import { createHash } from 'node:crypto';
import { toTimestamp } from '../../data/clock.ts';
import type { Session } from '../../data/owner/session.ts';
import type { Project } from '../../data/project.ts';
import type { ModelFiles } from './files.ts';

/** Every `.malloy` text of a set of models: by path relative to our models/, and to the project's. */
export interface ModelTexts {
  package: Record<string, string>;
  project: Record<string, string>;
}

/** A set of definitions, and since when it was in force. */
export interface ModelVersion {
  /** SHA-256 of the texts. */
  version: string;
  texts: ModelTexts;
  /** UTC, ISO 8601; undefined for texts that no build has used yet. */
  created_at?: string;
}

/** The texts that compiled models were read from; tests and reports that were compiled after them are none. */
export function versionOf(files: ModelFiles, project: Project): ModelVersion {
  const texts = {
    package: files.textsIn(project.packageModels),
    project: files.textsIn(project.models),
  };
  return { version: createHash('sha256').update(JSON.stringify(texts)).digest('hex'), texts };
}

/** Appends a version where it is not the newest already. In a transaction of the build lane, which alone writes here. */
export async function recordModelVersion(
  tx: Session,
  { version, texts }: ModelVersion,
  now: Date,
): Promise<void> {
  const newest = await tx.one<{ version: string }>(
    'select version from ops.model_versions order by created_at desc, rowid desc limit 1',
  );
  if (newest?.version === version) return;
  await tx.run('insert into ops.model_versions (version, files, created_at) values ($1, $2, $3::timestamp)', [
    version,
    JSON.stringify(texts),
    toTimestamp(now),
  ]);
}

/**
 * The definitions in force at a time: the newest that a build had used by then. Before the first build it is the first,
 * and `isGuess` says so. Undefined where nothing was ever built.
 */
export async function modelVersionAt(
  session: Session,
  at: Date,
): Promise<(ModelVersion & { isGuess: boolean }) | undefined> {
  const row = await session.one<{
    version: string;
    files: ModelTexts;
    created_at: string;
    is_guess: boolean;
  }>(
    `select version, files, created_at, created_at > $1::timestamp as is_guess from ops.model_versions
     order by is_guess, case when is_guess then created_at end, created_at desc, rowid desc limit 1`,
    [toTimestamp(at)],
  );
  return row && { version: row.version, texts: row.files, created_at: row.created_at, isGuess: row.is_guess };
}
