import type { URLReader } from '@malloydata/malloy';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { fileStamp } from '../../data/files.ts';
import type { Project } from '../../data/project.ts';

interface ModelFile {
  contents: string;
  /** A hash of the contents: what Malloy's cache of compiled files goes by. */
  invalidationKey: string;
  /** Undefined for a text that stands in for the file. */
  stamp: string | undefined;
  imports: URL[];
  /** Whether a text of raw SQL in it seems to read files: their columns are no table's. */
  readsFiles: boolean;
}

/** Reads model files for the compiler, each once; remembers them to notice edits and to show offending lines. */
export class ModelFiles implements URLReader {
  readonly #instead: ReadonlyMap<string, string>;
  readonly #rewrite: ((text: string) => string) | undefined;
  readonly #isWhole: boolean;
  readonly #read = new Map<string, ModelFile>();
  /** What was asked for and is not there: it may come. */
  readonly #missing = new Set<string>();

  /**
   * @param instead texts that stand in for files (a built mart's table for its definition), by URL
   * @param rewrite changes every text that is read, those that stand in too
   * @param isWhole the texts of `instead` are all there are: no file is read
   */
  constructor(
    instead: ReadonlyMap<string, string> = new Map(),
    rewrite?: (text: string) => string,
    isWhole = false,
  ) {
    this.#instead = instead;
    this.#rewrite = rewrite;
    this.#isWhole = isWhole;
  }

  /** Throws where the file is missing or is no `.malloy` file. */
  read(url: URL): ModelFile {
    const key = url.toString();
    const known = this.#read.get(key);
    if (known) return known;
    if (!key.endsWith('.malloy')) throw new Error(`${key} is not a .malloy file`);
    const instead = this.#instead.get(key);
    if (instead === undefined && this.#isWhole) throw new Error(`${key} was not there`);
    const stamp = instead === undefined ? fileStamp(fileURLToPath(url)) : undefined;
    const text = instead ?? this.#textOfFile(url);
    const contents = this.#rewrite?.(text) ?? text;
    const invalidationKey = createHash('sha256').update(contents).digest('hex');
    const file = {
      ...{ contents, invalidationKey, stamp },
      imports: importsIn(contents, url),
      readsFiles: /\bread_\w+\s*\(/.test(contents),
    };
    this.#read.set(key, file);
    return file;
  }

  #textOfFile(url: URL): string {
    try {
      return readFileSync(fileURLToPath(url), 'utf8');
    } catch (error) {
      this.#missing.add(url.toString());
      throw error;
    }
  }

  canRead(url: URL): boolean {
    try {
      this.read(url);
      return true;
    } catch {
      return false;
    }
  }

  /** The files a file imports, in its order. */
  importsOf(url: URL): URL[] {
    return this.read(url).imports;
  }

  /** The files it imports, and those they import, once each. */
  allImportsOf(url: URL): URL[] {
    const found = new Map<string, URL>();
    const visit = (from: URL) => {
      for (const imported of this.importsOf(from)) {
        if (found.has(imported.toString())) continue;
        found.set(imported.toString(), imported);
        if (this.canRead(imported)) visit(imported);
      }
    };
    visit(url);
    return [...found.values()];
  }

  readURL = (url: URL): Promise<ModelFile> => Promise.resolve().then(() => this.read(url));

  getInvalidationKey = (url: URL): Promise<string | null> =>
    Promise.resolve().then(() => (url.protocol === 'file:' ? this.read(url).invalidationKey : null));

  textOf = (url: string): string | undefined => this.#read.get(url)?.contents;

  /** What was read of a folder's models, tests aside, by path relative to it, sorted. */
  textsIn(folder: string): Record<string, string> {
    const base = pathToFileURL(`${folder}/`).toString();
    return Object.fromEntries(
      [...this.#read]
        .filter(([url]) => url.startsWith(base) && !url.endsWith('.test.malloy'))
        .map(([url, { contents }]) => [url.slice(base.length), contents] as const)
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    );
  }

  /** True where a file that was read has been edited or removed since, or one that was missing is there. */
  get isStale(): boolean {
    return (
      [...this.#read].some(
        ([url, { stamp }]) => stamp !== undefined && fileStamp(fileURLToPath(url)) !== stamp,
      ) || [...this.#missing].some((url) => existsSync(fileURLToPath(url)))
    );
  }
}

const importStatement = /^\s*import\s[^'"]*(['"])(?<path>.+?)\1/gm;

/** The text without what `importsOf` finds in it. */
export function withoutImports(contents: string): string {
  return contents.replaceAll(importStatement, '');
}

function importsIn(contents: string, url: URL): URL[] {
  const imports = contents.matchAll(importStatement);
  const paths = [...imports].map((match) => match.groups?.['path'] ?? '');
  // Malloy reports what is no URL where it is imported.
  return paths.filter((path) => URL.canParse(path, url.toString())).map((path) => new URL(path, url));
}

/** The `.malloy` files of a folder and its subfolders, tests aside (or only tests), sorted; none where it is missing. */
export function malloyFiles(folder: string, kind: 'models' | 'tests'): URL[] {
  let names: string[];
  try {
    names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return names
    .filter((name) => name.endsWith('.malloy') && name.endsWith('.test.malloy') === (kind === 'tests'))
    .sort()
    .map((name) => pathToFileURL(join(folder, name)));
}

/** A model file's path, relative to our models/ folder, to the project's folder for its own; '' where it is no file. */
export function modelPath(url: string, project: Project): string {
  if (!url.startsWith('file:')) return '';
  const path = fileURLToPath(url);
  const ours = relative(project.packageModels, path);
  return ours.startsWith('..') ? relative(project.dir, path) : ours;
}
