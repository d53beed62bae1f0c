import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { commandLine } from './in-process.ts';

test('segments performance and migration, as people read them and as JSON', async () => {
  const { dir, run } = commandLine();
  const load = (table: string, text: string) => {
    const file = join(dir, `${table}.csv`);
    writeFileSync(file, text);
    return run('load', table, file);
  };
  const save = (id: string, criteria: object) => {
    const file = join(dir, `${id}.json`);
    writeFileSync(file, JSON.stringify({ segment_id: id, title: `The ${id}`, criteria }));
    return run('segments', 'save', file);
  };
  const numbers = Array.from({ length: 20 }, (_, index) => index);
  await load(
    'contacts',
    `contact_id,email,country,created_at\n${numbers.map((n) => `c${n},c${n}@example.com,${n < 10 ? 'DE' : 'FR'},2026-01-01\n`).join('')}`,
  );
  // Six of ten members order twice the day after the evaluation, five of the ten others once.
  const order = (n: number, again: number) => `o${n}-${again},c${n},2026-10-02T12:00:00,${10 * again}\n`;
  await load(
    'orders',
    `order_id,contact_id,ordered_at,amount\n${numbers
      .map((n) => (n < 6 ? order(n, 1) + order(n, 2) : n >= 10 && n < 15 ? order(n, 1) : ''))
      .join('')}`,
  );
  await save('germans', { field: 'country', operator: 'equals', value: 'DE' });
  await save('german_buyers', {
    all: [
      { field: 'country', operator: 'equals', value: 'DE' },
      { field: 'order_count', operator: 'at_least', value: 1 },
    ],
  });
  for (const day of ['2026-10-01', '2026-10-11']) {
    expect((await run('build', '--as-of', day)).code).toBe(0);
    expect((await run('segments', 'evaluate')).code).toBe(0);
  }

  const all = await run('segments', 'performance', '--from', '2026-10-01');
  expect(all.code).toBe(0);
  expect(all.stdout).toMatch(/^segment +contacts +days +opened +clicked +orders\/30 d/m);
  // 12 orders in 100 days of members, 5 in as many of the others.
  expect(all.stdout).toMatch(/^germans +10 +100 +– +– +3\.60 ×2\.40 +54\.00 ×3\.60\* +/m);

  const one = await run('segments', 'performance', 'germans', '--from', '2026-10-01', '--to', '2026-10-11');
  expect(one.stdout).toContain(
    'The germans (germans): members while they were members, 2026-10-01 until 2026-10-11 (UTC)',
  );
  expect(one.stdout).toMatch(/^everybody else +10 +100$/m);
  expect(one.stdout).toMatch(/^Orders per 30 days +3\.60 +1\.50 +×2\.40 \(0\.73–7\.86\)$/m);
  expect(one.stderr).toContain('It has one condition');
  const buyers = await run('segments', 'performance', 'german_buyers', '--from', '2026-10-01');
  expect(buyers.stdout).toMatch(/^just missed +9 +90$/m);
  const json = JSON.parse(
    (await run('segments', 'performance', 'germans', '--from', '2026-10-01', '--json')).stdout,
  ) as { segments: { figures: { name: string; members: object }[] }[] };
  expect(json.segments[0]?.figures.find(({ name }) => name === 'revenue_per_30_days')?.members).toEqual({
    value: 54,
    numerator: 180,
    denominator: 100,
    contacts: 6,
  });

  const matrix = await run(
    'segments',
    'migration',
    '--from',
    '2026-10-01',
    '--segments',
    'german_buyers,germans',
  );
  expect(matrix.stdout).toMatch(/^segment +german_buyers +germans +in none of them +contacts$/m);
  expect(matrix.stdout).toMatch(/^germans +6 \(60 %\) +10 \(100 %\) +10$/m);
  expect(matrix.stdout).toMatch(/^contacts +6 +10 +10 +20$/m);
  expect(matrix.stderr).toContain('overlap');
  expect((await run('segments', 'migration')).code).toBe(2);
  expect((await run('segments', 'performance', '--help')).stdout).toContain('Example:');
}, 240_000);
