import fc from 'fast-check';
import { expect, test } from 'vitest';
import { buildTimetable, lastDue, missedSince } from '../../jobs/timetable.ts';

const nightly = { cron: '0 2 * * *', time_zone: 'Europe/Berlin' };

test('a run is due in the zone of its entry', () => {
  expect(lastDue(nightly, new Date('2026-11-02T06:00:00Z'))).toEqual(new Date('2026-11-02T01:00:00Z'));
  expect(lastDue(nightly, new Date('2026-07-02T06:00:00Z'))).toEqual(new Date('2026-07-02T00:00:00Z'));
  expect(lastDue(nightly, new Date('2026-11-02T01:00:00Z')), 'due this very moment').toEqual(
    new Date('2026-11-02T01:00:00Z'),
  );
});

test('what was missed is counted, and its last time told', () => {
  const now = new Date('2026-11-02T06:00:00Z');
  expect(missedSince(nightly, new Date('2026-11-02T01:00:00Z'), now)).toBeUndefined();
  expect(missedSince(nightly, new Date('2026-11-02T00:59:59Z'), now)).toEqual({
    count: 1,
    scheduled_for: new Date('2026-11-02T01:00:00Z'),
  });
  expect(missedSince(nightly, new Date('2026-10-30T12:00:00Z'), now)).toMatchObject({ count: 3 });
});

test('law: nothing was missed since a run that was on time', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 3 * 365 * 24 * 3600 }),
      fc.constantFrom('0 2 * * *', '*/10 * * * * *', '0 8 * * 1', '30 3 1 * *'),
      (seconds, cron) => {
        const now = new Date(Date.UTC(2025, 0, 1) + seconds * 1000);
        const entry = { cron, time_zone: 'America/New_York' };
        const due = lastDue(entry, now);
        expect(due.getTime()).toBeLessThanOrEqual(now.getTime());
        expect(missedSince(entry, due, now)).toBeUndefined();
        expect(missedSince(entry, new Date(due.getTime() - 1), now)).toEqual({
          count: 1,
          scheduled_for: due,
        });
      },
    ),
    { numRuns: 60 },
  );
});

test('each report with a schedule has a job of its own', () => {
  const timetable = buildTimetable('UTC', [
    { report_id: 'weekly', cron: '0 8 * * 1', time_zone: 'Europe/Berlin' },
  ]);
  expect(timetable.map((entry) => entry.job)).toEqual([
    'ingest',
    'build',
    'evaluate',
    'test',
    'send',
    'reconcile',
    'compact',
    'report:weekly',
  ]);
  expect(timetable.at(-1)).toMatchObject({
    worker: 'reports',
    time_zone: 'Europe/Berlin',
    catch_up: true,
    arguments: { report_id: 'weekly' },
  });
});

test('the snapshot is published by the clock only where the account says when', () => {
  const jobs = (publishCron?: string) => buildTimetable('Europe/Berlin', [], { publishCron });
  expect(jobs().some(({ job }) => job === 'publish')).toBe(false);
  expect(jobs('0 4 * * *').at(-1)).toMatchObject({
    job: 'publish',
    worker: 'publish',
    cron: '0 4 * * *',
    time_zone: 'Europe/Berlin',
  });
});
