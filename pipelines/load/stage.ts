import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { errorMessage, MallardError } from '../../data/errors.ts';
import type { Project } from '../../data/project.ts';
import { normaliseLines, type ChunkFilter } from './normalise.ts';

const CHUNK_BYTES = 1 << 20;

/**
 * Brings a file into the project's staging folder, the only place DuckDB may read it from: gunzipped if it is gzip, and,
 * unless it is Parquet, as UTF-8 without a byte order mark and with `\n` line ends (DuckDB refuses mixed ones).
 *
 * The SHA-256 of the content as it arrived (after gunzip) becomes part of the staged name: see `hashOfStaged`.
 * @param stream the file's bytes
 * @param name the file's name as the user knows it, for messages
 * @param onBytes called with the bytes staged so far
 * @returns the path to give to `loadTable` or `loadRaw`, which remove the file
 * @throws `unsupported_media_type` for archives, `bad_request` for a damaged gzip, `storage_failed` if the disk refuses
 */
export async function stageFile(
  project: Project,
  stream: Readable,
  name: string,
  onBytes?: (bytes: number) => void,
): Promise<string> {
  const partial = join(project.staging, `${randomUUID()}.part`);
  try {
    await mkdir(project.staging, { recursive: true });
    const { hash, extension } = await writeStaged(partial, stream, name, onBytes);
    const path = join(project.staging, `${hash}-${randomUUID()}${extension}`);
    await rename(partial, path);
    return path;
  } catch (error) {
    stream.destroy();
    // What refuses the file refuses this as well; what is said is why the file could not be staged.
    await rm(partial, { force: true }).catch(() => undefined);
    throw stagingError(error, name);
  }
}

/** `stageFile` for a file of this machine. Throws `not_found` where it cannot be read. */
export async function stageLocalFile(
  project: Project,
  path: string,
  onBytes?: (bytes: number) => void,
): Promise<string> {
  const stream = createReadStream(path, { highWaterMark: CHUNK_BYTES });
  try {
    await new Promise<void>((resolve, reject) => stream.once('open', () => resolve()).once('error', reject));
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const problem = isMissing ? `There is no file ${path}` : `${path} cannot be read: ${errorMessage(error)}`;
    throw new MallardError('not_found', `${problem}.`, {
      cause: error,
      fields: { path },
    });
  }
  return stageFile(project, stream, path, onBytes);
}

/** What `stageFile` hashed, read from the staged name; undefined for a file that was not staged. */
export function hashOfStaged(path: string): string | undefined {
  return /([0-9a-f]{64})-[0-9a-f-]{36}(\.\w+)?$/.exec(path)?.[1];
}

/** Removes a staged file and what was made beside it. Files elsewhere (the sample, say) are left alone. */
export async function removeStaged(project: Project, path: string): Promise<void> {
  if (relative(project.staging, dirname(path)) === '') await rm(path, { force: true });
}

/** Removes what a killed process left in the staging folder. For the owner, at boot, before anything is staged. */
export async function cleanStaging(project: Project): Promise<number> {
  const left = await readdir(project.staging).catch(() => []);
  await Promise.all(left.map((name) => rm(join(project.staging, name), { recursive: true, force: true })));
  return left.length;
}

async function writeStaged(
  path: string,
  stream: Readable,
  name: string,
  onBytes?: (bytes: number) => void,
): Promise<{ hash: string; extension: string }> {
  const content = await contentOf(stream, name);
  const hash = createHash('sha256');
  const file = await open(path, 'wx');
  try {
    let filter: ChunkFilter | undefined;
    let extension = '';
    let bytes = 0;
    for await (const chunk of content) {
      hash.update(chunk);
      if (bytes === 0) extension = startsWith(chunk, 'PAR1') ? '.parquet' : '.text';
      filter ??= extension === '.parquet' ? passThrough : normaliseLines(chunk);
      await writeAll(file, filter.push(chunk));
      bytes += chunk.length;
      onBytes?.(bytes);
    }
    if (filter) await writeAll(file, filter.end());
    return { hash: hash.digest('hex'), extension: extension || '.text' };
  } finally {
    await file.close();
  }
}

const passThrough: ChunkFilter = { push: (chunk) => chunk, end: () => Buffer.alloc(0) };

async function writeAll(file: Awaited<ReturnType<typeof open>>, bytes: Buffer): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    written += (await file.write(bytes, written, bytes.length - written)).bytesWritten;
  }
}

/** The content in chunks, whose first has at least 4 bytes if the file has; gunzipped where it is gzip. */
async function contentOf(stream: Readable, name: string): Promise<AsyncIterable<Buffer>> {
  const chunks = wellBegun(stream);
  const first = await chunks.next();
  const head = first.done ? Buffer.alloc(0) : first.value;
  if (startsWith(head, 'PK\u0003\u0004')) {
    throw new MallardError('unsupported_media_type', `${name} is a zip archive.`, {
      remedy: 'Unpack it and load the files inside.',
    });
  }
  const all = (async function* () {
    if (head.length > 0) yield head;
    yield* chunks;
  })();
  if (!(head[0] === 0x1f && head[1] === 0x8b)) return all;
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
  // Whichever side fails destroys the other; the reader below then throws the error.
  pipeline(Readable.from(all), gunzip).catch(() => undefined);
  return wellBegun(gunzip);
}

async function* wellBegun(stream: AsyncIterable<unknown>): AsyncGenerator<Buffer, undefined> {
  let head = Buffer.alloc(0);
  let begun = false;
  for await (const item of stream) {
    const chunk = Buffer.isBuffer(item) ? item : Buffer.from(item as string);
    if (begun) yield chunk;
    else {
      head = Buffer.concat([head, chunk]);
      begun = head.length >= 4;
      if (begun) yield head;
    }
  }
  if (!begun && head.length > 0) yield head;
  return undefined;
}

function startsWith(bytes: Buffer, text: string): boolean {
  return bytes.subarray(0, text.length).equals(Buffer.from(text, 'latin1'));
}

function stagingError(error: unknown, name: string): unknown {
  if (error instanceof MallardError) return error;
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (code.startsWith('Z_')) {
    return new MallardError('bad_request', `${name} is a damaged gzip file: ${errorMessage(error)}.`, {
      cause: error,
      remedy: 'Make it again, or send it unpacked.',
    });
  }
  if (['ENOSPC', 'EROFS', 'EACCES', 'EPERM', 'EDQUOT', 'EIO'].includes(code)) {
    return new MallardError('storage_failed', `${name} cannot be staged: ${errorMessage(error)}.`, {
      cause: error,
    });
  }
  return error;
}
