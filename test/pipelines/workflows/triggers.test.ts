import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { expect, onTestFinished, test } from 'vitest';
import { evaluateSegments } from '../../../pipelines/segments/evaluate.ts';
import { renameSegment } from '../../../pipelines/segments/rename.ts';
import { deleteSegment, saveSegment } from '../../../pipelines/segments/store.ts';
import { runSegmentAction } from '../../../pipelines/workflows/run-action.ts';
import { runTriggers } from '../../../pipelines/workflows/run-triggers.ts';
import { deleteTrigger, listTriggers, saveTrigger } from '../../../pipelines/workflows/triggers.ts';
import { addContacts, openFixture, type SegmentFixture } from '../segments/fixture.ts';

interface Received {
  headers: IncomingHttpHeaders;
  body: string;
}

/** A receiver on loopback; `answer` says with what status each message is taken. */
async function receiver(
  answer: (nth: number) => number = () => 200,
): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = [];
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      received.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
      response.writeHead(answer(received.length)).end('so be it');
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise<void>((resolve) => void server.close(() => resolve())));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, received };
}

const rows = (fixture: SegmentFixture, sql: string) => fixture.warehouse.read((session) => session.rows(sql));

/** Customers are the segment; contacts by stage. */
async function openCustomers(stages: Record<string, string>): Promise<SegmentFixture> {
  const fixture = await openFixture();
  await fixture.load((tx) =>
    addContacts(
      tx,
      Object.entries(stages).map(([contact_id, lifecycle_stage]) => ({ contact_id, lifecycle_stage })),
    ),
  );
  await saveSegment(fixture.context, {
    segment_id: 'customers',
    title: 'Customers',
    criteria: { field: 'lifecycle_stage', operator: 'equals', value: 'customer' },
  });
  await evaluateOn(fixture, '2026-11-02T06:00:00Z');
  return fixture;
}

async function evaluateOn(fixture: SegmentFixture, iso: string): Promise<void> {
  fixture.clock.set(iso);
  await fixture.build();
  await evaluateSegments(fixture.warehouse, fixture.engine, { asOf: fixture.clock.now() });
}

async function setStage(fixture: SegmentFixture, contact: string, stage: string): Promise<void> {
  await fixture.load((tx) =>
    tx.run('update core.contacts set lifecycle_stage = $2 where contact_id = $1', [contact, stage]),
  );
}

const task = { type: 'create_task', title: 'Welcome them' };

test('acts once on each entry from its saving on, again on a second entry, and on leaving where so asked', async () => {
  const fixture = await openCustomers({ before: 'customer', ada: 'lead', bob: 'lead' });
  const { context } = fixture;
  fixture.clock.set('2026-11-02T07:00:00Z');
  await saveTrigger(context, {
    trigger_id: 'welcome',
    segment_id: 'customers',
    change: 'entered',
    action: task,
  });
  await saveTrigger(context, {
    trigger_id: 'farewell',
    segment_id: 'customers',
    change: 'left',
    action: { type: 'create_task', title: 'Win them back' },
  });
  // Who was in before is not meant.
  expect(await runTriggers(context)).toEqual({ runs: [], errors: [] });

  await setStage(fixture, 'ada', 'customer');
  await evaluateOn(fixture, '2026-11-03T06:00:00Z');
  const dry = await runTriggers(context, { dryRun: true });
  expect(dry.runs).toMatchObject([{ trigger_id: 'welcome', matched: 1, acted: 1, dry_run: true }]);
  expect(await rows(fixture, 'from ops.tasks')).toEqual([]);

  expect((await runTriggers(context)).runs).toMatchObject([
    { trigger_id: 'welcome', change: 'entered', matched: 1, acted: 1, skipped: 0 },
  ]);
  expect(await runTriggers(context)).toEqual({ runs: [], errors: [] });
  // As if nothing had been done in the last days, whoever entered in them.
  const rehearsed = await runTriggers(context, {
    triggerId: 'welcome',
    dryRun: true,
    since: new Date('2026-11-01T00:00:00Z'),
  });
  expect(rehearsed.runs.map(({ matched, acted }) => [matched, acted])).toEqual([
    [1, 1],
    [1, 1],
  ]);

  await setStage(fixture, 'ada', 'lead');
  await setStage(fixture, 'bob', 'customer');
  await evaluateOn(fixture, '2026-11-04T06:00:00Z');
  await setStage(fixture, 'ada', 'customer');
  // Two evaluations are waiting; nobody ran the triggers between them.
  await evaluateOn(fixture, '2026-11-05T06:00:00Z');
  await runTriggers(context);
  await runTriggers(context);
  const tasks = await rows(
    fixture,
    'select title, contact_id, count(*)::int as n from ops.tasks group by all order by all',
  );
  expect(tasks).toEqual([
    { title: 'Welcome them', contact_id: 'ada', n: 2 },
    { title: 'Welcome them', contact_id: 'bob', n: 1 },
    { title: 'Win them back', contact_id: 'ada', n: 1 },
  ]);
});

test('a crowd is held until somebody says so; paused ones miss what happens meanwhile', async () => {
  const fixture = await openCustomers({ ada: 'lead', bob: 'lead', cyd: 'lead' });
  const { context } = fixture;
  fixture.clock.set('2026-11-02T07:00:00Z');
  const trigger = {
    trigger_id: 'welcome',
    segment_id: 'customers',
    change: 'entered' as const,
    action: task,
    contacts_max: 1,
  };
  await saveTrigger(context, trigger);
  await setStage(fixture, 'ada', 'customer');
  await setStage(fixture, 'bob', 'customer');
  await evaluateOn(fixture, '2026-11-03T06:00:00Z');
  const held = await runTriggers(context);
  expect(held.runs).toEqual([]);
  expect(held.errors[0]?.error).toMatch(/Held: 2 contacts moved at once, more than the 1 of this trigger/);
  expect(await listTriggers(context)).toMatchObject([{ error: held.errors[0]?.error }]);
  expect((await runTriggers(context, { ignoreMax: true })).runs).toMatchObject([{ acted: 2 }]);
  expect(await listTriggers(context)).toMatchObject([{ error: null }]);

  await saveTrigger(context, { ...trigger, status: 'paused' });
  await setStage(fixture, 'cyd', 'customer');
  await evaluateOn(fixture, '2026-11-04T06:00:00Z');
  expect(await runTriggers(context)).toEqual({ runs: [], errors: [] });
  fixture.clock.set('2026-11-04T07:00:00Z');
  await saveTrigger(context, trigger);
  expect(await runTriggers(context)).toEqual({ runs: [], errors: [] });
  await deleteTrigger(context, 'welcome');
  expect(await listTriggers(context)).toEqual([]);
  await expect(deleteTrigger(context, 'welcome')).rejects.toThrow(/no trigger 'welcome'/);
});

test('a webhook is signed as Standard Webhooks has it; what fails is sent again, with the same id, and nothing else is', async () => {
  const fixture = await openCustomers({ ada: 'lead' });
  const { context } = fixture;
  fixture.clock.set('2026-11-02T07:00:00Z');
  const secret = `whsec_${Buffer.from('a secret of thirty-two characters').toString('base64')}`;
  process.env['MALLARD_WEBHOOK_SECRET_TEST'] = secret;
  onTestFinished(() => void delete process.env['MALLARD_WEBHOOK_SECRET_TEST']);
  const { url, received } = await receiver((nth) => (nth === 2 ? 503 : 200));
  await saveTrigger(context, {
    trigger_id: 'tell',
    segment_id: 'customers',
    change: 'entered',
    action: {
      type: 'webhook',
      url,
      secret_env: 'MALLARD_WEBHOOK_SECRET_TEST',
      fields: ['email_address', 'created_at', 'order_count', 'email.last_30_days.clicks'],
    },
  });
  // 1,001 are two messages.
  await fixture.load((tx) =>
    addContacts(
      tx,
      Array.from({ length: 1_001 }, (_, index) => ({
        contact_id: `c${String(index).padStart(4, '0')}`,
        lifecycle_stage: 'customer',
      })),
    ),
  );
  await evaluateOn(fixture, '2026-11-03T06:00:00Z');

  const first = await runTriggers(context);
  expect(first.errors).toEqual([
    {
      trigger_id: 'tell',
      error: expect.stringMatching(/did not take the message: it answered 503 so be it/),
    },
  ]);
  const second = await runTriggers(context);
  expect(second).toMatchObject({ errors: [], runs: [{ matched: 1001, acted: 1, skipped: 1000 }] });
  expect(await runTriggers(context)).toEqual({ runs: [], errors: [] });

  expect(received).toHaveLength(3);
  const ids = received.map(({ headers }) => headers['webhook-id']);
  expect(ids[1]).toBe(ids[2]);
  expect(ids[0]).not.toBe(ids[1]);
  const bodies = received.map(
    ({ body, headers }) =>
      new Webhook(secret).verify(body, headers as Record<string, string>) as {
        type: string;
        data: { segment_id: string; contacts: object[] };
      },
  );
  expect(bodies.map(({ data }) => data.contacts.length)).toEqual([1000, 1, 1]);
  expect(bodies[0]).toMatchObject({ type: 'segment.entered', data: { segment_id: 'customers' } });
  expect(bodies[0]?.data.contacts[0]).toEqual({
    contact_id: 'c0000',
    email_address: 'c0000@example.com',
    created_at: '2026-01-01T00:00:00Z',
    order_count: 0,
    'email.last_30_days.clicks': 0,
  });
  const log = await rows(
    fixture,
    `select action, status, count(*)::int as n, count(distinct contact_id)::int as contacts from ops.action_runs group by all`,
  );
  expect(log).toEqual([{ action: 'webhook', status: 'done', n: 1001, contacts: 1001 }]);
});

test('a webhook without its secret, or that nobody answers, says so and is tried again', async () => {
  const fixture = await openCustomers({ ada: 'customer' });
  const act = (action: object) =>
    runSegmentAction(fixture.context, { segmentId: 'customers', action, runId: 'r' });
  await expect(
    act({ type: 'webhook', url: 'http://127.0.0.1:9/', secret_env: 'MALLARD_WEBHOOK_SECRET_NONE' }),
  ).rejects.toThrow(/The environment has no MALLARD_WEBHOOK_SECRET_NONE/);
  await expect(act({ type: 'webhook', url: 'http://127.0.0.1:9/' })).rejects.toThrow(
    /webhook at 127\.0\.0\.1:9/,
  );
  await expect(act({ type: 'webhook', url: 'file:///etc/passwd' })).rejects.toThrow(/url/);
  await expect(act({ type: 'webhook', url: 'http://127.0.0.1:9/', secret_env: 'PATH' })).rejects.toThrow(
    /secret_env/,
  );
  await expect(act({ type: 'export_list', fields: ['emial_address'] })).rejects.toThrow(
    /Did you mean 'email_address'/,
  );
  const { url, received } = await receiver();
  expect(await act({ type: 'webhook', url })).toMatchObject({ acted: 1 });
  expect(received).toHaveLength(1);
  expect(JSON.parse(received[0]?.body ?? '')).toMatchObject({
    type: 'segment.members',
    data: { contacts: [{ contact_id: 'ada' }] },
  });
});

test('a list is one CSV file a run, the same when it is repeated', async () => {
  const fixture = await openCustomers({ ada: 'customer', bob: 'customer', cyd: 'lead' });
  await fixture.load((tx) =>
    tx.run(
      `update core.contacts set first_name = 'Bob, "the' || chr(10) || 'builder"' where contact_id = 'bob'`,
    ),
  );
  await fixture.build();
  const request = { segmentId: 'customers', action: { type: 'export_list' }, runId: 'monday' };
  expect(await runSegmentAction(fixture.context, { ...request, dryRun: true })).toMatchObject({ acted: 2 });
  const { exports: folder } = fixture.project;
  expect(readdirSync(folder)).toEqual([]);
  expect(await runSegmentAction(fixture.context, request)).toMatchObject({ acted: 2, skipped: 0 });
  const [file = ''] = readdirSync(folder);
  expect(file).toMatch(/^customers\.list_[0-9a-f]{24}\.csv$/);
  expect(readFileSync(join(folder, file), 'utf8')).toBe(
    'contact_id,email_address,first_name,last_name\nada,ada@example.com,,\nbob,bob@example.com,"Bob, ""the\nbuilder""",\n',
  );
  expect(await runSegmentAction(fixture.context, request)).toMatchObject({
    acted: 0,
    skipped_by_reason: { already_done: 2 },
  });
  expect(readdirSync(folder)).toEqual([file]);
});

test('a renamed segment keeps its triggers, and nobody is acted on again', async () => {
  const fixture = await openCustomers({ ada: 'lead', bob: 'lead' });
  const { context } = fixture;
  fixture.clock.set('2026-11-02T07:00:00Z');
  await saveTrigger(context, {
    trigger_id: 'welcome',
    segment_id: 'customers',
    change: 'entered',
    action: task,
  });
  await setStage(fixture, 'ada', 'customer');
  await evaluateOn(fixture, '2026-11-03T06:00:00Z');
  await runTriggers(context);
  await renameSegment(context, 'customers', { segment_id: 'clients' });
  expect(await runTriggers(context)).toEqual({ runs: [], errors: [] });
  await setStage(fixture, 'bob', 'customer');
  await evaluateOn(fixture, '2026-11-04T06:00:00Z');
  expect((await runTriggers(context)).runs).toMatchObject([{ segment_id: 'clients', matched: 1, acted: 1 }]);
  await expect(deleteSegment(context, 'clients')).rejects.toThrow(/used by the triggers welcome/);
});
