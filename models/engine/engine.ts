import type { ModelMaterializer, QueryMaterializer, Runtime } from '@malloydata/malloy';
import { pathToFileURL } from 'node:url';
import { LiveAccount, type Account } from '../../data/account.ts';
import { toTimestamp } from '../../data/clock.ts';
import { MallardError } from '../../data/errors.ts';
import type { Session } from '../../data/owner/session.ts';
import type { Warehouse } from '../../data/owner/warehouse.ts';
import { asideTable, buildMarts } from './build.ts';
import { martColumns, readCatalogue } from './catalogue.ts';
import {
  compileAlone,
  compileModels,
  compileQuery,
  type BuiltMarts,
  type CompiledModels,
  type ModelTexts,
} from './compiled.ts';
import { CompiledCache } from './compiled-cache.ts';
import { WarehouseConnection, type Read } from './connection.ts';
import { compileDataTests, runDataTests, selectTests } from './data-tests.ts';
import { givensOf } from './givens.ts';
import { builtText, definitionFile, definitionOf, marts, type MartColumn } from './marts.ts';
import type { MetricsAnswer } from './metrics/answer.ts';
import { computeCohorts, type CohortMatrix } from './metrics/cohorts.ts';
import { computeMetrics } from './metrics/compute.ts';
import { readMetrics, type Metric } from './metrics/metric.ts';
import type { MetricsRequest } from './metrics/request.ts';
import { Lineage } from './lineage/lineage.ts';
import { recordModelVersion, versionOf, type ModelTexts as RecordedTexts } from './model-versions.ts';
import { modelError } from './problems.ts';
import { shareStages } from './shared-stages.ts';
import { recordSnapshot } from './snapshots.ts';
import { StateMemo } from './state-memo.ts';
import { builtAt, builtMarts, columnNames, recordedAt, schemaFingerprint, standingMarts } from './state.ts';
import { criteriaCatalogue } from '../criteria/from-catalogue.ts';
import type { CriteriaCatalogue } from '../criteria/types.ts';
import { rulesInForce, type RulesInForce } from '../scores/in-force.ts';
import type { RuleContext } from '../scores/definition.ts';
import { recordRules, ruleVersions } from '../scores/versions.ts';
import type {
  BuildResult,
  Catalogue,
  CompiledQuery,
  CompileOptions,
  ModelQueryResult,
  QueryOptions,
  TestResult,
  TestSelection,
  TimeOptions,
} from './types.ts';

export type * from './types.ts';

/** Models of which every text is rewritten. */
export interface World {
  /** What the engine knows it by; the same name is the same rewriting. */
  name: string;
  rewrite: (text: string) => string;
  /** Marts to read from their tables, whatever these are as of; the others are their definitions. Default none. */
  built?: readonly string[];
}

/** The models with every mart as its definition, and what that says of the marts. */
interface Definitions {
  models: CompiledModels;
  columns: ReadonlyMap<string, readonly MartColumn[]>;
  fingerprint: string;
  /** What the lead score's definition was made from. */
  scoreRules: RulesInForce;
  /** The query of each mart's build, by mart and the marts that it reads from their tables. */
  builds: Map<string, QueryMaterializer>;
  /** Read when first asked for. */
  catalogue?: Promise<Catalogue>;
  metrics?: Promise<Metric[]>;
  lineage?: Promise<Lineage>;
}

/**
 * Compiles, queries, builds and tests the Malloy models of the package and of the project.
 *
 * A mart is read from its table where that was built as of the very time that is asked for, and from its definition
 * otherwise. To that end the models are compiled in variants: in a variant, some marts' definition files are replaced by
 * a source over the table. Everything downstream, the project's own files too, follows without knowing.
 */
export class ModelEngine {
  readonly #warehouse: Warehouse;
  readonly #state: StateMemo;
  #liveAccount: LiveAccount;
  #cache: CompiledCache;
  #definitions: Promise<Definitions> | undefined;
  #variants = new Map<string, Promise<CompiledModels>>();
  /** What the newest build was compiled from. */
  #builtFrom: Definitions | undefined;

  constructor(warehouse: Warehouse) {
    this.#warehouse = warehouse;
    this.#state = new StateMemo(warehouse);
    this.#liveAccount = new LiveAccount(warehouse.project);
    this.#cache = this.#emptyCache();
  }

  /**
   * The SQL of a query text such as `run: deals -> { … }` over what models/index.malloy and the project's models export.
   * Throws `model_invalid` with file, line, column and a caret; `query_refused` for what restricted text may not do.
   */
  async compileSql(malloy: string, options: CompileOptions): Promise<CompiledQuery> {
    return compileQuery(await this.#modelsFor(options), malloy, options, this.#account);
  }

  /** Compiles and reads. For small results: all rows are held in memory. */
  async query(malloy: string, options: QueryOptions): Promise<ModelQueryResult> {
    const restricted = options.restricted ?? false;
    const { sql, columns } = await this.compileSql(malloy, { ...options, restricted });
    const { timeoutMs, signal } = options;
    if (!restricted) {
      const rows = await this.#warehouse.read((session) => session.rows(sql), { timeoutMs, signal });
      return { columns, rows };
    }
    const rowLimit = options.rowLimit ?? Number.MAX_SAFE_INTEGER;
    const { rows } = await this.#warehouse.untrusted(sql, { timeoutMs, signal, rowLimit });
    return { columns, rows };
  }

  /**
   * Builds the marts (all, or those named) as of a time, from one snapshot and together: readers see the old set until
   * the new one stands. Throws `model_invalid`, `not_found` for a name that is no mart.
   */
  async build(options: { asOf: Date; marts?: readonly string[] | undefined }): Promise<BuildResult[]> {
    const asked = options.marts;
    const unknown = asked?.find((name) => !(marts as readonly string[]).includes(name));
    if (unknown !== undefined) {
      throw new MallardError('not_found', `There is no mart '${unknown}'; there are ${marts.join(', ')}.`);
    }
    const names = marts.filter((name) => asked === undefined || asked.includes(name));
    const { clock, project } = this.#warehouse;
    const definitions = await this.#recordRules(options.asOf);
    const version = versionOf(definitions.models.files, project);
    const results = await this.#warehouse.build.exclusive((session) => {
      // Before the transaction, hence before its snapshot.
      const settledBefore = this.#warehouse.settledBefore();
      return buildMarts(
        session,
        clock,
        names,
        (mart, before) => this.#definitionSql(mart, before, session, definitions, options),
        toTimestamp(options.asOf),
        async () => {
          await recordModelVersion(session, version, clock.now());
          if (names.includes('contact_facts'))
            await recordSnapshot(session, { asOf: options.asOf, settledBefore }, clock.now());
        },
      );
    });
    // Variants hold the types of the built tables' columns; those of the same definitions have the same.
    if (this.#builtFrom !== definitions) {
      this.#variants.clear();
      this.#cache = this.#emptyCache();
    }
    this.#builtFrom = definitions;
    const { broken } = definitions.scoreRules;
    return results.map((result) =>
      result.mart === 'lead_scores' && broken[0]
        ? { ...result, warning: `The rules of before were used. ${broken[0].message}` }
        : result,
    );
  }

  /** The lead score's rules in force, recorded as a version where they are new. Throws `model_invalid`. */
  async scoreRules(): Promise<RulesInForce> {
    return (await this.#recordRules(this.#warehouse.clock.now())).scoreRules;
  }

  /** The catalogue and the zone that rules are compiled with. */
  async scoreContext(): Promise<RuleContext> {
    return { catalogue: ruleCatalogue(await this.catalogue()), zone: this.#account.time_zone };
  }

  /**
   * The SQL of a query over the models in another world: every text that is read, rewritten. A world is compiled once and goes
   * by its name. Throws like `compileSql`; `conflict` where a mart that it reads has not been built as it is defined now.
   */
  async compileInWorld(world: World, malloy: string, options: CompileOptions): Promise<CompiledQuery> {
    const { scoreRules, columns } = await this.#getDefinitions();
    const key = `world ${world.name}`;
    const known = await this.#variants.get(key)?.catch(() => undefined);
    const built = world.built ?? [];
    const models =
      known && !known.isStale()
        ? Promise.resolve(known)
        : this.#checkStanding(built, columns).then(() =>
            this.#compile(this.#read, pick(columns, built), {
              instead: scoreRules.instead,
              rewrite: world.rewrite,
            }),
          );
    this.#variants.set(key, models);
    return compileQuery(await models, malloy, options, this.#account);
  }

  /** The SQL of a mart's definition in another world, with the columns that its table has. Throws like `compileInWorld`. */
  async martInWorld(world: World, mart: string, options: TimeOptions): Promise<string> {
    const { columns, scoreRules, models } = await this.#getDefinitions();
    try {
      const definition = await compileAlone(
        new WarehouseConnection(this.#read),
        this.#warehouse.project,
        {
          built: pick(columns, world.built ?? []),
          instead: scoreRules.instead,
          rewrite: world.rewrite,
        },
        this.#cache,
        definitionFile(mart),
      );
      const query = definition.loadQuery(selectMart(mart, columns));
      return shareStages(await query.getSQL({ givens: givensOf(options, this.#account) }));
    } catch (error) {
      throw modelError(error, models.files.textOf);
    }
  }

  /** Runs data tests (`*.test.malloy`): a row that a test yields is a failure. Throws `not_found` for an unknown name. */
  async test(options: TimeOptions & TestSelection): Promise<TestResult[]> {
    const models = await this.#modelsFor(options);
    const tests = await compileDataTests(models, this.#warehouse.project, givensOf(options, this.#account));
    return runDataTests(this.#read, selectTests(tests, options.names), options);
  }

  /** What the models offer: fields of the marts, measures, sources, segments; and which files of the project are broken. */
  async catalogue(): Promise<Catalogue> {
    const definitions = await this.#getDefinitions();
    definitions.catalogue ??= readCatalogue(definitions.models, this.#warehouse.project);
    const catalogue = await definitions.catalogue;
    return { ...catalogue, broken: [...catalogue.broken, ...definitions.scoreRules.broken] };
  }

  /** What is tagged `#(metric)` in what models/index.malloy and the project's models export. */
  async metrics(): Promise<Metric[]> {
    const definitions = await this.#getDefinitions();
    definitions.metrics ??= definitions.models.materializer.getModel().then(readMetrics);
    return definitions.metrics;
  }

  /** Figures of metrics: see computeMetrics. */
  async computeMetrics(request: MetricsRequest): Promise<MetricsAnswer> {
    return computeMetrics(this, this.#account, await this.metrics(), request);
  }

  /** Customers by the period of their first order: see computeCohorts. */
  async computeCohorts(options: Parameters<typeof computeCohorts>[2]): Promise<CohortMatrix> {
    return computeCohorts(this, this.#account, options);
  }

  /** When the newest row that is known came to the tables of core that each metric is made of, ISO. */
  async recordedAt(metrics: readonly Metric[], { knownAt }: TimeOptions): Promise<Map<Metric, string>> {
    const lineage = await this.lineage();
    const tables = new Map(metrics.map((metric) => [metric, coreTables(lineage, metric)]));
    const all = [...new Set([...tables.values()].flat())];
    const times = await this.#read((session) => recordedAt(session, all, knownAt && toTimestamp(knownAt)));
    return new Map(
      metrics.flatMap((metric) => {
        const newest = tables
          .get(metric)
          ?.flatMap((table) => times.get(table) ?? [])
          .sort()
          .at(-1);
        return newest === undefined ? [] : [[metric, newest] as const];
      }),
    );
  }

  /** When the marts that a time reads were built, ISO; undefined where it reads none. */
  async builtAt({ asOf, knownAt }: TimeOptions): Promise<string | undefined> {
    if (knownAt !== undefined) return undefined;
    return this.#read((session) => builtAt(session, toTimestamp(asOf)));
  }

  /** From the catalogue's fields down to the columns of the warehouse: always of the definitions, never of built tables. */
  async lineage(): Promise<Lineage> {
    const definitions = await this.#getDefinitions();
    if (!definitions.lineage) {
      definitions.lineage = this.#readLineage(definitions);
      definitions.lineage.catch(() => delete definitions.lineage);
    }
    return definitions.lineage;
  }

  async #readLineage({ models }: Definitions): Promise<Lineage> {
    const columns = new Set(await this.#read(columnNames));
    return Lineage.read(models, await this.catalogue(), this.#warehouse.project, columns);
  }

  /**
   * Compiles a Malloy file that imports the models, such as a report, with built marts behind its imports where the time
   * allows. Use `givens` with everything compiled from it. Throws `model_invalid`.
   */
  async compileFile(
    path: string,
    options: TimeOptions,
  ): Promise<{ model: ModelMaterializer; runtime: Runtime; givens: Record<string, string> }> {
    const models = await this.#modelsFor(options);
    const model = await models.compileFile(pathToFileURL(path));
    return { model, runtime: models.runtime, givens: givensOf(options, this.#account) };
  }

  /** The models with every mart as its definition. */
  async definitions(): Promise<CompiledModels> {
    return (await this.#getDefinitions()).models;
  }

  /** Compiles the texts of another day, every mart being its definition. Throws `model_invalid` where they no longer compile. */
  compileRecorded(texts: RecordedTexts): Promise<CompiledModels> {
    return compileModels(
      new WarehouseConnection(this.#read),
      this.#warehouse.project,
      { built: new Map(), recorded: texts },
      this.#cache,
    );
  }

  /** Forgets everything compiled. Edited files, new tables and the account's edits are noticed without; a changed column is not. */
  invalidate(): void {
    this.#liveAccount = new LiveAccount(this.#warehouse.project);
    this.#cache = this.#emptyCache();
    this.#definitions = undefined;
    this.#variants.clear();
  }

  /** The variant that serves a time: with the marts that were built as of it. */
  async #modelsFor(options: TimeOptions): Promise<CompiledModels> {
    const definitions = await this.#getDefinitions();
    if (options.knownAt !== undefined) return definitions.models;
    const names = namesOf(definitions.columns);
    const asOf = toTimestamp(options.asOf);
    const built = await this.#state.read(`built ${asOf} ${[...names.values()].join()}`, (session) =>
      builtMarts(session, asOf, names),
    );
    if (built.length === 0) return definitions.models;
    const key = built.join();
    const known = await this.#variants.get(key)?.catch(() => undefined);
    if (known && !known.isStale()) return known;
    const variant = this.#compile(this.#read, pick(definitions.columns, built), definitions.scoreRules);
    this.#variants.set(key, variant);
    return variant;
  }

  async #checkStanding(names: readonly string[], columns: Definitions['columns']): Promise<void> {
    if (names.length === 0) return;
    const standing = await this.#read((session) => standingMarts(session, namesOf(columns)));
    const missing = names.filter((name) => !standing.includes(name));
    if (missing.length === 0) return;
    throw new MallardError('conflict', `${missing.join(', ')}: not built as defined now.`, {
      remedy: 'Run `mallard build` first.',
    });
  }

  async #getDefinitions(): Promise<Definitions> {
    for (;;) {
      const current = this.#definitions;
      const known = await current?.catch(() => undefined);
      const fingerprint = await this.#state.read('schema', schemaFingerprint);
      // Whoever came first has begun anew already.
      if (this.#definitions !== current) continue;
      if (known?.fingerprint === fingerprint && !known.models.isStale() && !known.scoreRules.isStale())
        return known;
      if (known && known.fingerprint !== fingerprint) this.#cache = this.#emptyCache();
      this.#variants.clear();
      this.#definitions = this.#define(fingerprint);
      return this.#definitions;
    }
  }

  async #define(fingerprint: string): Promise<Definitions> {
    const plain = await this.#compile(this.#read, new Map());
    const catalogue = readCatalogue(plain, this.#warehouse.project);
    const [newest] = await this.#read(ruleVersions);
    const scoreRules = rulesInForce(this.#warehouse.project, newest, {
      catalogue: ruleCatalogue(await catalogue),
      zone: this.#account.time_zone,
    });
    const isPlain = scoreRules.instead.size === 0;
    const models = isPlain ? plain : await this.#compile(this.#read, new Map(), scoreRules);
    const columns = new Map<string, readonly MartColumn[]>();
    for (const mart of marts) {
      const definition = await models.compileFile(this.#definitionUrl(mart));
      columns.set(mart, martColumns(await definition.getModel(), definitionOf(mart)));
    }
    const known = isPlain ? { catalogue } : {};
    return { models, columns, fingerprint, scoreRules, builds: new Map(), ...known };
  }

  /** The definitions, their rules recorded. */
  async #recordRules(asOf: Date): Promise<Definitions> {
    for (;;) {
      const definitions = await this.#getDefinitions();
      const version = await recordRules(this.#warehouse, definitions.scoreRules, asOf);
      if (version === definitions.scoreRules.version) return definitions;
      this.#definitions = undefined;
    }
  }

  /** The SQL of a mart's definition. It is compiled once: to do so at every build would hold up the event loop. */
  async #definitionSql(
    mart: string,
    before: readonly string[],
    session: Session,
    definitions: Definitions,
    options: TimeOptions,
  ): Promise<string> {
    const { files } = definitions.models;
    const reads = files.allImportsOf(this.#definitionUrl(mart)).map(String);
    const replaced = before.filter((name) => reads.includes(this.#definitionUrl(name).toString()));
    const key = [mart, ...replaced].join();
    try {
      const query =
        definitions.builds.get(key) ?? (await this.#compileBuild(mart, replaced, session, definitions));
      const sql = await query.getSQL({ givens: givensOf(options, this.#account) });
      definitions.builds.set(key, query);
      return shareStages(sql);
    } catch (error) {
      throw modelError(error, files.textOf);
    }
  }

  /** Compiled on the building session, which alone sees the marts made so far. */
  async #compileBuild(
    mart: string,
    replaced: readonly string[],
    session: Session,
    { models, columns, scoreRules }: Definitions,
  ): Promise<QueryMaterializer> {
    const standIns = [...pick(columns, replaced)].map(
      ([before, of]) => [definitionFile(before), builtText(before, of, asideTable(before))] as const,
    );
    const definition =
      replaced.length === 0
        ? await models.compileFile(this.#definitionUrl(mart))
        : await compileAlone(
            new WarehouseConnection((work) => work(session)),
            this.#warehouse.project,
            { built: new Map(), instead: new Map([...scoreRules.instead, ...standIns]) },
            this.#cache,
            definitionFile(mart),
          );
    return definition.loadQuery(selectMart(mart, columns));
  }

  #compile(
    read: Read,
    built: BuiltMarts,
    { instead, rewrite }: Pick<ModelTexts, 'instead' | 'rewrite'> = {},
  ): Promise<CompiledModels> {
    const texts = { built, instead, rewrite };
    return compileModels(new WarehouseConnection(read), this.#warehouse.project, texts, this.#cache);
  }

  /** It goes by the texts of files, and would hand out columns of before. */
  #emptyCache(): CompiledCache {
    return new CompiledCache(this.#warehouse.project.compiledModels);
  }

  get #account(): Account {
    return this.#liveAccount.current;
  }

  #read: Read = (work) => this.#warehouse.read(work);

  #definitionUrl(mart: string): URL {
    return new URL(definitionFile(mart), pathToFileURL(`${this.#warehouse.project.packageModels}/`));
  }
}

function selectMart(mart: string, columns: Definitions['columns']): string {
  const names = columns.get(mart)?.map(({ name }) => `\`${name}\``) ?? [];
  return `run: ${definitionOf(mart)} -> { select: ${names.join(', ')} }`;
}

/** The names of each mart's columns. */
function namesOf(columns: Definitions['columns']): Map<string, string[]> {
  return new Map([...columns].map(([mart, each]) => [mart, each.map(({ name }) => name)]));
}

function pick<T>(map: ReadonlyMap<string, T>, keys: readonly string[]): Map<string, T> {
  return new Map([...map].filter(([key]) => keys.includes(key)));
}

/** Rules of the score name our fields: the project's own are computed from sources above it. */
function ruleCatalogue(catalogue: Catalogue): CriteriaCatalogue {
  return criteriaCatalogue({
    ...catalogue,
    fields: catalogue.fields.filter(({ source }) => source === undefined),
  });
}

/** The tables of core whose columns make a metric's value. */
function coreTables(lineage: Lineage, { source, field }: Metric): string[] {
  const columns = lineage.of(`${source}.${field}`)?.columns ?? [];
  const tables = columns.map((column) => column.split('.').slice(0, 2).join('.'));
  return [...new Set(tables.filter((table) => table.startsWith('core.')))];
}
