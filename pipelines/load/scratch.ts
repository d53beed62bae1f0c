import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Project } from '../../data/project.ts';
import { removeStaged } from './stage.ts';
import type { LoadFile } from './types.ts';

/** Temporary files of a load, in the staging folder, where DuckDB may read them. */
export interface Scratch {
  file(extension: string): string;
}

/** Runs a load. Its temporary files and the staged ones are removed however it ends. */
export async function withStagedFiles<T>(
  project: Project,
  files: readonly LoadFile[],
  load: (scratch: Scratch) => Promise<T>,
): Promise<T> {
  const paths: string[] = [];
  try {
    return await load({
      file(extension) {
        const path = join(project.staging, `scratch-${randomUUID()}${extension}`);
        paths.push(path);
        return path;
      },
    });
  } finally {
    await Promise.all(paths.map((path) => rm(path, { force: true })));
    for (const file of files) await removeStaged(project, file.path);
  }
}
