import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { httpClient, type ApiClient } from '../../api/client.ts';
import { runJob, type JobContext } from '../../jobs/run-job.ts';
import { job as sendJob } from '../../jobs/workers/send.ts';
import { openTestApp, type TestApp } from './support.ts';

const contacts = [
  'contact_id,email,first_name,lifecycle_stage,created_at',
  'c1,one@example.com,One,lead,2026-01-01',
  'c2,two@example.com,Two,lead,2026-01-01',
  'c3,three@example.com,Three,lead,2026-01-01',
  'c4,four@example.com,Four,lead,2026-01-01',
  'c5,,Five,lead,2026-01-01',
  'c6,six@example.com,Six,customer,2026-01-01',
].join('\n');
// c4 said nothing; c3 said yes, then no.
const consent = [
  'consent_event_id,contact_id,status,occurred_at',
  'e1,c1,granted,2026-01-02',
  'e2,c2,granted,2026-01-02',
  'e3,c3,granted,2026-01-02',
  'e4,c3,withdrawn,2026-02-02',
  'e5,c5,granted,2026-01-02',
].join('\n');

const campaign = {
  title: 'Spring',
  segment_ids: ['leads'],
  message: {
    template: {
      subject: 'Hello {{ first_name }}',
      format: 'text',
      body: 'Hello {{ first_name }}, {{ account.postal_address }} {{ unsubscribe_url }}',
    },
  },
};

async function prepared(): Promise<TestApp> {
  const server = await openTestApp();
  const { client } = server;
  for (const [table, body] of [
    ['contacts', contacts],
    ['consent_events', consent],
  ] as const) {
    await client.request('POST', `/v1/load/${table}`, {
      body: Readable.from([Buffer.from(body)]),
      headers: { 'content-type': 'text/csv' },
    });
  }
  await client.request('POST', '/v1/build', { body: {} });
  await client.request('PUT', '/v1/segments/leads', {
    body: { title: 'Leads', criteria: [{ field: 'lifecycle_stage', operator: 'equals', value: 'lead' }] },
  });
  await client.request('POST', '/v1/segments/evaluate', { body: {} });
  return server;
}

function jobContext({ mallard }: TestApp, client: ApiClient): JobContext {
  return {
    client,
    project: mallard.project,
    clock: mallard.clock,
    signal: new AbortController().signal,
    arguments: {},
    env: {},
  };
}

test('from criteria to mails over HTTP: every contact is accounted for, and nobody gets two', async () => {
  const server = await prepared();
  const { client, mallard } = server;
  const preview = { criteria: { field: 'lifecycle_stage', operator: 'equals', value: 'lead' } };
  expect(await client.request('POST', '/v1/segments/preview', { body: preview })).toMatchObject({
    count: 5,
    total: 6,
  });
  const { members } = await client.request<{ members: { contact_id: string }[] }>(
    'GET',
    '/v1/segments/leads/members',
  );
  expect(members.map((member) => member.contact_id)).toEqual(['c1', 'c2', 'c3', 'c4', 'c5']);

  expect(await client.request('PUT', '/v1/campaigns/spring', { body: campaign })).toMatchObject({
    campaign_id: 'spring',
    version: 1,
  });
  const plan = await client.request<{ by_reason: { reason: string; contacts: number }[] }>(
    'POST',
    '/v1/campaigns/spring/plan',
    { body: {} },
  );
  expect(plan).toMatchObject({
    target_count: 5,
    send_count: 2,
    excluded_count: 3,
    samples: [{ subject: 'Hello One' }, { subject: 'Hello Two' }],
  });
  expect(Object.fromEntries(plan.by_reason.map(({ reason, contacts: many }) => [reason, many]))).toEqual({
    eligible: 2,
    consent_withdrawn: 1,
    no_consent: 1,
    no_email: 1,
  });

  const launch = () =>
    client.request<{ campaign_run_id: string }>('POST', '/v1/campaigns/spring/launch', {
      headers: { 'idempotency-key': 'one' },
      body: {},
    });
  const run = await launch();
  expect(await launch()).toMatchObject({
    campaign_run_id: run.campaign_run_id,
    status: 'sending',
    launched_by: 'local',
  });

  const path = `/v1/campaign-runs/${run.campaign_run_id}`;
  await client.request('POST', `${path}/pause`, { body: {} });
  expect(await client.request('GET', '/v1/delivery/due')).toEqual({ batch_count: 0 });
  expect(await runJob('send', sendJob, jobContext(server, client))).toEqual({ status: 'not_due' });
  await client.request('POST', `${path}/resume`, { body: {} });

  const sent = await runJob('send', sendJob, jobContext(server, client));
  expect(sent).toMatchObject({ status: 'succeeded', result: { accepted: 2, batches: 1 } });
  expect(await runJob('send', sendJob, jobContext(server, client))).toEqual({ status: 'not_due' });

  const mails = await readdir(mallard.project.outbox);
  expect(mails).toHaveLength(2);
  const mail = await readFile(join(mallard.project.outbox, mails[0] ?? ''), 'utf8');
  expect(mail).toMatch(/^List-Unsubscribe-Post: List-Unsubscribe=One-Click\r?$/m);

  expect(await client.request('GET', `${path}/results`)).toMatchObject({
    run: { status: 'completed', send_count: 2, excluded_count: 3 },
    by_outcome: [{ outcome: 'accepted', contacts: 2 }],
  });
  expect(await client.request('GET', `${path}/contacts/c3`)).toMatchObject({
    decision: 'excluded',
    reason: 'consent_withdrawn',
  });
  expect(await client.request('GET', `${path}/contacts/c6`)).toMatchObject({ reason: 'not_in_segment' });
  await expect(client.request('GET', `${path}/contacts/nobody`)).rejects.toMatchObject({ code: 'not_found' });
});

test('a sender with its own token may claim and report, and read nothing', async () => {
  const { client, url } = await prepared();
  await client.request('PUT', '/v1/campaigns/spring', { body: campaign });
  await client.request('POST', '/v1/campaigns/spring/launch', { body: {} });
  const { token: secret } = await client.request<{ token: string }>('POST', '/v1/tokens', {
    body: { name: 'sender', role: 'sender' },
  });
  const sender = httpClient({ url, token: secret });
  const claim = () =>
    sender.request<{
      batch: { batch_id: string; lease_id: string; recipients: { delivery_id: string }[] } | null;
    }>('POST', '/v1/delivery/claim', {
      body: { sender_id: 'outside', providers: ['file'] },
    });
  const { batch } = await claim();
  expect(batch?.recipients).toHaveLength(2);
  expect(await claim(), 'a leased batch is not handed out twice').toMatchObject({ batch: null });
  const outcomes = (batch?.recipients ?? []).map(({ delivery_id }) => ({
    delivery_id,
    outcome: 'accepted',
    reason: null,
    provider_message_id: null,
  }));
  const report = { batch_id: batch?.batch_id, lease_id: batch?.lease_id, provider: 'file', outcomes };
  expect(await sender.request('POST', '/v1/delivery/outcomes', { body: report })).toMatchObject({
    recorded: 2,
    ignored: 0,
    run_status: 'completed',
  });
  expect(await sender.request('POST', '/v1/delivery/outcomes', { body: report })).toMatchObject({
    recorded: 0,
    ignored: 2,
  });
  await expect(sender.request('GET', '/v1/campaign-runs')).rejects.toMatchObject({ code: 'forbidden' });
});

test('an action happens to everybody in the segment, once', async () => {
  const { client } = await prepared();
  const act = (body: object) => client.request('POST', '/v1/segments/leads/actions', { body });
  const action = { type: 'set_stage', stage: 'mql' };
  expect(await act({ action, run_id: 'r1', dry_run: true })).toMatchObject({
    matched: 5,
    acted: 5,
    dry_run: true,
  });
  expect(await act({ action, run_id: 'r1' })).toMatchObject({ matched: 5, acted: 5, skipped: 0 });
  expect(await act({ action, run_id: 'r1' })).toMatchObject({ acted: 0, skipped: 5 });
  await expect(act({ action: { type: 'launch_rocket' } })).rejects.toMatchObject({
    code: 'bad_request',
    fields: { field: 'type' },
  });
  await client.request('DELETE', '/v1/segments/leads');
  await expect(act({ action })).rejects.toMatchObject({ code: 'conflict' });
});

test('nobody is sent to while all sending is stopped', async () => {
  const server = await prepared();
  const { client } = server;
  await client.request('PUT', '/v1/campaigns/spring', { body: campaign });
  const sending = { stopped: true, by: 'local', at: '2026-11-02T06:00:00Z', reason: 'a wrong price' };
  expect(await client.request('POST', '/v1/sending/stop', { body: { reason: 'a wrong price' } })).toEqual(
    sending,
  );
  // Who and why, wherever somebody looks for what happens to a campaign.
  const plan = await client.request('POST', '/v1/campaigns/spring/plan', { body: {} });
  expect(plan).toMatchObject({
    warnings: [expect.stringMatching(/stopped since .* by local: a wrong price/)],
  });
  const answers = [
    await client.request('POST', '/v1/campaigns/spring/launch', { body: {} }),
    await client.request('GET', '/v1/campaign-runs'),
    await client.request('POST', '/v1/delivery/claim', { body: { sender_id: 's', providers: ['file'] } }),
  ];
  for (const answer of answers) expect(answer).toMatchObject({ sending });
  expect(answers[2]).toMatchObject({ batch: null });
  expect(await client.request('GET', '/v1/sending')).toEqual(sending);
  expect(await runJob('send', sendJob, jobContext(server, client))).toMatchObject({
    result: { accepted: 0 },
  });
  await client.request('POST', '/v1/sending/resume', { body: { by: 'ann', reason: 'corrected' } });
  const audit = await server.mallard.warehouse.read((session) =>
    session.rows(`select actor, action, detail from ops.audit_log where subject = 'sending' order by rowid`),
  );
  expect(audit).toEqual([
    { actor: 'local', action: 'sending stopped', detail: { reason: 'a wrong price' } },
    { actor: 'ann', action: 'sending resumed', detail: { reason: 'corrected' } },
  ]);
  expect(await runJob('send', sendJob, jobContext(server, client))).toMatchObject({
    result: { accepted: 2 },
  });
});
