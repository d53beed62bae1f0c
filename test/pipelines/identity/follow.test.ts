import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Warehouse } from '../../../data/owner/warehouse.ts';
import { launchCampaign } from '../../../pipelines/campaigns/launch.ts';
import { planCampaign } from '../../../pipelines/campaigns/plan.ts';
import { campaignResults, whyContact } from '../../../pipelines/campaigns/results.ts';
import { saveCampaign } from '../../../pipelines/campaigns/store.ts';
import { claimBatch } from '../../../pipelines/delivery/claim.ts';
import { reportOutcomes } from '../../../pipelines/delivery/report.ts';
import { readCanonicals } from '../../../pipelines/identity/canonicals.ts';
import { mergeContacts, unmerge } from '../../../pipelines/identity/merge.ts';
import { applyDiff } from '../../../pipelines/segments/diff.ts';
import { memberCountsSql, membershipHistory, segmentMembers } from '../../../pipelines/segments/members.ts';
import { saveSegment } from '../../../pipelines/segments/store.ts';
import { runSegmentAction } from '../../../pipelines/workflows/run-action.ts';
import { addContacts, campaign, openContext } from '../campaigns/fixture.ts';
import { rowsOf } from '../load/support.ts';
import { addContacts as addRows, openFixture } from '../segments/fixture.ts';
import { openIdentity } from './support.ts';

/** An evaluation of one segment: the contacts it judges, and who of them is in. */
async function evaluate(warehouse: Warehouse, day: number, judged: string, isIn: string): Promise<string> {
  const values = judged.split('').map((id) => `('${id}', ${isIn.includes(id)})`);
  const at = `2026-11-${String(day).padStart(2, '0')}T00:00:00`;
  const moves = await warehouse.build.transaction((tx) =>
    applyDiff(
      tx,
      `select * from (values ${values.join(', ')}) t(contact_id, c0)`,
      [{ segment_id: 's', version: 1, column: 'c0' }],
      { runId: `run-${day}`, asOf: at, at },
    ),
  );
  return moves.map((move) => `+${move.entered_count} -${move.left_count}`).join();
}

const members = async (warehouse: Warehouse, at?: string) => {
  const page = await segmentMembers(warehouse, 's', at === undefined ? {} : { at: new Date(at) });
  return page.members.map(({ contact_id: id, entered_at: entered }) => `${id} ${entered.slice(8, 10)}`);
};
const history = async (warehouse: Warehouse, contactId?: string) =>
  (await membershipHistory(warehouse, { segmentId: 's', contactId })).map(
    (one) => `${one.contact_id} ${one.entered_at.slice(8, 10)}-${one.left_at?.slice(8, 10) ?? ''}`,
  );

test('a merge makes nobody enter or leave while either was in; unmerged, each has what was its own', async () => {
  const { warehouse, add } = await openIdentity();
  await add({ contact_id: 'a' }, { contact_id: 'b' }, { contact_id: 'c' });
  expect(await evaluate(warehouse, 1, 'abc', 'bc')).toBe('+2 -0');
  await mergeContacts(warehouse, 'a', 'b');
  expect(await members(warehouse)).toEqual(['a 01', 'c 01']);
  // Of marts that are older than the merge, and of new ones.
  expect(await evaluate(warehouse, 2, 'abc', 'bc')).toBe('');
  expect(await evaluate(warehouse, 3, 'ac', 'ac')).toBe('');
  expect(await members(warehouse, '2026-11-02T12:00:00Z')).toEqual(['a 01', 'c 01']);

  await unmerge(warehouse, 'b');
  expect(await members(warehouse)).toEqual(['b 01', 'c 01']);
  // Marts that do not know b by itself yet do not throw it out.
  expect(await evaluate(warehouse, 4, 'ac', 'c')).toBe('');
  expect(await evaluate(warehouse, 5, 'abc', 'abc')).toBe('+1 -0');
  expect(await members(warehouse)).toEqual(['a 05', 'b 01', 'c 01']);
  const memberships = await rowsOf(
    warehouse,
    'select contact_id from ops.segment_memberships_open order by 1',
  );
  expect(memberships.map((row) => row['contact_id'])).toEqual(['a', 'b', 'c']);
});

test('who leaves after a merge leaves under every id that was in, counts once, and is told as one person', async () => {
  const { warehouse, add } = await openIdentity();
  await add({ contact_id: 'a' }, { contact_id: 'b' }, { contact_id: 'c' });
  await evaluate(warehouse, 1, 'abc', 'ac');
  await evaluate(warehouse, 2, 'abc', 'abc');
  await mergeContacts(warehouse, 'a', 'b');
  expect(await rowsOf(warehouse, memberCountsSql)).toEqual([{ segment_id: 's', member_count: 2 }]);
  expect(await evaluate(warehouse, 3, 'ac', 'c')).toBe('+0 -1');
  expect(await history(warehouse)).toEqual(['a 01-03', 'c 01-']);
  expect(await history(warehouse, 'b')).toEqual(['a 01-03']);
  expect(await evaluate(warehouse, 4, 'ac', 'ac')).toBe('+1 -0');
  expect(await history(warehouse, 'a')).toEqual(['a 04-', 'a 01-03']);
  await unmerge(warehouse, 'b');
  expect(await history(warehouse, 'b')).toEqual(['b 02-03']);
  expect(await history(warehouse, 'a')).toEqual(['a 04-', 'a 01-03']);
  expect(await members(warehouse, '2026-11-02T12:00:00Z')).toEqual(['a 01', 'b 02', 'c 01']);
});

test('property: whatever is merged, the same facts make nobody enter or leave; all parted, every membership is as it was', async () => {
  const ids = ['a', 'b', 'c', 'd', 'e'];
  const pair = fc.tuple(fc.constantFrom(...ids), fc.constantFrom(...ids)).filter(([a, b]) => a !== b);
  await fc.assert(
    fc.asyncProperty(
      fc.subarray(ids),
      fc.subarray(ids),
      fc.array(pair, { maxLength: 4 }),
      async (first, second, pairs) => {
        const { warehouse, add } = await openIdentity();
        await add(...ids.map((contact_id) => ({ contact_id })));
        await evaluate(warehouse, 1, ids.join(''), first.join(''));
        await evaluate(warehouse, 2, ids.join(''), second.join(''));
        const open = () => rowsOf(warehouse, 'from ops.segment_memberships_open order by all');
        const [before, told] = [await open(), await history(warehouse)];
        for (const [a, b] of pairs) {
          await mergeContacts(warehouse, a, b);
          expect(await evaluate(warehouse, 3, ids.join(''), second.join(''))).toBe('');
        }
        const mapped = () => warehouse.read((session) => readCanonicals(session));
        for (let [id] = (await mapped()).keys(); id !== undefined; [id] = (await mapped()).keys()) {
          await unmerge(warehouse, id);
        }
        expect(await open()).toEqual(before);
        expect((await history(warehouse)).toSorted()).toEqual(told.toSorted());
        await warehouse.close();
      },
    ),
    { numRuns: 8 },
  );
});

const merge = (context: { warehouse: Warehouse }, a: string, b: string) =>
  mergeContacts(context.warehouse, a, b);

test('an audience has a merged person once, with the address that wins; a withdrawal under either record holds', async () => {
  const context = await openContext();
  await addContacts(context, [
    { id: 'a', email: null },
    { id: 'b', email: 'b@example.com' },
    { id: 'c', consent: null, segments: ['other'] },
    { id: 'd' },
    { id: 'e' },
    { id: 'f', consent: null },
  ]);
  await context.warehouse.loads.transaction((tx) =>
    tx.run(`insert into core.consent_events (consent_event_id, contact_id, status, occurred_at, source, recorded_at)
      values ('late', 'c', 'withdrawn', '2026-07-01', 'test', '2026-07-01')`),
  );
  const { definition } = await saveCampaign(context.warehouse, campaign);
  const before = await planCampaign(context, definition);
  expect([before.target_count, before.send_count]).toEqual([5, 3]);

  await merge(context, 'a', 'b');
  await merge(context, 'd', 'c');
  await merge(context, 'e', 'f');
  const plan = await planCampaign(context, definition);
  expect([plan.target_count, plan.send_count]).toEqual([3, 2]);
  expect(plan.by_reason).toMatchObject([
    { decision: 'send', contacts: 2 },
    { reason: 'consent_withdrawn', contacts: 1 },
  ]);
  expect(plan.samples.map(({ contact_id, email }) => [contact_id, email])).toEqual([
    ['a', 'b@example.com'],
    ['e', 'e@example.com'],
  ]);
  for (const id of ['b', 'c', 'f']) await unmerge(context.warehouse, id);
  expect(await planCampaign(context, definition)).toEqual(before);
});

test('why, results and what is asked again at sending follow a merge after the launch, and an unmerge', async () => {
  const context = await openContext();
  await addContacts(context, [{ id: 'a' }, { id: 'b' }, { id: 'c', segments: ['other'] }]);
  await saveCampaign(context.warehouse, campaign);
  const { campaign_run_id: run } = await launchCampaign(context, 'spring');
  const claim = { sender_id: 'sender', providers: ['file'], lease_seconds: 60 };
  const batch = await claimBatch(context, claim);
  const mails = batch?.recipients ?? [];
  expect(mails).toHaveLength(2);
  await reportOutcomes(context, {
    batch_id: batch?.batch_id ?? '',
    lease_id: batch?.lease_id ?? '',
    provider: 'file',
    outcomes: mails.map(({ delivery_id }) => ({
      ...{ delivery_id, outcome: 'accepted' as const, reason: null, provider_message_id: null },
    })),
  });
  await context.warehouse.loads.transaction((tx) =>
    tx.run(
      `insert into core.email_events (event_id, event_type, contact_id, campaign_run_id, delivery_id, occurred_at, source, recorded_at)
       select 'event-' || contact_id, 'opened', contact_id, campaign_run_id, delivery_id, '2026-11-02 07:00:00', 'test', '2026-11-02' from ops.audience`,
    ),
  );
  const opened = async () => (await campaignResults(context.warehouse, run)).events[0]?.contacts;
  expect(await opened()).toBe(2);

  await merge(context, 'c', 'b');
  await merge(context, 'a', 'b');
  for (const id of ['a', 'b', 'c']) {
    const why = await whyContact(context.warehouse, run, id);
    expect(why).toMatchObject({ contact_id: id, decision: 'send' });
    expect(why.recorded_as.toSorted()).toEqual(['a', 'b']);
    expect([why.outcomes.length, why.events.length]).toEqual([2, 2]);
  }
  expect(await opened()).toBe(1);
  const { by_outcome: outcomes } = await campaignResults(context.warehouse, run);
  expect(outcomes).toEqual([{ arm: '', outcome: 'accepted', contacts: 2 }]);

  await unmerge(context.warehouse, 'b');
  expect(await whyContact(context.warehouse, run, 'b')).toMatchObject({
    recorded_as: ['b'],
    outcomes: [{ outcome: 'accepted' }],
  });
  expect(await whyContact(context.warehouse, run, 'c')).toMatchObject({
    reason: 'not_in_segment',
    recorded_as: [],
  });
  expect(await opened()).toBe(2);
});

test('a batch claimed after a merge asks the consent of the whole person', async () => {
  const context = await openContext();
  await addContacts(context, [
    { id: 'a' },
    { id: 'b', consent: 'withdrawn', segments: ['other'] },
    { id: 'c' },
  ]);
  await context.warehouse.loads.transaction((tx) =>
    tx.run(`update core.consent_events set occurred_at = '2026-08-01' where contact_id = 'b'`),
  );
  await saveCampaign(context.warehouse, campaign);
  await launchCampaign(context, 'spring');
  await merge(context, 'b', 'a');
  const batch = await claimBatch(context, { sender_id: 'sender', providers: ['file'], lease_seconds: 60 });
  expect(batch?.recipients.map((one) => one.contact_id)).toEqual(['c']);
  const skipped = await rowsOf(
    context.warehouse,
    `select contact_id, reason from ops.deliveries where outcome = 'skipped'`,
  );
  expect(skipped).toEqual([{ contact_id: 'a', reason: 'consent_withdrawn' }]);
});

test('an action acts on a merged person once a run, whichever of its records was acted on before', async () => {
  const fixture = await openFixture();
  await fixture.load((tx) =>
    addRows(
      tx,
      ['a', 'b', 'c'].map((contact_id) => ({ contact_id })),
    ),
  );
  await saveSegment(fixture.context, {
    segment_id: 'targets',
    title: 'Targets',
    criteria: { field: 'contact_id', operator: 'is_set' },
  });
  const setMembers = (...ids: string[]) =>
    fixture.warehouse.build.transaction(async (tx) => {
      await tx.run('delete from ops.segment_memberships_open');
      for (const id of ids) {
        await tx.run(
          `insert into ops.segment_memberships_open values ('targets', $1, '2026-11-01', null, 'run-0')`,
          [id],
        );
      }
    });
  const act = (runId: string) =>
    runSegmentAction(fixture.context, {
      segmentId: 'targets',
      action: { type: 'create_task', title: 'Call' },
      runId,
    });
  await setMembers('b');
  expect(await act('run-1')).toMatchObject({ matched: 1, acted: 1 });
  await mergeContacts(fixture.warehouse, 'a', 'b');
  await setMembers('a', 'b', 'c');
  expect(await act('run-1')).toMatchObject({ matched: 2, acted: 1, skipped_by_reason: { already_done: 1 } });
  expect(await act('run-2')).toMatchObject({
    matched: 2,
    acted: 2,
    sample: [{ contact_id: 'a' }, { contact_id: 'c' }],
  });
  await unmerge(fixture.warehouse, 'b');
  // b is itself again: run-1 had acted on it, run-2 on a.
  expect(await act('run-1')).toMatchObject({ matched: 3, acted: 1, sample: [{ contact_id: 'a' }] });
  expect(await act('run-2')).toMatchObject({ matched: 3, acted: 1, sample: [{ contact_id: 'b' }] });
});
