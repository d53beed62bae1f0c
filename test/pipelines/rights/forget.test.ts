import { expect, test } from 'vitest';
import { addressKey } from '../../../data/address.ts';
import type { Lane } from '../../../data/owner/lane.ts';
import type { Warehouse } from '../../../data/owner/warehouse.ts';
import { launchCampaign } from '../../../pipelines/campaigns/launch.ts';
import { campaignResults, whyContact } from '../../../pipelines/campaigns/results.ts';
import { saveCampaign } from '../../../pipelines/campaigns/store.ts';
import { sendPending } from '../../../pipelines/delivery/sender.ts';
import { exportPerson } from '../../../pipelines/rights/export.ts';
import { forgetPerson, resumeErasures } from '../../../pipelines/rights/forget.ts';
import { personalTables } from '../../../pipelines/rights/tables.ts';
import { addContacts, campaign, openContext, type TestContext } from '../campaigns/fixture.ts';
import { directClient, launched, outcomes, worldProvider } from '../delivery/support.ts';

const by = { requestedBy: 'dpo' };

async function everything(warehouse: Warehouse): Promise<string> {
  return warehouse.read(async (session) => {
    const texts: string[] = [];
    for (const { name, sql } of await personalTables(session))
      for (const { row } of await session.rows<{ row: string }>(
        `select cast(to_json(t) as varchar) as row from ${sql} t`,
      ))
        texts.push(`${name} ${row}`);
    return texts.join('\n');
  });
}

function contactCount(context: TestContext): Promise<number | undefined> {
  return context.warehouse
    .read((s) => s.one<{ n: number }>('select count(*)::int as n from core.contacts'))
    .then((row) => row?.n);
}

test('somebody in a running campaign finishes unsent, the ledger says so, and the results add up', async () => {
  const { context, run } = await launched(45);
  const client = directClient(context);
  // The first batch is in a sender's hands, with c0005; c0025 waits in the second.
  const claimed = await client.claim({ sender_id: 'a', providers: ['file'] });
  expect(claimed?.recipients.map(({ contact_id: id }) => id)).toContain('c0005');
  for (const id of ['c0005', 'c0025'])
    expect(await forgetPerson(context, { ...by, reference: id })).toMatchObject({ status: 'forgotten' });
  expect(await outcomes(context, run.campaign_run_id)).toEqual({ unknown: 1, skipped: 1 });
  const reasons = await context.warehouse.read((s) => s.rows('select distinct reason from ops.deliveries'));
  expect(reasons).toEqual([{ reason: 'suppressed_forgotten' }]);

  // The sender tells what became of its batch; of the forgotten one too, which is not written down any more.
  if (!claimed) throw new Error('nothing was claimed');
  const answer = await client.report({
    batch_id: claimed.batch_id,
    lease_id: claimed.lease_id,
    provider: 'file',
    outcomes: claimed.recipients.map(({ delivery_id }) => ({
      delivery_id,
      outcome: 'accepted',
      reason: null,
      provider_message_id: null,
    })),
  });
  expect(answer).toMatchObject({ recorded: 19, ignored: 1, batch_status: 'done' });
  const { provider, sent } = worldProvider();
  await sendPending(client, [provider], { senderId: 'b', clock: context.clock });
  expect(sent.map((mail) => mail.to)).not.toContain('c0025@example.com');
  expect(sent).toHaveLength(24);

  const results = await campaignResults(context.warehouse, run.campaign_run_id);
  expect(results.run).toMatchObject({ status: 'completed', send_count: 45n });
  expect(results.by_outcome).toEqual([
    { arm: '', outcome: 'accepted', contacts: 43 },
    { arm: '', outcome: 'skipped', contacts: 1 },
    { arm: '', outcome: 'unknown', contacts: 1 },
  ]);
  const text = await everything(context.warehouse);
  for (const id of ['c0005', 'c0025']) expect(text).not.toContain(id);
  expect(text).toContain('c0006@example.com');
});

test('who is forgotten between two claims of a batch that failed is not tried again', async () => {
  const { context, run } = await launched(3, { batch_size: 3 });
  const { provider, sent } = worldProvider(() => 'failed');
  const client = directClient(context);
  const claimed = await client.claim({ sender_id: 'a', providers: ['file'] });
  if (!claimed) throw new Error('nothing was claimed');
  await client.report({
    batch_id: claimed.batch_id,
    lease_id: claimed.lease_id,
    provider: 'file',
    outcomes: claimed.recipients.map(({ delivery_id }) => ({
      delivery_id,
      outcome: 'failed',
      reason: 'busy',
      provider_message_id: null,
    })),
  });
  await forgetPerson(context, { ...by, reference: 'c0001' });
  expect(sent).toEqual([]);
  const world = worldProvider();
  await sendPending(client, [world.provider], { senderId: 'b', clock: context.clock });
  expect(provider.name).toBe('file');
  expect(world.sent.map((mail) => mail.to)).toEqual(['c0000@example.com', 'c0002@example.com']);
  expect(await outcomes(context, run.campaign_run_id)).toEqual({ accepted: 2, skipped: 1 });
});

test('a launch that froze the audience before sends nothing to who was forgotten meanwhile', async () => {
  const { context, run } = await launched(3, { batch_size: 3 });
  // As a crash between freezing and opening leaves it: the row is anonymous, and no batch is open yet.
  await context.warehouse.ledger.transaction((tx) => tx.run('delete from ops.delivery_batches'));
  await forgetPerson(context, { ...by, reference: 'c0001' });
  await context.warehouse.ledger.transaction((tx) =>
    tx.run(
      `insert into ops.delivery_batches (batch_id, campaign_run_id, message_id, position_from, position_to, status, attempt, updated_at)
       select 'b', campaign_run_id, any_value(message_id), 1, 3, 'pending', 0, '2026-11-02' from ops.audience group by campaign_run_id`,
    ),
  );
  const { provider, sent } = worldProvider();
  await sendPending(directClient(context), [provider], { senderId: 'b', clock: context.clock });
  expect(sent.map((mail) => mail.to)).toEqual(['c0000@example.com', 'c0002@example.com']);
  expect(await outcomes(context, run.campaign_run_id)).toEqual({ accepted: 2, skipped: 1 });
});

test('a forgotten address that is imported again is excluded as suppressed_forgotten', async () => {
  const context = await openContext();
  await addContacts(context, [{ id: 'ann' }, { id: 'bob' }]);
  await forgetPerson(context, { ...by, reference: ' ANN@example.com' });
  expect(await contactCount(context)).toBe(1);
  // Consent comes along with the import, and does not help.
  await addContacts(context, [{ id: 'new-ann', email: 'Ann@Example.com' }]);
  await saveCampaign(context.warehouse, campaign);
  const run = await launchCampaign(context, 'spring');
  expect(await whyContact(context.warehouse, run.campaign_run_id, 'new-ann')).toMatchObject({
    decision: 'excluded',
    reason: 'suppressed_forgotten',
    explanation: 'Its address is suppressed: forgotten.',
  });
  await saveCampaign(context.warehouse, { ...campaign, campaign_id: 'bill', message_class: 'transactional' });
  const bill = await launchCampaign(context, 'bill');
  expect(await whyContact(context.warehouse, bill.campaign_run_id, 'new-ann')).toMatchObject({
    reason: 'suppressed_forgotten',
  });
});

async function merge(context: TestContext, id: string, into: string, superseded: string | null = null) {
  await context.warehouse.loads.transaction((tx) =>
    tx.run(`insert into core.contact_canonicals values ($id, $into, '2026-01-01', $superseded::timestamp)`, {
      id,
      into,
      superseded,
    }),
  );
}

test('a merged contact is forgotten with its whole group, and nobody else', async () => {
  const context = await openContext();
  await addContacts(
    context,
    ['ann', 'ann-old', 'ann-older', 'bob', 'was-ann'].map((id) => ({ id })),
  );
  await merge(context, 'ann-old', 'ann');
  await merge(context, 'ann-older', 'ann');
  await merge(context, 'was-ann', 'ann', '2026-02-01');
  expect(await forgetPerson(context, { ...by, reference: 'ann-older' })).toMatchObject({
    contact_count: 3,
    address_count: 3,
  });
  const text = await everything(context.warehouse);
  expect(text).not.toMatch(/ann-old|"ann"|[^-]ann@/);
  expect(text).toContain('was-ann@example.com');
  expect(text).toContain('bob@example.com');
});

test('an address that was passed on stays with who has it now; a longer one is another', async () => {
  const context = await openContext();
  await addContacts(context, [
    { id: 'ann', email: 'ann.new@example.com' },
    { id: 'ben', email: 'desk@example.com' },
    { id: 'joann', email: 'joann.new@example.com' },
    { id: 'au', email: 'ann.new@example.com.au' },
  ]);
  await context.warehouse.loads.transaction((tx) =>
    tx.run(
      `insert into core.contact_changes values ('ann', 'email', 'desk@example.com', '2025-02-01', 'test', '2025-02-01')`,
    ),
  );
  expect(await forgetPerson(context, { ...by, reference: 'ann' })).toMatchObject({ address_count: 1 });
  const text = await everything(context.warehouse);
  for (const email of ['desk@example.com', 'joann.new@example.com', 'ann.new@example.com.au'])
    expect(text).toContain(email);
  expect(text).not.toMatch(/"ann\.new@example\.com"/);
});

test('twice, unknown, dry run: each has its outcome', async () => {
  const context = await openContext();
  await addContacts(context, [{ id: 'ann' }, { id: 'bob' }]);
  const before = await everything(context.warehouse);
  const dry = await forgetPerson(context, { ...by, reference: 'ann', dryRun: true });
  expect(dry).toMatchObject({
    status: 'dry_run',
    erasure_id: null,
    tables: { 'core.contacts': { found: 1 }, 'core.consent_events': { found: 1 } },
  });
  expect(await everything(context.warehouse)).toBe(before);

  const first = await forgetPerson(context, {
    ...by,
    reference: 'ann',
    reason: 'Request of ann@example.com',
  });
  expect(first).toMatchObject({
    status: 'forgotten',
    tables: { 'core.contacts': { deleted: 1 }, 'ops.segment_memberships_open': { deleted: 1 } },
    completed_at: '2026-11-02T06:00:00Z',
    compact_by: '2026-11-09T06:00:00Z',
  });
  expect(first.kept.map(({ what }) => what).join()).toContain('hash');
  for (const reference of ['ann', 'ann@example.com', 'ANN@example.com'])
    expect(await forgetPerson(context, { ...by, reference })).toMatchObject({
      status: 'already_forgotten',
      erasure_id: first.erasure_id,
    });
  await expect(exportPerson(context, 'ann@example.com')).rejects.toMatchObject({
    code: 'not_found',
    fields: { erasure_id: first.erasure_id },
  });
  for (const reference of ['nobody', 'nobody@example.com'])
    await expect(forgetPerson(context, { ...by, reference })).rejects.toMatchObject({ code: 'not_found' });
  // Neither the reason nor the suppression says who it was.
  expect(await everything(context.warehouse)).not.toContain('ann@');
  const kept = await context.warehouse.read((s) =>
    s.rows('select address_key, reason from ops.suppressions'),
  );
  expect(kept).toEqual([{ address_key: addressKey('ann@example.com'), reason: 'forgotten' }]);
});

test('who is only in a landed file or a rejected line is known by the address, and forgotten', async () => {
  const context = await openContext();
  await context.warehouse.loads.transaction(async (tx) => {
    await tx.run(`create table raw.visitors ("Mail" varchar, note varchar)`);
    await tx.run(`insert into raw.visitors values ('Eve@example.com', 'x'), ('steve@example.com', 'y')`);
    await tx.run(
      `insert into raw.rejects values ('b', 'core.contacts', 's', 'f.csv', 3, 'created_at', 'never', 'no time', '9,eve@example.com,never', '2026-01-01')`,
    );
  });
  expect(Object.keys((await exportPerson(context, 'eve@example.com')).tables)).toEqual([
    'raw.rejects',
    'raw.visitors',
  ]);
  await forgetPerson(context, { ...by, reference: 'eve@example.com' });
  const text = await everything(context.warehouse);
  expect(text).not.toMatch(/\beve@/i);
  expect(text).toContain('steve@example.com');
  expect(text).toContain('no time');
});

test('a table that nobody described stops an erasure before it begins', async () => {
  const context = await openContext();
  await addContacts(context, [{ id: 'ann' }]);
  await context.warehouse.loads.transaction((tx) => tx.run('create table core.diaries (contact_id varchar)'));
  await expect(forgetPerson(context, { ...by, reference: 'ann' })).rejects.toMatchObject({
    code: 'internal',
    fields: { tables: ['core.diaries'] },
  });
  expect(await contactCount(context)).toBe(1);
});

class Crash extends Error {}

/** Fails the nth transaction of any lane from now on, before its work or after its commit; answers how many there were. */
function crashAt(warehouse: Warehouse, nth: number, when: 'before' | 'after'): () => void {
  let count = 0;
  const lanes: Lane[] = [warehouse.ledger, warehouse.build, warehouse.loads];
  for (const lane of lanes) {
    const original = Object.getPrototypeOf(lane).transaction as Lane['transaction'];
    lane.transaction = async function transaction(work) {
      count += 1;
      const isLast = count === nth;
      if (isLast && when === 'before') throw new Crash();
      const answer = await original.call(this, work);
      if (isLast) throw new Crash();
      return answer as never;
    };
  }
  return () => {
    for (const lane of lanes) delete (lane as Partial<Lane>).transaction;
  };
}

test.each(['before', 'after'] as const)(
  'a crash %s any commit is made good at the next boot',
  async (when) => {
    let isOver = false;
    const untouched: object[] = [];
    for (let nth = 1; !isOver; nth += 1) {
      expect(nth).toBeLessThan(12);
      const { context, run } = await launched(3, { batch_size: 3 });
      await context.warehouse.loads.transaction(async (tx) => {
        await tx.run(
          `insert into core.email_events (event_id, event_type, contact_id, email, campaign_run_id, delivery_id, occurred_at, source, recorded_at)
         select 'e' || position, 'opened', contact_id, email, campaign_run_id, delivery_id, '2026-11-02', 'test', '2026-11-02' from ops.audience`,
        );
        await tx.run(
          `insert into core.orders (order_id, contact_id, ordered_at, amount, source, recorded_at) values ('o1', 'c0001', '2026-01-01', 9.5, 'test', '2026-01-01')`,
        );
        await tx.run(`create table raw.notes as select 'to c0001@example.com' as note`);
      });
      const recover = crashAt(context.warehouse, nth, when);
      const failed = await forgetPerson(context, { ...by, reference: 'c0001' }).then(
        () => false,
        (error: unknown) => {
          if (error instanceof Crash) return true;
          throw error;
        },
      );
      recover();
      isOver = !failed;
      const begun = await context.warehouse.read((s) => s.rows('from ops.erasures'));
      if (begun.length === 0) {
        untouched.push({ nth, contacts: await contactCount(context) });
        continue;
      }
      await resumeErasures(context);
      expect(await resumeErasures(context)).toBe(0);
      const text = await everything(context.warehouse);
      expect(text.includes('c0001'), `${nth} ${when}`).toBe(false);
      const state = await context.warehouse.read((s) =>
        s.one(
          `select (select status from ops.erasures) as status, (select salt from ops.erasures) as salt,
           (select count(*)::int from core.orders where contact_id is null) as guests,
           (select count(*)::int from core.email_events e join ops.audience a using (delivery_id)) as linked,
           (select count(*)::int from ops.deliveries d join ops.audience a using (delivery_id)) as delivered`,
        ),
      );
      expect(state, `${nth} ${when}`).toEqual({
        status: 'completed',
        salt: null,
        guests: 1,
        linked: 3,
        delivered: 1,
      });
      const results = await campaignResults(context.warehouse, run.campaign_run_id);
      expect(results.by_outcome).toEqual([
        { arm: '', outcome: 'pending', contacts: 2 },
        { arm: '', outcome: 'skipped', contacts: 1 },
      ]);
      expect(results.events).toMatchObject([{ event_type: 'opened', events: 3, contacts: 3 }]);
    }
    // Only before the intent is written nothing has begun.
    expect(untouched).toEqual(when === 'before' ? [{ nth: 1, contacts: 3 }] : []);
  },
  120_000,
);
