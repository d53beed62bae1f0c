import { createReadStream } from 'node:fs';
import { mkdir, readdir, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorMessage } from '../../data/errors.ts';
import type { Project } from '../../data/project.ts';
import type { Job, JobContext } from '../run-job.ts';

interface DroppedFile {
  table: string;
  name: string;
  path: string;
}

/** A file younger than this may still be being copied. */
const settledMs = 5_000;

/** Loads what was dropped into `inbox/<table>/`. A file then moves to `inbox/.loaded` or, with the reason, to `inbox/.failed`. */
export const job: Job = {
  isDue: async ({ project, clock }) => (await droppedFiles(project, clock.now())).length > 0,
  run: async (context) => {
    const results: unknown[] = [];
    const failures: string[] = [];
    for (const file of await droppedFiles(context.project, context.clock.now())) {
      try {
        results.push(await load(context, file));
      } catch (error) {
        context.signal.throwIfAborted();
        failures.push(`${file.table}/${file.name}: ${errorMessage(error)}`);
        await putAside(context.project, '.failed', file, errorMessage(error));
      }
    }
    if (failures.length > 0) throw new Error(failures.join('\n'));
    return { loads: results };
  },
};

async function load({ client, project, signal }: JobContext, file: DroppedFile): Promise<unknown> {
  const answer = await client.request<Record<string, unknown>>(
    'POST',
    `/v1/load/${encodeURIComponent(file.table)}`,
    {
      query: { name: file.name },
      headers: { 'content-type': 'application/octet-stream' },
      body: createReadStream(file.path),
      signal,
    },
  );
  await putAside(project, '.loaded', file);
  return answer;
}

/** Sorted by table, then name, so that the order of loading can be foreseen. */
async function droppedFiles(project: Project, now: Date): Promise<DroppedFile[]> {
  const files: DroppedFile[] = [];
  for (const table of (await namesIn(project.inbox)).filter((name) => !name.startsWith('.'))) {
    const folder = join(project.inbox, table);
    for (const name of (await namesIn(folder)).filter((each) => !each.startsWith('.'))) {
      const path = join(folder, name);
      const about = await stat(path);
      if (about.isFile() && now.getTime() - about.mtimeMs >= settledMs) files.push({ table, name, path });
    }
  }
  return files;
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).toSorted();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}

async function putAside(
  project: Project,
  where: '.loaded' | '.failed',
  file: DroppedFile,
  reason?: string,
): Promise<void> {
  const folder = join(project.inbox, where, file.table);
  await mkdir(folder, { recursive: true });
  await rename(file.path, join(folder, file.name));
  if (reason !== undefined) await writeFile(join(folder, `${file.name}.reason.txt`), `${reason}\n`);
}
