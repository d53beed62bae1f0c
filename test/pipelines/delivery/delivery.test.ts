import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { simpleParser } from 'mailparser';
import { describe, expect, test } from 'vitest';
import { addressKey } from '../../../data/address.ts';
import { cancelRun, pauseRun, resumeRun } from '../../../pipelines/campaigns/control.ts';
import { getRun } from '../../../pipelines/campaigns/launch.ts';
import { campaignResults, whyContact } from '../../../pipelines/campaigns/results.ts';
import { addSuppressions } from '../../../pipelines/consent/suppressions.ts';
import { readUnsubscribeToken } from '../../../pipelines/consent/token.ts';
import { projectSecret } from '../../../pipelines/consent/secret.ts';
import { claimBatch } from '../../../pipelines/delivery/claim.ts';
import { attemptsMax } from '../../../pipelines/delivery/lease.ts';
import type { DeliveryClient } from '../../../pipelines/delivery/messages.ts';
import { fileProvider } from '../../../pipelines/delivery/providers/file.ts';
import { reportOutcomes } from '../../../pipelines/delivery/report.ts';
import { sendPending } from '../../../pipelines/delivery/sender.ts';
import { resumeSending, stopSending } from '../../../pipelines/delivery/switch.ts';
import { expireLeases, resendUnknown, resolveUnknown } from '../../../pipelines/delivery/unknown.ts';
import { acceptEmailEvents } from '../../../pipelines/sources/intake.ts';
import { readSendgridEvents } from '../../../pipelines/sources/sendgrid-events.ts';
import type { TestContext } from '../campaigns/fixture.ts';
import { directClient, launched, outcomes, worldProvider } from './support.ts';

const request = { sender_id: 's1', providers: ['file'] };
const options = (context: TestContext) => ({ senderId: 's1', clock: context.clock });

describe('the file provider', () => {
  test('every recipient gets one whole mail with both headers, its own link and its values', async () => {
    const { context, run } = await launched(50);
    const provider = fileProvider({ outbox: context.project.outbox, clock: context.clock });
    const summary = await sendPending(directClient(context), [provider], options(context));
    expect(summary).toEqual({ batches: 3, accepted: 50, rejected: 0, failed: 0, unknown: 0 });
    const files = readdirSync(context.project.outbox);
    expect(files).toHaveLength(50);
    const recipients = new Set<string>();
    for (const file of files) {
      const raw = readFileSync(join(context.project.outbox, file));
      const mail = await simpleParser(raw);
      const to = Array.isArray(mail.to) ? '' : (mail.to?.text ?? '');
      recipients.add(to);
      const id = to.split('@')[0] ?? '';
      expect(mail.subject).toBe(`For Name ${id}`);
      expect(mail.html).toContain(`Hi Name ${id}, welcome`);
      expect(mail.text).toContain(context.account.postal_address);
      expect(mail.messageId).toBe(`<${file.replace('.eml', '')}@example.com>`);
      const link = /^List-Unsubscribe: <([^>]+)>/m.exec(raw.toString())?.[1] ?? '';
      expect(mail.html).toContain(link);
      expect(raw.toString()).toContain(`X-Mallard-Delivery-ID: ${file.replace('.eml', '')}`);
      expect(raw.toString()).toContain('List-Unsubscribe-Post: List-Unsubscribe=One-Click');
      const claims = readUnsubscribeToken(link.split('/u/')[1] ?? '', projectSecret(context.project));
      expect(claims).toMatchObject({
        contact_id: id,
        campaign_id: 'spring',
        campaign_run_id: run.campaign_run_id,
        address_key: addressKey(to),
      });
    }
    expect(recipients.size).toBe(50);
    expect(await getRun(context.warehouse, run.campaign_run_id)).toMatchObject({ status: 'completed' });
    const results = await campaignResults(context.warehouse, run.campaign_run_id);
    expect(results.by_outcome).toEqual([{ arm: '', outcome: 'accepted', contacts: 50 }]);
    expect(await whyContact(context.warehouse, run.campaign_run_id, 'c0001')).toMatchObject({
      decision: 'send',
      reason: 'eligible',
      outcomes: [{ outcome: 'accepted', provider: 'file' }],
    });
  });

  test('a folder that cannot be written gives failed, not lost, and the next run sends', async () => {
    const { context, run } = await launched(5);
    const blocked = fileProvider({
      outbox: join(context.project.warehouseFile, 'no-folder'),
      clock: context.clock,
    });
    const summary = await sendPending(directClient(context), [blocked], options(context));
    expect(summary).toMatchObject({ batches: 1, accepted: 0 });
    const provider = fileProvider({ outbox: context.project.outbox, clock: context.clock });
    await resendUnknown(context, run.campaign_run_id);
    await sendPending(directClient(context), [provider], options(context));
    expect(await outcomes(context, run.campaign_run_id)).toEqual({ accepted: 5 });
  });
});

describe('the claim', () => {
  test('asks consent and suppressions again, and writes down whom it skips', async () => {
    const { context, run } = await launched(5);
    await context.warehouse.ledger.transaction(async (tx) => {
      await tx.run(`insert into core.consent_events (consent_event_id, contact_id, status, occurred_at, source, recorded_at)
        values ('w', 'c0001', 'withdrawn', '2026-11-02T05:59:00', 't', '2026-11-02')`);
      await addSuppressions(
        tx,
        [
          {
            address_key: addressKey('c0002@example.com'),
            scope: 'global',
            reason: 'complained',
            detail: null,
            suppressed_at: '2026-11-02',
            source: 't',
          },
        ],
        '2026-11-02',
      );
    });
    const { provider, sent } = worldProvider();
    await sendPending(directClient(context), [provider], options(context));
    expect(sent.map((message) => message.to).sort()).toEqual([
      'c0000@example.com',
      'c0003@example.com',
      'c0004@example.com',
    ]);
    const results = await campaignResults(context.warehouse, run.campaign_run_id);
    expect(results.outcome_reasons).toEqual([
      { outcome: 'skipped', reason: 'consent_withdrawn', contacts: 1 },
      { outcome: 'skipped', reason: 'suppressed_complained', contacts: 1 },
    ]);
    expect(results.run.status).toBe('completed');
  });

  test('two senders at once never hold the same recipient', async () => {
    const { context, run } = await launched(100, { batch_size: 7 });
    const worlds = [worldProvider(), worldProvider(), worldProvider()];
    await Promise.all(
      worlds.map(({ provider }, i) =>
        sendPending(directClient(context), [provider], { ...options(context), senderId: `s${i}` }),
      ),
    );
    const all = worlds.flatMap(({ sent }) => sent.map((message) => message.to));
    expect(all).toHaveLength(100);
    expect(new Set(all).size).toBe(100);
    expect(await outcomes(context, run.campaign_run_id)).toEqual({ accepted: 100 });
  });

  test('gives nothing while paused, stopped, cancelled, before send_at, or to a sender without the provider', async () => {
    const { context, run } = await launched(3);
    const id = run.campaign_run_id;
    await pauseRun(context.warehouse, id);
    expect(await claimBatch(context, request)).toBeUndefined();
    await resumeRun(context.warehouse, id);
    await stopSending(context.warehouse, 'operator');
    expect(await claimBatch(context, request)).toBeUndefined();
    await resumeSending(context.warehouse, 'operator');
    expect(await claimBatch(context, { ...request, providers: ['sendgrid'] })).toBeUndefined();
    context.setTime('2026-11-02T05:00:00Z');
    expect(await claimBatch(context, request)).toBeUndefined();
    context.setTime('2026-11-02T06:00:00Z');
    await cancelRun(context.warehouse, id);
    expect(await claimBatch(context, request)).toBeUndefined();
    await expect(resumeRun(context.warehouse, id)).rejects.toMatchObject({ code: 'conflict' });
  });
});

describe('outcomes', () => {
  test('a repeated or foreign report changes nothing', async () => {
    const { context } = await launched(3);
    const batch = await claimBatch(context, request);
    if (!batch) throw new Error('nothing to claim');
    const report = {
      batch_id: batch.batch_id,
      lease_id: batch.lease_id,
      provider: 'file',
      outcomes: batch.recipients.map(({ delivery_id }) => ({
        delivery_id,
        outcome: 'accepted' as const,
        reason: null,
        provider_message_id: null,
      })),
    };
    const foreign = {
      delivery_id: 'of nobody',
      outcome: 'accepted' as const,
      reason: null,
      provider_message_id: null,
    };
    expect(
      await reportOutcomes(context, { ...report, outcomes: [...report.outcomes, foreign] }),
    ).toMatchObject({ recorded: 3, ignored: 1, batch_status: 'done', run_status: 'completed' });
    expect(await reportOutcomes(context, report)).toMatchObject({
      recorded: 0,
      ignored: 3,
      batch_status: 'done',
    });
    await expect(reportOutcomes(context, { ...report, batch_id: 'none' })).rejects.toMatchObject({
      code: 'not_found',
    });
  });

  test('what surely failed is tried again, up to the limit, and then only by order', async () => {
    const { context, run } = await launched(4);
    const down = worldProvider(() => 'failed');
    for (let attempt = 1; attempt <= attemptsMax; attempt++) {
      expect(await sendPending(directClient(context), [down.provider], options(context))).toMatchObject({
        batches: 1,
        failed: 4,
      });
    }
    expect(await sendPending(directClient(context), [down.provider], options(context))).toMatchObject({
      batches: 0,
    });
    expect(await resendUnknown(context, run.campaign_run_id)).toBe(4);
    const up = worldProvider();
    expect(await sendPending(directClient(context), [up.provider], options(context))).toMatchObject({
      accepted: 4,
    });
    expect(await outcomes(context, run.campaign_run_id)).toEqual({ accepted: 4 });
  });

  test('only the failed part of a batch goes again', async () => {
    const { context, run } = await launched(4);
    let first = true;
    const half = worldProvider((message) =>
      first && message.to.startsWith('c0001') ? 'failed' : 'accepted',
    );
    await sendPending(directClient(context), [half.provider], { ...options(context), batchesMax: 1 });
    first = false;
    await sendPending(directClient(context), [half.provider], options(context));
    expect(half.sent.map((message) => message.to).sort()).toEqual([
      'c0000@example.com',
      'c0001@example.com',
      'c0002@example.com',
      'c0003@example.com',
    ]);
    expect(await outcomes(context, run.campaign_run_id)).toEqual({ accepted: 4 });
  });

  test('unknowns are held, resolved by the provider, or freed by order', async () => {
    const { context, run } = await launched(4);
    const id = run.campaign_run_id;
    const lost = worldProvider(() => 'unknown');
    await sendPending(directClient(context), [lost.provider], options(context));
    expect(await getRun(context.warehouse, id)).toMatchObject({ status: 'completed' });
    expect(await claimBatch(context, request)).toBeUndefined();
    const [a, b] = lost.sent.map((message) => message.delivery_id);
    const event = (name: string, delivery_id: string | undefined) => ({
      event: name,
      email: 'x@example.com',
      sg_event_id: `${name}${delivery_id}`,
      timestamp: 1793600000,
      delivery_id,
      campaign_run_id: id,
    });
    await acceptEmailEvents(
      context.warehouse,
      readSendgridEvents(
        Buffer.from(JSON.stringify([event('delivered', a), event('open', a), event('dropped', b)])),
      ),
    );
    expect(await resolveUnknown(context, id)).toBe(2);
    expect(await resolveUnknown(context, id)).toBe(0);
    expect(await outcomes(context, id)).toEqual({ accepted: 1, rejected: 1, unknown: 2 });
    expect(await resendUnknown(context, id)).toBe(2);
    const again = worldProvider();
    await sendPending(directClient(context), [again.provider], options(context));
    expect(again.sent.map((message) => message.delivery_id)).not.toContain(a);
    expect(again.sent).toHaveLength(2);
    expect(await getRun(context.warehouse, id)).toMatchObject({ status: 'completed' });
  });

  test('a mail that does not render is rejected with its reason, the others go', async () => {
    const { context, run } = await launched(3, {
      message: {
        template: {
          subject: 'x',
          body: '{% if first_name == "Name c0001" %}{% for i in (1..99999999) %}x{% endfor %}{% endif %}ok',
          format: 'text',
        },
      },
    });
    const { provider, sent } = worldProvider();
    await sendPending(directClient(context), [provider], options(context));
    expect(sent).toHaveLength(2);
    expect(await whyContact(context.warehouse, run.campaign_run_id, 'c0001')).toMatchObject({
      outcomes: [{ outcome: 'rejected' }],
    });
  });
});

describe('a sender that dies', () => {
  class Crash extends Error {}

  /** Runs senders that crash at every step in turn, then lets time pass and sends the rest. */
  async function crashing(
    step: (n: number) => {
      client: (client: DeliveryClient) => DeliveryClient;
      provider: (world: ReturnType<typeof worldProvider>) => typeof world.provider;
    },
  ) {
    const { context, run } = await launched(30, { batch_size: 10 });
    const world = worldProvider(() => 'accepted', 4);
    for (let n = 0; n < 8; n++) {
      const { client, provider } = step(n);
      await sendPending(client(directClient(context)), [provider(world)], options(context)).catch(
        (error: unknown) => {
          if (!(error instanceof Crash)) throw error;
        },
      );
      context.setTime(`2026-11-02T${String(7 + n).padStart(2, '0')}:00:00Z`);
    }
    context.setTime('2026-11-03T06:00:00Z');
    await sendPending(directClient(context), [world.provider], options(context));
    await expireLeases(context);
    const addresses = world.sent.map((message) => message.to);
    // Nobody twice, and everybody accounted for: accepted, or unknown where the world may have it.
    expect(new Set(addresses).size).toBe(addresses.length);
    const counted = await outcomes(context, run.campaign_run_id);
    expect((counted['accepted'] ?? 0) + (counted['unknown'] ?? 0)).toBe(30);
    expect(counted['accepted'] ?? 0).toBeLessThanOrEqual(addresses.length);
    expect(await getRun(context.warehouse, run.campaign_run_id)).toMatchObject({ status: 'completed' });
    return { context, counted, addresses };
  }

  const nth = (n: number) => {
    let calls = 0;
    return () => {
      if (calls++ === n % 3) throw new Crash();
    };
  };

  test('after the claim', async () => {
    const { counted, addresses } = await crashing((n) => {
      const die = nth(n);
      return {
        client: (client) => ({
          ...client,
          claim: async (asked) => (await client.claim(asked), die(), client.claim(asked)),
        }),
        provider: (world) => world.provider,
      };
    });
    expect(addresses.length).toBe(counted['accepted']);
  });

  test('before the provider has it', async () => {
    const { counted, addresses } = await crashing((n) => {
      const die = nth(n);
      return {
        client: (client) => client,
        provider: (world) => ({
          ...world.provider,
          send: async (messages) => (die(), world.provider.send(messages)),
        }),
      };
    });
    // What the provider threw at may have gone out, as far as anybody knows.
    expect(counted['accepted']).toBe(addresses.length);
  });

  test('after the provider has it, before the report', async () => {
    const { counted } = await crashing((n) => {
      const die = nth(n);
      return {
        client: (client) => ({ ...client, report: async (report) => (die(), client.report(report)) }),
        provider: (world) => world.provider,
      };
    });
    expect(counted['unknown']).toBeGreaterThan(0);
  });

  test('after the report, before its answer arrives', async () => {
    const { counted, addresses } = await crashing((n) => {
      const die = nth(n);
      return {
        client: (client) => ({
          ...client,
          report: async (report) => {
            const answer = await client.report(report);
            die();
            return answer;
          },
        }),
        provider: (world) => world.provider,
      };
    });
    expect(counted['accepted']).toBe(addresses.length);
  });

  test('mails that lie in the outbox resolve the unknowns of a sender that died', async () => {
    const { context, run } = await launched(20, { batch_size: 20 });
    const provider = {
      ...fileProvider({ outbox: context.project.outbox, clock: context.clock }),
      limits: { batch_size: 5 },
    };
    const client = directClient(context);
    let reports = 0;
    const dying: DeliveryClient = {
      ...client,
      report: (report) => (++reports > 2 ? Promise.reject(new Crash()) : client.report(report)),
    };
    await expect(sendPending(dying, [provider], options(context))).rejects.toThrow(Crash);
    context.setTime('2026-11-02T08:00:00Z');
    await expireLeases(context);
    expect(await outcomes(context, run.campaign_run_id)).toEqual({ accepted: 10, unknown: 10 });
    expect(await resolveUnknown(context, run.campaign_run_id)).toBe(5);
    expect(await outcomes(context, run.campaign_run_id)).toEqual({ accepted: 15, unknown: 5 });
    await resendUnknown(context, run.campaign_run_id);
    await sendPending(client, [provider], options(context));
    expect(await outcomes(context, run.campaign_run_id)).toEqual({ accepted: 20 });
    expect(readdirSync(context.project.outbox)).toHaveLength(20);
  });

  test('a sender that outlives its lease sends nothing more, and its late report counts', async () => {
    const { context, run } = await launched(8, { batch_size: 8 });
    const world = worldProvider(() => 'accepted', 4);
    const client = directClient(context);
    const slow: DeliveryClient = { claim: client.claim, report: () => Promise.reject(new Crash()) };
    const late = {
      ...world.provider,
      send: async (messages: Parameters<typeof world.provider.send>[0]) => (
        context.setTime('2026-11-02T09:00:00Z'),
        world.provider.send(messages)
      ),
    };
    const batch = await client.claim(request);
    if (!batch) throw new Error('nothing to claim');
    context.setTime('2026-11-02T08:00:00Z');
    expect(await expireLeases(context)).toBe(8);
    expect(await outcomes(context, run.campaign_run_id)).toEqual({ unknown: 8 });
    const [first] = batch.recipients;
    await client.report({
      batch_id: batch.batch_id,
      lease_id: batch.lease_id,
      provider: 'file',
      outcomes: [
        {
          delivery_id: first?.delivery_id ?? '',
          outcome: 'accepted',
          reason: null,
          provider_message_id: null,
        },
      ],
    });
    expect(await outcomes(context, run.campaign_run_id)).toEqual({ accepted: 1, unknown: 7 });
    await resendUnknown(context, run.campaign_run_id);
    await expect(sendPending(slow, [late], options(context))).rejects.toThrow(Crash);
    // The first call outlived the lease: the second was not made.
    expect(world.sent).toHaveLength(4);
  });
});
