import fc from 'fast-check';
import { expect, test } from 'vitest';
import { namesSegment, replaceSegmentIds } from '../../../pipelines/segments/named-segments.ts';
import { changeList } from '../../../pipelines/segments/lists.ts';
import { deleteSegment } from '../../../pipelines/segments/store.ts';
import { segmentUsers } from '../../../pipelines/segments/users.ts';
import { withUsers } from './users.ts';

test('the users of a segment: campaigns, segments at any depth, active workflows, and no more', async () => {
  const { warehouse } = await withUsers();
  const users = (id: string) => warehouse.read((session) => segmentUsers(session, id));
  expect(await users('mine')).toEqual({
    campaigns: ['autumn', 'spring'],
    segments: ['deep'],
    triggers: ['hello'],
    workflows: ['welcome'],
  });
  expect(await users('deep')).toEqual({ campaigns: [], segments: [], triggers: [], workflows: [] });
});

test('a segment in use is not deleted, and the refusal names every user; freed, it is', async () => {
  const { context, warehouse, build } = await withUsers();
  await build();
  await expect(deleteSegment(context, 'mine')).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringContaining(
      'mine is used by the campaigns autumn, spring and the segments deep and the triggers hello and the workflows welcome.',
    ) as string,
    fields: {
      segment_id: 'mine',
      campaigns: ['autumn', 'spring'],
      segments: ['deep'],
      triggers: ['hello'],
      workflows: ['welcome'],
    },
  });
  // What was frozen from it does not need it any more.
  await changeList(context, { segment_id: 'frozen', title: 'Frozen', from_segment: 'mine' });
  await warehouse.ledger.transaction(async (tx) => {
    await tx.run(`delete from ops.campaigns where campaign_id in ('autumn', 'spring')`);
    await tx.run(`update ops.segments set status = 'archived' where segment_id = 'deep'`);
    await tx.run(`update ops.workflows set status = 'paused'`);
    await tx.run('delete from ops.segment_triggers');
  });
  await deleteSegment(context, 'mine');
  // A list is refused likewise.
  await warehouse.ledger.transaction((tx) =>
    tx.run(`update ops.campaigns set definition = '{"segment_ids": ["frozen"]}'`),
  );
  await expect(deleteSegment(context, 'frozen')).rejects.toMatchObject({
    fields: { campaigns: ['unrelated'] },
  });
});

test('property: what is replaced is what is named, and nothing else moves', () => {
  const id = fc.constantFrom('a', 'b', 'c');
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.record({ segment: id }),
      fc.record({ field: id, operator: id, value: fc.oneof(id, fc.array(id)) }),
      fc.record({ segment_ids: fc.array(id), exclude_segment_ids: fc.array(id), title: id }),
      fc.record({ all: fc.array(tie('tree'), { maxLength: 3 }) }),
      fc.record({ not: tie('tree'), segment: fc.record({ segment_id: id, name: id }) }),
    ),
  }));
  fc.assert(
    fc.property(tree, (definition) => {
      const there = replaceSegmentIds(definition, (named) => (named === 'a' ? 'z' : named));
      expect(namesSegment(there, 'a')).toBe(false);
      expect(namesSegment(there, 'z')).toBe(namesSegment(definition, 'a'));
      expect(replaceSegmentIds(there, (named) => (named === 'z' ? 'a' : named))).toEqual(definition);
      expect(JSON.stringify(there) === JSON.stringify(definition)).toBe(!namesSegment(definition, 'a'));
    }),
  );
});
