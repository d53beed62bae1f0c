import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Project } from '../../data/project.ts';

/** Temporary files of a load, in the staging folder, where DuckDB may read them. */
export interface Scratch {
  file(extension: string): string;
  /** Removes all of them. */
  clear(): Promise<void>;
}

export function scratchIn(project: Project): Scratch {
  const paths: string[] = [];
  return {
    file(extension) {
      const path = join(project.staging, `scratch-${randomUUID()}${extension}`);
      paths.push(path);
      return path;
    },
    async clear() {
      await Promise.all(paths.splice(0).map((path) => rm(path, { force: true })));
    },
  };
}
