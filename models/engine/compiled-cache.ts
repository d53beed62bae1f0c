import { CacheManager, InMemoryModelCache, type CachedModel } from '@malloydata/malloy';
import { createHash, randomUUID } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { ModelFiles } from './files.ts';

/** Beyond this many bytes the files read longest ago go. One of ours takes up to 400 kB. */
const folderBytesMax = 64 * 2 ** 20;

const { version: malloyVersion } = createRequire(import.meta.url)('@malloydata/malloy/package.json') as {
  version: string;
};

/**
 * Malloy's cache of compiled files, kept on disk between processes: compiling all of ours takes 3.5 s of processor time in a
 * cold process, reading them 0.1 s.
 *
 * An entry's name is a hash of all that it was made from: the file's text and those of all that it imports, with their
 * URLs, the columns of every table, and Malloy's version. So nothing is ever out of date; what nobody reads is removed in time.
 * A file that cannot be read or written is as good as none. In V8's format, not in JSON: imports share their parts, and JSON would
 * repeat them (index.malloy: 87 MB instead of 2.5).
 */
export class CompiledCache extends CacheManager {
  readonly #folder: string | undefined;

  /** @param folder where entries are kept; undefined: in memory alone */
  constructor(folder: string | undefined) {
    super(new InMemoryModelCache());
    this.#folder = folder;
  }

  /**
   * True where Malloy will find the compiled file, brought from the disk if need be.
   * @param schema a digest of the columns of every table
   */
  async restore(files: ModelFiles, url: URL, schema: string): Promise<boolean> {
    if (await this.#has(files, url)) return true;
    const path = this.#path(files, url, schema);
    const entry = path === undefined ? undefined : readEntry(path);
    if (entry === undefined) return false;
    await this.setCachedModelDef(url.toString(), entry);
    return this.#has(files, url);
  }

  /** Keeps a file that Malloy has compiled, for the next process. */
  async keep(files: ModelFiles, url: URL, schema: string): Promise<void> {
    const path = this.#path(files, url, schema);
    if (this.#folder === undefined || path === undefined || existsSync(path)) return;
    const compiled = await this.getCachedModelDef(files, url.toString());
    if (compiled) writeEntry(this.#folder, path, compiled);
  }

  async #has(files: ModelFiles, url: URL): Promise<boolean> {
    return (await this.getCachedModelDef(files, url.toString())) !== undefined;
  }

  /** Undefined where nothing is kept, or an import is missing. */
  #path(files: ModelFiles, url: URL, schema: string): string | undefined {
    if (this.#folder === undefined) return undefined;
    const all = [url, ...files.allImportsOf(url)];
    if (!all.every((each) => files.canRead(each))) return undefined;
    const parts = all.map((each) => `${each.toString()} ${files.read(each).invalidationKey}`);
    const hash = createHash('sha256');
    for (const part of [malloyVersion, process.versions.v8, schema, ...parts]) hash.update(`${part}\n`);
    return join(this.#folder, `${hash.digest('hex')}.bin`);
  }
}

function readEntry(path: string): CachedModel | undefined {
  try {
    const entry = deserialize(inflateRawSync(readFileSync(path))) as CachedModel;
    // Malloy keeps names in an object without a prototype, which a copy has not.
    entry.modelDef.contents = Object.assign(Object.create(null) as object, entry.modelDef.contents);
    const now = new Date();
    utimesSync(path, now, now);
    return entry;
  } catch {
    // Not there, or damaged: then it is made anew.
    remove(path);
    return undefined;
  }
}

/** Under another name first: another process may read it. */
function writeEntry(folder: string, path: string, entry: CachedModel): void {
  const draft = `${path}.${randomUUID()}.new`;
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(draft, deflateRawSync(serialize(entry), { level: 1 }));
    renameSync(draft, path);
    prune(folder);
  } catch {
    remove(draft);
  }
}

function prune(folder: string): void {
  const entries = readdirSync(folder)
    .map((name) => ({
      path: join(folder, name),
      stat: statSync(join(folder, name), { throwIfNoEntry: false }),
    }))
    .flatMap(({ path, stat }) => (stat ? [{ path, bytes: stat.size, readAt: stat.mtimeMs }] : []))
    .sort((a, b) => b.readAt - a.readAt);
  let bytes = 0;
  for (const entry of entries) {
    bytes += entry.bytes;
    if (bytes > folderBytesMax) remove(entry.path);
  }
}

/** If it can be; what stays is looked at again with the next entry. */
function remove(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // A cache that cannot be tidied is no reason to fail.
  }
}
