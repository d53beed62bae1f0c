import { expect, test } from 'vitest';
import { evaluateSegments } from '../../../pipelines/segments/evaluate.ts';
import { getSegment } from '../../../pipelines/segments/listing.ts';
import { changeList } from '../../../pipelines/segments/lists.ts';
import { membershipHistory, segmentMembers } from '../../../pipelines/segments/members.ts';
import { renameSegment } from '../../../pipelines/segments/rename.ts';
import { saveSegment, segmentVersions } from '../../../pipelines/segments/store.ts';
import { segmentUsers } from '../../../pipelines/segments/users.ts';
import type { SegmentEngine } from '../../../pipelines/segments/types.ts';
import { addContacts, openFixture, type SegmentFixture } from './fixture.ts';
import { leads, withUsers } from './users.ts';

const customers = { field: 'lifecycle_stage', operator: 'equals', value: 'customer' };
const evaluate = ({ warehouse, engine }: SegmentFixture) => evaluateSegments(warehouse, engine);

test('a title changes without a version, and an unknown id is not found', async () => {
  const { context } = await openFixture();
  const saved = await saveSegment(context, {
    segment_id: 'mine',
    title: 'Mine',
    description: 'D',
    criteria: leads,
  });
  expect(await renameSegment(context, 'mine', { title: 'Ours' })).toEqual({ ...saved, title: 'Ours' });
  expect(await renameSegment(context, 'mine', { description: null })).toMatchObject({
    title: 'Ours',
    description: null,
  });
  expect(await segmentVersions(context, 'mine')).toHaveLength(1);
  await expect(renameSegment(context, 'mine', { title: ' ' })).rejects.toMatchObject({ code: 'bad_request' });
  await expect(renameSegment(context, 'min', { title: 'T' })).rejects.toMatchObject({ code: 'not_found' });
});

test('under a new id stand the definition, versions, runs, members and history; the next run moves nobody', async () => {
  const fixture = await openFixture();
  const { context, warehouse, clock } = fixture;
  await fixture.load((tx) =>
    addContacts(tx, [
      { contact_id: 'a', lifecycle_stage: 'lead' },
      { contact_id: 'b', lifecycle_stage: 'customer' },
    ]),
  );
  await fixture.build();
  await saveSegment(context, { segment_id: 'old', title: 'Old', criteria: leads });
  await saveSegment(context, { segment_id: 'other', title: 'Other', criteria: leads });
  await changeList(context, { segment_id: 'list', title: 'List', contact_ids: ['a'] });
  await evaluate(fixture);
  // Several changes at one moment: their order must stay, too.
  await saveSegment(context, { segment_id: 'old', title: 'Old', criteria: customers });
  await evaluate(fixture);
  const read = async (id: string) => ({
    members: await segmentMembers(warehouse, id),
    then: await segmentMembers(warehouse, id, { at: clock.now() }),
    history: (await membershipHistory(warehouse, { segmentId: id })).map(
      ({ segment_id: _id, ...rest }) => rest,
    ),
    versions: (await segmentVersions(context, id)).map(({ segment_id: _id, ...rest }) => rest),
    segment: { ...(await getSegment(context, id)), segment_id: '' },
  });
  const before = [await read('old'), await read('list'), await read('other')];
  expect(before[0]?.members.members).toMatchObject([{ contact_id: 'b' }]);

  await renameSegment(context, 'old', { segment_id: 'new' });
  await renameSegment(context, 'list', { segment_id: 'list-2' });
  expect([await read('new'), await read('list-2'), await read('other')]).toEqual(before);
  await expect(getSegment(context, 'old')).rejects.toMatchObject({ code: 'not_found' });

  const runs = (await evaluate(fixture)).segments;
  expect(runs.filter(({ segment_id }) => /old|new|list/.test(segment_id))).toMatchObject([
    { segment_id: 'list-2', member_count: 1, entered_count: 0, left_count: 0 },
    { segment_id: 'new', version: 2, member_count: 1, entered_count: 0, left_count: 0 },
  ]);
  expect(await changeList(context, { segment_id: 'list-2', mode: 'add', contact_ids: ['b'] })).toMatchObject({
    segment: { version: 2 },
    already: 0,
    added: 1,
  });
  // And back: the old id is free again.
  await renameSegment(context, 'new', { segment_id: 'old' });
  expect((await read('old')).history).toEqual(before[0]?.history);
  expect(
    await warehouse.read((s) => s.rows(`select 1 from ops.segment_changes where segment_id = 'new'`)),
  ).toEqual([]);
});

test('campaigns, workflows and criteria that name it follow; texts that only mention it do not', async () => {
  const { context, warehouse } = await withUsers();
  const users = await warehouse.read((session) => segmentUsers(session, 'mine'));
  await renameSegment(context, 'mine', { segment_id: 'ours', title: 'Ours' });
  expect(await warehouse.read((session) => segmentUsers(session, 'ours'))).toEqual(users);
  expect(await warehouse.read((session) => segmentUsers(session, 'mine'))).toEqual({
    campaigns: [],
    segments: [],
    triggers: [],
    workflows: [],
  });
  const definitions = await warehouse.read((session) =>
    session.rows(
      `select campaign_id as id, definition from ops.campaigns
       union all select segment_id, criteria from ops.segments where segment_id in ('gone', 'value')
       union all select workflow_id, definition from ops.workflows order by id`,
    ),
  );
  expect(definitions).toEqual([
    {
      id: 'autumn',
      definition: { segment_ids: ['ours', 'other'], exclude_segment_ids: [], message: { subject: 'mine' } },
    },
    { id: 'gone', definition: { segment: 'ours' } },
    { id: 'paused', definition: { trigger: { segment_id: 'ours' } } },
    { id: 'spring', definition: { segment_ids: ['other'], exclude_segment_ids: ['ours'] } },
    { id: 'unrelated', definition: { segment_ids: ['other'], title: 'mine' } },
    { id: 'value', definition: { field: 'rfm.segment', operator: 'in', value: ['mine'] } },
    { id: 'welcome', definition: { trigger: { type: 'entered', segment_id: 'ours' } } },
  ]);
});

test('an id that is, or was, another’s is refused, and then nothing has changed', async () => {
  const fixture = await withUsers();
  const { context, warehouse } = fixture;
  const rename = (id: string, segment_id: string) => renameSegment(context, id, { segment_id, title: 'T' });
  await expect(rename('mine', 'other')).rejects.toMatchObject({
    code: 'conflict',
    fields: { segment_id: 'other' },
  });
  await expect(rename('mine', 'gone')).rejects.toMatchObject({ code: 'conflict' });
  await expect(rename('mine', 'champions')).rejects.toMatchObject({ code: 'conflict' });
  await expect(rename('champions', 'best')).rejects.toMatchObject({ code: 'conflict' });
  await expect(rename('mine', 'Not an id')).rejects.toMatchObject({ code: 'bad_request' });
  await warehouse.build.transaction((tx) =>
    tx.run(
      `insert into ops.segment_changes values ('once', 'a', 'entered', '2026-01-01', 1, 'r', '2026-01-01')`,
    ),
  );
  await expect(rename('mine', 'once')).rejects.toMatchObject({ code: 'conflict' });
  expect(await getSegment(context, 'mine')).toMatchObject({ title: 'mine' });
});

/** Runs `work` while the build lane is held, and awaits what it started there: it waits in the order in which it was started. */
async function whileHeld(
  { warehouse }: SegmentFixture,
  work: () => Promise<Promise<unknown>[]>,
): Promise<void> {
  let release = () => {};
  const held = warehouse.build.exclusive(() => new Promise<void>((resolve) => (release = resolve)));
  const started = await work().finally(() => release());
  await Promise.all([held, ...started]);
}

/** Starts an evaluation of all; answers it when it is planned and waits for the lane. */
async function planned({ warehouse, engine }: SegmentFixture): Promise<{ run: Promise<unknown> }> {
  let isPlanned = () => {};
  const plan = new Promise<void>((resolve) => (isPlanned = resolve));
  const watched: SegmentEngine = {
    catalogue: () => engine.catalogue(),
    compileSql: async (...args) => {
      const compiled = await engine.compileSql(...args);
      // Three Malloy segments are compiled after the criteria.
      setTimeout(isPlanned, 2_000);
      return compiled;
    },
  };
  const run = evaluateSegments(warehouse, watched);
  await plan;
  return { run };
}

async function withLeads(): Promise<SegmentFixture> {
  const fixture = await openFixture();
  await fixture.load((tx) => addContacts(tx, [{ contact_id: 'a', lifecycle_stage: 'lead' }]));
  await fixture.build();
  await saveSegment(fixture.context, { segment_id: 'old', title: 'Old', criteria: leads });
  await evaluate(fixture);
  return fixture;
}

const moves = ({ warehouse }: SegmentFixture) =>
  warehouse.read((s) =>
    s.rows('select segment_id, contact_id, change from ops.segment_changes order by all'),
  );

test('an evaluation that was planned before a renaming records nobody under the old id', async () => {
  const fixture = await withLeads();
  await whileHeld(fixture, async () => {
    const renamed = renameSegment(fixture.context, 'old', { segment_id: 'new' });
    const { run } = await planned(fixture);
    return [renamed, run];
  });
  await evaluate(fixture);
  expect(await moves(fixture)).toEqual([{ segment_id: 'new', contact_id: 'a', change: 'entered' }]);
});

test('an evaluation that was planned before another segment was saved leaves that one’s members alone', async () => {
  const fixture = await withLeads();
  await saveSegment(fixture.context, { segment_id: 'late', title: 'Late', criteria: leads });
  await evaluate(fixture);
  await fixture.warehouse.ledger.transaction((tx) =>
    tx.run(`update ops.segments set status = 'archived' where segment_id = 'late'`),
  );
  await whileHeld(fixture, async () => {
    const { run } = await planned(fixture);
    await saveSegment(fixture.context, { segment_id: 'late', title: 'Late', criteria: leads });
    return [run];
  });
  expect(await moves(fixture)).toEqual([
    { segment_id: 'late', contact_id: 'a', change: 'entered' },
    { segment_id: 'old', contact_id: 'a', change: 'entered' },
  ]);
});
