import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempFolder } from '../support.ts';
import { callCli } from './in-process.ts';

test('segments explain and preview read like sentences, and give JSON where asked', async () => {
  const folder = tempFolder();
  const project = join(folder, 'project');
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const mallard = (...args: string[]) => callCli(['--project', project, ...args]);
  await mallard('init', project);
  writeFileSync(join(project, 'account.yaml'), 'time_zone: Asia/Tokyo\n');
  const contacts =
    'contact_id,email,lifecycle_stage,created_at\na,ann@example.com,lead,2026-01-01\nb,bob@example.com,lead,2026-01-01\n';
  await mallard('load', 'contacts', file('contacts.csv', contacts));
  await mallard(
    'load',
    'orders',
    file('orders.csv', 'order_id,contact_id,ordered_at,amount\n1,a,2026-10-31T16:00:00,50\n'),
  );
  const criteria = `segment_id: buying_leads
title: Leads that buy
criteria:
  all:
    - { field: lifecycle_stage, operator: equals, value: lead }
    - any:
        - { field: last_ordered_at, operator: within_last_days, value: 30 }
        - { field: email.last_30_days.clicks, operator: at_least, value: 1 }
`;
  const yaml = file('buying.yaml', criteria);
  await mallard('segments', 'save', yaml);
  expect((await mallard('build', '--as-of', '2026-11-02')).code).toBe(0);
  await mallard('segments', 'evaluate');

  const inside = await mallard('segments', 'explain', 'buying_leads', 'ann@example.com');
  expect([inside.code, inside.stdout]).toEqual([
    0,
    `a is in Leads that buy as of 2026-11-02 09:00 (Asia/Tokyo), by version 1.
  ✓ All of:
    ✓ lifecycle_stage is lead
    ✓ Any of:
      ✓ last_ordered_at is 2026-11-01 01:00 (within the last 30 days, since 2026-10-03)
      ✗ email.last_30_days.clicks is 0, at least 1 needed

Entered on 2026-11-02 09:00: this was the first evaluation of the segment.
`,
  ]);
  const outside = await mallard('segments', 'explain', 'buying_leads', 'b');
  expect(outside.stdout).toContain(
    'b is not in Leads that buy as of 2026-11-02 09:00 (Asia/Tokyo), by version 1.\n',
  );
  expect(outside.stdout).toContain(
    '✗ last_ordered_at is not set, within the last 30 days (since 2026-10-03) needed\n',
  );
  expect(outside.stdout).toContain('\nNever recorded as a member.\n');
  const unsaved = await mallard('segments', 'explain', yaml, 'b', '--as-of', '2026-10-20');
  expect(unsaved.stdout).toMatch(/^b does not fit the criteria as of 2026-10-20 09:00 \(Asia\/Tokyo\)\.$/m);
  expect((await mallard('segments', 'explain', 'buying_leads')).code).toBe(2);
  expect((await mallard('segments', 'explain', '--help')).stdout).toContain('Example:');

  const preview = await mallard('segments', 'preview', yaml, '--overlap', '--profile', '--limit', '1');
  expect(preview.stdout).toMatch(/^1 of 2 contacts fit \(50\.0 %\), as of 2026-11-02T00:00:00Z\.$/m);
  expect(preview.stdout).toMatch(/^buying_leads +1 +1 +100\.0 % +100\.0 % +1\.00$/m);
  expect(preview.stdout).toMatch(
    /^email\.last_30_days\.clicks|order_count +1\.00 +0\.50 +1\.00 +0\.50 +100\.0 %/m,
  );
}, 360_000);
