import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { simpleParser } from 'mailparser';
import { expect, test, vi } from 'vitest';
import { httpClient } from '../../api/client.ts';
import { Project } from '../../data/project.ts';
import { Alerts, mailAlerts, type JobFailure } from '../../jobs/alert.ts';
import { startScheduler } from '../../jobs/scheduler.ts';
import { internalToken, openTestApp } from '../api/support.ts';
import { tempFolder, testClock } from '../support.ts';

const failure = { job: 'report:weekly', error: 'deals/bad.csv: it has <no> deal_id' };

function projectWith(account = ''): Project {
  const project = new Project(tempFolder());
  writeFileSync(project.accountFile, account);
  return project;
}

async function onlyMailIn({ outbox }: Project) {
  const [name, ...others] = readdirSync(outbox);
  expect(others).toEqual([]);
  return simpleParser(readFileSync(join(outbox, name ?? '')));
}

test('a failure is mailed to the recipients of the reports, saying which job, when and why', async () => {
  const project = projectWith('name: Acme\nreport_recipients: [ops@example.com]\n');
  await mailAlerts({ project, clock: testClock, env: {} })(failure);
  const mail = await onlyMailIn(project);
  expect(mail.subject).toBe('Mallard: the job report:weekly failed');
  expect([mail.to].flat().map((to) => to?.text)).toEqual(['ops@example.com']);
  expect(mail.text).toContain('of Acme failed at 2026-11-02T06:00:00.000Z');
  expect(mail.text).toContain(failure.error);
  expect(mail.html).toContain('it has &lt;no&gt; deal_id');
});

test('where SMTP is what fails, the alert lies in the outbox, and the error is told', async () => {
  const project = projectWith();
  const alert = mailAlerts({ project, clock: testClock, env: { MALLARD_SMTP_URL: 'smtp://127.0.0.1:1' } });
  await expect(alert(failure)).rejects.toMatchObject({ code: 'provider_failed' });
  expect((await onlyMailIn(project)).text).toContain(failure.error);
});

test('a job that goes on failing alerts once, and again after it has succeeded', async () => {
  const told: JobFailure[] = [];
  const lost: string[] = [];
  const alerts = new Alerts(
    (each) => (
      told.push(each),
      each.job === 'lost' ? Promise.reject(new Error('no way')) : Promise.resolve()
    ),
    ({ job }, error) => lost.push(`${job}: ${error}`),
  );
  await alerts.failed({ job: 'send', error: 'first' });
  await alerts.failed({ job: 'send', error: 'second' });
  await alerts.failed({ job: 'build', error: 'other' });
  alerts.succeeded('send');
  await alerts.failed({ job: 'send', error: 'third' });
  await alerts.failed({ job: 'lost', error: 'x' });
  expect(told.map(({ error }) => error)).toEqual(['first', 'other', 'third', 'x']);
  expect(lost).toEqual(['lost: no way']);
});

test('a job that fails in its thread leaves its mail in the outbox', async () => {
  const server = await openTestApp();
  const { project } = server.mallard;
  mkdirSync(join(project.inbox, 'deals'), { recursive: true });
  writeFileSync(join(project.inbox, 'deals', 'bad.csv'), 'nothing\n1\n');
  const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const scheduler = await startScheduler({
    timetable: [{ job: 'ingest', worker: 'ingest', time_zone: 'UTC', catch_up: false, timeout_ms: 60_000 }],
    client: httpClient({ url: server.url, token: internalToken }),
    url: server.url,
    token: internalToken,
    projectDir: project.dir,
    clock: testClock,
    log: quiet,
    alert: mailAlerts({ project, clock: testClock, env: {} }),
  });
  try {
    await vi.waitFor(
      async () => {
        // Until the file is old enough to be taken, there is nothing to do.
        await scheduler.run('ingest');
        expect(readdirSync(project.outbox)).toHaveLength(1);
      },
      { timeout: 40_000, interval: 1_000 },
    );
  } finally {
    await scheduler.stop();
  }
  expect((await onlyMailIn(project)).text).toContain('deals/bad.csv');
});
