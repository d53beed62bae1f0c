/**
 * `npm run bench:touched [-- contacts]` (default 1M): 100 field segments over the world of `world.ts`; then 500 clicks a second for
 * 60 s by the signed webhook, each of another contact, who is known by the address alone, and whom the click brings into a
 * segment. Measured is from the acknowledgement until the change stands in ops.segment_changes, as another connection
 * sees it; first by itself, then while the marts are built and everybody is evaluated. Last the law: what stands is what an evaluation of all
 * finds. Targets: p99 under 1 s; and under 2 s from the end of the build for what arrived while it ran.
 */
import { createSign, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { quantileSorted } from 'simple-statistics';
import { serve } from '../../api/serve.ts';
import { readAccount } from '../../data/account.ts';
import type { Clock } from '../../data/clock.ts';
import { Warehouse } from '../../data/owner/warehouse.ts';
import { Project } from '../../data/project.ts';
import type { Criteria } from '../../models/criteria/types.ts';
import { ModelEngine } from '../../models/engine/engine.ts';
import { buildMarts } from '../../pipelines/build.ts';
import type { Mallard } from '../../pipelines/context.ts';
import { evaluateSegments } from '../../pipelines/segments/evaluate.ts';
import { saveSegment } from '../../pipelines/segments/store.ts';
import type { TouchedResult } from '../../pipelines/segments/touched/evaluate-touched.ts';
import { startTouchedLoop } from '../../pipelines/segments/touched/loop.ts';
import { print, timed } from './measure.ts';
import { generateWorld, worldAsOf, worldOf } from './world.ts';

const contacts = Number(process.argv[2] ?? 1_000_000);
const seconds = Number(process.argv[3] ?? 60);
const eventsPerSecond = 500;
const requestsPerSecond = 10;
const watched = 'clicked_this_week';
const targetMs = 1_000;
const targetAfterBuildMs = 2_000;

// Twenty days after the world's last event: nobody has clicked within the week.
const ahead = worldAsOf.getTime() + 20 * 86_400_000 - Date.now();
const clock: Clock = { now: () => new Date(Date.now() + ahead) };
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
process.env['MALLARD_SENDGRID_WEBHOOK_KEY'] = publicKey
  .export({ format: 'der', type: 'spki' })
  .toString('base64');

const folder = mkdtempSync(join(tmpdir(), 'mallard-bench-touched-'));
const project = new Project(folder);
const warehouse = await Warehouse.open(project, { clock, memoryLimit: '8GB' });
const engine = new ModelEngine(warehouse);
const mallard: Mallard = { project, warehouse, engine, clock, account: readAccount(project) };
const server = await serve({ mallard, port: 0 });
const batches: TouchedResult[] = [];
try {
  await timed('generate', () => warehouse.loads.transaction((tx) => generateWorld(tx, worldOf(contacts))));
  for (const [id, criteria] of fieldSegments())
    await saveSegment(mallard, { segment_id: id, title: id, criteria });
  await timed('build and evaluate', buildAndEvaluate);
  const loop = startTouchedLoop(mallard, {
    onResult: (result) => void batches.push(result),
    onError: (error) => console.error(error),
  });

  const alone = await intake(0);
  report('by themselves', alone);
  let building = { from: 0, to: 0 };
  const busy = await intake(1, async () => {
    await sleep(5_000);
    const from = performance.now();
    await timed('meanwhile: build', () => buildMarts(mallard, { asOf: clock.now() }));
    building = { from, to: performance.now() };
    await timed('meanwhile: evaluate all', () => evaluateSegments(warehouse, engine));
  });
  report('while built', busy);
  const during = busy.filter(({ acked }) => acked >= building.from && acked < building.to);
  const after = sorted(during.map(({ stood }) => stood - building.to));
  print(
    `acknowledged during the build: ${during.length}; from its end p50 ${ms(after, 0.5)}, p99 ${ms(after, 0.99)} (target: under ${targetAfterBuildMs} ms)`,
  );
  await loop.stop();
  await law();
  const slow = quantileSorted(latencies(alone), 0.99) > targetMs;
  if (slow || (after.length > 0 && quantileSorted(after, 0.99) > targetAfterBuildMs)) process.exitCode = 1;
} finally {
  await server.close();
  await warehouse.close();
  rmSync(folder, { recursive: true, force: true });
}

interface Arrival {
  /** When it was acknowledged and when its change stood, by `performance.now()`. */
  acked: number;
  stood: number;
}

/** Open loop: a request leaves on time, whether or not the last was answered. Waits until every change stands. */
async function intake(phase: number, meanwhile: () => Promise<void> = async () => {}): Promise<Arrival[]> {
  const perRequest = eventsPerSecond / requestsPerSecond;
  const acked = new Map<string, number>();
  const stood = new Map<string, number>();
  const sent = seconds * eventsPerSecond;
  let isOver = false;
  const other = meanwhile().finally(() => (isOver = true));
  const watching = watch(stood, sent, () => isOver);
  const start = performance.now();
  const pending: Promise<void>[] = [];
  for (let i = 0; i < seconds * requestsPerSecond; i += 1) {
    await sleep(Math.max(0, start + (i * 1000) / requestsPerSecond - performance.now()));
    const people = Array.from(
      { length: perRequest },
      (_, n) => ((phase * sent + i * perRequest + n) * 7919) % contacts,
    );
    pending.push(
      send(people).then(() => people.forEach((person) => acked.set(contactId(person), performance.now()))),
    );
  }
  await Promise.all(pending);
  await Promise.all([watching, other]);
  return [...acked].map(([id, at]) => ({ acked: at, stood: stood.get(id) ?? Infinity }));
}

/** Looks 40 times a second for who has entered. Gives up a minute after the last one was seen, not before what else runs is over. */
async function watch(stood: Map<string, number>, count: number, isOver: () => boolean): Promise<void> {
  let last = await newest();
  let seenAt = performance.now();
  while (stood.size < count && performance.now() - seenAt < 60_000) {
    const rows = await warehouse.read((session) =>
      session.rows<{ contact_id: string; position: number }>(
        `select contact_id, c.rowid::int as position from ops.segment_changes c where c.rowid > $1 and segment_id = $2 and change = 'entered'`,
        [last, watched],
      ),
    );
    for (const { contact_id: id, position } of rows) {
      stood.set(id, performance.now());
      last = Math.max(last, position);
      seenAt = performance.now();
    }
    if (!isOver()) seenAt = performance.now();
    await sleep(25);
  }
}

async function newest(): Promise<number> {
  const row = await warehouse.read((session) =>
    session.one<{ n: number }>('select coalesce(max(c.rowid), -1)::int as n from ops.segment_changes c'),
  );
  return row?.n ?? -1;
}

async function send(people: readonly number[]): Promise<void> {
  const timestamp = String(Math.floor(clock.now().getTime() / 1000));
  const body = JSON.stringify(
    people.map((person) => ({
      email: `Person${person}@example.com`,
      event: 'click',
      url: 'https://example.com/offer',
      useragent:
        'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36',
      ip: '192.0.2.1',
      sg_event_id: `click-${person}`,
      sg_message_id: `m-${person}`,
      timestamp: Number(timestamp),
    })),
  );
  const response = await fetch(new URL('/v1/webhooks/sendgrid', server.url), {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/json',
      'x-twilio-email-event-webhook-signature': createSign('sha256')
        .update(timestamp + body)
        .sign(privateKey, 'base64'),
      'x-twilio-email-event-webhook-timestamp': timestamp,
    },
  });
  if (!response.ok) throw new Error(await response.text());
}

function contactId(person: number): string {
  return `c${String(person).padStart(8, '0')}`;
}

async function buildAndEvaluate(): Promise<void> {
  await buildMarts(mallard, { asOf: clock.now() });
  await evaluateSegments(warehouse, engine);
}

/** The marts know everything now: an evaluation of all changes nothing. */
async function law(): Promise<void> {
  await buildMarts(mallard, { asOf: clock.now() });
  const { segments } = await evaluateSegments(warehouse, engine);
  const moved = segments.filter(({ entered_count: entered, left_count: left, segment_id: id }) =>
    isRelative(id) ? false : entered !== 0 || left !== 0,
  );
  if (moved.length > 0) throw new Error(`an evaluation of all differs: ${JSON.stringify(moved)}`);
  print('an evaluation of all finds the same');
}

function isRelative(id: string): boolean {
  return id === 'champions' || id === 'at_risk';
}

function report(name: string, arrivals: readonly Arrival[]): void {
  const times = latencies(arrivals);
  const own = sorted(batches.map(({ duration_ms: duration }) => duration));
  const touched = sorted(batches.map(({ touched_count: count }) => count));
  print(
    `${name}: ${arrivals.length} events, acknowledged to changed p50 ${ms(times, 0.5)}, p99 ${ms(times, 0.99)}, longest ${ms(times, 1)} (target: p99 under ${targetMs} ms); ${batches.length} batches of p50 ${quantileSorted(touched, 0.5)} contacts, on the lane p50 ${ms(own, 0.5)}, p99 ${ms(own, 0.99)}`,
  );
  batches.length = 0;
}

/** Ends below zero where a change was seen before its acknowledgement had come. */
function latencies(arrivals: readonly Arrival[]): number[] {
  return sorted(arrivals.map(({ acked, stood }) => Math.max(0, stood - acked)));
}

function sorted(numbers: readonly number[]): number[] {
  return numbers.toSorted((a, b) => a - b);
}

function ms(times: readonly number[], quantile: number): string {
  return times.length === 0 ? '-' : `${Math.round(quantileSorted([...times], quantile))} ms`;
}

/** A hundred over fields of contact_facts: what marketing asks, in several sizes. */
function fieldSegments(): [id: string, criteria: Criteria][] {
  const segments: [string, Criteria][] = [
    [watched, { field: 'email.last_7_days.clicks', operator: 'at_least', value: 1 }],
  ];
  const sources = ['webinar', 'referral', 'search'];
  const countries = ['DE', 'FR', 'NZ'];
  const windows = [7, 30, 90, 365];
  for (let i = 1; i < 100; i += 1) {
    const days = windows[i % windows.length] ?? 30;
    const kinds: Criteria[] = [
      { field: `email.last_${days}_days.opens`, operator: 'at_least', value: 1 + (i % 5) },
      { field: `orders.last_${days}_days.order_count`, operator: 'at_least', value: 1 + (i % 2) },
      { field: 'last_ordered_at', operator: 'more_than_days_ago', value: 10 * i },
      { field: `web.last_${days}_days.page_views`, operator: 'at_least', value: 1 + (i % 7) },
      { field: 'created_at', operator: 'within_last_days', value: 30 * i },
    ];
    segments.push([
      `segment_${i}`,
      {
        all: [
          kinds[i % kinds.length] as Criteria,
          { field: 'lead_source', operator: 'equals', value: sources[i % 3] as string },
          { not: { field: 'country', operator: 'equals', value: countries[i % 2] as string } },
        ],
      },
    ]);
  }
  return segments;
}
