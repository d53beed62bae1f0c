import { expect, test } from 'vitest';
import { defaultSegments, saveDefaultSegments } from '../../../pipelines/segments/defaults.ts';
import { evaluateSegments } from '../../../pipelines/segments/evaluate.ts';
import { getSegment, listSegments } from '../../../pipelines/segments/listing.ts';
import { previewSegment } from '../../../pipelines/segments/preview.ts';
import { deleteSegment, saveSegment, segmentVersions } from '../../../pipelines/segments/store.ts';
import { addContacts, openFixture } from './fixture.ts';

const leads = { field: 'lifecycle_stage', operator: 'equals', value: 'lead' };
const customers = { field: 'lifecycle_stage', operator: 'equals', value: 'customer' };

test('a segment is saved, changed by version, archived and taken up again', async () => {
  const { context, clock } = await openFixture();
  const saved = await saveSegment(context, { segment_id: 'mine', title: 'Mine', criteria: [leads] });
  expect(saved).toMatchObject({
    segment_id: 'mine',
    kind: 'criteria',
    criteria: leads,
    version: 1,
    status: 'active',
    member_count: null,
  });

  clock.set('2026-11-03T06:00:00Z');
  const renamed = await saveSegment(context, {
    segment_id: 'mine',
    title: 'Ours',
    description: 'Both',
    criteria: leads,
  });
  expect(renamed).toMatchObject({
    title: 'Ours',
    description: 'Both',
    version: 1,
    created_at: '2026-11-02T06:00:00Z',
  });
  const changed = await saveSegment(context, { segment_id: 'mine', title: 'Ours', criteria: customers });
  expect(changed).toMatchObject({ version: 2, criteria: customers, description: null });
  expect(
    (await segmentVersions(context, 'mine')).map(({ version, criteria }) => [version, criteria]),
  ).toEqual([
    [2, customers],
    [1, leads],
  ]);

  await deleteSegment(context, 'mine');
  expect((await listSegments(context)).map(({ segment_id }) => segment_id)).not.toContain('mine');
  expect(await getSegment(context, 'mine')).toMatchObject({ status: 'archived', version: 2 });
  await saveSegment(context, { segment_id: 'mine', title: 'Ours', criteria: customers });
  expect(await getSegment(context, 'mine')).toMatchObject({ status: 'active', version: 2 });
});

test('what is refused, with a hint', async () => {
  const { context, warehouse } = await openFixture();
  await saveSegment(context, { segment_id: 'mine', title: 'Mine', criteria: leads });
  await expect(getSegment(context, 'min')).rejects.toMatchObject({
    code: 'not_found',
    message: expect.stringMatching(/'mine'/) as string,
  });
  const save = (id: string, criteria: unknown, title = 'T') =>
    saveSegment(context, { segment_id: id, title, criteria });
  await expect(save('Mine!', leads)).rejects.toMatchObject({ code: 'bad_request' });
  await expect(save('mine', leads, ' ')).rejects.toMatchObject({ code: 'bad_request' });
  await expect(save('champions', leads)).rejects.toMatchObject({ code: 'conflict' });
  await expect(save('mine', { ...leads, field: 'lifecycle' })).rejects.toMatchObject({
    code: 'criteria_invalid',
    fields: { path: '$.field', nearest: 'lifecycle_stage' },
  });
  expect(await getSegment(context, 'mine')).toMatchObject({ version: 1, criteria: leads });
  await expect(deleteSegment(context, 'champions')).rejects.toMatchObject({ code: 'conflict' });

  await warehouse.ledger.transaction((tx) =>
    tx.run(`insert into ops.campaigns values ('spring', 'Spring', '{"segment_ids": ["other"], "exclude_segment_ids": ["mine"]}',
      1, timestamp '2026-01-01', timestamp '2026-01-01')`),
  );
  await expect(deleteSegment(context, 'mine')).rejects.toMatchObject({
    code: 'conflict',
    fields: { campaigns: ['spring'] },
  });
});

test('the ready-made segments fit the shipped models, and evaluate beside the Malloy ones', async () => {
  const { context, warehouse, engine, build, load } = await openFixture();
  await load((tx) =>
    addContacts(tx, [
      { contact_id: 'a', lifecycle_stage: 'lead', created_at: '2026-10-20T00:00:00' },
      { contact_id: 'b' },
    ]),
  );
  await build();
  const saved = await saveDefaultSegments(context);
  expect(saved).toEqual(defaultSegments.map(({ segment_id }) => segment_id));
  const result = await evaluateSegments(warehouse, engine);
  expect(result.segments.filter(({ error }) => error !== null)).toEqual([]);
  const counts = Object.fromEntries(
    result.segments.map(({ segment_id, member_count }) => [segment_id, member_count]),
  );
  expect(counts).toMatchObject({ new_leads: 1, no_consent: 2, mailable: 0, champions: 0 });

  // What a user removed stays removed.
  await deleteSegment(context, 'dormant');
  expect(await saveDefaultSegments(context)).toEqual([]);
  expect(await getSegment(context, 'dormant')).toMatchObject({ status: 'archived' });
});

test('a preview counts, shares and shows, and writes nothing', async () => {
  const { context, warehouse, build, load, clock } = await openFixture();
  await expect(previewSegment(context, { criteria: leads })).rejects.toMatchObject({ code: 'conflict' });
  await load((tx) =>
    addContacts(
      tx,
      Array.from({ length: 40 }, (_, i) => ({
        contact_id: `c${i}`,
        lifecycle_stage: i < 10 ? 'lead' : 'customer',
        country: 'NZ',
      })),
    ),
  );
  await build();
  const preview = await previewSegment(context, {
    criteria: { all: [leads, { field: 'country', operator: 'is_set' }] },
    sampleSize: 3,
  });
  expect(preview).toMatchObject({ as_of: '2026-11-02T06:00:00Z', count: 10, total: 40, share: 0.25 });
  expect(preview.sample).toHaveLength(3);
  for (const row of preview.sample) {
    expect(row).toMatchObject({
      lifecycle_stage: 'lead',
      country: 'NZ',
      email_address: `${String(row['contact_id'])}@example.com`,
    });
  }
  clock.set('2026-12-01T00:00:00Z');
  expect(
    await previewSegment(context, {
      criteria: { all: [leads, { field: 'country', operator: 'is_set' }] },
      sampleSize: 3,
    }),
  ).toEqual(preview);
  // Before anybody was there, from the definitions.
  expect(
    await previewSegment(context, { criteria: leads, asOf: new Date('2025-12-31T00:00:00Z') }),
  ).toMatchObject({ count: 0, total: 0, share: null });
  for (const table of ['segment_runs', 'segment_changes', 'segments']) {
    expect(await warehouse.read((s) => s.rows(`from ops.${table}`))).toEqual([]);
  }
});
