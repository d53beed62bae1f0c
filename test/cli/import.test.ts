import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ImportResult } from '../../pipelines/sources/import/types.ts';
import { tempFolder } from '../support.ts';
import { callCli } from './in-process.ts';

function exported(): { dir: string; project: string } {
  const folder = tempFolder();
  const dir = join(folder, 'export');
  mkdirSync(dir);
  writeFileSync(
    join(dir, 'contact_data.csv'),
    'id,_fivetran_deleted,property_email,property_createdate\n1,false,a@x.test,2025-01-01\n2,true,b@x.test,2025-01-01\n3,false,c@x.test,soon\n',
  );
  writeFileSync(join(dir, 'company.csv'), 'id,property_name,property_motto\n7,Acme,Onward\n');
  writeFileSync(join(dir, 'ticket.csv'), 'id\n1\n');
  writeFileSync(join(dir, 'README.md'), '# not a table');
  return { dir, project: join(folder, 'project') };
}

test('import says what became of every file, and what is not understood', async () => {
  const { dir, project } = exported();
  const first = await callCli(['--project', project, 'import', 'hubspot', dir]);
  expect(first.stderr).toContain('README.md');
  expect(first.code).toBe(0);
  expect(first.stdout).toMatch(/contact_data\.csv +contacts +2 +1 +0 +0 +1 +3 +2 +1/);
  expect(first.stdout).toMatch(/ticket\.csv +raw\.hubspot_ticket +1 +there are no tickets here/);
  expect(first.stdout).toMatch(/contact_data\.csv +raw\.hubspot_contact +1 +deleted in HubSpot/);
  expect(first.stdout).toContain('company.csv: property_motto');
  expect(first.stdout).toMatch(/contact_data\.csv +4 +property_createdate +soon +not an ISO time/);
  expect(readdirSync(join(project, 'inbox', '.staging'))).toEqual([]);
  const again = await callCli(['--project', project, '--json', 'import', 'hubspot', dir]);
  const result = JSON.parse(again.stdout) as ImportResult;
  expect(result.files.find((file) => file.table === 'contact')?.into[0]).toMatchObject({
    ...{ table: 'contacts', rows_read: 2, rows_inserted: 0, rows_unchanged: 1, rows_rejected: 1 },
  });
  expect(again.stderr).toBe('');
});

test('a folder that is none or has no table: 1, with what to do; no folder at all: 2', async () => {
  const { dir, project } = exported();
  const run = (...args: string[]) => callCli(['--project', project, 'import', ...args]);
  // One after the other: each owns the project for its length.
  const missing = await run('hubspot', join(dir, 'nowhere'));
  const empty = await run('salesforce', project);
  const wrong = await callCli(['--project', join(project, '2'), 'import', 'salesforce', dir]);
  const none = await run('hubspot');
  expect([missing.code, none.code]).toEqual([1, 2]);
  expect(missing.stderr).toContain('Name the folder that the export was unpacked into.');
  expect(empty.code).toBe(1);
  // HubSpot's tables are also called contact: that much Salesforce knows.
  expect(wrong.code).toBe(0);
  expect(wrong.stdout).toContain('company.csv');
});
