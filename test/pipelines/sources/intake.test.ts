import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { addressKey } from '../../../data/address.ts';
import { claimBatch } from '../../../pipelines/delivery/claim.ts';
import { composeBatch } from '../../../pipelines/delivery/compose.ts';
import { linkEvents } from '../../../pipelines/identity/contacts-by-email.ts';
import { acceptEmailEvents } from '../../../pipelines/sources/intake.ts';
import type { EmailEventRow } from '../../../pipelines/sources/email-events.ts';
import { findRecipients } from '../../../pipelines/sources/intake-recipients.ts';
import { readSendgridEvents } from '../../../pipelines/sources/sendgrid-events.ts';
import { sendgridKey, verifySendgrid } from '../../../pipelines/sources/sendgrid-signature.ts';
import { compileTemplate } from '../../../pipelines/templates/compile.ts';
import { openTestWarehouse } from '../../support.ts';
import { launched } from '../delivery/support.ts';

type Raw = Record<string, unknown>;

const at = 1_793_600_000; // 2026-11-02T06:13:20Z
let serial = 0;
const event = (kind: string, changes: Raw = {}): Raw => ({
  event: kind,
  email: 'ann@example.com',
  sg_event_id: `e${serial++}`,
  timestamp: at,
  ...changes,
});
const read = (events: unknown) => readSendgridEvents(Buffer.from(JSON.stringify(events)));

describe('SendGrid', () => {
  test('its events become ours', () => {
    const kinds = [
      'processed',
      'delivered',
      'deferred',
      'bounce',
      'dropped',
      'open',
      'click',
      'unsubscribe',
      'group_unsubscribe',
      'spamreport',
    ];
    const { rows, rejects } = read(kinds.map((kind) => event(kind)));
    expect(rejects).toEqual([]);
    expect(rows.map((row) => row.event_type)).toEqual([
      ...[
        'sent',
        'delivered',
        'deferred',
        'bounced',
        'dropped',
        'opened',
        'clicked',
        'unsubscribed',
        'unsubscribed',
        'complained',
      ],
    ]);
    expect(rows[0]).toMatchObject({
      occurred_at: '2026-11-02T06:13:20.000Z',
      source: 'sendgrid',
      agent_class: null,
    });
    expect(
      read([
        event('bounce', { type: 'blocked', reason: 'full' }),
        event('bounce', { type: 'bounce' }),
      ]).rows.map((row) => [row.bounce_class, row.reason]),
    ).toEqual([
      ['soft', 'full'],
      ['hard', null],
    ]);
  });

  test('opens and clicks carry who made them', () => {
    const clicks = ['a', 'b', 'c'].map((url, i) =>
      event('click', {
        url,
        useragent: 'Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0',
        delivery_id: 'd',
        timestamp: at + i,
      }),
    );
    const { rows } = read([
      event('open', { sg_machine_open: true, useragent: 'Mozilla/5.0 (X11)' }),
      event('open', { useragent: 'Mozilla/5.0' }),
      ...clicks,
    ]);
    expect(rows.map((row) => row.agent_reason)).toEqual([
      'provider_machine_open',
      'apple_privacy_proxy',
      ...Array.from({ length: 3 }, () => 'all_links_within_seconds'),
    ]);
  });

  test('what does not fit is kept with its place and reason', () => {
    const { rows, rejects } = read([
      event('delivered'),
      'text',
      event('resubscribed'),
      event('open', { sg_event_id: '' }),
      event('open', { timestamp: 'soon' }),
      null,
    ]);
    expect(rows).toHaveLength(1);
    expect(rejects.map(({ line, column_name }) => [line, column_name])).toEqual([
      [2, null],
      [3, 'event'],
      [4, 'sg_event_id'],
      [5, 'timestamp'],
      [6, null],
    ]);
    const broken = readSendgridEvents(Buffer.from('{"half'));
    expect(broken).toMatchObject({ rows: [], rejects: [{ line: 1, line_text: '{"half' }] });
  });

  test('malformed signatures are false, not errors', () => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const key = sendgridKey(publicKey.export({ type: 'spki', format: 'pem' }).toString());
    const body = Buffer.from([0xff, 0xfe, 0x00, 0x0d, 0x0a]);
    const signature = sign('sha256', Buffer.concat([Buffer.from('1'), body]), privateKey).toString('base64');
    expect(verifySendgrid(key, body, signature, '1')).toBe(true);
    for (const bad of [undefined, '', 'not base64 !', 'AAAA', signature.slice(0, -8)])
      expect(verifySendgrid(key, body, bad, '1')).toBe(false);
    expect(verifySendgrid(key, body, signature, undefined)).toBe(false);
  });
});

describe('the door', () => {
  test('many requests at once: each event once, each request its own counts', async () => {
    const { warehouse } = await openTestWarehouse();
    const shared = event('open');
    const requests = Array.from({ length: 40 }, (_, i) => [
      shared,
      event('delivered', { timestamp: at + i }),
      event('bogus'),
    ]);
    let transactions = 0;
    const original = warehouse.ledger.transaction.bind(warehouse.ledger);
    warehouse.ledger.transaction = (work) => ((transactions += 1), original(work));
    const answers = await Promise.all(requests.map((request) => acceptEmailEvents(warehouse, read(request))));
    expect(answers.reduce((sum, answer) => sum + answer.accepted, 0)).toBe(41);
    for (const answer of answers) expect(answer).toMatchObject({ received: 3, rejected: 1 });
    for (const answer of answers) expect(answer.accepted + answer.duplicates).toBe(2);
    expect(transactions).toBeLessThanOrEqual(3);
    const again = await acceptEmailEvents(warehouse, read(requests.flat()));
    expect(again).toEqual({ received: 120, accepted: 0, duplicates: 80, rejected: 40 });
    const counts = await warehouse.read((s) =>
      s.one(
        `select (select count(*)::int from core.email_events) as events, (select count(*)::int from raw.rejects) as rejects`,
      ),
    );
    expect(counts).toEqual({ events: 41, rejects: 80 });
  });

  test('old and new events in one request are all deduplicated', async () => {
    const { warehouse } = await openTestWarehouse();
    const mixed = [
      event('open', { timestamp: 1_600_000_000 }),
      event('open'),
      event('open', { timestamp: at - 90_000 }),
    ];
    expect(await acceptEmailEvents(warehouse, read(mixed))).toMatchObject({ accepted: 3 });
    expect(await acceptEmailEvents(warehouse, read(mixed))).toMatchObject({ accepted: 0, duplicates: 3 });
  });

  test('text that databases do not hold does not stop the door', async () => {
    const { warehouse } = await openTestWarehouse();
    const body = Buffer.from(
      `[{"event":"open","sg_event_id":"x1","timestamp":${at},"useragent":"a\\u0000b\\ud800","email":"x@example.com"}, "\\ud800\\u0000"]`,
    );
    expect(await acceptEmailEvents(warehouse, readSendgridEvents(body))).toEqual({
      received: 2,
      accepted: 1,
      duplicates: 0,
      rejected: 1,
    });
  });

  test('one request that cannot be stored does not fail its neighbours', async () => {
    const { warehouse } = await openTestWarehouse();
    const bad = read([event('open')]);
    bad.rows.forEach((row) => (row.occurred_at = 'never'));
    const first = acceptEmailEvents(warehouse, read([event('open')]));
    const [good, failed, other] = await Promise.allSettled([
      acceptEmailEvents(warehouse, read([event('open')])),
      acceptEmailEvents(warehouse, bad),
      acceptEmailEvents(warehouse, read([event('open')])),
    ]);
    expect(await first).toMatchObject({ accepted: 1 });
    expect([good.status, failed.status, other.status]).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  test('unsubscribes, complaints and hard bounces suppress; soft bounces do not', async () => {
    const { warehouse } = await openTestWarehouse();
    const from = (name: string) => ({ email: `${name}@example.com` });
    const batch = [
      event('unsubscribe', from('left')),
      event('spamreport', from('angry')),
      event('bounce', { ...from('gone'), reason: '550 no such user' }),
      event('bounce', { ...from('full'), type: 'blocked' }),
      event('open', from('fine')),
    ];
    await acceptEmailEvents(warehouse, read(batch));
    await acceptEmailEvents(warehouse, read(batch));
    const suppressed = await warehouse.read((s) =>
      s.rows(`select address_key, reason, detail from ops.suppressions order by reason`),
    );
    expect(suppressed).toEqual([
      { address_key: addressKey('gone@example.com'), reason: 'bounced', detail: '550 no such user' },
      { address_key: addressKey('angry@example.com'), reason: 'complained', detail: null },
      { address_key: addressKey('left@example.com'), reason: 'unsubscribed', detail: null },
    ]);
    const withdrawn = await warehouse.read((s) =>
      s.rows(`select email_key, status from core.consent_events order by 1`),
    );
    expect(withdrawn).toEqual([
      { email_key: 'angry@example.com', status: 'withdrawn' },
      { email_key: 'left@example.com', status: 'withdrawn' },
    ]);
  });

  test('an event is joined to its recipient by our delivery id; by its address before the next build', async () => {
    const { context, run } = await launched(3);
    const batch = await claimBatch(context, { sender_id: 's', providers: ['file'] });
    const recipient = batch?.recipients[1];
    const events = [
      event('delivered', {
        email: 'other@example.com',
        delivery_id: recipient?.delivery_id,
        campaign_run_id: run.campaign_run_id,
      }),
      event('open', { email: 'x@example.com', delivery_id: recipient?.delivery_id }),
      event('open', { email: ' C0002@Example.com' }),
      event('open', { email: 'stranger@example.com', delivery_id: 'of nobody' }),
    ];
    await acceptEmailEvents(context.warehouse, read(events));
    const eventRows = () =>
      context.warehouse.read((s) =>
        s.rows(
          `select contact_id, campaign_id, campaign_run_id, message_id from core.email_events order by rowid`,
        ),
      );
    const ours = {
      contact_id: 'c0001',
      campaign_id: 'spring',
      campaign_run_id: run.campaign_run_id,
      message_id: 'message',
    };
    const none = { campaign_id: null, campaign_run_id: null, message_id: null };
    const stranger = { contact_id: null, ...none };
    expect(await eventRows()).toEqual([ours, ours, stranger, stranger]);
    await linkEvents(context.warehouse);
    expect(await eventRows()).toEqual([ours, ours, { contact_id: 'c0002', ...none }, stranger]);
  });

  test('what travels with our mail proves its recipient, and only that', async () => {
    const { context } = await launched(3);
    const batch = await claimBatch(context, { sender_id: 's', providers: ['file'] });
    if (!batch) throw new Error('no batch');
    const [message] = (await composeBatch(batch, compileTemplate)).messages;
    const { rows } = read([
      event('open', { ...message?.custom_args, email: message?.to }),
      event('open', { ...message?.custom_args, email: message?.to, contact_id: 'c0002' }),
      event('open', { ...message?.custom_args, email: 'forwarded@example.com' }),
    ]);
    // Without a warehouse to ask, what is not proven is not known.
    const nobody = { read: () => Promise.resolve([]) } as unknown as typeof context.warehouse;
    const recipient = await findRecipients(nobody, rows.slice(0, 1));
    expect(recipient(rows[0] as EmailEventRow)).toMatchObject({
      contact_id: batch.recipients[0]?.contact_id,
      address_key: addressKey(message?.to ?? ''),
      message_id: batch.message_id,
    });
    for (const row of rows.slice(1)) {
      expect((await findRecipients(nobody, [row]))(row)).toBeUndefined();
      expect((await findRecipients(context.warehouse, [row]))(row)?.contact_id).toBe(
        batch.recipients[0]?.contact_id,
      );
    }
  });
});
