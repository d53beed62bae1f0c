import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { readCompaction, scheduleCompaction } from '../../data/owner/compaction.ts';
import { Project } from '../../data/project.ts';
import { startServer } from '../server.ts';
import { tempFolder } from '../support.ts';
import { callCli } from './in-process.ts';

const contacts = 'contact_id,email,first_name\nc1,ann.q7z@example.com,"Ann, ""A"""\nc2,bob@example.com,Bob\n';

async function project(
  settings = '',
): Promise<{ dir: string; cli: (...args: string[]) => ReturnType<typeof callCli> }> {
  const dir = join(tempFolder(), 'project');
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'account.yaml'), settings);
  const file = join(dir, '..', 'contacts.csv');
  writeFileSync(file, contacts);
  const cli = (...args: string[]) => callCli(['--project', dir, ...args]);
  expect(await cli('load', 'contacts', file)).toMatchObject({ code: 0 });
  return { dir, cli };
}

const hasBytes = (dir: string, text: string) => readFileSync(join(dir, 'mallard.duckdb')).includes(text);

test('mallard contacts export, forget and compact without a server', async () => {
  const { dir, cli } = await project();
  const out = join(dir, '..', 'ann');
  expect(await cli('contacts', 'export', 'ann.q7z@example.com', '--out', out)).toMatchObject({ code: 0 });
  expect(readdirSync(out)).toEqual(expect.arrayContaining(['core.contacts.csv', 'export.json']));
  expect(readFileSync(join(out, 'core.contacts.csv'), 'utf8')).toContain('c1,ann.q7z@example.com');
  expect(readFileSync(join(out, 'core.contacts.csv'), 'utf8')).toContain('"Ann, ""A"""');

  const dry = await cli('contacts', 'forget', 'c1', '--dry-run');
  expect(dry.stdout).toContain('Would forget a person of 1 contacts and 1 addresses');
  const forgot = await cli('contacts', 'forget', 'c1', '--reason', 'by letter');
  expect(forgot.code).toBe(0);
  expect(forgot.stdout).toContain('Kept:');
  expect(forgot.stdout).toContain('suppressed_forgotten');
  expect(forgot.stdout).toMatch(/The deleted bytes leave the database file by 20/);
  expect((await cli('contacts', 'forget', 'c1')).stdout).toContain('Forgotten already');
  const unknown = await cli('contacts', 'forget', 'nobody');
  expect(unknown).toMatchObject({ code: 1 });
  expect(unknown.stderr).toContain('Nothing is known of nobody.');

  expect(hasBytes(dir, 'ann.q7z')).toBe(true);
  const compacted = await cli('compact');
  expect(compacted.stdout).toMatch(/Compacted \d+ tables/);
  expect(hasBytes(dir, 'ann.q7z')).toBe(false);
  const left = await cli('--json', 'query', 'run: contacts -> { select: contact_id }');
  expect(JSON.parse(left.stdout)).toEqual([{ contact_id: 'c2' }]);
});

test('a deadline of 0 days is kept by the next command that opens the file', async () => {
  const { dir, cli } = await project('erasure_compaction_days: 0\n');
  expect(await cli('contacts', 'forget', 'ann.q7z@example.com')).toMatchObject({ code: 0 });
  expect(readCompaction(new Project(dir))).toBeDefined();
  expect(await cli('segments', 'list')).toMatchObject({ code: 0 });
  expect(readCompaction(new Project(dir))).toBeUndefined();
  expect(hasBytes(dir, 'ann.q7z')).toBe(false);
});

test('a server compacts while it serves: what it acknowledged before is there, and it answers again', async () => {
  const { dir, cli } = await project();
  const server = await startServer(dir);
  await server.call('POST', '/v1/contacts/c1/forget', { body: {} });
  const load = (id: string) =>
    server.call('POST', '/v1/load/contacts', {
      body: `contact_id,email\n${id},${id}@example.com\n`,
      headers: { 'content-type': 'text/csv' },
    });
  await load('before');
  expect((await cli('compact')).stdout).toContain('compacts now');
  const statuses = new Set<number | string>();
  for (const until = Date.now() + 60_000; Date.now() < until; await sleep(50)) {
    const status = await fetch(new URL('/health', server.url)).then(
      (answer) => answer.status,
      () => 'refused',
    );
    statuses.add(status);
    if (status === 200 && readCompaction(new Project(dir)) === undefined) break;
  }
  expect(readCompaction(new Project(dir))).toBeUndefined();
  expect([...statuses]).toContain(503);
  expect(hasBytes(dir, 'ann.q7z')).toBe(false);
  // The boot's token is a new one: as other commands of the same user find it.
  writeFileSync(join(dir, '..', 'after.csv'), 'contact_id,email\nafter,after@example.com\n');
  expect(await cli('load', 'contacts', join(dir, '..', 'after.csv'))).toMatchObject({ code: 0 });
  const left = await cli('--json', 'query', 'run: contacts -> { select: contact_id; order_by: contact_id }');
  expect(JSON.parse(left.stdout)).toEqual(['after', 'before', 'c2'].map((contact_id) => ({ contact_id })));
  expect(await server.stop()).toBe(0);

  // And at any start, before the deadline.
  scheduleCompaction(new Project(dir), new Date(Date.now() + 86_400_000));
  const again = await startServer(dir);
  expect(readCompaction(new Project(dir))).toBeUndefined();
  expect(await again.stop()).toBe(0);
});
