import { createSign, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { startServer, type TestServer } from '../server.ts';
import { tempFolder } from '../support.ts';

// The server is killed with kill -9 in the middle of each kind of work, at several moments; what was acknowledged must be
// there once. Longer loops of the same: npm run soak.
const rounds = Number(process.env['MALLARD_KILL_ROUNDS'] ?? 2);
const timeoutMs = 60_000 + 100_000 * rounds;
const rowCount = 200_000;

async function count(server: TestServer, source: string): Promise<number> {
  const [row] = await server.call<{ n: number }[]>('POST', '/v1/query', {
    body: { query: `run: ${source} -> { aggregate: n is count() }` },
  });
  return Number(row?.n);
}

/** The moments of the rounds, spread over the length that the work takes undisturbed. */
function moments(lengthMs: number): number[] {
  return Array.from({ length: rounds }, (_, round) => (lengthMs * (round + 0.5)) / rounds);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Starts `work`, kills the server after `ms`; answers whether the work had been acknowledged before. */
async function killDuring(server: TestServer, ms: number, work: () => Promise<unknown>): Promise<boolean> {
  let acknowledged = false;
  const working = work().then(
    () => (acknowledged = true),
    () => undefined,
  );
  await sleep(ms);
  const before = acknowledged;
  await server.kill();
  await working;
  return before;
}

function ordersCsv(prefix: string): string {
  const rows = Array.from(
    { length: rowCount },
    (_, i) => `${prefix}${i},c${i % 1000},2026-01-01 00:00:00,9.99,EUR`,
  );
  return `order_id,contact_id,ordered_at,amount,currency\n${rows.join('\n')}\n`;
}

test(
  'kill -9 during a load: all of it or nothing, and it can be repeated',
  async () => {
    const dir = join(tempFolder(), 'project');
    const loadOrders = (on: TestServer, prefix: string) =>
      on.call<{ rows_inserted: number; rows_unchanged: number }>('POST', '/v1/load/orders', {
        body: ordersCsv(prefix),
        headers: { 'content-type': 'text/csv' },
      });
    let server = await startServer(dir);
    const length = await timed(() => loadOrders(server, 'warm'));
    let expected = rowCount;
    for (const [round, moment] of moments(length).entries()) {
      const prefix = `r${round}-`;
      const acknowledged = await killDuring(server, moment, () => loadOrders(server, prefix));
      server = await startServer(dir);
      const found = await count(server, 'orders');
      // What was acknowledged is there; what was not is there as a whole or not at all.
      expect(acknowledged ? [expected + rowCount] : [expected, expected + rowCount]).toContain(found);
      expected += rowCount;
      const again = await loadOrders(server, prefix);
      expect(again.rows_inserted + again.rows_unchanged).toBe(rowCount);
      expect(await count(server, 'orders')).toBe(expected);
    }
    await server.stop();
  },
  timeoutMs,
);

test(
  'kill -9 during a build: the marts are whole, of before or of after, and it can be repeated',
  async () => {
    const dir = join(tempFolder(), 'project');
    let server = await startServer(dir);
    await server.call('POST', '/v1/load/orders', {
      body: ordersCsv('o'),
      headers: { 'content-type': 'text/csv' },
    });
    const build = (on: TestServer) =>
      on.call<{ marts: { mart: string; row_count: number }[] }>('POST', '/v1/build', { body: {} });
    const length = await timed(() => build(server));
    for (const moment of moments(length)) {
      await killDuring(server, moment, () => build(server));
      server = await startServer(dir);
      expect(await count(server, 'contact_facts')).toBe(1000);
      const { marts } = await build(server);
      expect(marts.find((mart) => mart.mart === 'contact_facts')?.row_count).toBe(1000);
    }
    await server.stop();
  },
  timeoutMs,
);

test(
  'kill -9 during a webhook burst: every acknowledged event is there once, redelivery adds none',
  async () => {
    const dir = join(tempFolder(), 'project');
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const env = {
      MALLARD_SENDGRID_WEBHOOK_KEY: publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
    };
    let server = await startServer(dir, { env });
    const acknowledged = new Set<string>();
    const sent: string[][] = [];
    for (let round = 0; round < rounds; round += 1) {
      const killed = new AbortController();
      const burst = Array.from({ length: 8 }, async (_, lane) => {
        for (let i = 0; !killed.signal.aborted; i += 1) {
          const ids = Array.from({ length: 20 }, (__, n) => `e-${round}-${lane}-${i}-${n}`);
          sent.push(ids);
          try {
            await postEvents(server, privateKey, ids);
            ids.forEach((id) => acknowledged.add(id));
          } catch {
            return;
          }
        }
      });
      // Killed once it has taken some, however slow this machine is: before that there is nothing to lose.
      const before = acknowledged.size;
      for (let waited = 0; acknowledged.size < before + 60 && waited < 30_000; waited += 20) await sleep(20);
      await sleep(100 * round);
      await server.kill();
      killed.abort();
      await Promise.all(burst);
      server = await startServer(dir, { env });
      const present = await eventIds(server);
      expect(new Set(present).size).toBe(present.length);
      const held = new Set(present);
      expect([...acknowledged].filter((id) => !held.has(id))).toEqual([]);
    }
    expect(acknowledged.size).toBeGreaterThan(100);
    // SendGrid sends again what was not acknowledged, and sometimes what was.
    for (const ids of sent.slice(0, 200)) await postEvents(server, privateKey, ids);
    const present = await eventIds(server);
    expect(new Set(present).size).toBe(present.length);
    await server.stop();
  },
  timeoutMs,
);

async function eventIds(server: TestServer): Promise<string[]> {
  const rows = await server.call<{ event_id: string }[]>('POST', '/v1/query', {
    body: { query: `run: email_events -> { select: event_id }`, row_limit: 1_000_000 },
  });
  return rows.map((row) => row.event_id);
}

async function postEvents(server: TestServer, privateKey: KeyObject, ids: string[]): Promise<void> {
  const body = JSON.stringify(
    ids.map((id) => ({
      email: `${id}@example.com`,
      event: 'delivered',
      sg_event_id: id,
      sg_message_id: `m-${id}`,
      timestamp: 1_770_000_000,
    })),
  );
  const timestamp = '1770000000';
  const signature = createSign('sha256')
    .update(timestamp + body)
    .sign(privateKey, 'base64');
  await server.call('POST', '/v1/webhooks/sendgrid', {
    body,
    headers: {
      'content-type': 'application/json',
      'x-twilio-email-event-webhook-signature': signature,
      'x-twilio-email-event-webhook-timestamp': timestamp,
    },
  });
}

test(
  'kill -9 during a send: nobody gets two mails, and everybody is accounted for',
  async () => {
    const dir = join(tempFolder(), 'project');
    const contacts = 1_000;
    const mails = new Map<string, number>();
    const url = await startSendgridStandIn((address) => mails.set(address, (mails.get(address) ?? 0) + 1));
    const env = { SENDGRID_API_KEY: 'SG.test', SENDGRID_BASE_URL: url };
    let server = await startServer(dir, { env });
    await load(server, 'contacts', [
      'contact_id,email',
      ...range(contacts, (i) => `c${i},c${i}@example.com`),
    ]);
    await load(server, 'consent_events', [
      'consent_event_id,contact_id,email,status,occurred_at',
      ...range(contacts, (i) => `k${i},c${i},c${i}@example.com,granted,2026-01-01`),
    ]);
    await server.call('POST', '/v1/build', { body: {} });
    await server.call('PUT', '/v1/segments/everybody', {
      body: { title: 'Everybody', criteria: { field: 'has_email', operator: 'equals', value: true } },
    });
    await server.call('POST', '/v1/segments/evaluate', { body: {} });
    await server.call('PUT', '/v1/campaigns/hello', {
      body: {
        title: 'Hello',
        segment_ids: ['everybody'],
        provider: 'sendgrid',
        batch_size: 50,
        message: { template: { subject: 'Hello', body: 'Hello {{ recipient.email }}', format: 'text' } },
      },
    });
    const run = await server.call<{ campaign_run_id: string; send_count: number }>(
      'POST',
      '/v1/campaigns/hello/launch',
      { body: {} },
    );
    expect(run.send_count).toBe(contacts);

    let status = 'sending';
    for (let round = 0; status !== 'completed' && round < 60; round += 1) {
      await server.stop();
      server = await startServer(dir, { env, jobs: true });
      if (round < rounds) {
        const before = mails.size;
        // Killed as soon as it has begun to send in this round: in the middle of some batch.
        for (let waited = 0; mails.size === before && waited < 30_000; waited += 20) await sleep(20);
        await sleep(40 * round);
        await server.kill();
      } else {
        for (let waited = 0; status !== 'completed' && waited < 120_000; waited += 500) {
          await sleep(500);
          ({ status } = await server.call<{ status: string }>(
            'GET',
            `/v1/campaign-runs/${run.campaign_run_id}`,
          ));
        }
      }
    }
    expect(status).toBe('completed');
    expect([...mails.entries()].filter(([, times]) => times > 1)).toEqual([]);
    const { by_outcome } = await server.call<{ by_outcome: { outcome: string; contacts: number }[] }>(
      'GET',
      `/v1/campaign-runs/${run.campaign_run_id}/results`,
    );
    const counts = Object.fromEntries(by_outcome.map((one) => [one.outcome, one.contacts]));
    expect(Object.values(counts).reduce((sum, n) => sum + n, 0)).toBe(contacts);
    // Who is said to have been accepted got a mail; who got a mail is accepted or unknown, never anything that is sent again.
    expect(counts['accepted']).toBeLessThanOrEqual(mails.size);
    expect((counts['accepted'] ?? 0) + (counts['unknown'] ?? 0)).toBe(contacts);
    await server.stop();
  },
  timeoutMs,
);

const range = (n: number, line: (i: number) => string) => Array.from({ length: n }, (_, i) => line(i));

function load(server: TestServer, table: string, lines: string[]): Promise<unknown> {
  return server.call('POST', `/v1/load/${table}`, {
    body: `${lines.join('\n')}\n`,
    headers: { 'content-type': 'text/csv' },
  });
}

/** Counts each mail that it takes, as SendGrid would have sent it; slow enough to be caught in the act. */
async function startSendgridStandIn(onMail: (address: string) => void): Promise<string> {
  const standIn = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const mail = JSON.parse(Buffer.concat(parts).toString()) as {
        personalizations: { to: { email: string }[] }[];
      };
      for (const { to } of mail.personalizations) to.forEach((one) => onMail(one.email));
      setTimeout(() => response.writeHead(202, { 'x-message-id': 'stand-in' }).end(), 20);
    });
  });
  await new Promise<void>((resolve) => standIn.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void standIn.close());
  return `http://127.0.0.1:${(standIn.address() as AddressInfo).port}/`;
}
