import { version as duckdbVersion } from '@duckdb/node-api';
import { CacheManager, InMemoryModelCache, type CachedModel, type URLReader } from '@malloydata/malloy';
import { createHash, randomUUID } from 'node:crypto';
import {
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

/** To be raised where connection.ts describes the same tables otherwise than before. */
const format = 1;
/** Beyond this many bytes the files read longest ago go. One of all our models takes 0.5 MB. */
const folderBytesMax = 64 * 2 ** 20;

const { version: malloyVersion } = createRequire(import.meta.url)('@malloydata/malloy/package.json') as {
  version: string;
};

/** How many of a file are held in memory: by the texts of what it imports it is another. */
const variantsMax = 12;

/** Compiled files by URL. */
type Entry = Map<string, CachedModel>;

/**
 * Malloy's cache of compiled files, kept on disk between processes: compiling all of ours takes 3.5 s of processor time in a
 * cold process, reading them 0.2 s.
 *
 * A file goes by its text and the texts of all that it imports, so that compilations of several texts at a time do not displace
 * each other's: Malloy's own cache has one of each URL, and compiles what it misses once for every path of imports.
 *
 * An entry holds a file with all that it imports, those aside that another entry has. Its name is a hash of what it was made
 * from: the texts with their URLs, the columns of every table, and the versions of Malloy and DuckDB. So nothing is ever out of
 * date; what nobody reads is removed in time. A file that cannot be read or written is as good as none. In V8's format, not in JSON, and
 * together: imports share their parts, and JSON would repeat them (index.malloy: 87 MB instead of 2.5).
 */
export class CompiledCache extends CacheManager {
  readonly #folder: string;
  /** By URL, the newest first. */
  readonly #compiled = new Map<string, CachedModel[]>();
  /** Hashes of the files that are on the disk, in whatever entry. */
  readonly #kept = new Set<string>();

  /** @param folder where entries are kept */
  constructor(folder: string) {
    super(new InMemoryModelCache());
    this.#folder = folder;
  }

  override async getCachedModelDef(urlReader: URLReader, url: string): Promise<CachedModel | undefined> {
    for (const compiled of this.#compiled.get(url) ?? [])
      if (await isOf(urlReader, compiled)) return compiled;
    return undefined;
  }

  override setCachedModelDef(url: string, { modelDef, invalidationKeys }: CachedModel): Promise<boolean> {
    const dependencies = namesIn(modelDef.dependencies);
    const keys = [url, ...dependencies].map((each) => [each, invalidationKeys[each] ?? null] as const);
    if (keys.some(([, key]) => key === null)) return Promise.resolve(false);
    // Of the tree only the names are read, each as often as there are paths to it: ours 2,500 times.
    modelDef.dependencies = Object.fromEntries(dependencies.map((each) => [each, {}]));
    const others = (this.#compiled.get(url) ?? []).filter(
      (other) => !keys.every(([each, key]) => other.invalidationKeys[each] === key),
    );
    const compiled = { modelDef, invalidationKeys: Object.fromEntries(keys) };
    this.#compiled.set(url, [compiled, ...others].slice(0, variantsMax));
    return Promise.resolve(true);
  }

  /**
   * True where Malloy will find the compiled file, brought from the disk if need be.
   * @param schema a digest of the columns of every table
   */
  async restore(files: ModelFiles, url: URL, schema: string): Promise<boolean> {
    if (await this.#find(files, url)) return true;
    const hash = hashOf(files, url, schema);
    const entry = hash && readEntry(join(this.#folder, `${hash}.bin`));
    if (!entry) return false;
    for (const [each, compiled] of entry) {
      await this.setCachedModelDef(each, compiled);
      this.#kept.add(hashOf(files, new URL(each), schema) ?? '');
    }
    return (await this.#find(files, url)) !== undefined;
  }

  /**
   * Keeps a file that Malloy has compiled, with what it imports, for the next process.
   * @param schema the digest from before it was compiled
   * @param schemaNow asked for once it was: where it is another, what was compiled may be of either
   */
  async keep(files: ModelFiles, url: URL, schema: string, schemaNow: () => Promise<string>): Promise<void> {
    const hash = hashOf(files, url, schema);
    if (!hash || this.#kept.has(hash) || (await schemaNow()) !== schema) return;
    const entry: Entry = new Map();
    for (const each of [url, ...files.allImportsOf(url)]) {
      const itsHash = hashOf(files, each, schema);
      const compiled = await this.#find(files, each);
      if (!itsHash || !compiled || this.#kept.has(itsHash)) continue;
      this.#kept.add(itsHash);
      entry.set(each.toString(), compiled);
    }
    writeEntry(this.#folder, join(this.#folder, `${hash}.bin`), entry);
  }

  #find(files: ModelFiles, url: URL): Promise<CachedModel | undefined> {
    return this.getCachedModelDef(files, url.toString());
  }
}

async function isOf(urlReader: URLReader, { invalidationKeys }: CachedModel): Promise<boolean> {
  for (const [url, key] of Object.entries(invalidationKeys)) {
    const now = await urlReader.getInvalidationKey?.(new URL(url)).catch(() => null);
    if (now !== key) return false;
  }
  return true;
}

interface Tree {
  [name: string]: Tree;
}

function namesIn(tree: Tree, found = new Set<string>()): string[] {
  for (const [name, below] of Object.entries(tree)) {
    if (found.has(name)) continue;
    found.add(name);
    namesIn(below, found);
  }
  return [...found];
}

/** Undefined where an import is missing, or a text reads files, whose columns nothing here tells. */
function hashOf(files: ModelFiles, url: URL, schema: string): string | undefined {
  const all = [url, ...files.allImportsOf(url)];
  if (!all.every((each) => files.canRead(each) && !files.read(each).readsFiles)) return undefined;
  const texts = all.map((each) => `${each.toString()} ${files.read(each).invalidationKey}`);
  return createHash('sha256')
    .update([format, malloyVersion, duckdbVersion(), process.versions.v8, schema, ...texts].join('\n'))
    .digest('hex');
}

function readEntry(path: string): Entry | undefined {
  try {
    const entry = deserialize(inflateRawSync(readFileSync(path))) as Entry;
    // Malloy keeps names in an object without a prototype, which a copy has not.
    for (const { modelDef } of entry.values())
      modelDef.contents = Object.assign(Object.create(null) as object, modelDef.contents);
    touch(path);
    return entry;
  } catch {
    // Not there, or damaged: then it is made anew.
    remove(path);
    return undefined;
  }
}

/** Read just now: pruned last. Another user's file stays as it is. */
function touch(path: string): void {
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch {
    // Then it is pruned by when it was written.
  }
}

/** Under another name first: another process may read it. */
function writeEntry(folder: string, path: string, entry: Entry): void {
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
