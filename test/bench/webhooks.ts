/**
 * Webhook intake at 2,000 events/s in batches of 100, first on an idle server, then while marts are built again and again and
 * a file of N e-mail events (default 5M) is loaded. Prints both and their ratio.
 * Run: npm run bench:webhooks [-- rows]
 */
import { createSign, generateKeyPairSync } from 'node:crypto';
import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import { quantileSorted } from 'simple-statistics';
import { Project } from '../../data/project.ts';
import { findOwner } from '../../data/owner/ownership.ts';
import { startServer, type TestServer } from '../server.ts';

const rows = Number(process.argv[2] ?? 5_000_000);
const contacts = 200_000;
const perRequest = 100;
const requestsPerSecond = 20;
const seconds = 30;

const folder = mkdtempSync(join(tmpdir(), 'mallard-bench-'));
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const files = await writeFiles();
const server = await startServer(join(folder, 'project'), {
  env: { MALLARD_SENDGRID_WEBHOOK_KEY: publicKey.export({ format: 'der', type: 'spki' }).toString('base64') },
});
try {
  await load(server, 'contacts', files.contacts);
  await load(server, 'email_events', files.before);
  await server.call('POST', '/v1/build', { body: {} });

  const idle = await intake('idle');
  const finished = new AbortController();
  let builds = 0;
  const loading = timed(() => load(server, 'email_events', files.events));
  const building = (async () => {
    while (!finished.signal.aborted) {
      await server.call('POST', '/v1/build', { body: {} });
      builds += 1;
    }
  })();
  const loaded = await intake('loaded');
  finished.abort();
  const [loadMs] = await Promise.all([loading, building]);

  console.log(
    `webhooks, idle:                   p50 ${ms(idle, 0.5)}, p99 ${ms(idle, 0.99)}, ${rate(idle)} events/s`,
  );
  console.log(
    `webhooks, ${builds} builds and a load of ${rows} rows (${(loadMs / 1000).toFixed(1)} s): p50 ${ms(loaded, 0.5)}, p99 ${ms(loaded, 0.99)}, ${rate(loaded)} events/s`,
  );
  console.log(
    `ratio of the p99: ${(quantileSorted(loaded.latencies, 0.99) / quantileSorted(idle.latencies, 0.99)).toFixed(2)}`,
  );
} finally {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}

interface Intake {
  latencies: number[];
  durationMs: number;
  failed: number;
}

/** Open loop: a request leaves every 50 ms whether or not the last was answered, so a stall is felt by all behind it. */
async function intake(name: string): Promise<Intake> {
  const latencies: number[] = [];
  const pending: Promise<void>[] = [];
  let failed = 0;
  const start = performance.now();
  for (let i = 0; i < seconds * requestsPerSecond; i += 1) {
    const due = start + (i * 1000) / requestsPerSecond;
    await sleep(Math.max(0, due - performance.now()));
    pending.push(
      post(`${name}-${i}`).then(
        () => void latencies.push(performance.now() - due),
        (error: unknown) => {
          failed += 1;
          console.error(error);
        },
      ),
    );
  }
  await Promise.all(pending);
  return { latencies: latencies.toSorted((a, b) => a - b), durationMs: performance.now() - start, failed };
}

async function post(batch: string): Promise<void> {
  const timestamp = String(Math.floor(Date.now() / 1000));
  const body = JSON.stringify(
    Array.from({ length: perRequest }, (_, n) => ({
      email: `c${(n * 7919) % contacts}@example.com`,
      event: n % 3 === 0 ? 'open' : 'delivered',
      useragent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36',
      ip: '192.0.2.1',
      sg_event_id: `${batch}-${n}`,
      sg_message_id: `m-${batch}-${n}`,
      timestamp: Number(timestamp),
    })),
  );
  await server.call('POST', '/v1/webhooks/sendgrid', {
    body,
    headers: {
      'content-type': 'application/json',
      'x-twilio-email-event-webhook-signature': createSign('sha256')
        .update(timestamp + body)
        .sign(privateKey, 'base64'),
      'x-twilio-email-event-webhook-timestamp': timestamp,
    },
  });
}

async function load(to: TestServer, table: string, file: string): Promise<void> {
  const owner = await findOwner(new Project(join(folder, 'project')));
  const response = await fetch(new URL(`/v1/load/${table}`, to.url), {
    method: 'POST',
    headers: { 'content-type': 'text/csv', authorization: `Bearer ${owner?.token}` },
    body: Readable.toWeb(createReadStream(file)) as ReadableStream,
    duplex: 'half',
  });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
}

async function writeFiles(): Promise<{ contacts: string; before: string; events: string }> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const paths = {
    contacts: join(folder, 'contacts.csv'),
    before: join(folder, 'before.csv'),
    events: join(folder, 'events.csv'),
  };
  const events = (prefix: string, n: number, from: string) => `
    select '${prefix}' || i as event_id, ['sent', 'delivered', 'opened', 'clicked'][1 + i % 4] as event_type,
      'c' || hash(i) % ${contacts} as contact_id, 'k' || i % 50 as campaign_id, 'm' || i as message_id,
      case when i % 4 > 1 then 'human' end as agent_class, timestamp '${from}' + interval (i) second as occurred_at
    from range(${n}) t(i)`;
  await connection.run(
    `copy (select 'c' || i as contact_id, 'c' || i || '@example.com' as email from range(${contacts}) t(i)) to '${paths.contacts}'`,
  );
  await connection.run(`copy (${events('b', 1_000_000, '2025-01-01')}) to '${paths.before}'`);
  await connection.run(`copy (${events('e', rows, '2026-01-01')}) to '${paths.events}'`);
  connection.closeSync();
  instance.closeSync();
  return paths;
}

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function ms({ latencies }: Intake, quantile: number): string {
  return `${quantileSorted(latencies, quantile).toFixed(1)} ms`;
}

function rate({ latencies, durationMs }: Intake): string {
  return ((latencies.length * perRequest * 1000) / durationMs).toFixed(0);
}
