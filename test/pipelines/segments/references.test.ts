import { expect, test } from 'vitest';
import type { Criteria } from '../../../models/criteria/types.ts';
import { backtestSegment } from '../../../pipelines/segments/backtest.ts';
import { withSegmentsPutIn } from '../../../pipelines/segments/definitions.ts';
import { evaluateSegments } from '../../../pipelines/segments/evaluate.ts';
import { changeList } from '../../../pipelines/segments/lists.ts';
import { segmentMembers } from '../../../pipelines/segments/members.ts';
import { previewSegment } from '../../../pipelines/segments/preview.ts';
import { saveSegment } from '../../../pipelines/segments/store.ts';
import { addClicks, addContacts, addOrders, openFixture, type SegmentFixture } from './fixture.ts';

const stage = (value: string): Criteria => ({ field: 'lifecycle_stage', operator: 'equals', value });

async function openPeople(): Promise<SegmentFixture> {
  const fixture = await openFixture();
  await fixture.load(async (tx) => {
    await addContacts(tx, [
      { contact_id: 'ada', lifecycle_stage: 'customer' },
      { contact_id: 'bob', lifecycle_stage: 'lead' },
      { contact_id: 'cyd', lifecycle_stage: 'lead' },
    ]);
    await addClicks(tx, [
      { contact_id: 'ada', occurred_at: '2026-10-20 08:00' },
      { contact_id: 'ada', occurred_at: '2026-10-21 08:00' },
      { contact_id: 'bob', occurred_at: '2026-10-20 08:00' },
      { contact_id: 'bob', occurred_at: '2026-10-21 08:00' },
      { contact_id: 'cyd', occurred_at: '2026-10-21 08:00' },
    ]);
    await addOrders(tx, [
      { contact_id: 'ada', ordered_at: '2026-10-22 08:00' },
      { contact_id: 'bob', ordered_at: '2026-10-20 12:00' },
    ]);
    await tx.run(
      `insert into core.web_events (event_id, event_type, contact_id, url, occurred_at, source, recorded_at)
       select 'w' || contact_id, 'page_view', contact_id, 'https://www.example.com' || page, seen_at, 'test', seen_at
       from (values ('ada', '/pricing', timestamp '2026-10-27 07:59'), ('bob', '/pricing', timestamp '2026-10-29 08:01'),
         ('cyd', '/about', timestamp '2026-10-22')) v (contact_id, page, seen_at)`,
    );
  });
  await fixture.build();
  return fixture;
}

async function membersOf({ warehouse }: SegmentFixture, id: string): Promise<string[]> {
  const { members } = await segmentMembers(warehouse, id);
  return members.map(({ contact_id }) => contact_id);
}

test('segments of segments are evaluated together, and follow what they name', async () => {
  const fixture = await openPeople();
  const { warehouse, engine, context } = fixture;
  const save = (id: string, criteria: Criteria) =>
    saveSegment(context, { segment_id: id, title: id, criteria });
  await save('leads', stage('lead'));
  await save('others', { not: { segment: 'leads' } });
  await save('hot_leads_too', { all: [{ segment: 'leads' }, { not: { segment: 'hot_leads' } }] });
  await evaluateSegments(warehouse, engine);
  expect(await membersOf(fixture, 'others')).toEqual(['ada']);
  expect(await membersOf(fixture, 'hot_leads_too')).toEqual(['bob', 'cyd']);

  await save('leads', stage('customer'));
  await evaluateSegments(warehouse, engine);
  expect(await membersOf(fixture, 'others')).toEqual(['bob', 'cyd']);
});

test('criteria may name a list', async () => {
  const fixture = await openPeople();
  const { context } = fixture;
  await changeList(context, { segment_id: 'picked', title: 'Picked', contact_ids: ['ada', 'cyd'] });
  await saveSegment(context, {
    segment_id: 'picked_leads',
    title: 'Picked leads',
    criteria: { all: [{ segment: 'picked' }, stage('lead')] },
  });
  await evaluateSegments(fixture.warehouse, fixture.engine);
  expect(await membersOf(fixture, 'picked_leads')).toEqual(['cyd']);
});

test('a circle and an unknown segment are refused when saving; a preview may name saved ones', async () => {
  const { context } = await openPeople();
  const save = (id: string, criteria: Criteria) =>
    saveSegment(context, { segment_id: id, title: id, criteria });
  await save('leads', stage('lead'));
  await save('others', { not: { segment: 'leads' } });
  await expect(save('leads', { segment: 'others' })).rejects.toThrow(/circle: others -> leads -> others/);
  await expect(save('self', { not: { segment: 'self' } })).rejects.toThrow(/circle: self -> self/);
  await expect(save('typo', { segment: 'leeds' })).rejects.toThrow(/Did you mean 'leads'/);
  const { count } = await previewSegment(context, {
    criteria: { any: [{ segment: 'leads' }, stage('customer')] },
  });
  expect(count).toBe(3);
  const asked = await previewSegment(context, {
    criteria: { not: { segment: 'leads' } },
    overlap: true,
    profile: true,
    sampleSize: 0,
  });
  expect(asked).toMatchObject({ count: 1, sample: [] });
  expect(asked.profile?.values).toContainEqual(
    expect.objectContaining({ field: 'lifecycle_stage', value: 'customer' }),
  );
});

test('clicked twice within 30 days and has not ordered since; clicked, then saw the prices within 7 days', async () => {
  const fixture = await openPeople();
  const clicked = { source: 'email_events', where: { field: 'is_click', operator: 'equals', value: true } };
  const found = async (criteria: Criteria) => {
    const { sample } = await previewSegment(fixture.context, { criteria });
    return sample.map((row) => String(row['contact_id'])).sort();
  };
  const notOrderedSince: Criteria = {
    all: [
      { measure: 'email_events.clicks', within_days: 30, operator: 'at_least', value: 2 },
      { measure: 'orders.order_count', since: clicked, operator: 'equals', value: 0 },
    ],
  };
  expect(await found(notOrderedSince)).toEqual(['bob']);
  const prices = (within_days: number): Criteria => ({
    sequence: [
      clicked,
      { source: 'web_events', where: { field: 'url', operator: 'contains', value: '/pricing' }, within_days },
    ],
  });
  // Ada's visit came a minute less than six days after her last click, Bob's eight days and a minute after his.
  expect(await found(prices(7))).toEqual(['ada']);
  expect(await found(prices(6))).toEqual(['ada']);
  expect(await found(prices(5))).toEqual([]);
  expect(await found(prices(9))).toEqual(['ada', 'bob']);
});

test('criteria of other segments are put in their place, those without criteria stay named', () => {
  const definitions = new Map([
    ['leads', { criteria: stage('lead') }],
    ['others', { criteria: { not: { segment: 'leads' } } }],
    ['list', { members: 'segment_lists' }],
    ['circle', { criteria: { not: { segment: 'circle' } } }],
  ]);
  expect(withSegmentsPutIn({ any: [{ segment: 'others' }, { segment: 'list' }] }, definitions)).toEqual({
    any: [{ not: stage('lead') }, { segment: 'list' }],
  });
  expect(withSegmentsPutIn({ segment: 'circle' }, definitions)).toEqual({ not: { segment: 'circle' } });
});

test('a back-test follows what the named segment’s criteria are made of', async () => {
  const fixture = await openPeople();
  const { context } = fixture;
  await saveSegment(context, {
    segment_id: 'clickers',
    title: 'Clickers',
    criteria: { measure: 'email_events.clicks', within_days: 30, operator: 'at_least', value: 2 },
  });
  const back = await backtestSegment(context, {
    criteria: { not: { segment: 'clickers' } },
    from: new Date('2026-10-01T00:00:00Z'),
    to: new Date('2026-11-02T06:00:00Z'),
  });
  expect(back.leaves.map(({ followed }) => followed)).toEqual(['exact']);
  expect(back).toMatchObject({ member_count: 1, left_count: 2, entered_count: 0 });
});
