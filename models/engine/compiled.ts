import { Runtime, type ModelMaterializer } from '@malloydata/malloy';
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { errorMessage } from '../../data/errors.ts';
import type { Project } from '../../data/project.ts';
import type { CompiledCache } from './compiled-cache.ts';
import type { WarehouseConnection } from './connection.ts';
import { malloyFiles, ModelFiles } from './files.ts';
import { builtText, definitionFile, type MartColumn } from './marts.ts';
import type { ModelTexts as RecordedTexts } from './model-versions.ts';
import { modelError } from './problems.ts';
import { shareStages } from './shared-stages.ts';
import type { Account } from '../../data/account.ts';
import { resultColumns } from './describe.ts';
import { givensOf } from './givens.ts';
import type { BrokenModel, CompiledQuery, CompileOptions } from './types.ts';

/** The columns of the marts to read from their tables, by mart; empty: every mart is its definition. */
export type BuiltMarts = ReadonlyMap<string, readonly MartColumn[]>;

/** What the models are compiled from besides their files. */
export interface ModelTexts {
  /** The marts to read from their tables. */
  built: BuiltMarts;
  /** Texts that stand in for files of ours, by path relative to models/. A built mart goes before them. */
  instead?: ReadonlyMap<string, string> | undefined;
  /** Changes every text that is read. */
  rewrite?: ((text: string) => string) | undefined;
  /** Texts of another day, which are all there are: no file is read, the project's own included. */
  recorded?: RecordedTexts | undefined;
}

/** Our models and the project's own, compiled together; ad hoc queries extend them in milliseconds. */
export interface CompiledModels {
  runtime: Runtime;
  materializer: ModelMaterializer;
  files: ModelFiles;
  broken: BrokenModel[];
  /** Compiles a further file (a test, a report) with these models behind its imports. Throws `model_invalid`. */
  compileFile(url: URL): Promise<ModelMaterializer>;
  /** True where a file was edited, added or removed since. */
  isStale(): boolean;
}

/**
 * Compiles models/index.malloy and the files of the project's models/ beside it. A file of the project that does not
 * compile, or names something twice, is left out and reported; one of ours throws `model_invalid`.
 */
export async function compileModels(
  connection: WarehouseConnection,
  project: Project,
  texts: ModelTexts,
  cache: CompiledCache,
): Promise<CompiledModels> {
  const { runtime, files, ours, compileFile, ...recorded } = await prepare(connection, project, texts, cache);
  const index = new URL('index.malloy', ours);
  await compileFile(index);
  let materializer = importing(runtime, [index]);

  const userFiles = recorded.userFiles ?? malloyFiles(project.models, 'models');
  const kept: URL[] = [];
  const broken: BrokenModel[] = [];
  for (const file of userFiles) {
    try {
      await compileFile(file);
      // Together with those before it: a name may be taken.
      const candidate = importing(runtime, [index, ...kept, file]);
      await candidate.getModel();
      kept.push(file);
      materializer = candidate;
    } catch (error) {
      const problem = errorMessage(modelError(error, files.textOf));
      broken.push({ file: relative(project.dir, fileURLToPath(file)), message: problem });
    }
  }
  const listing = userFiles.join('\n');
  const isStale = () => files.isStale || malloyFiles(project.models, 'models').join('\n') !== listing;
  return { runtime, materializer, files, broken, compileFile, isStale };
}

/** Compiles one file of ours with what it imports, and nothing else. Throws `model_invalid`. */
export async function compileAlone(
  connection: WarehouseConnection,
  project: Project,
  texts: ModelTexts,
  cache: CompiledCache,
  path: string,
): Promise<ModelMaterializer> {
  const { ours, compileFile } = await prepare(connection, project, texts, cache);
  return compileFile(new URL(path, ours));
}

interface Prepared extends Pick<CompiledModels, 'runtime' | 'files' | 'compileFile'> {
  /** Our models/ folder. */
  ours: URL;
  userFiles: URL[] | undefined;
}

async function prepare(
  connection: WarehouseConnection,
  project: Project,
  { built, instead = new Map(), rewrite, recorded }: ModelTexts,
  cache: CompiledCache,
): Promise<Prepared> {
  const ours = pathToFileURL(`${project.packageModels}/`);
  const tables = [...built].map(
    ([mart, columns]) => [definitionFile(mart), builtText(mart, columns)] as const,
  );
  const texts = [...Object.entries(recorded?.package ?? {}), ...instead, ...tables].map(
    ([path, text]) => [new URL(path, ours).toString(), text] as const,
  );
  const own = pathToFileURL(`${project.models}/`);
  const recordedFiles = Object.entries(recorded?.project ?? {}).map(
    ([path, text]) => [new URL(path, own), text] as const,
  );
  const published = publishedModels(ours, recorded?.package['index.malloy']);
  const files = new ModelFiles(
    new Map([
      [pathToFileURL(project.publishedModels).toString(), published] as const,
      ...texts,
      ...recordedFiles.map(([url, text]) => [url.toString(), text] as const),
    ]),
    rewrite,
    recorded !== undefined,
  );
  const runtime = new Runtime({ urlReader: files, connection, cacheManager: cache });
  const schema = await connection.schemaDigest();
  const compileFile = fileCompiler(runtime, files, cache, connection, schema);
  return { runtime, files, ours, compileFile, userFiles: recorded && recordedFiles.map(([url]) => url) };
}

/** What stands in for the published file (bundle.ts), in which each of our sources would be a second one. */
function publishedModels(ours: URL, recorded: string | undefined): string {
  const index = new URL('index.malloy', ours);
  const text = recorded ?? readFileSync(index, 'utf8');
  return text.replaceAll(
    /^import '(.*)'/gm,
    (_, path: string) => `import "${new URL(path, index).toString()}"`,
  );
}

/**
 * Compiles a file after those it imports. Malloy would compile a file anew for every path of imports that leads to it
 * (ours: 2,500 compilations, a minute); from the bottom up each is compiled once and then taken from the cache (0.5 s).
 */
function fileCompiler(
  runtime: Runtime,
  files: ModelFiles,
  cache: CompiledCache,
  connection: WarehouseConnection,
  schema: string,
): (url: URL) => Promise<ModelMaterializer> {
  const done = new Set<string>();
  async function visit(url: URL): Promise<void> {
    const key = url.toString();
    if (done.has(key)) return;
    done.add(key);
    if (await cache.restore(files, url, schema)) return;
    for (const imported of files.importsOf(url)) {
      // A file that cannot be read is reported where it is imported.
      if (files.canRead(imported)) await visit(imported);
    }
    await runtime.getModel(url);
  }
  return async (url) => {
    try {
      await visit(url);
      await cache.keep(files, url, schema, () => connection.schemaDigest());
      return runtime.loadModel(url);
    } catch (error) {
      throw modelError(error, files.textOf);
    }
  };
}

function importing(runtime: Runtime, imports: readonly URL[]): ModelMaterializer {
  // A URL has no double quote in it, but may have a single one.
  const lines = imports.map((url) => `import "${url.toString()}"`);
  return runtime.loadModel(['##! experimental.givens', ...lines, ''].join('\n'));
}

/** The SQL of a query text over compiled models. Throws `model_invalid`, `query_refused`. */
export async function compileQuery(
  { materializer }: CompiledModels,
  malloy: string,
  options: CompileOptions,
  account: Account,
): Promise<CompiledQuery> {
  try {
    const query = options.restricted
      ? materializer.loadRestrictedQuery(malloy)
      : materializer.loadQuery(malloy);
    const prepared = await query.getPreparedResult({
      givens: givensOf(options, account),
      ...(options.rowLimit === undefined ? {} : { defaultRowLimit: options.rowLimit }),
    });
    return { sql: shareStages(prepared.sql), columns: resultColumns(prepared.resultExplore) };
  } catch (error) {
    throw modelError(error, () => malloy);
  }
}
