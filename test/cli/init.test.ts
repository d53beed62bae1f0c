import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';
import { discoverConfig, registerConnectionType, Runtime } from '@malloydata/malloy';
import { expect, onTestFinished, test } from 'vitest';
import { sessionOn } from '../../data/owner/session.ts';
import { packageRoot } from '../../data/package-root.ts';
import { WarehouseConnection } from '../../models/engine/connection.ts';
import { tempFolder } from '../support.ts';
import { callCli } from './in-process.ts';
import { runCliOf, startCli } from './run.ts';

const files = [
  ...['account.yaml', 'malloy-config.json', '.gitignore', 'README.md', 'published/mallard.malloy'],
  ...['models/my_contact_facts.malloy', 'reports/big_spenders.malloy'],
];

function put(path: string, text: string): string {
  writeFileSync(path, text);
  return path;
}

/** A server on the project: commands go through it, which is quicker. It has three contacts with an order each, built. */
async function serveFilled(dir: string) {
  const server = startCli(['--project', dir, 'serve', '--port', '0', '--no-jobs']);
  onTestFinished(async () => {
    server.kill('SIGTERM');
    await server.ended;
  });
  await server.saysOnStdout('Serving');
  const folder = tempFolder();
  const contacts = put(
    join(folder, 'contacts.csv'),
    'contact_id,email,country,created_at\nc1,ann@example.com,DE,2026-01-01\nc2,bob@example.com,FR,2026-01-01\nc3,cem@example.com,DE,2026-01-01\n',
  );
  const orders = put(
    join(folder, 'orders.csv'),
    'order_id,contact_id,ordered_at,amount,currency,status\no1,c1,2026-10-01,1500.10,USD,completed\no2,c2,2026-10-02,20.05,USD,completed\no3,c3,2026-10-03,1000.00,USD,completed\n',
  );
  for (const args of [['load', 'contacts', contacts], ['load', 'orders', orders], ['build']]) {
    const result = await callCli(['--project', dir, ...args]);
    if (result.code !== 0) throw new Error(result.stderr);
  }
}

test('init makes what is missing, changes nothing that is there, and brings no example back', async () => {
  const dir = join(tempFolder(), "Ann's project #1");
  const made = await callCli(['init', dir, '--json']);
  expect(made.stderr).toBe('');
  expect(JSON.parse(made.stdout)).toEqual({ project: dir, made: files });
  const at = ['--project', dir];
  // To Mallard it is its own models, whatever stands in it.
  writeFileSync(join(dir, 'published', 'mallard.malloy'), 'nothing that Malloy knows');
  const fields = await callCli([...at, 'fields', 'is_big_spender']);
  expect([fields.stderr, fields.stdout]).toEqual([
    '',
    expect.stringContaining('my_contact_facts (models/my_contact_facts.malloy)'),
  ]);
  expect(JSON.parse((await callCli([...at, 'reports', 'list', '--json'])).stdout)).toMatchObject([
    { report_id: 'big_spenders', origin: 'project' },
    { report_id: 'weekly' },
  ]);

  renameSync(join(dir, 'models', 'my_contact_facts.malloy'), join(dir, 'models', 'facts.malloy'));
  writeFileSync(join(dir, 'malloy-config.json'), '{}');
  rmSync(join(dir, 'README.md'));
  expect(JSON.parse((await callCli(['init', dir, '--json'])).stdout)).toEqual({
    project: dir,
    made: ['README.md'],
  });
  expect(readFileSync(join(dir, 'malloy-config.json'), 'utf8')).toBe('{}');
  expect(existsSync(join(dir, 'models', 'my_contact_facts.malloy'))).toBe(false);
});

/**
 * The connection type that VS Code's extension and malloy-cli register (@malloydata/db-duckdb, native.ts and
 * duckdb_config.ts): a relative databasePath is of workingDirectory, which is the folder that is opened.
 */
function registerDuckDB(): void {
  registerConnectionType('duckdb', {
    displayName: 'DuckDB',
    properties: [
      {
        name: 'databasePath',
        displayName: 'Database Path',
        type: 'file',
        optional: true,
        default: ':memory:',
      },
      {
        name: 'workingDirectory',
        displayName: 'Working Directory',
        type: 'string',
        optional: true,
        default: { config: 'rootDirectory' },
      },
      { name: 'readOnly', displayName: 'Read Only', type: 'boolean', optional: true },
      { name: 'setupSQL', displayName: 'Setup SQL', type: 'text', optional: true },
    ],
    factory: async (config) => {
      const { databasePath, workingDirectory, readOnly, setupSQL } = config as unknown as Record<
        string,
        string
      >;
      const file = join(fileURLToPath(workingDirectory ?? ''), databasePath ?? '');
      const instance = await DuckDBInstance.fromCache(file, readOnly ? { access_mode: 'READ_ONLY' } : {});
      const connection = await instance.connect();
      onTestFinished(() => {
        connection.closeSync();
        instance.closeSync();
      });
      await connection.run(setupSQL ?? '');
      return new WarehouseConnection((work) => work(sessionOn(connection)));
    },
  });
}

const urlReader = { readURL: async (url: URL) => readFileSync(fileURLToPath(url), 'utf8') };

/** As the extension's worker runs a query of a file: the config found from the file up to the opened folder, then a Runtime. */
async function asTheExtension(opened: string, file: string, query: string) {
  const url = pathToFileURL(file);
  const config = await discoverConfig(url, pathToFileURL(`${opened}/`), urlReader);
  if (!config) throw new Error('no malloy-config.json was found');
  expect(config.log).toEqual([]);
  const runtime = new Runtime({ urlReader, config });
  const { sql } = await runtime.loadModel(url).loadQuery(query).getPreparedResult();
  const connection = await config.connections.lookupConnection('duckdb');
  return (await connection.runSQL(sql)).rows;
}

test('Malloy’s own tools open the project on a published snapshot, with the same figures', async () => {
  registerDuckDB();
  const dir = join(tempFolder(), 'project');
  expect((await callCli(['init', dir])).code).toBe(0);
  await serveFilled(dir);
  expect((await callCli(['--project', dir, 'publish'])).code).toBe(0);
  const query =
    'run: my_contact_facts -> { group_by: is_big_spender aggregate: contact_count, revenue, orders_90 is orders.last_90_days.order_count.sum() order_by: is_big_spender }';
  const { AS_OF } = JSON.parse(readFileSync(join(dir, 'published', 'givens.json'), 'utf8')) as {
    AS_OF: string;
  };
  const ours = await callCli(['--project', dir, 'query', '--as-of', `${AS_OF}Z`, query, '--json']);
  const theirs = await asTheExtension(dir, join(dir, 'models', 'my_contact_facts.malloy'), query);
  const numbers = (rows: unknown) =>
    JSON.parse(
      JSON.stringify(rows, (_key, value: unknown) =>
        typeof value === 'bigint' ? Number(value) : value,
      ).replaceAll(/"([\d.]+)"/g, '$1'),
    ) as object[];
  expect(numbers(theirs)).toEqual(numbers(JSON.parse(ours.stdout)));
  expect(numbers(theirs)).toEqual([
    { is_big_spender: false, contact_count: 1, revenue: 20.05, orders_90: 1 },
    { is_big_spender: true, contact_count: 2, revenue: 2500.1, orders_90: 2 },
  ]);
  // Malloy refuses givens that a file does not know: README.md of the project says to import ours in every file.
  const plain = `source: plain is duckdb.table('core.orders')\n`;
  const file = put(join(dir, 'models', 'plain.malloy'), plain);
  const counted = () => asTheExtension(dir, file, 'run: plain -> { aggregate: n is count() }');
  await expect(counted()).rejects.toThrow(/unknown given 'AS_OF'/);
  put(file, `##! experimental.givens\nimport '../published/mallard.malloy'\n${plain}`);
  expect(numbers(await counted())).toEqual([{ n: 3 }]);
});

test('installed in the project’s node_modules, it has its models from there; both may be moved', async () => {
  const folder = tempFolder();
  const dir = join(folder, 'shop');
  const installed = join(dir, 'node_modules', 'mallard');
  copyPackage(installed);
  expect((await runCliOf(installed, ['init', dir])).code).toBe(0);
  const moved = join(folder, 'moved');
  renameSync(dir, moved);
  // Through a link, too: the models are known by their real path.
  symlinkSync(moved, join(folder, 'link'));
  for (const place of [moved, join(folder, 'link')]) {
    const fields = await runCliOf(join(moved, 'node_modules', 'mallard'), [
      '--project',
      place,
      'fields',
      'is_big_spender',
      '--json',
    ]);
    expect([fields.stderr, JSON.parse(fields.stdout)]).toMatchObject(['', { path: 'is_big_spender' }]);
  }
});

/** What npm would install, with our dependencies beside it. */
function copyPackage(to: string): void {
  mkdirSync(to, { recursive: true });
  for (const name of ['dist', 'models', 'reports', 'package.json'])
    cpSync(join(packageRoot, name), join(to, name), { recursive: true });
  symlinkSync(join(packageRoot, 'node_modules'), join(to, 'node_modules'));
}

test('the README’s way to a field of one’s own, step by step', async () => {
  const readme = readFileSync(join(packageRoot, 'models', 'README.md'), 'utf8');
  const section = readme.slice(readme.indexOf('## Add a field in five minutes'));
  const folder = tempFolder();
  const [field = ''] = /^ {4}#\(doc\).*\n.*$/m.exec(block(section, 'malloy')) ?? [];
  const commands = block(section, 'sh')
    .split('\n')
    .flatMap((line) => {
      const command = line.replace(/ +#.*$/, '');
      return command === '' ? [] : [command];
    });
  expect(commands.length).toBeGreaterThanOrEqual(6);
  const outputs: string[] = [];
  for (const command of commands) {
    const run = await runShell(command, folder);
    expect([command, run.code, run.stderr]).toEqual([command, 0, '']);
    outputs.push(run.stdout);
    if (!command.includes(' init ')) continue;
    await serveFilled(join(folder, 'my-project'));
    // "Write your field below the example's":
    const file = join(folder, 'my-project', 'models', 'my_contact_facts.malloy');
    const text = readFileSync(file, 'utf8');
    const line = 'is_big_spender is total_revenue >= 1000\n';
    expect(text).toContain(line);
    expect(field).toMatch(/ordered_lately/);
    writeFileSync(file, text.replace(line, `${line}${field}\n`));
    put(join(folder, 'lately.yaml'), block(section, 'yaml'));
  }
  const all = outputs.join('\n');
  expect(all).toMatch(/ordered_lately: field, boolean/);
  expect(all).toMatch(/^3 of \d+ contacts fit/m);
  expect(all).toMatch(/Saved lately/);
  expect(all).toMatch(/lately +.*3/);
});

/** The first fenced block of a language. */
function block(text: string, language: string): string {
  const found = new RegExp('```' + language + '\\n([\\s\\S]*?)```').exec(text)?.[1];
  if (found === undefined) throw new Error(`there is no block of ${language}`);
  return found;
}

async function runShell(command: string, cwd: string) {
  const [npx, name, ...rest] = splitShell(command);
  expect([npx, name]).toEqual(['npx', 'mallard']);
  const before = process.cwd();
  process.chdir(cwd);
  try {
    return await callCli(rest);
  } finally {
    process.chdir(before);
  }
}

/** Words, with single quotes. */
function splitShell(command: string): string[] {
  return [...command.matchAll(/'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2] ?? '');
}
