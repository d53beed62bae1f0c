import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ApiClient } from '../../api/client.ts';
import { MallardError } from '../../data/errors.ts';
import { runJob, type JobContext } from '../../jobs/run-job.ts';
import { job } from '../../jobs/workers/ingest.ts';
import { openTestApp, type TestApp } from '../api/support.ts';

function contextOf({ client, mallard }: TestApp): JobContext {
  return {
    client,
    project: mallard.project,
    clock: mallard.clock,
    signal: new AbortController().signal,
    arguments: {},
    env: {},
  };
}

/** Drops a file that is `ageSeconds` old by the test's clock. */
function drop({ mallard }: TestApp, table: string, name: string, text: string, ageSeconds = 60): void {
  const folder = join(mallard.project.inbox, table);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, name);
  writeFileSync(path, text);
  const at = new Date(mallard.clock.now().getTime() - ageSeconds * 1000);
  utimesSync(path, at, at);
}

const ingest = (server: TestApp) => runJob('ingest', job, contextOf(server));

test('an empty inbox is nothing to do, and leaves no run', async () => {
  const server = await openTestApp();
  expect(await ingest(server)).toEqual({ status: 'not_due' });
  expect(await server.client.request('GET', '/v1/jobs/runs')).toEqual({ runs: [] });
});

test('dropped files are loaded and put aside; one still being copied waits', async () => {
  const server = await openTestApp();
  drop(server, 'contacts', 'a.csv', 'contact_id,email\nc1,one@example.com\n');
  drop(server, 'contacts', 'young.csv', 'contact_id\nc2\n', 1);
  expect(await ingest(server)).toMatchObject({
    status: 'succeeded',
    result: { loads: [{ table: 'contacts', rows_inserted: 1 }] },
  });
  const { inbox } = server.mallard.project;
  expect(readdirSync(join(inbox, 'contacts'))).toEqual(['young.csv']);
  expect(readdirSync(join(inbox, '.loaded', 'contacts'))).toEqual(['a.csv']);
});

test('a file that does not fit is put aside with the reason, the others are loaded, and the run fails', async () => {
  const server = await openTestApp();
  drop(server, 'contacts', 'good.csv', 'contact_id\nc1\n');
  drop(server, 'deals', 'bad.csv', 'nothing\n1\n');
  const outcome = await ingest(server);
  expect(outcome).toMatchObject({
    status: 'failed',
    error: expect.stringContaining('deals/bad.csv') as string,
  });
  const failed = join(server.mallard.project.inbox, '.failed', 'deals');
  expect(readdirSync(failed)).toEqual(['bad.csv', 'bad.csv.reason.txt']);
  expect(readFileSync(join(failed, 'bad.csv.reason.txt'), 'utf8')).toContain('deal_id');
  const contacts = await server.mallard.warehouse.read((session) =>
    session.rows('select contact_id from core.contacts'),
  );
  expect(contacts).toEqual([{ contact_id: 'c1' }]);
});

test('files of one name are kept beside each other, none replaces another', async () => {
  const server = await openTestApp();
  for (const id of ['c1', 'c2', 'c3']) {
    drop(server, 'contacts', 'daily.csv', `contact_id\n${id}\n`);
    expect(await ingest(server)).toMatchObject({ status: 'succeeded' });
  }
  const loaded = join(server.mallard.project.inbox, '.loaded', 'contacts');
  expect(readdirSync(loaded)).toEqual(['daily-2.csv', 'daily-3.csv', 'daily.csv']);
  expect(readFileSync(join(loaded, 'daily.csv'), 'utf8')).toContain('c1');
  expect(readFileSync(join(loaded, 'daily-3.csv'), 'utf8')).toContain('c3');
});

test('a file whose load failed for another reason than what it is stays, and the next run loads it', async () => {
  const server = await openTestApp();
  drop(server, 'contacts', 'good.csv', 'contact_id\nc1\n');
  const context = contextOf(server);
  const stopping: ApiClient = {
    ...server.client,
    request: (method, path, options) =>
      path.startsWith('/v1/load/')
        ? Promise.reject(new MallardError('shutting_down', 'The warehouse is closing.'))
        : server.client.request(method, path, options),
  };
  expect(await runJob('ingest', job, { ...context, client: stopping })).toMatchObject({ status: 'failed' });
  const { inbox } = server.mallard.project;
  expect(readdirSync(inbox)).not.toContain('.failed');
  expect(await ingest(server)).toMatchObject({ status: 'succeeded' });
  expect(readdirSync(join(inbox, '.loaded', 'contacts'))).toEqual(['good.csv']);
});
