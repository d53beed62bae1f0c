import { cpSync, mkdtempSync, readdirSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MalloyTranslator, Runtime } from '@malloydata/malloy';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { Project } from '../../data/project.ts';
import { Warehouse } from '../../data/owner/warehouse.ts';
import { CompiledCache } from '../../models/engine/compiled-cache.ts';
import { WarehouseConnection } from '../../models/engine/connection.ts';
import { ModelFiles } from '../../models/engine/files.ts';
import { ModelEngine } from '../../models/engine/engine.ts';
import { asOf } from './fixture.ts';
import { openTestWarehouse, tempFolder, testClock } from '../support.ts';

const query = 'run: contact_facts -> { group_by: lifecycle_stage; aggregate: contact_count }';
/** What one compilation of everything left. */
let compiledBefore: string;
let folder: string;

beforeAll(async () => {
  compiledBefore = mkdtempSync(join(tmpdir(), 'mallard-test-'));
  vi.stubEnv('MALLARD_COMPILED_MODELS', compiledBefore);
  const project = new Project(mkdtempSync(join(tmpdir(), 'mallard-test-')));
  const warehouse = await Warehouse.open(project, { clock: testClock });
  await everything(new ModelEngine(warehouse));
  await warehouse.close();
  rmSync(project.dir, { recursive: true });
});
afterAll(() => rmSync(compiledBefore, { recursive: true }));

beforeEach(() => {
  folder = tempFolder();
  cpSync(compiledBefore, folder, { recursive: true });
  vi.stubEnv('MALLARD_COMPILED_MODELS', folder);
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

/** What an engine without any memory answers, and how many files were compiled for it. */
async function cold<T>(warehouse: Warehouse, ask: (engine: ModelEngine) => Promise<T>) {
  const translate = vi.spyOn(MalloyTranslator.prototype, 'translate');
  const answer = await ask(new ModelEngine(warehouse));
  const urls = (translate.mock.contexts as MalloyTranslator[]).map(({ sourceURL }) => sourceURL);
  translate.mockRestore();
  return { answer, compiled: new Set(urls.filter((url) => url.startsWith('file:'))).size };
}

async function everything(engine: ModelEngine) {
  return {
    sql: await sqlOf(engine),
    catalogue: await engine.catalogue(),
    metrics: await engine.metrics(),
    lineage: (await engine.lineage()).of('contact_facts.order_count'),
  };
}

const sqlOf = (engine: ModelEngine) => engine.compileSql(query, { asOf, restricted: false });
const entries = () => readdirSync(folder).map((name) => join(folder, name));

test('another process reads what the first one compiled, and answers the same', async () => {
  const { warehouse } = await openTestWarehouse();
  const second = await cold(warehouse, everything);
  expect(second.compiled).toBe(0);
  vi.stubEnv('MALLARD_COMPILED_MODELS', tempFolder());
  const first = await cold(warehouse, everything);
  expect(first.compiled).toBeGreaterThan(50);
  expect(second.answer).toEqual(first.answer);
});

test('an edited file, a new one and a new column are compiled anew', async () => {
  const { project, warehouse } = await openTestWarehouse();
  const file = join(project.models, 'big.malloy');
  const countOf = async () => {
    const { answer } = await cold(warehouse, (engine) =>
      engine.compileSql('run: big -> { aggregate: how_many is count() }', { asOf, restricted: false }),
    );
    return answer.sql;
  };
  const index = pathToFileURL(join(project.packageModels, 'index.malloy')).toString();
  writeFileSync(file, `import "${index}"\nsource: big is contacts extend { where: country = 'DE' }`);
  expect(await countOf()).toContain('DE');
  writeFileSync(file, `import "${index}"\nsource: big is contacts extend { where: country = 'NZ' }`);
  expect(await countOf()).toContain('NZ');

  await warehouse.loads.transaction((tx) => tx.run('create table raw.visits as select 1 as one'));
  writeFileSync(file, `source: visits is duckdb.table('raw.visits')`);
  const columns = async () => {
    const { answer } = await cold(warehouse, (engine) =>
      engine.compileSql('run: visits -> { select: * }', { asOf, restricted: false }),
    );
    return answer.columns.map(({ name }) => name);
  };
  expect(await columns()).toEqual(['one']);
  await warehouse.loads.transaction((tx) => tx.run('alter table raw.visits add column two integer'));
  expect((await columns()).sort()).toEqual(['one', 'two']);
});

test('a column of another type is seen by the same engine, and nothing of before is kept', async () => {
  const { project, warehouse } = await openTestWarehouse();
  const type = async (engine: ModelEngine) => {
    const { columns } = await engine.compileSql('run: visits -> { select: * }', { asOf, restricted: false });
    return columns.map((column) => column.type);
  };
  await warehouse.loads.transaction((tx) => tx.run('create table raw.visits as select 1 as amount'));
  writeFileSync(join(project.models, 'visits.malloy'), `source: visits is duckdb.table('raw.visits')`);
  const engine = new ModelEngine(warehouse);
  expect(await type(engine)).toEqual(['number']);
  await warehouse.loads.transaction((tx) =>
    tx.run('alter table raw.visits alter column amount type varchar'),
  );
  writeFileSync(join(project.models, 'other.malloy'), `source: other is duckdb.table('core.owners')`);
  expect(await type(engine)).toEqual(['string']);
  expect(await type(new ModelEngine(warehouse))).toEqual(['string']);
});

test('a file is kept with every text of what it imports, at the same time', async () => {
  const { warehouse } = await openTestWarehouse();
  const cache = new CompiledCache(folder);
  const connection = new WarehouseConnection((work) => warehouse.read(work));
  const [top, left, right, base] = ['top', 'left', 'right', 'base'].map(
    (name) => new URL(`file:///models/${name}.malloy`),
  ) as [URL, URL, URL, URL];
  const filesWith = (name: string) =>
    new ModelFiles(
      new Map([
        [
          top.href,
          `import 'left.malloy'\nimport 'right.malloy'\nsource: both is one extend { join_cross: two }`,
        ],
        [left.href, `import 'base.malloy'\nsource: one is base extend {}`],
        [right.href, `import 'base.malloy'\nsource: two is base extend {}`],
        [base.href, `source: base is duckdb.table('core.owners') extend { where: name = '${name}' }`],
      ]),
    );
  const first = filesWith('first');
  const second = filesWith('second');
  for (const files of [first, second])
    await new Runtime({ urlReader: files, connection, cacheManager: cache }).getModel(top);
  for (const [files, name] of [
    [first, 'first'],
    [second, 'second'],
  ] as const) {
    const { modelDef } = (await cache.getCachedModelDef(files, top.href)) ?? {};
    expect(JSON.stringify(modelDef?.contents)).toContain(`"${name}"`);
    expect(modelDef?.dependencies).toEqual({ [left.href]: {}, [base.href]: {}, [right.href]: {} });
  }
  expect(await cache.getCachedModelDef(filesWith('third'), top.href)).toBeUndefined();
});

test('a damaged file is as good as none, and replaced', async () => {
  const { warehouse } = await openTestWarehouse();
  const first = await cold(warehouse, sqlOf);
  for (const path of entries()) truncateSync(path, 100);
  const second = await cold(warehouse, sqlOf);
  expect(second.answer).toEqual(first.answer);
  expect(second.compiled).toBeGreaterThan(50);
  expect((await cold(warehouse, sqlOf)).compiled).toBe(0);
});

test('a folder that cannot be written costs time and nothing else', async () => {
  const { warehouse } = await openTestWarehouse();
  const first = await cold(warehouse, sqlOf);
  const file = join(tempFolder(), 'file');
  writeFileSync(file, '');
  vi.stubEnv('MALLARD_COMPILED_MODELS', file);
  expect((await cold(warehouse, sqlOf)).answer).toEqual(first.answer);
});

test('what nobody read for long goes when there is too much', async () => {
  const { warehouse } = await openTestWarehouse();
  for (const [name, days] of [
    ['old', 2],
    ['new', 1],
  ] as const) {
    const path = join(folder, `${name}.bin`);
    writeFileSync(path, Buffer.alloc(40 * 2 ** 20));
    const at = new Date(Date.now() - days * 86_400_000);
    utimesSync(path, at, at);
  }
  writeFileSync(join(warehouse.project.models, 'mine.malloy'), `source: mine is duckdb.table('core.owners')`);
  await sqlOf(new ModelEngine(warehouse));
  expect(entries()).not.toContain(join(folder, 'old.bin'));
  expect(entries()).toContain(join(folder, 'new.bin'));
});

test('what imports say decides, however it is written', async () => {
  const { warehouse } = await openTestWarehouse();
  const imported = join(warehouse.project.models, 'imported.malloy');
  const file = join(warehouse.project.models, 'root.malloy');
  // Not at the start of a line, where `ModelFiles.importsOf` does not see it.
  writeFileSync(file, `/* */ import 'imported.malloy'\nsource: two is one extend {}`);
  const sql = async () =>
    (await new ModelEngine(warehouse).compileSql('run: two -> { select: * }', { asOf, restricted: false }))
      .sql;
  writeFileSync(imported, `source: one is duckdb.table('core.owners') extend { where: name = 'first' }`);
  expect(await sql()).toContain('first');
  writeFileSync(imported, `source: one is duckdb.table('core.owners') extend { where: name = 'second' }`);
  expect(await sql()).toContain('second');
});
