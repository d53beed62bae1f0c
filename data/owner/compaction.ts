import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MallardError } from '../errors.ts';
import type { Project } from '../project.ts';

/**
 * DuckDB keeps deleted bytes in the file until it is rewritten. A compaction copies the database to a new file and puts it
 * in the old one's place; erasures schedule it, with a deadline.
 *
 * It runs in a process of its own (compact-process.ts), while nobody has the file open. An instance that lives on in this
 * process (an unfinished result holds it) would go on writing to the old, unlinked file, and rows would vanish in
 * silence; the child gets DuckDB's lock only where that is not so.
 */
export interface Compaction {
  /** ISO: at the latest. A server compacts at any start before. */
  due_at: string;
}

export interface CompactionResult {
  tables: number;
  rows: number;
  bytes_before: number;
  bytes_after: number;
  duration_ms: number;
}

/** Beside the database, since it is read before the database is opened. */
export function compactionFile(project: Project): string {
  return join(project.dir, 'compaction.json');
}

export function readCompaction(project: Project): Compaction | undefined {
  try {
    return JSON.parse(readFileSync(compactionFile(project), 'utf8')) as Compaction;
  } catch {
    return undefined;
  }
}

/** Schedules one; the earlier of two deadlines stands. */
export function scheduleCompaction(project: Project, dueAt: Date): void {
  const known = readCompaction(project)?.due_at;
  const due = dueAt.toISOString();
  const file = compactionFile(project);
  mkdirSync(project.dir, { recursive: true });
  writeFileSync(`${file}.tmp`, JSON.stringify({ due_at: known !== undefined && known < due ? known : due }));
  renameSync(`${file}.tmp`, file);
}

export function isCompactionDue(project: Project, now: Date): boolean {
  const compaction = readCompaction(project);
  return compaction !== undefined && compaction.due_at <= now.toISOString();
}

/** Removes the unfinished copy that a killed compaction left: it is as personal as the file. The caller owns the project. */
export function removeUnfinishedCopy(project: Project): void {
  for (const suffix of ['', '.wal']) rmSync(`${copyFile(project)}${suffix}`, { force: true });
}

/** Where the copy grows, beside the file: a rename must stay within one file system. */
export function copyFile(project: Project): string {
  return `${project.warehouseFile}.new`;
}

/**
 * Compacts now. The file must be closed.
 * @throws `file_owned` where another process has it; `storage_failed` with what the compaction said: the old file stands
 */
export async function compact(project: Project, now: Date): Promise<CompactionResult> {
  if (!existsSync(project.warehouseFile)) {
    rmSync(compactionFile(project), { force: true });
    return { tables: 0, rows: 0, bytes_before: 0, bytes_after: 0, duration_ms: 0 };
  }
  const built = import.meta.url.endsWith('.js');
  const script = fileURLToPath(
    new URL(built ? './compact-process.js' : './compact-process.ts', import.meta.url),
  );
  const child = spawn(
    process.execPath,
    [...(built ? [] : ['--import', 'tsx']), script, project.dir, now.toISOString()],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NODE_OPTIONS: '' } },
  );
  let out = '';
  let log = '';
  child.stdout.on('data', (part: Buffer) => (out += part.toString()));
  child.stderr.on('data', (part: Buffer) => (log += part.toString()));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (ended) => resolve(ended));
  });
  const answer = lastJson(out);
  if (code === 0 && answer && 'result' in answer) return answer.result;
  const error = answer && 'error' in answer ? answer.error : undefined;
  throw new MallardError(
    error?.code === 'file_owned' ? 'file_owned' : 'storage_failed',
    `${project.warehouseFile} could not be compacted: ${error?.message ?? (log.trim().slice(-500) || `the process ended with ${code}`)}.`,
  );
}

type Answer = { result: CompactionResult } | { error: { code: string; message: string } };

function lastJson(text: string): Answer | undefined {
  try {
    return JSON.parse(text.trim().split('\n').at(-1) ?? '') as Answer;
  } catch {
    return undefined;
  }
}
