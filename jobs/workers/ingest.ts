import { createReadStream } from 'node:fs';
import { access, mkdir, readdir, rename, stat, writeFile } from 'node:fs/promises';
import { join, parse } from 'node:path';
import { errorMessage, MallardError } from '../../data/errors.ts';
import type { Project } from '../../data/project.ts';
import type { Job, JobContext } from '../run-job.ts';

interface DroppedFile {
  table: string;
  name: string;
  path: string;
}

/** A file younger than this may still be being copied. */
const settledMs = 5_000;

/**
 * Loads what was dropped into `inbox/<table>/`. A file then moves to `inbox/.loaded` or, with the reason, to `inbox/.failed`.
 * Where it is not the file's fault (a full disk, a server that stops), it stays, and the next run tries again.
 */
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
        if (isFaultOf(error)) await putAside(context.project, '.failed', file, errorMessage(error));
      }
    }
    if (failures.length > 0) throw new Error(failures.join('\n'));
    return { loads: results };
  },
};

/** Whether the file was refused for what it is: the same file would be refused again. */
function isFaultOf(error: unknown): boolean {
  return error instanceof MallardError && [400, 404, 413, 415, 422].includes(error.status);
}

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
  const name = await freeName(folder, file.name);
  await rename(file.path, join(folder, name));
  if (reason !== undefined) await writeFile(join(folder, `${name}.reason.txt`), `${reason}\n`);
}

/** The name, or with -2, -3 … before its ending: an export often has the same name every day, and none may replace another. */
async function freeName(folder: string, name: string): Promise<string> {
  const { name: stem, ext } = parse(name);
  for (let count = 1; ; count += 1) {
    const free = count === 1 ? name : `${stem}-${count}${ext}`;
    try {
      await access(join(folder, free));
    } catch {
      return free;
    }
  }
}
