import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { packageRoot } from '../../data/package-root.ts';
import { Project } from '../../data/project.ts';
import { tempFolder } from '../support.ts';

/** A copy of the sources, so that the package's own models can be edited; started by the very script of `npm run dev`. */
async function startDev() {
  const folder = tempFolder();
  const root = join(folder, 'mallard');
  mkdirSync(root);
  for (const name of [
    'api',
    'data',
    'jobs',
    'models',
    'pipelines',
    'reports',
    'mallard.ts',
    'package.json',
    'tsconfig.json',
  ])
    cpSync(join(packageRoot, name), join(root, name), { recursive: true });
  symlinkSync(join(packageRoot, 'node_modules'), join(root, 'node_modules'));
  const project = new Project(join(folder, 'project'));
  project.ensureFolders();
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: { dev: string };
  };
  const [command = '', ...args] = scripts.dev.split(' ');
  const child = spawn(join(root, 'node_modules', '.bin', command), [...args, '--port', '0', '--no-jobs'], {
    cwd: root,
    env: { ...process.env, NODE_OPTIONS: '', MALLARD_PROJECT: project.dir },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let said = '';
  let warned = '';
  child.stdout.on('data', (part: Buffer) => (said += part.toString()));
  child.stderr.on('data', (part: Buffer) => (warned += part.toString()));
  onTestFinished(async () => {
    const ended = new Promise((resolve) => child.once('close', resolve));
    process.kill(-(child.pid ?? 0), 'SIGTERM');
    await ended;
  });
  while (!/Serving .* at http:\/\/127\.0\.0\.1:\d+/.test(said)) {
    if (child.exitCode !== null) throw new Error(warned);
    await sleep(50);
  }
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(said)?.[0] ?? '';
  const call = async <T>(method: string, path: string, body?: object): Promise<T> => {
    const answer = await fetch(`${url}${path}`, {
      method,
      ...(body ? { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) } : {}),
    });
    return (await answer.json()) as T;
  };
  return { root, project, call, starts: () => said.split('Serving ').length - 1, warnings: () => warned };
}

interface Fields {
  fields: { path: string; file?: string }[];
  broken: { file: string; message: string }[];
}
interface Problem {
  code?: string;
  detail?: string;
}

test('in npm run dev, edits of models, reports and account.yaml take effect without a restart', async () => {
  const { root, project, call, starts, warnings } = await startDev();
  const has = async (path: string) => {
    const { fields, broken } = await call<Fields>('GET', '/v1/fields');
    return { found: fields.some((field) => field.path === path), broken };
  };
  const model = join(project.models, 'mine.malloy');
  const write = (dimension: string) =>
    writeFileSync(
      model,
      `##! experimental.givens\nimport "${root}/models/index.malloy"\n#(extends) contact_facts\nsource: my_facts is contact_facts extend { dimension: ${dimension} }\n`,
    );
  await call('POST', '/v1/build', {});
  const query = (field: string) =>
    call<Problem & Record<string, unknown>[]>('POST', '/v1/query', {
      query: `run: my_facts -> { aggregate: n is count() { where: ${field} } }`,
    });
  const preview = (field: string) =>
    call<Problem & { count?: number }>('POST', '/v1/segments/preview', {
      criteria: { field, operator: 'equals', value: true },
    });

  // A file of the project comes, changes, breaks, and is mended.
  expect(await has('is_new')).toEqual({ found: false, broken: [] });
  write('is_new is order_count = 0');
  expect(await has('is_new')).toEqual({ found: true, broken: [] });
  expect(await query('is_new')).toEqual([{ n: 0 }]);
  expect((await preview('is_new')).count).toBe(0);
  write('is_gone is order_count > 0 and ordr_count > 1');
  const broken = await has('is_gone');
  expect(broken).toMatchObject({ found: false, broken: [{ file: 'models/mine.malloy' }] });
  expect(broken.broken[0]?.message).toMatch(/mine\.malloy:4:\d+: 'ordr_count' is not defined[\s\S]*\^/);
  expect((await preview('is_new')).code).toBe('criteria_invalid');
  write('is_gone is order_count > 0');
  expect(await has('is_gone')).toEqual({ found: true, broken: [] });
  expect(await query('is_gone')).toEqual([{ n: 0 }]);

  // What it imports is not there yet, outside of models/.
  writeFileSync(model, `import "../shared.malloy"\nsource: mine is theirs extend { dimension: x is 1 }\n`);
  expect((await has('x')).broken).toHaveLength(1);
  writeFileSync(join(project.dir, 'shared.malloy'), `source: theirs is duckdb.table('core.orders')\n`);
  expect((await has('x')).broken).toEqual([]);
  rmSync(model);

  // One of the package's: a field comes; then it breaks, says where, and is mended.
  const contacts = join(root, 'models', 'marts', 'contact_facts.malloy');
  const text = readFileSync(contacts, 'utf8');
  const withField = text.replace(
    '  measure:\n',
    '  dimension:\n    #(doc) Tried out.\n    is_tried is order_count > 0\n\n  measure:\n',
  );
  writeFileSync(contacts, withField);
  expect((await has('is_tried')).found).toBe(true);
  writeFileSync(contacts, withField.replace('is order_count', 'is ordr_count'));
  const problem = await call<Problem>('GET', '/v1/fields');
  expect(problem.code).toBe('model_invalid');
  expect(problem.detail).toMatch(/contact_facts\.malloy:\d+:\d+: 'ordr_count' is not defined/);
  writeFileSync(contacts, text);
  expect(await has('is_tried')).toEqual({ found: false, broken: [] });

  // A report.
  const reports = () =>
    call<{ reports: { report_id: string; title: string; time_zone: string }[]; broken: { error: string }[] }>(
      'GET',
      '/v1/reports',
    );
  const report = (title: string) =>
    writeFileSync(
      join(project.reports, 'mine.malloy'),
      `##! experimental.givens\n##(report) name=mine title="${title}"\nimport "${root}/models/index.malloy"\nquery: q is contacts -> { aggregate: contact_count }\n`,
    );
  report('One');
  expect((await reports()).reports.find(({ report_id: id }) => id === 'mine')?.title).toBe('One');
  report('Two", oops');
  expect((await reports()).broken).toHaveLength(1);
  report('Three');
  expect((await reports()).reports.find(({ report_id: id }) => id === 'mine')?.title).toBe('Three');

  // The account: a wrong word leaves the settings of before.
  writeFileSync(project.accountFile, 'time_zone: Asia/Tokyo\n');
  expect((await reports()).reports.find(({ report_id: id }) => id === 'mine')?.time_zone).toBe('Asia/Tokyo');
  writeFileSync(project.accountFile, 'time_zone: Nowhere/Land\n');
  expect((await reports()).reports.find(({ report_id: id }) => id === 'mine')?.time_zone).toBe('Asia/Tokyo');
  expect(warnings()).toContain('Nowhere/Land is no time zone');
  writeFileSync(project.accountFile, 'time_zone: Europe/Berlin\n');
  expect((await reports()).reports.find(({ report_id: id }) => id === 'mine')?.time_zone).toBe(
    'Europe/Berlin',
  );

  expect(starts()).toBe(1);
}, 240_000);
