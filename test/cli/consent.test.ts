import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { commandLine } from './in-process.ts';

test('consent grant, withdraw and show; without a purpose it says what to do', async () => {
  const { run } = commandLine();
  const refused = await run('consent', 'grant', 'ann@example.com');
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr).toMatch(/names no purpose\. Say what for: `purpose`/);
  expect(
    await run(
      'consent',
      'grant',
      'ann@example.com',
      '--purpose',
      'marketing',
      '--method',
      'paper',
      '--place',
      'fair',
      '--by',
      'bea',
    ),
  ).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^Recorded as [\w-]+\.\n$/),
  });
  expect(
    await run(
      'consent',
      'withdraw',
      'ANN@example.com',
      '--purpose',
      'marketing',
      '--topic',
      'news',
      '--by',
      'bea',
    ),
  ).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('Marketing mail does not go out: consent_withdrawn.'),
  });
  const shown = await run('consent', 'show', 'ann@example.com');
  expect(shown.stdout).toMatch(/email +marketing +granted/);
  expect(shown.stdout).toMatch(/news +false +consent_withdrawn/);
  const json = JSON.parse((await run('consent', 'show', 'ann@example.com', '--json')).stdout) as {
    log: unknown;
  };
  expect(json.log).toMatchObject([
    { status: 'withdrawn', actor: 'bea' },
    { status: 'granted', method: 'paper', place: 'fair' },
  ]);
});

test('suppressions add, list and import', async () => {
  const { dir, run } = commandLine();
  expect((await run('suppressions', 'add', 'ann@example.com')).code).toBe(2);
  expect(await run('suppressions', 'add', 'ann@example.com', '--why', 'asked', '--by', 'bea')).toMatchObject({
    code: 0,
    stdout: 'Suppressed for everything.\n',
  });
  expect((await run('suppressions', 'add', 'ann@example.com', '--why', 'asked')).stdout).toContain('already');
  const file = join(dir, 'suppression_bounces.csv');
  writeFileSync(
    file,
    'status,reason,email,created\n5.1.1,no such user,gone@example.com,1443651141\n4.2.2,full,full@example.com,1443651141\n',
  );
  const imported = await run('import', 'suppressions', file, '--by', 'bea');
  expect(imported).toMatchObject({ code: 0 });
  expect(imported.stdout).toContain('(sendgrid bounces): 2 rows read, 1 new, 0 known, 1 rejected');
  expect(imported.stdout).toContain('a soft bounce: it passes, and suppresses nobody');
  expect((await run('import', 'suppressions', file)).stdout).toContain('0 new, 1 known, 1 rejected');
  const listed = JSON.parse((await run('suppressions', 'list', '--json')).stdout) as unknown[];
  expect(listed).toMatchObject([
    { reason: 'bounced', source: 'sendgrid', actor: 'bea' },
    { reason: 'manual', detail: 'asked', actor: 'bea' },
  ]);
  expect((await run('import', 'suppressions', join(dir, 'none.csv'))).stderr).toContain('There is no file');
});

test('stop-sending and resume-sending say who and why, over a restart', async () => {
  const { run } = commandLine();
  expect((await run('sending')).stdout).toBe('Sending goes on; nobody ever stopped it.\n');
  const stopped = await run('stop-sending', '--reason', 'a wrong price', '--by', 'bea');
  expect(stopped.stdout).toMatch(/^All sending is stopped since \S+, by bea: a wrong price\.\n$/);
  // Each command is a process of its own as far as the warehouse is concerned: opened, and closed again.
  expect((await run('sending')).stdout).toBe(stopped.stdout);
  expect((await run('campaigns', 'status')).stderr).toContain('by bea: a wrong price');
  expect((await run('resume-sending', '--by', 'bob', '--reason', 'corrected')).stdout).toMatch(
    /^Sending goes on since \S+, by bob: corrected\.\n$/,
  );
  expect((await run('campaigns', 'status')).stderr).toBe('');
});
