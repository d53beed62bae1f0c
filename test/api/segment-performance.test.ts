import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { SegmentMigration } from '../../pipelines/segments/migration-matrix.ts';
import type { PerformanceReport } from '../../pipelines/segments/performance.ts';
import { movableClock } from '../pipelines/segments/fixture.ts';
import { openTestApp } from './support.ts';

test('performance and migration over HTTP, of what evaluations recorded, in the account’s days', async () => {
  const clock = movableClock();
  const { client, mallard } = await openTestApp({ clock });
  writeFileSync(mallard.project.accountFile, 'time_zone: Pacific/Auckland\n');
  const contacts = (rows: string) =>
    client.stream('POST', '/v1/load/contacts?name=contacts.csv', {
      body: Buffer.from(`contact_id,email,lifecycle_stage,created_at\n${rows}`),
      headers: { 'content-type': 'text/csv' },
    });
  const evaluate = async () => {
    await client.request('POST', '/v1/build', { body: {} });
    await client.request('POST', '/v1/segments/evaluate', { body: {} });
  };
  const performance = (path: string, query: Record<string, string> = {}) =>
    client.request<PerformanceReport>('GET', `/v1/segments/${path}`, { query });
  const migration = (query: Record<string, string>) =>
    client.request<SegmentMigration>('GET', '/v1/segments/migration', { query });

  clock.set('2026-10-05T00:00:00Z');
  await expect(performance('performance')).rejects.toMatchObject({ code: 'conflict' });
  for (const stage of ['lead', 'customer']) {
    await client.request('PUT', `/v1/segments/${stage}s`, {
      body: { title: stage, criteria: { field: 'lifecycle_stage', operator: 'equals', value: stage } },
    });
  }
  await contacts(
    ['a,a@example.com,lead', 'b,b@example.com,lead', 'c,c@example.com,customer']
      .map((row) => `${row},2026-01-01\n`)
      .join(''),
  );
  await evaluate();
  clock.set('2026-10-11T00:00:00Z');
  await contacts('a,a@example.com,customer,2026-01-01\nd,d@example.com,lead,2026-10-10\n');
  clock.set('2026-10-12T00:00:00Z');
  await evaluate();

  const leads = await performance('leads/performance', { from: '2026-10-05', to: '2026-10-13' });
  expect(leads).toMatchObject({
    as_of: '2026-10-12T00:00:00Z',
    time_zone: 'Pacific/Auckland',
    end_date: '2026-10-13',
  });
  // The fifth begins at 11:00 UTC of the fourth, and ends with the build; a and b were in for a week, d is in from now on.
  expect(leads.segments).toMatchObject([
    {
      segment_id: 'leads',
      from: '2026-10-05T00:00:00Z',
      to: '2026-10-12T00:00:00Z',
      members: { contacts: 2, contact_days: 14 },
      base: { contacts: 2, contact_days: 7 + 2 },
    },
  ]);
  const all = await performance('performance');
  expect(all).toMatchObject({ start_date: '2026-07-14', end_date: '2026-10-13' });
  expect(all.segments.map(({ segment_id }) => segment_id)).toEqual(
    expect.arrayContaining(['customers', 'leads', 'champions']) as string[],
  );
  await expect(performance('leeds/performance')).rejects.toMatchObject({ code: 'not_found' });
  await expect(performance('performance', { from: 'monday' })).rejects.toMatchObject({ code: 'bad_request' });
  await expect(performance('performance', { to: 'monday' })).rejects.toMatchObject({ code: 'bad_request' });
  await expect(performance('performance', { from: '2026-10-13' })).rejects.toMatchObject({
    code: 'bad_request',
  });
  await expect(performance('performance', { from: '2026-10-01', to: '2026-10-01' })).rejects.toMatchObject({
    code: 'bad_request',
  });

  // Before the first evaluation nobody was recorded; at its own moment everybody was.
  const early = await migration({ from: '2026-10-05', segments: 'leads,customers' });
  expect(early.from).toBe('2026-10-04T11:00:00Z');
  expect(early.rows.map(({ persons }) => persons)).toEqual([0, 0, 3, 1]);
  const matrix = await migration({ from: '2026-10-05T00:00:00Z', segments: 'leads,customers' });
  expect(matrix).toMatchObject({ to: '2026-10-12T00:00:00Z', persons: 4, is_overlapping: false });
  expect(
    matrix.rows.map(({ kind, segment_id, persons, cells }) => [
      segment_id ?? kind,
      persons,
      ...cells.map((cell) => [cell.segment_id ?? cell.kind, cell.value, cell.numerator, cell.denominator]),
    ]),
  ).toEqual([
    ['leads', 2, ['leads', 0.5, 1, 2], ['customers', 0.5, 1, 2]],
    ['customers', 1, ['customers', 1, 1, 1]],
    ['none', 0],
    ['new', 1, ['leads', 1, 1, 1]],
  ]);
  expect(matrix.columns.map(({ kind, persons }) => [kind, persons])).toEqual([
    ['segment', 2],
    ['segment', 2],
    ['none', 0],
    ['gone', 0],
  ]);
  expect(matrix.rows[0]?.recorded_since).toBe('2026-10-05T00:00:00Z');
  await expect(migration({ from: '2026-10-12T00:00:00Z' })).rejects.toMatchObject({ code: 'bad_request' });
  await expect(migration({ from: 'monday' })).rejects.toMatchObject({ code: 'bad_request' });
  await expect(migration({ from: '2026-10-05', segments: 'leeds' })).rejects.toMatchObject({
    code: 'not_found',
  });
});
