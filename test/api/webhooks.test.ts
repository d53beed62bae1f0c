import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { expect, test } from 'vitest';
import { openTestApp } from './support.ts';

function keys(): { key: string; privateKey: KeyObject } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { key: publicKey.export({ format: 'der', type: 'spki' }).toString('base64'), privateKey };
}

const timestamp = '1730000000';
// Bytes that would not survive parsing and printing again: spaces, an escape, and the CRLF at the end.
const body = Buffer.from(
  '[ {"email":"one@example.com","timestamp":1761998400,"event":"dropped","sg_event_id":"event-1","reason":"caf\\u00e9"} ]\r\n',
);

function signed(bytes: Buffer, privateKey: KeyObject): Record<string, string> {
  return {
    'content-type': 'application/json',
    'x-twilio-email-event-webhook-timestamp': timestamp,
    'x-twilio-email-event-webhook-signature': sign(
      'sha256',
      Buffer.concat([Buffer.from(timestamp), bytes]),
      privateKey,
    ).toString('base64'),
  };
}

test('signed bytes land once, whether or not tokens guard the server', async () => {
  const { key, privateKey } = keys();
  const { url, client, mallard } = await openTestApp({ env: { MALLARD_SENDGRID_WEBHOOK_KEY: key } });
  await client.request('POST', '/v1/tokens', { body: { name: 'root', role: 'admin' } });
  const post = () =>
    fetch(`${url}/v1/webhooks/sendgrid`, { method: 'POST', headers: signed(body, privateKey), body });
  const first = await post();
  expect(first.status).toBe(200);
  expect(await first.json()).toMatchObject({ accepted: 1, duplicates: 0, rejected: 0 });
  expect(await (await post()).json()).toMatchObject({ accepted: 0, duplicates: 1 });
  const events = await mallard.warehouse.read((session) =>
    session.rows('select event_id, event_type, reason from core.email_events'),
  );
  expect(events).toEqual([{ event_id: 'event-1', event_type: 'dropped', reason: 'café' }]);
});

test('one byte changed, cut or missing is refused, and nothing lands', async () => {
  const { key, privateKey } = keys();
  const { url, mallard } = await openTestApp({ env: { SENDGRID_WEBHOOK_PUBLIC_KEY: key } });
  const headers = signed(body, privateKey);
  const changed = Buffer.from(body);
  changed[12] = (changed[12] ?? 0) + 1;
  const attempts = {
    changed,
    trimmed: body.subarray(0, -2),
    empty: Buffer.alloc(0),
    other: Buffer.from('[]'),
  };
  for (const [what, bytes] of Object.entries(attempts)) {
    const answer = await fetch(`${url}/v1/webhooks/sendgrid`, { method: 'POST', headers, body: bytes });
    expect([what, answer.status, ((await answer.json()) as { code: string }).code]).toEqual([
      what,
      403,
      'signature_invalid',
    ]);
  }
  const unsigned = await fetch(`${url}/v1/webhooks/sendgrid`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  expect(unsigned.status).toBe(403);
  expect(await mallard.warehouse.read((session) => session.rows('from core.email_events'))).toEqual([]);
});

test('without a key the remedy names every place it may stand', async () => {
  const { url } = await openTestApp();
  const answer = await fetch(`${url}/v1/webhooks/sendgrid`, { method: 'POST', body });
  expect(answer.status).toBe(500);
  expect(await answer.json()).toMatchObject({
    code: 'configuration_missing',
    fields: { tried: ['MALLARD_SENDGRID_WEBHOOK_KEY', 'SENDGRID_WEBHOOK_PUBLIC_KEY'] },
  });
});
