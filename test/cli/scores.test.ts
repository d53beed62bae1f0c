import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempFolder } from '../support.ts';
import { callCli } from './in-process.ts';

test('scores and rfm: load, edit a group, build, explain, rules, migration', async () => {
  const folder = tempFolder();
  const project = join(folder, 'project');
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const mallard = (...args: string[]) => callCli(['--project', project, ...args]);
  await mallard('init', project);
  writeFileSync(join(project, 'account.yaml'), 'time_zone: Asia/Tokyo\n');
  await mallard(
    'load',
    'contacts',
    file('contacts.csv', 'contact_id,email,created_at\na,ann@example.com,2026-01-01\n'),
  );
  await mallard(
    'load',
    'orders',
    file(
      'orders.csv',
      'order_id,contact_id,ordered_at,amount\n1,a,2026-08-03T16:00:00,100\n2,a,2026-10-31T16:00:00,50\n',
    ),
  );
  await mallard(
    'load',
    'rfm_groups',
    file('groups.csv', 'recency_score,value_score,group_name\n5,2,Darlings\n'),
  );
  const shown = await mallard(
    'query',
    "run: rfm_groups -> { where: group_name = 'Darlings' select: recency_score, value_score }",
  );
  expect(shown.stdout).toMatch(/5 +2/);
  expect((await mallard('build', '--as-of', '2026-11-02')).code).toBe(0);

  const told = await mallard('scores', 'explain', 'ann@example.com', '--vs', '2026-08-05');
  expect(told.stdout).toContain(
    'a scores 22.38 as of 2026-11-02 09:00 (Asia/Tokyo), by version 1 of the rules.',
  );
  expect(told.stdout).toMatch(/^ *22\.38 +Ordered +2 times, last on 2026-11-01 01:00$/m);
  expect(told.stdout).toContain('It was 14.88 as of 2026-08-05 09:00, by version 1: a difference of +7.50.');
  expect(told.stdout).toMatch(
    /^Ordered +14\.88 +22\.38 +\+7\.50 +-7\.38 as the facts grew older, \+14\.88 by 1 new fact$/m,
  );
  const json = await mallard('scores', 'explain', 'a', '--as-of', '2026-08-05', '--json');
  expect(JSON.parse(json.stdout)).toMatchObject({ at: { score: 14.88 }, vs: null });
  expect((await mallard('scores', 'explain', 'nobody')).code).toBe(1);
  expect((await mallard('scores', 'explain', 'a', '--vs', 'then')).code).toBe(2);
  expect((await mallard('scores', 'explain', '--help')).stdout).toContain('Example:');

  const fixed = await mallard('rfm', 'migration', '--from', '2026-10-01', '--fixed');
  expect(fixed.stdout).toMatch(/^group +Darlings +customers$/m);
  expect(fixed.stdout).toMatch(/^Potential loyalists +1 +1$/m);
  const newcomers = await mallard('rfm', 'migration', '--from', '2026-01-01', '--to', '2026-11-01');
  expect(newcomers.stdout).toMatch(/^not yet a customer +1 +1$/m);
  expect((await mallard('rfm', 'migration')).code).toBe(2);

  const rules = await mallard('scores', 'rules');
  expect([rules.code, rules.stdout]).toEqual([
    0,
    expect.stringMatching(/^Version 1, edited in .*lead_score\.yaml$/m),
  ]);
  writeFileSync(join(project, 'lead_score.yaml'), 'rules: 3\n');
  const wrong = await mallard('scores', 'rules', '--json');
  expect(wrong.code).toBe(1);
  expect(JSON.parse(wrong.stdout)).toMatchObject({
    version: 1,
    problem: expect.stringContaining('lead_score.yaml') as string,
  });
  expect((await mallard('build')).stderr).toContain('The rules of before were used.');
}, 240_000);
