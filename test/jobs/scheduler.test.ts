import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test, vi } from 'vitest';
import { httpClient } from '../../api/client.ts';
import type { JobRun } from '../../api/job-runs.ts';
import { fixedClock } from '../../data/clock.ts';
import type { JobFailure } from '../../jobs/alert.ts';
import { runJob } from '../../jobs/run-job.ts';
import { startScheduler, type SchedulerOptions } from '../../jobs/scheduler.ts';
import type { TimetableEntry } from '../../jobs/timetable.ts';
import { internalToken, openTestApp, type TestApp } from '../api/support.ts';

const stubborn = fileURLToPath(new URL('./fixtures/stubborn.mjs', import.meta.url));
const hanging = fileURLToPath(new URL('./fixtures/claims-and-hangs.mjs', import.meta.url));
const nightly: TimetableEntry = {
  job: 'build',
  worker: 'build',
  cron: '0 2 * * *',
  time_zone: 'UTC',
  catch_up: true,
  timeout_ms: 60_000,
};
const evaluate: TimetableEntry = {
  job: 'evaluate',
  worker: 'evaluate',
  after: 'build',
  time_zone: 'UTC',
  catch_up: false,
  timeout_ms: 60_000,
};

async function start({ mallard, url }: TestApp, options: Partial<SchedulerOptions> = {}) {
  const lines: string[] = [];
  const alerts: JobFailure[] = [];
  const line = (fields: object, message: string) => void lines.push(`${message} ${JSON.stringify(fields)}`);
  const scheduler = await startScheduler({
    timetable: [nightly],
    client: httpClient({ url, token: internalToken }),
    url,
    token: internalToken,
    projectDir: mallard.project.dir,
    clock: fixedClock('2026-11-02T06:00:00Z'),
    log: { info: line, warn: line, error: line },
    alert: (failure) => Promise.resolve(void alerts.push(failure)),
    stopGraceMs: 300,
    ...options,
  });
  onTestFinished(() => scheduler.stop());
  return { scheduler, lines, alerts };
}

async function runs({ client }: TestApp, job = 'build'): Promise<JobRun[]> {
  return (await client.request<{ runs: JobRun[] }>('GET', '/v1/jobs/runs', { query: { job } })).runs;
}

test('the first boot of a job missed nothing, and marks where it begins', async () => {
  const server = await openTestApp();
  await start(server);
  expect(await runs(server)).toMatchObject([
    { job: 'build', status: 'skipped', error: 'Known from now on.' },
  ]);
});

test('what was missed while nothing ran is logged, and runs once', async () => {
  const server = await openTestApp({ clock: fixedClock('2026-10-30T06:00:00Z') });
  const first = await start(server, { clock: fixedClock('2026-10-30T06:00:00Z') });
  await first.scheduler.stop();
  await start(server);
  await vi.waitFor(async () => expect((await runs(server)).map((run) => run.status)).toContain('succeeded'), {
    timeout: 30_000,
    interval: 200,
  });
  const all = await runs(server);
  expect(all.map((run) => run.status).toSorted()).toEqual(['missed', 'skipped', 'succeeded']);
  expect(all.find((run) => run.status === 'missed')).toMatchObject({
    scheduled_for: '2026-11-02T02:00:00Z',
    error: 'Nothing ran when it was due (3 times).',
  });
});

test('what a dead process left running is failed at the next boot, and its job can run again', async () => {
  const server = await openTestApp();
  const claim = { body: {} };
  await server.client.request('POST', '/v1/jobs/build/start', claim);
  await start(server, { timetable: [] });
  expect(await runs(server)).toMatchObject([
    { status: 'failed', error: 'The process ended before the job did.' },
  ]);
  await expect(server.client.request('POST', '/v1/jobs/build/start', claim)).resolves.toMatchObject({
    status: 'started',
  });
});

test('a run that overlaps is skipped and logged: in the timer', async () => {
  const server = await openTestApp();
  const { scheduler, lines } = await start(server, {
    threadFile: stubborn,
    timetable: [{ ...nightly, catch_up: false }],
  });
  await scheduler.run('build');
  await scheduler.run('build');
  expect(await runs(server)).toMatchObject([
    { status: 'skipped', error: 'The run before it had not ended.' },
  ]);
  expect(lines.join('\n')).toContain('job is still running');
});

test('a run that overlaps is skipped and logged: in the API, whoever asks', async () => {
  const server = await openTestApp();
  const first = await server.client.request<{ job_run_id: string }>('POST', '/v1/jobs/build/start', {
    body: {},
  });
  const second = await server.client.request('POST', '/v1/jobs/build/start', { body: {} });
  expect(second).toEqual({ status: 'skipped', running_job_run_id: first.job_run_id });
  await server.client.request('POST', `/v1/jobs/runs/${first.job_run_id}/finish`, {
    body: { status: 'succeeded', result: { rows: 3 } },
  });
  const again = server.client.request('POST', `/v1/jobs/runs/${first.job_run_id}/finish`, {
    body: { status: 'failed' },
  });
  await expect(again).rejects.toMatchObject({ code: 'conflict' });
  expect((await runs(server)).map((run) => run.status).toSorted()).toEqual(['skipped', 'succeeded']);
});

test('a run whose thread is ended for taking too long is failed, and its job can run again', async () => {
  const server = await openTestApp();
  const { scheduler, alerts } = await start(server, {
    threadFile: hanging,
    timetable: [{ ...nightly, catch_up: false, timeout_ms: 500 }],
  });
  await scheduler.run('build');
  await vi.waitFor(async () => expect(await runs(server)).toMatchObject([{ status: 'failed' }]), {
    timeout: 10_000,
    interval: 50,
  });
  const { error } = (await runs(server))[0] ?? {};
  expect(error).toContain('took too long');
  expect(alerts).toEqual([{ job: 'build', error }]);
  await expect(server.client.request('POST', '/v1/jobs/build/start', { body: {} })).resolves.toMatchObject({
    status: 'started',
  });
});

test('a run whose thread is ended by stopping is failed before stopping ends', async () => {
  const server = await openTestApp();
  const { scheduler, alerts } = await start(server, {
    threadFile: hanging,
    timetable: [{ ...nightly, catch_up: false }],
  });
  await scheduler.run('build');
  await vi.waitFor(async () => expect(await runs(server)).toMatchObject([{ status: 'running' }]), {
    timeout: 10_000,
    interval: 50,
  });
  await scheduler.stop();
  expect(await runs(server)).toMatchObject([{ status: 'failed', error: 'It was stopped.' }]);
  expect(alerts).toEqual([]);
});

test('a job tells its thread which run it has claimed', async () => {
  const claimed: string[] = [];
  const server = await openTestApp();
  const outcome = await runJob(
    'build',
    { run: () => Promise.resolve(3) },
    {
      client: server.client,
      project: server.mallard.project,
      clock: server.mallard.clock,
      signal: new AbortController().signal,
      arguments: {},
      env: {},
      onClaimed: (jobRunId) => void claimed.push(jobRunId),
    },
  );
  expect(outcome).toEqual({ status: 'succeeded', result: 3 });
  expect(claimed).toEqual((await runs(server)).map((run) => run.job_run_id));
});

test('stopping ends, even with a job that hears nothing', async () => {
  const server = await openTestApp();
  const { scheduler, lines } = await start(server, { threadFile: stubborn });
  await scheduler.run('build');
  await scheduler.stop();
  expect(lines.join('\n')).toContain('did not stop in time');
}, 10_000);

test('a job follows another that succeeded, and a failure is kept', async () => {
  const server = await openTestApp();
  const { scheduler } = await start(server, { timetable: [{ ...nightly, catch_up: false }, evaluate] });
  await scheduler.run('build');
  await vi.waitFor(
    async () => expect(await runs(server, 'evaluate')).toMatchObject([{ status: 'succeeded' }]),
    { timeout: 30_000, interval: 200 },
  );
  await expect(scheduler.run('nothing')).rejects.toMatchObject({ code: 'not_found' });
});
