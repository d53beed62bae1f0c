import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addressKey } from '../../../data/address.ts';
import type { Session } from '../../../data/owner/session.ts';
import { Warehouse } from '../../../data/owner/warehouse.ts';
import { Project } from '../../../data/project.ts';
import { emptyProject } from '../../support.ts';
import { packageRoot } from '../../../data/package-root.ts';
import { ModelEngine } from '../../../models/engine/engine.ts';
import { evaluateSegments } from '../../../pipelines/segments/evaluate.ts';
import { getSegment } from '../../../pipelines/segments/listing.ts';
import { changeList } from '../../../pipelines/segments/lists.ts';
import { segmentMembers } from '../../../pipelines/segments/members.ts';
import { saveSegment } from '../../../pipelines/segments/store.ts';
import { evaluateTouched, type TouchedResult } from '../../../pipelines/segments/touched/evaluate-touched.ts';
import { startTouchedLoop } from '../../../pipelines/segments/touched/loop.ts';
import { acceptEmailEvents } from '../../../pipelines/sources/intake.ts';
import { runTriggers } from '../../../pipelines/workflows/run-triggers.ts';
import { saveTrigger } from '../../../pipelines/workflows/triggers.ts';
import { addContacts, addOrders, movableClock } from './fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'mallard-touched-'));
const clock = movableClock();
let warehouse: Warehouse;
let engine: ModelEngine;
let second = 0;

const load = (work: (tx: Session) => Promise<unknown>) => warehouse.loads.transaction(work);
const look = () => evaluateTouched({ warehouse, engine });

async function open(): Promise<void> {
  warehouse = await Warehouse.open(new Project(folder), { clock, memoryLimit: '2GB' });
  engine = new ModelEngine(warehouse);
}

beforeAll(async () => {
  const models = join(folder, 'models');
  mkdirSync(models, { recursive: true });
  writeFileSync(
    join(models, 'own.malloy'),
    `##! experimental.givens
import '${join(packageRoot, 'models', 'index.malloy')}'
#(segment) name=filtered title="Filtered"
source: filtered is contact_facts -> { where: order_count > 0 group_by: contact_id }
#(segment) name=first_ten title="First ten"
source: first_ten is contact_facts -> { where: order_count > 0 group_by: contact_id limit: 10 }
#(segment) name=numbered title="In a country that is a number"
source: numbered is contact_facts -> { where: country::number > 0 group_by: contact_id }
`,
  );
  emptyProject(folder);
  await open();
  await load((tx) =>
    addContacts(
      tx,
      ['a', 'b', 'c', 'd'].map((id) => ({ contact_id: id })),
    ),
  );
  await save('clickers', { field: 'email.last_7_days.clicks', operator: 'at_least', value: 1 });
  await save('buyers', { field: 'order_count', operator: 'at_least', value: 1 });
  await save('suppressed', { field: 'is_suppressed', operator: 'equals', value: true });
});
afterAll(async () => {
  await warehouse.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Each test is a quarter of an hour of one day, after an evaluation of all. */
beforeEach(async () => {
  tick(900);
  await engine.build({ asOf: clock.now() });
  await evaluateSegments(warehouse, engine);
  tick(60);
  await look();
});

function tick(seconds: number): void {
  second += seconds;
  clock.set(new Date(Date.UTC(2026, 10, 2, 6, 0, second)).toISOString());
}

function save(id: string, criteria: unknown) {
  return saveSegment({ warehouse, engine }, { segment_id: id, title: id, criteria });
}

let eventCount = 0;
/** A click of who is known by the address alone, as a webhook has it. */
function click(contact: string, secondsAgo = 1) {
  eventCount += 1;
  return acceptEmailEvents(warehouse, {
    rows: [
      {
        ...{ event_id: `e${eventCount}`, event_type: 'clicked', email: `${contact}@example.com` },
        ...{ delivery_id: null, campaign_id: null, campaign_run_id: null, message_id: `m${eventCount}` },
        ...{ contact_id: null, url: 'https://example.com/', agent_class: 'human', agent_reason: null },
        ...{ bounce_class: null, reason: null, ip: null, user_agent: null, source: 'test' },
        occurred_at: new Date(clock.now().getTime() - secondsAgo * 1000).toISOString(),
      },
    ],
    rejects: [],
  });
}

async function members(id: string): Promise<string[]> {
  return (await segmentMembers(warehouse, id)).members.map((member) => member.contact_id);
}

async function changesOf(contact: string): Promise<string[]> {
  const rows = await warehouse.read((session) =>
    session.rows<{ text: string }>(
      `select segment_id || ' ' || change as text from ops.segment_changes c where contact_id = $1 order by c.rowid`,
      [contact],
    ),
  );
  return rows.map(({ text }) => text);
}

test('a click that names an address only changes who is in, once, and the count with it', async () => {
  const before = (await getSegment({ warehouse, engine }, 'clickers')).member_count ?? 0;
  await click('a');
  expect(await look()).toMatchObject({ touched_count: 1, entered_count: 1, left_count: 0, errors: {} });
  expect(await members('clickers')).toContain('a');
  expect((await getSegment({ warehouse, engine }, 'clickers')).member_count).toBe(before + 1);
  expect(await look()).toMatchObject({ touched_count: 0 });
  const changes = await changesOf('a');
  await engine.build({ asOf: clock.now() });
  await evaluateSegments(warehouse, engine);
  expect(await changesOf('a')).toEqual(changes);
  expect((await getSegment({ warehouse, engine }, 'clickers')).member_count).toBe(before + 1);
});

test('what is dated ahead counts from its own moment on', async () => {
  await load((tx) =>
    addOrders(tx, [{ contact_id: 'b', ordered_at: new Date(clock.now().getTime() + 20_000).toISOString() }]),
  );
  await look();
  expect(await members('buyers')).not.toContain('b');
  tick(21);
  expect(await look()).toMatchObject({ touched_count: 1 });
  expect(await members('buyers')).toContain('b');
  expect(await members('filtered')).toContain('b');
});

test('a Malloy segment that does more than filter waits for the evaluation of all', async () => {
  await load((tx) =>
    addOrders(tx, [{ contact_id: 'd', ordered_at: new Date(clock.now().getTime() - 1000).toISOString() }]),
  );
  await look();
  expect(await members('filtered')).toContain('d');
  expect(await members('first_ten')).not.toContain('d');
  await engine.build({ asOf: clock.now() });
  await evaluateSegments(warehouse, engine);
  expect(await members('first_ten')).toContain('d');
});

test('a suppressed address touches whom it belongs to', async () => {
  const at = clock.now().toISOString();
  await warehouse.ledger.transaction((tx) =>
    tx.run(
      `insert into ops.suppressions (address_key, reason, suppressed_at, source, recorded_at)
       values ($1, 'manual', $2::timestamp - interval 1 second, 'test', $2::timestamp)`,
      [addressKey('c@example.com'), at.slice(0, -1)],
    ),
  );
  expect(await look()).toMatchObject({ touched_count: 1, entered_count: 1 });
  expect(await members('suppressed')).toEqual(['c']);
});

test('a row that is committed late, stamped before others that were looked at, is not lost', async () => {
  const stamp = clock.now();
  let commit = (): void => undefined;
  const held = new Promise<void>((resolve) => (commit = resolve));
  const slow = load(async (tx) => {
    await addOrders(tx, [{ contact_id: 'c', ordered_at: new Date(stamp.getTime() - 1000).toISOString() }]);
    await tx.run(`update core.orders set recorded_at = $1::timestamp where contact_id = 'c'`, [
      stamp.toISOString().slice(0, -1),
    ]);
    await held;
  });
  for (const contact of ['a', 'd']) {
    tick(60);
    await click(contact);
    await look();
  }
  expect(await members('buyers')).not.toContain('c');
  commit();
  await slow;
  tick(60);
  await look();
  expect(await members('buyers')).toContain('c');
});

test('an event that arrives while marts are built is looked at right after, and the evaluation of that build takes nothing back', async () => {
  await save('clicked_twice', { measure: 'email_events.clicks', operator: 'at_least', value: 2 });
  await evaluateSegments(warehouse, engine);
  expect(await members('clicked_twice')).not.toContain('b');
  const builtAsOf = clock.now();
  const building = engine.build({ asOf: builtAsOf });
  tick(5);
  await click('b', 0.002);
  await click('b', 0.001);
  const looking = look();
  await building;
  await looking;
  expect(await members('clicked_twice')).toContain('b');
  await evaluateSegments(warehouse, engine);
  expect(await members('clicked_twice')).toContain('b');
  await look();
  expect(await members('clicked_twice')).toContain('b');
  expect((await changesOf('b')).filter((text) => text.startsWith('clicked_twice'))).toEqual([
    'clicked_twice entered',
  ]);
});

test('a segment that has not been evaluated by its newest definition waits', async () => {
  await save('new_one', { field: 'order_count', operator: 'at_least', value: 1 });
  tick(30);
  await load((tx) => addOrders(tx, [{ contact_id: 'a', ordered_at: '2026-11-02T06:00:00' }]));
  await look();
  expect(await members('new_one')).toEqual([]);
  await engine.build({ asOf: clock.now() });
  await evaluateSegments(warehouse, engine);
  expect(await members('new_one')).toContain('a');
});

test('a value that looks like a placeholder of ours is a value', async () => {
  await save('hostile', {
    measure: 'email_events.event_count',
    where: {
      field: 'url',
      operator: 'in',
      value: [
        `'members'||'of one "person"'`,
        'from versions.orders where \'who "was" touched\' = \'who "was" touched\'',
      ],
    },
    operator: 'at_least',
    value: 1,
  });
  await evaluateSegments(warehouse, engine);
  tick(60);
  await click('c');
  expect(await look()).toMatchObject({ touched_count: 1, errors: {} });
  expect(await members('hostile')).toEqual([]);
});

test('a segment that cannot be computed for a contact is left as it was, and the others go on', async () => {
  await load((tx) => addContacts(tx, [{ contact_id: 'x', country: 'nowhere' }]));
  await click('x');
  const result = await look();
  expect(Object.keys(result?.errors ?? {})).toEqual(['numbered']);
  expect(await members('clickers')).toContain('x');
  expect(await members('numbered')).toEqual([]);
  await load((tx) => tx.run(`update core.contacts set country = null where contact_id = 'x'`));
});

test('the loop looks after a commit, one batch after the other, and ends', async () => {
  const results: TouchedResult[] = [];
  const errors: unknown[] = [];
  let isOn = false;
  const loop = startTouchedLoop(
    { warehouse, engine },
    {
      collectMs: 20,
      idleMs: 60_000,
      isOn: () => isOn,
      onResult: (result) => void results.push(result),
      onError: (error) => void errors.push(error),
    },
  );
  onTestFinished(() => loop.stop());
  await click('d', 0.5);
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(results).toEqual([]);
  isOn = true;
  await expect.poll(() => results.length, { timeout: 20_000 }).toBeGreaterThan(0);
  await loop.stop();
  const count = results.length;
  await click('d', 0.4);
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(results.length).toBe(count);
  expect(errors).toEqual([]);
});

test('after a restart it goes on where it was, and has lost nothing that came meanwhile', async () => {
  await save('restarted', { measure: 'email_events.clicks', operator: 'at_least', value: 1 });
  await evaluateSegments(warehouse, engine);
  tick(60);
  await click('a');
  await look();
  await load((tx) => addContacts(tx, [{ contact_id: 'late', email: 'late@example.com' }]));
  await click('late');
  await warehouse.close();
  tick(600);
  await open();
  expect(await look()).toMatchObject({ left_count: 0 });
  expect(await members('restarted')).toContain('late');
  expect(await look()).toMatchObject({ touched_count: 0 });
});

test('sequences, what happened since, lists and named segments follow; who names a model that needs all waits; triggers act', async () => {
  await load((tx) => addContacts(tx, [{ contact_id: 'z' }]));
  const clicked = { source: 'email_events', where: { field: 'is_click', operator: 'equals', value: true } };
  await save('twice', { sequence: [clicked, clicked] });
  await save('not_bought_since', {
    measure: 'orders.order_count',
    since: clicked,
    operator: 'equals',
    value: 0,
  });
  await changeList({ warehouse, engine }, { segment_id: 'picked', title: 'Picked', contact_ids: ['d'] });
  await save('picked_or_twice', { any: [{ segment: 'twice' }, { segment: 'picked' }] });
  await save('names_first_ten', { any: [{ segment: 'first_ten' }, { segment: 'twice' }] });
  await engine.build({ asOf: clock.now() });
  await evaluateSegments(warehouse, engine);
  tick(60);
  await saveTrigger(
    { warehouse, engine },
    {
      trigger_id: 'greet',
      segment_id: 'twice',
      change: 'entered',
      action: { type: 'create_task', title: 'Greet' },
    },
  );
  tick(60);
  await click('z', 50);
  await click('z', 20);
  expect(await look()).toMatchObject({ errors: {} });
  for (const id of ['twice', 'not_bought_since', 'picked_or_twice'])
    expect([id, (await members(id)).includes('z')]).toEqual([id, true]);
  expect(await members('names_first_ten')).not.toContain('z');
  expect((await runTriggers({ warehouse, engine })).runs).toMatchObject([{ trigger_id: 'greet', acted: 1 }]);
  const changes = await changesOf('z');
  await engine.build({ asOf: clock.now() });
  await evaluateSegments(warehouse, engine);
  expect((await changesOf('z')).filter((change) => !changes.includes(change))).toEqual([
    'names_first_ten entered',
  ]);
  expect(await runTriggers({ warehouse, engine })).toEqual({ runs: [], errors: [] });
});
