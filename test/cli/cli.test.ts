import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempFolder } from '../support.ts';
import { callCli } from './in-process.ts';
import { runCli, startCli } from './run.ts';

const deals =
  'deal_id,owner_id,stage,created_at,closed_at,amount\nd1,Ann,Won,2026-09-01,2026-10-05,10005534.00\nd2,Bea,Lost,2026-09-01,2026-10-05,0\n';
const query = 'run: deals -> { aggregate: deal_count, won_amount }';

function project(): { dir: string; file: string } {
  const folder = tempFolder();
  const file = join(folder, 'deals.csv');
  writeFileSync(file, deals);
  return { dir: join(folder, 'project'), file };
}

test('wrong usage is 2, with what was wrong on stderr and nothing on stdout', async () => {
  const cases = [
    ['nonsense'],
    ['load'],
    ['query', 'run: x', '--format', 'xml'],
    ['build', '--as-of', 'yesterday'],
    ['demo', '--contacts', 'many'],
    ['serve', '--port', '65536'],
  ];
  const results = await Promise.all(cases.map((args) => runCli(args)));
  for (const [index, result] of results.entries()) {
    expect([cases[index], result.code, result.stdout]).toEqual([cases[index], 2, '']);
    expect(result.stderr).toMatch(/error: /);
  }
});

test('--help and --version are 0; each command’s help has an example', async () => {
  const [help, version, load] = await Promise.all([
    runCli(['--help']),
    runCli(['--version']),
    runCli(['load', '--help']),
  ]);
  expect([help.code, version.code, load.code]).toEqual([0, 0, 0]);
  for (const command of [
    'init',
    'demo',
    'load',
    'build',
    'test',
    'fields',
    'query',
    'segments',
    'campaigns',
    'reports',
    'serve',
  ]) {
    expect(help.stdout).toContain(command);
  }
  expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  expect(load.stdout).toContain('Example: mallard load deals');
});

test('init makes a project, and does not overwrite its settings', async () => {
  const { dir } = project();
  expect(await runCli(['init', dir, '--json'])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(JSON.stringify(dir)) as string,
  });
  const account = join(dir, 'account.yaml');
  expect(readFileSync(account, 'utf8')).toContain('time_zone: UTC');
  writeFileSync(account, 'name: Mine\n');
  expect((await runCli(['init', dir])).code).toBe(0);
  expect(readFileSync(account, 'utf8')).toBe('name: Mine\n');
});

test('load and query without a server, then through one: the same answers', async () => {
  const { dir, file } = project();
  const at = ['--project', dir];
  const loaded = await runCli([...at, 'load', 'deals', file, '--json']);
  expect(loaded).toMatchObject({ code: 0 });
  expect(JSON.parse(loaded.stdout)).toMatchObject([
    { table: 'deals', rows_read: 2, rows_inserted: 2, rows_rejected: 0 },
  ]);

  const alone = await runCli([...at, 'query', query, '--json', '--as-of', '2026-11-01']);
  expect(alone).toMatchObject({ code: 0, stdout: '[{"deal_count":2,"won_amount":10005534.00}]\n' });

  const server = startCli([...at, 'serve', '--port', '0', '--no-jobs']);
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(await server.saysOnStdout('Serving'))?.[0] ?? '';
  const owner = join(dir, 'owner.json');
  expect(statSync(owner).mode & 0o777).toBe(0o600);
  expect(JSON.parse(readFileSync(owner, 'utf8'))).toMatchObject({ url });

  const served = await callCli([...at, 'query', query, '--json', '--as-of', '2026-11-01']);
  expect(served).toEqual(alone);
  expect((await callCli([...at, 'query', query, '--as-of', '2026-11-01'])).stdout).toMatch(
    /deal_count +won_amount\n +2 +10005534\.00\n/,
  );
  const second = await callCli([...at, 'serve', '--port', '0']);
  expect(second.stdout).toContain(url);

  // With a token made through the server, a command still gets in: by the owner's own token, which is this user's to read.
  expect((await callCli([...at, 'tokens', 'create', '--name', 'root', '--role', 'admin'])).stdout).toMatch(
    /^mallard_/,
  );
  expect((await fetch(`${url}/v1/fields`)).status).toBe(401);
  expect((await callCli([...at, 'tokens', 'list', '--json'])).code).toBe(0);
  expect(await runCli([...at, 'tokens', 'list'], { MALLARD_TOKEN: 'wrong' })).toMatchObject({
    code: 1,
    stdout: '',
  });

  server.kill('SIGTERM');
  expect(await server.ended).toMatchObject({ code: 0 });
  expect(await runCli([...at, 'query', query, '--json', '--as-of', '2026-11-01'])).toEqual(alone);
}, 300_000);

test('what fails is 1, says why and what to do, as JSON where asked', async () => {
  const { dir, file } = project();
  const at = ['--project', dir];
  const missing = await callCli([...at, 'load', 'deals', join(dir, 'none.csv')]);
  expect(missing).toMatchObject({ code: 1, stdout: '' });
  expect(missing.stderr).toContain('There is no file');
  const folder = await callCli([...at, 'load', 'deals', dir]);
  expect(folder).toMatchObject({ code: 1, stdout: '' });
  expect(folder.stderr).toMatch(/^mallard: .* is a folder\. Name the files inside/);
  const unfit = await callCli([...at, 'load', 'contacts', file, '--json']);
  expect(unfit).toMatchObject({ code: 1, stdout: '' });
  expect(JSON.parse(unfit.stderr)).toMatchObject({
    error: { code: 'contract_violated', remedy: expect.any(String) as string },
  });
  const invalid = await callCli([...at, 'query', 'run: nothing_of_the_kind -> { select: * }']);
  expect(invalid.code).toBe(1);
  expect(invalid.stderr).toContain('nothing_of_the_kind');
  const refused = await callCli([...at, 'query', `run: duckdb.sql('select 1') -> { select: * }`]);
  expect(refused.code).toBe(1);
}, 300_000);

test('a folder that cannot be made is a clear error, whichever command meets it', async () => {
  const { dir, file } = project();
  // A file where a folder should be: unlike a read-only folder, this refuses root, too.
  const at = ['--project', join(file, 'project')];
  const all = await Promise.all([
    runCli([...at, 'fields']),
    runCli([...at, 'load', 'deals', file]),
    runCli([...at, 'serve', '--port', '0']),
    runCli([...at, 'demo', '--once']),
    runCli(['--project', dir, 'init', join(file, 'project')]),
  ]);
  for (const { code, stdout, stderr } of all) {
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^mallard: .* cannot be (made|opened): .*writable/);
  }
});

test('a server that would be open to the network without tokens does not start', async () => {
  const { dir } = project();
  const refused = await runCli(['--project', dir, 'serve', '--host', '0.0.0.0', '--port', '0']);
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr).toContain('mallard tokens create');
});

test('an address that is not this machine’s is a clear error', async () => {
  const { dir } = project();
  const token = ['tokens', 'create', '--name', 'root', '--role', 'admin'];
  expect((await runCli(['--project', dir, ...token])).code).toBe(0);
  const refused = await runCli(['--project', dir, 'serve', '--host', '192.0.2.1', '--port', '0']);
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr).toMatch(/^mallard: 192\.0\.2\.1 is no address of this machine/);
});

test('a query can be written to a file', async () => {
  const { dir, file } = project();
  mkdirSync(dir, { recursive: true });
  const at = ['--project', dir];
  await callCli([...at, 'load', 'deals', file]);
  const out = join(dir, 'answer.csv');
  const result = await callCli([
    ...at,
    'query',
    query,
    '--format',
    'csv',
    '--out',
    out,
    '--as-of',
    '2026-11-01',
  ]);
  expect(result).toEqual({ code: 0, stdout: '', stderr: '' });
  expect(readFileSync(out, 'utf8')).toBe('deal_count,won_amount\r\n2,10005534.00\r\n');
}, 300_000);
