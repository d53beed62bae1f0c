import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempFolder } from '../support.ts';
import { callCli } from './in-process.ts';

test('contacts: resolve, show in the account’s zone, merge, unmerge and duplicates', async () => {
  const folder = tempFolder();
  const project = join(folder, 'project');
  const file = join(folder, 'contacts.csv');
  writeFileSync(
    file,
    'contact_id,email,first_name,last_name,city,created_at\na,ann@example.com,Ann,Meier,Berlin,2026-01-01\n' +
      'b,ANN@example.com,Ann,Meier,,2026-02-01\nd,,Anne,Meier,Berlin,2026-04-01\n',
  );
  const mallard = (...args: string[]) => callCli(['--project', project, ...args]);
  await mallard('init', project);
  writeFileSync(join(project, 'account.yaml'), 'time_zone: Asia/Tokyo\nidentity:\n  default_country: DE\n');
  await mallard('load', 'contacts', file);

  const dry = await mallard('contacts', 'resolve', '--dry-run');
  expect([dry.code, dry.stdout]).toEqual([
    0,
    expect.stringMatching(/shared_email +1\n.*\n1 contacts stand for another/),
  ]);
  await mallard('contacts', 'resolve');
  const likely = await mallard('contacts', 'duplicates', '--min-score', '0.7');
  expect(likely.stdout).toMatch(
    /^a +d +0\.\d+ .*ann meier, ann@example\.com, berlin \/ anne meier, berlin$/m,
  );
  const merged = await mallard('contacts', 'merge', 'd', 'ann@example.com');
  expect(merged.stdout).toContain('a, b, d are one person; a stands for all.');
  expect(merged.stdout).toMatch(/^email +ann@example\.com +a +own_then_latest$/m);

  const shown = await mallard('contacts', 'show', 'b');
  expect(shown.stdout).toContain('a, which stands for 2 other records (times in Asia/Tokyo)');
  expect(shown.stdout).toMatch(/^2026-04-01 09:00:00 +created +d /m);
  expect((await mallard('contacts', 'unmerge', 'd')).stdout).toContain(
    'd is a person of its own; 1 decisions undone.',
  );
  expect((await mallard('contacts', 'duplicates', '--min-score', '2')).code).toBe(2);
});
