import { expect, test } from 'vitest';
import type { Criteria } from '../../../models/criteria/types.ts';
import { evaluateSegments } from '../../../pipelines/segments/evaluate.ts';
import { previewSegment } from '../../../pipelines/segments/preview.ts';
import { saveSegment } from '../../../pipelines/segments/store.ts';
import { addClicks, addContacts, addOrders, openFixture, type SegmentFixture } from './fixture.ts';

const stage = (value: string): Criteria => ({ field: 'lifecycle_stage', operator: 'equals', value });
const save = (fixture: SegmentFixture, id: string, criteria: Criteria) =>
  saveSegment(fixture.context, { segment_id: id, title: `The ${id}`, criteria });

test('overlap: with each segment’s present members, persons compared, the most in common first', async () => {
  const fixture = await openFixture();
  await fixture.load((tx) =>
    addContacts(tx, [
      ...['a', 'b', 'c'].map((contact_id) => ({ contact_id, lifecycle_stage: 'lead', country: 'NZ' })),
      ...['d', 'e'].map((contact_id) => ({ contact_id, lifecycle_stage: 'customer', country: 'NZ' })),
      { contact_id: 'f', lifecycle_stage: 'customer', country: 'DE' },
    ]),
  );
  await save(fixture, 'leads', stage('lead'));
  await save(fixture, 'customers', stage('customer'));
  await save(fixture, 'kiwis', { field: 'country', operator: 'equals', value: 'NZ' });
  await save(fixture, 'nobody', stage('mql'));
  await fixture.build();
  await evaluateSegments(fixture.warehouse, fixture.engine);

  const leads = await previewSegment(fixture.context, { criteria: stage('lead'), overlap: true });
  expect(leads.overlap).toEqual([
    {
      segment_id: 'leads',
      title: 'The leads',
      member_count: 3,
      both: 3,
      of_preview: 1,
      of_segment: 1,
      jaccard: 1,
    },
    {
      segment_id: 'kiwis',
      title: 'The kiwis',
      member_count: 5,
      both: 3,
      of_preview: 1,
      of_segment: 0.6,
      jaccard: 0.6,
    },
    {
      segment_id: 'customers',
      title: 'The customers',
      member_count: 3,
      both: 0,
      of_preview: 0,
      of_segment: 0,
      jaccard: 0,
    },
  ]);
  expect(leads).not.toHaveProperty('profile');
  const nobody = await previewSegment(fixture.context, { criteria: stage('mql'), overlap: true });
  expect(nobody.overlap?.map(({ both, of_preview, jaccard }) => [both, of_preview, jaccard])).toEqual(
    Array.from({ length: 3 }, () => [0, null, 0]),
  );
  expect(await previewSegment(fixture.context, { criteria: stage('lead') })).not.toHaveProperty('overlap');

  // b is a, and d is e: the recorded memberships and the marts know them as two still.
  await fixture.load((tx) =>
    tx.run(
      `insert into core.contact_canonicals values ('b', 'a', timestamp '2026-11-02', null), ('e', 'd', timestamp '2026-11-02', null)`,
    ),
  );
  const merged = await previewSegment(fixture.context, { criteria: stage('lead'), overlap: true });
  expect(
    merged.overlap?.map((one) => [one.segment_id, one.member_count, one.both, one.of_preview, one.jaccard]),
  ).toEqual([
    ['leads', 2, 2, 1, 1],
    ['kiwis', 3, 2, 1, 2 / 3],
    ['customers', 2, 0, 0, 0],
  ]);
  const second = await previewSegment(fixture.context, {
    criteria: { field: 'contact_id', operator: 'equals', value: 'e' },
    overlap: true,
  });
  expect(second.overlap?.map(({ segment_id, both }) => [segment_id, both])).toEqual([
    ['customers', 1],
    ['kiwis', 1],
    ['leads', 0],
  ]);
}, 240_000);

test('profile: shares with lift and numbers with Cohen’s d, against all contacts, as counted by hand', async () => {
  const fixture = await openFixture();
  const contacts = Array.from({ length: 40 }, (_, i) => ({
    contact_id: `c${i}`,
    email: i % 8 === 7 ? undefined : `c${i}@example.com`,
    country: i % 5 === 0 ? null : i < 12 ? 'NZ' : i % 2 === 0 ? 'DE' : 'FR',
    lifecycle_stage: i < 12 ? 'lead' : 'customer',
  }));
  await fixture.load(async (tx) => {
    await addContacts(tx, contacts as { contact_id: string }[]);
    await addOrders(
      tx,
      contacts.slice(6, 30).flatMap(({ contact_id }, i) =>
        Array.from({ length: 1 + (i % 3) }, (_, n) => ({
          contact_id,
          ordered_at: `2026-0${1 + n}-${10 + (i % 17)}`,
          amount: 10 + i,
        })),
      ),
    );
    await addClicks(
      tx,
      contacts.slice(0, 9).map(({ contact_id }) => ({ contact_id, occurred_at: '2026-10-25T10:00:00' })),
    );
  });
  await fixture.build();
  const { profile, count } = await previewSegment(fixture.context, {
    criteria: stage('lead'),
    profile: true,
  });
  expect(count).toBe(12);

  // The values: all of small domains, nothing that names a person, and each as counted by hand.
  const values = profile?.values ?? [];
  expect(values[0]).toMatchObject({
    field: 'lifecycle_stage',
    in_criteria: true,
    difference_points: expect.closeTo(70) as number,
  });
  expect(values.map(({ difference_points }) => Math.abs(difference_points))).toEqual(
    values.map(({ difference_points }) => Math.abs(difference_points)).toSorted((a, b) => b - a),
  );
  const share = (of: typeof contacts, country: string | null) =>
    of.filter((contact) => contact.country === country).length / of.length;
  for (const country of ['NZ', 'DE', 'FR', null]) {
    const [preview, base] = [share(contacts.slice(0, 12), country), share(contacts, country)];
    expect(values.find(({ field, value }) => field === 'country' && value === country)).toMatchObject({
      in_criteria: false,
      preview_count: preview * 12,
      base_count: base * 40,
      preview_share: preview,
      base_share: base,
      difference_points: expect.closeTo((preview - base) * 100, 9) as number,
      lift: expect.closeTo(preview / base, 9) as number,
    });
  }
  expect(values.filter(({ field }) => field === 'has_email').map(({ value }) => typeof value)).toEqual([
    'boolean',
    'boolean',
  ]);
  const named = new Set(values.map(({ field }) => field));
  for (const personal of ['contact_id', 'first_name', 'email_address', 'email_key', 'phone'])
    expect(named).not.toContain(personal);

  // The numbers, by SQL of another form over the built table.
  const numbers = profile?.numbers ?? [];
  const differences = numbers.map(({ standardised_difference }) =>
    Math.abs(standardised_difference ?? Infinity),
  );
  expect(differences).toEqual(differences.toSorted((a, b) => b - a));
  expect(numbers.filter(({ field }) => /^email\.last_\d+_days\.clicks$/.test(field))).toHaveLength(1);
  for (const field of ['order_count', 'average_order_value', 'days_since_last_order']) {
    const [expected] = await fixture.warehouse.read((session) =>
      session.rows<Record<string, number>>(
        `with x as (select ${field}::double as v, lifecycle_stage = 'lead' as m from mart.contact_facts),
           side as (select m, count(v) as n, avg(v) as mean, var_samp(v) as s2 from x group by m)
         select (select avg(v) from x where m) as pm, (select avg(v) from x) as bm,
           (select median(v) from x where m) as pmed, (select median(v) from x) as bmed,
           (select count(v) / 12 from x where m) as pk, (select count(v) / 40 from x) as bk,
           (a.mean - b.mean) / sqrt(((a.n - 1) * a.s2 + (b.n - 1) * b.s2) / (a.n + b.n - 2)) as d
         from side a, side b where a.m and not b.m`,
      ),
    );
    const close = (key: string) => expect.closeTo(expected?.[key] ?? NaN, 9) as number;
    expect(numbers.find((one) => one.field === field)).toEqual({
      field,
      unit: { order_count: 'orders', average_order_value: 'currency', days_since_last_order: 'days' }[field],
      in_criteria: false,
      preview_known_share: close('pk'),
      base_known_share: close('bk'),
      preview_mean: close('pm'),
      base_mean: close('bm'),
      preview_median: close('pmed'),
      base_median: close('bmed'),
      standardised_difference: close('d'),
    });
  }
}, 240_000);

test('profile: of nobody, of everybody, and of another day', async () => {
  const fixture = await openFixture();
  await fixture.load(async (tx) => {
    await addContacts(tx, [
      { contact_id: 'a', lifecycle_stage: 'lead' },
      { contact_id: 'b', lifecycle_stage: 'lead' },
    ]);
    await addOrders(tx, [{ contact_id: 'a', ordered_at: '2026-10-01' }]);
  });
  await fixture.build();
  const profileOf = async (criteria: Criteria, asOf?: string) =>
    (
      await previewSegment(fixture.context, {
        criteria,
        profile: true,
        asOf: asOf === undefined ? undefined : new Date(asOf),
      })
    ).profile;
  const nobody = await profileOf(stage('mql'));
  expect(nobody).toEqual({ values: [], numbers: [] });
  const everybody = await profileOf(stage('lead'));
  expect(everybody?.numbers).toEqual([]);
  expect(everybody?.values.length).toBeGreaterThan(3);
  expect(
    everybody?.values.every(({ lift, difference_points }) => lift === 1 && difference_points === 0),
  ).toBe(true);

  const buyers: Criteria = { field: 'order_count', operator: 'at_least', value: 1 };
  // Each of both sides is all alike, and they differ: no spread to measure by, and yet told of first.
  expect((await profileOf(buyers))?.numbers[0]).toMatchObject({ standardised_difference: null });
  expect((await profileOf(buyers))?.numbers.find(({ field }) => field === 'order_count')).toMatchObject({
    in_criteria: true,
    preview_mean: 1,
    base_mean: 0.5,
    preview_median: 1,
    base_median: 0.5,
  });
  expect(await profileOf(buyers, '2026-09-01')).toEqual({ values: [], numbers: [] });
}, 240_000);
