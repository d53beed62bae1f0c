import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempFolder } from '../support.ts';
import { callCli } from './in-process.ts';

test('segments: a list from a file, a frozen segment, who uses it, and its renaming', async () => {
  const folder = tempFolder();
  const project = join(folder, 'project');
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const mallard = (...args: string[]) => callCli(['--project', project, ...args]);
  const contacts = file(
    'contacts.csv',
    'contact_id,email,lifecycle_stage,created_at\n1,ann@example.com,lead,2026-01-01\n2,bo@example.com,lead,2026-01-01\n3,cy@example.com,customer,2026-01-01\n',
  );
  await mallard('load', 'contacts', contacts);
  await mallard('build');

  const fair = file('fair.csv', 'Name;E-Mail\nAnn;ANN@example.com\nDi;di@example.com\nAnn;ann@example.com\n');
  const made = await mallard('segments', 'list-from', fair, '--id', 'fair', '--title', 'The fair');
  expect(made).toMatchObject({ code: 0, stderr: '' });
  expect(made.stdout).toContain('fair, version 1: 1 contacts, 0 on the list before; 1 added, 0 removed.');
  expect(made.stdout).toContain('Unknown, and left out, by address (1): di@example.com');
  const again = await mallard('segments', 'list-from', fair, '--id', 'fair');
  expect([again.code, again.stderr]).toEqual([1, expect.stringMatching(/already.*replace, add or remove/s)]);
  const late = file('late.txt', '3\nbo@example.com\n');
  const added = await mallard('--json', 'segments', 'list-from', late, '--id', 'fair', '--mode', 'add');
  expect(JSON.parse(added.stdout)).toMatchObject({ segment: { version: 2 }, added: 2, unknown_ids: [] });

  const frozen = await mallard(
    ...['segments', 'freeze', '{"field":"lifecycle_stage","operator":"equals","value":"lead"}'],
    ...['--id', 'leads_now', '--title', 'Leads now'],
  );
  expect(frozen.stdout).toContain('leads_now, version 1: 2 contacts');
  const copied = await mallard('segments', 'freeze', 'fair', '--id', 'copy', '--title', 'Copy');
  expect(copied.stdout).toContain('copy, version 1: 3 contacts');
  await mallard('segments', 'evaluate');
  const members = await mallard('--json', 'segments', 'members', 'fair');
  expect((JSON.parse(members.stdout) as { contact_id: string }[]).map((one) => one.contact_id)).toEqual([
    '1',
    '2',
    '3',
  ]);

  const renamed = await mallard('segments', 'rename', 'fair', 'fair_26', '--title', 'Fair 26');
  expect(renamed.stdout).toContain('fair is fair_26 now: Fair 26.');
  const shown = await mallard('segments', 'show', 'fair_26');
  expect(shown.stdout).toMatch(/^kind +static$/m);
  expect(shown.stdout).toMatch(/^member_count +3$/m);
  expect(shown.stdout).toContain('Nothing uses it.');

  expect((await mallard('segments', 'rename', 'fair_26')).code).toBe(2);
  expect((await mallard('segments', 'list-from', join(folder, 'none.csv'), '--id', 'x')).code).toBe(2);
  const noColumn = await mallard(
    'segments',
    'list-from',
    file('odd.csv', 'a,b\n1,2\n'),
    '--id',
    'x',
    '--title',
    'X',
  );
  expect([noColumn.code, noColumn.stderr]).toEqual([1, expect.stringMatching(/--column/)]);
}, 240_000);
