import { expect, test } from 'vitest';
import { addressKey } from '../../data/address.ts';
import { projectSecret } from '../../pipelines/consent/secret.ts';
import { unsubscribeToken } from '../../pipelines/consent/token.ts';
import { openTestApp } from './support.ts';

async function openWithLink() {
  const server = await openTestApp();
  const claims = {
    delivery_id: 'delivery-1',
    contact_id: 'contact-1',
    campaign_id: 'spring',
    campaign_run_id: 'run-1',
    address_key: addressKey('one@example.com'),
    topic: null,
  };
  const link = `${server.url}/u/${unsubscribeToken(claims, projectSecret(server.mallard.project))}`;
  const suppressed = () =>
    server.mallard.warehouse.read((session) =>
      session.rows('select address_key, scope, reason from ops.suppressions'),
    );
  return {
    ...server,
    link,
    suppressed,
    expected: [{ address_key: claims.address_key, scope: 'global', reason: 'unsubscribed' }],
  };
}

test('a GET shows a page and changes nothing, since scanners follow links', async () => {
  const { link, suppressed } = await openWithLink();
  const answer = await fetch(link);
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toContain('text/html');
  expect(await answer.text()).toContain('<form method="post">');
  expect((await fetch(link, { method: 'HEAD' })).status).toBe(200);
  expect(await suppressed()).toEqual([]);
});

test.each([
  [
    'one click, RFC 8058',
    { 'content-type': 'application/x-www-form-urlencoded' },
    'List-Unsubscribe=One-Click',
  ],
  [
    'one click as multipart',
    { 'content-type': 'multipart/form-data; boundary=x' },
    '--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n',
  ],
  [
    'the button of the page',
    { 'content-type': 'application/x-www-form-urlencoded', origin: 'https://mail.example' },
    'scope=global',
  ],
])('a POST unsubscribes, without a token: %s', async (_how, headers, body) => {
  const { link, suppressed, expected, client } = await openWithLink();
  await client.request('POST', '/v1/tokens', { body: { name: 'root', role: 'admin' } });
  for (let time = 0; time < 2; time += 1) {
    const answer = await fetch(link, { method: 'POST', headers, body });
    expect(answer.status).toBe(200);
    expect(await suppressed()).toEqual(expected);
  }
});

test('a link that was cut short says so, and changes nothing', async () => {
  const { link, suppressed } = await openWithLink();
  for (const method of ['GET', 'POST']) expect((await fetch(link.slice(0, -3), { method })).status).toBe(404);
  expect(await suppressed()).toEqual([]);
});
