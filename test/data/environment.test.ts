import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { runCommandLine } from '../../api/cli/program.ts';
import { EnvironmentSchema, readEnvironment } from '../../data/environment.ts';
import { packageRoot } from '../../data/package-root.ts';
import { jobsForCli } from '../../jobs/for-cli.ts';

const known = Object.keys(EnvironmentSchema.properties).toSorted();

test('.env.example lists what the schema has, no more and no less', () => {
  const example = readFileSync(join(packageRoot, '.env.example'), 'utf8');
  const listed = [...example.matchAll(/^#?([A-Z][A-Z_]+)=/gm)].map((match) => match[1] ?? '');
  expect(listed.toSorted()).toEqual(known);
});

test('no variable is read that the schema does not have', () => {
  const sources = ['data', 'models', 'pipelines', 'reports', 'api', 'jobs'].flatMap((top) =>
    readdirSync(join(packageRoot, top), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(packageRoot, top, name)),
  );
  const files = [...sources, join(packageRoot, 'mallard.ts'), join(packageRoot, 'launch.cts')];
  const read = files.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/'((?:MALLARD|SENDGRID|UV)_[A-Z_]+)'/g)].map(
      (match) => match[1] ?? '',
    ),
  );
  expect(read.length).toBeGreaterThan(3);
  expect([...new Set(read)].filter((name) => !known.includes(name))).toEqual([]);
});

test('what is empty is not set, what is not ours is left out', () => {
  expect(readEnvironment({ MALLARD_PROJECT: '', MALLARD_LOG_LEVEL: 'debug', HOME: '/root' })).toEqual({
    MALLARD_LOG_LEVEL: 'debug',
  });
});

test('every wrong variable is named with what it must be, and no value is repeated', () => {
  const wrong = {
    MALLARD_LOG_LEVEL: 'loud',
    MALLARD_SMTP_URL: 'mail.example.com',
    MALLARD_SECRET: 'hunter2',
  };
  const attempt = () => readEnvironment(wrong);
  expect(attempt).toThrow(
    /MALLARD_LOG_LEVEL must be trace.*MALLARD_SMTP_URL must be an smtp:.*MALLARD_SECRET must be at least 16/,
  );
  expect(attempt).not.toThrow(/loud|mail\.example|hunter2/);
});

test('a command line does not begin with a wrong environment', async () => {
  let said = '';
  const sink = (keep: (text: string) => void) =>
    new Writable({ write: (chunk: Buffer, _encoding, done) => (keep(chunk.toString()), done()) });
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const run = (env: Record<string, string>) =>
    runCommandLine(['--version'], {
      streams: { out: sink(() => undefined), err: sink((text) => (said += text)) },
      env,
      jobs: () => jobsForCli(log),
    });
  expect(await run({ MALLARD_LOG_LEVEL: 'loud' })).toBe(1);
  expect(said).toContain('MALLARD_LOG_LEVEL');
  expect(said).not.toContain(' at ');
  expect(await run({ MALLARD_LOG_LEVEL: '' })).toBe(0);
});
