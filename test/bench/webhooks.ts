/**
 * Webhook intake at 2,000 events/s in batches of 100, first on an idle server, then while marts are built again and again and
 * a file of N e-mail events (default 5M) is loaded. Nine in ten events are of a running campaign's mails and carry our delivery
 * id; the tenth knows only an address. Prints both, their ratio, and what the disk alone takes to sync as many bytes at the same
 * moments: an acknowledgement waits for one sync, however long that takes (TMPDIR=/dev/shm leaves the disk out). Target: p99 under 100 ms while loaded.
 * Run: npm run bench:webhooks [-- rows]
 */
import { execFileSync } from 'node:child_process';
import { createSign, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import { quantileSorted } from 'simple-statistics';
import { startCli } from '../cli/run.ts';
import { startServer } from '../server.ts';

const rows = Number(process.argv[2] ?? 5_000_000);
const contacts = 200_000;
const perRequest = 100;
const requestsPerSecond = 20;
const seconds = 30;
const mailCount = 50_000;
const targetMs = 100;

const folder = mkdtempSync(join(tmpdir(), 'mallard-bench-'));
const project = join(folder, 'project');
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const files = await writeFiles();
const server = await startServer(project, {
  env: { MALLARD_SENDGRID_WEBHOOK_KEY: publicKey.export({ format: 'der', type: 'spki' }).toString('base64') },
});
try {
  await load('contacts', files.contacts);
  await load('consent_events', files.consents);
  await load('email_events', files.before);
  await server.call('POST', '/v1/build', { body: {} });
  const mails = await launchCampaign();

  const idle = await intake('idle', mails);
  const finished = new AbortController();
  let builds = 0;
  const loading = timed(() => load('email_events', files.events));
  const building = (async () => {
    while (!finished.signal.aborted) {
      await server.call('POST', '/v1/build', { body: {} });
      builds += 1;
    }
  })();
  const loaded = await intake('loaded', mails);
  finished.abort();
  const [loadMs] = await Promise.all([loading, building]);

  console.log(`webhooks, idle: ${described(idle)}`);
  console.log(
    `webhooks, ${builds} builds and a load of ${rows} rows (${(loadMs / 1000).toFixed(1)} s): ${described(loaded)}`,
  );
  console.log(
    `ratio of the p99: ${(quantileSorted(loaded.latencies, 0.99) / quantileSorted(idle.latencies, 0.99)).toFixed(2)}`,
  );
  const isSustained = Number(rate(loaded)) >= 0.99 * perRequest * requestsPerSecond;
  if (loaded.failed > 0 || !isSustained || quantileSorted(loaded.latencies, 0.99) > targetMs)
    process.exitCode = 1;
} finally {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}

interface Intake {
  latencies: number[];
  /** What the disk alone takes at the same moments: as many bytes appended to a file and synced, as a commit does. */
  disk: number[];
  durationMs: number;
  failed: number;
}

interface Mail {
  email: string;
  delivery_id: string;
  campaign_run_id: string;
  message_id: string;
  contact_id: string;
}

/**
 * Open loop: a request leaves every 50 ms whether or not the last was answered, so a stall is felt by all behind it.
 * What SendGrid's machines would do, writing and signing the bodies, is done before.
 */
async function intake(name: string, mails: readonly Mail[]): Promise<Intake> {
  const requests = Array.from({ length: seconds * requestsPerSecond }, (_, i) =>
    signed(eventsOf(name, i, mails)),
  );
  const latencies: number[] = [];
  const disk: number[] = [];
  const file = await open(join(folder, `${name}.log`), 'w');
  const pending: Promise<void>[] = [];
  let failed = 0;
  prefer(-10);
  const start = performance.now();
  for (const [i, request] of requests.entries()) {
    const due = start + (i * 1000) / requestsPerSecond;
    await sleep(Math.max(0, due - performance.now()));
    pending.push(
      server.call('POST', '/v1/webhooks/sendgrid', request).then(
        () => void latencies.push(performance.now() - due),
        (error: unknown) => {
          failed += 1;
          console.error(error);
        },
      ),
      synced(file, request.body).then((took) => void disk.push(took)),
    );
  }
  await Promise.all(pending);
  prefer(0);
  await file.close();
  const durationMs = performance.now() - start;
  return { latencies: sorted(latencies), disk: sorted(disk), durationMs, failed };
}

/** The generator stands for other machines, which would not wait for this one's processor. Takes the right to (root). */
function prefer(priority: number): void {
  try {
    setPriority(priority);
  } catch {
    console.log(
      'The generator may not raise its priority: what it waits for the processor counts as latency.',
    );
  }
}

async function synced(file: FileHandle, body: string): Promise<number> {
  const start = performance.now();
  await file.write(body);
  await file.datasync();
  return performance.now() - start;
}

function sorted(numbers: readonly number[]): number[] {
  return numbers.toSorted((a, b) => a - b);
}

/** The events of one request, with what our mails take along (providers/sendgrid.ts). */
function eventsOf(name: string, request: number, mails: readonly Mail[]): object[] {
  return Array.from({ length: perRequest }, (_, n) => {
    const i = request * perRequest + n;
    const mail = mails[i % mails.length];
    return {
      ...(n % 10 === 0 ? { email: `c${(i * 7919) % contacts}@example.com` } : mail),
      event: n % 3 === 0 ? 'open' : 'delivered',
      useragent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36',
      ip: '192.0.2.1',
      sg_event_id: `${name}-${i}`,
      sg_message_id: `m-${name}-${i}`,
      timestamp: Math.floor(Date.now() / 1000 + request / requestsPerSecond),
    };
  });
}

function signed(events: object[]): { body: string; headers: Record<string, string> } {
  const timestamp = String(Math.floor(Date.now() / 1000));
  const body = JSON.stringify(events);
  return {
    body,
    headers: {
      'content-type': 'application/json',
      'x-twilio-email-event-webhook-signature': createSign('sha256')
        .update(timestamp + body)
        .sign(privateKey, 'base64'),
      'x-twilio-email-event-webhook-timestamp': timestamp,
    },
  };
}

/** Launches a campaign to everybody and leases its first mails, as a sender does. */
async function launchCampaign(): Promise<Mail[]> {
  await server.call('PUT', '/v1/segments/everybody', {
    body: { title: 'Everybody', criteria: { field: 'has_email', operator: 'equals', value: true } },
  });
  await server.call('POST', '/v1/segments/evaluate', { body: {} });
  await server.call('PUT', '/v1/campaigns/hello', {
    body: {
      title: 'Hello',
      segment_ids: ['everybody'],
      batch_size: 1_000,
      message: { template: { subject: 'Hello', body: 'Hello', format: 'text' } },
    },
  });
  await server.call('POST', '/v1/campaigns/hello/launch', { body: {} });
  const mails: Mail[] = [];
  while (mails.length < mailCount) {
    const { batch } = await server.call<{
      batch: { campaign_run_id: string; message_id: string; recipients: Mail[] };
    }>('POST', '/v1/delivery/claim', {
      body: { sender_id: 'bench', providers: ['file'], lease_seconds: 3600 },
    });
    const { campaign_run_id, message_id } = batch;
    for (const { email, delivery_id, contact_id } of batch.recipients) {
      mails.push({ email, delivery_id, contact_id, campaign_run_id, message_id });
    }
  }
  return mails;
}

/** By the command line, a process of its own: what it costs to read the file and send it is not the measuring client's. */
async function load(table: string, file: string): Promise<void> {
  const { code, stderr } = await startCli(['load', table, file, '--project', project]).ended;
  if (code !== 0) throw new Error(stderr);
}

async function writeFiles(): Promise<Record<'contacts' | 'consents' | 'before' | 'events', string>> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const paths = {
    contacts: join(folder, 'contacts.csv'),
    consents: join(folder, 'consents.csv'),
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
  await connection.run(
    `copy (select 'k' || i as consent_event_id, 'c' || i as contact_id, 'granted' as status, '2025-01-01' as occurred_at
           from range(${contacts}) t(i)) to '${paths.consents}'`,
  );
  await connection.run(`copy (${events('b', 1_000_000, '2025-01-01')}) to '${paths.before}'`);
  await connection.run(`copy (${events('e', rows, '2026-01-01')}) to '${paths.events}'`);
  connection.closeSync();
  instance.closeSync();
  // Else the disk would still be writing these files while it is measured.
  execFileSync('sync');
  return paths;
}

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function described(phase: Intake): string {
  const ms = (times: readonly number[], quantile: number) =>
    `${quantileSorted([...times], quantile).toFixed(1)} ms`;
  return `p50 ${ms(phase.latencies, 0.5)}, p99 ${ms(phase.latencies, 0.99)}, ${rate(phase)} events/s; the disk alone p99 ${ms(phase.disk, 0.99)}, longest ${ms(phase.disk, 1)}`;
}

function rate({ latencies, durationMs }: Intake): string {
  return ((latencies.length * perRequest * 1000) / durationMs).toFixed(0);
}
