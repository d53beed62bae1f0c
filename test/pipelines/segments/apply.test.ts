import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { Check } from 'typebox/schema';
import { expect, test } from 'vitest';
import { mergeContacts } from '../../../pipelines/identity/merge.ts';
import { applySegments } from '../../../pipelines/segments/apply/apply.ts';
import type { DefinitionFault, DefinitionInput } from '../../../pipelines/segments/apply/check.ts';
import { exportSegments } from '../../../pipelines/segments/apply/export.ts';
import { planApply } from '../../../pipelines/segments/apply/plan.ts';
import { definitionText } from '../../../pipelines/segments/apply/text.ts';
import { defaultSegments } from '../../../pipelines/segments/defaults.ts';
import { evaluateSegments } from '../../../pipelines/segments/evaluate.ts';
import { getSegment, listSegments } from '../../../pipelines/segments/listing.ts';
import { deleteSegment, saveSegment, segmentVersions } from '../../../pipelines/segments/store.ts';
import type { Criteria } from '../../../models/criteria/types.ts';
import { addContacts, openFixture, type SegmentFixture } from './fixture.ts';

const stage = (...values: string[]): Criteria => ({
  field: 'lifecycle_stage',
  operator: 'in',
  value: values,
});
const country = (value: string): Criteria => ({ field: 'country', operator: 'equals', value });
const define = (id: string, criteria: unknown, title = id): DefinitionInput => ({
  segment_id: id,
  title,
  criteria,
});

/** Everything that applying may write. */
async function written({ warehouse }: SegmentFixture) {
  return warehouse.read(async (session) => ({
    segments: await session.rows('from ops.segments order by segment_id'),
    versions: await session.rows('from ops.segment_versions order by segment_id, version'),
  }));
}

async function planAndApply(fixture: SegmentFixture, segments: DefinitionInput[], prune = false) {
  const plan = await planApply(fixture.context, { segments, prune });
  return { plan, applied: await applySegments(fixture.context, { segments, prune }, plan.segments) };
}

const thirty = Array.from({ length: 30 }, (_, i) => ({
  contact_id: `c${i}`,
  lifecycle_stage: ['lead', 'mql', 'customer'][i % 3] ?? null,
  country: i < 12 ? 'NZ' : 'NO',
}));

test('the plan says what would happen and to whom, changes nothing, and applying does it', async () => {
  const fixture = await openFixture();
  const { context, warehouse, engine, clock } = fixture;
  await fixture.load((tx) => addContacts(tx, thirty));
  await fixture.build();
  await saveSegment(context, {
    segment_id: 'mine',
    title: 'Mine',
    description: 'Old',
    criteria: stage('lead'),
  });
  await saveSegment(context, { segment_id: 'same', title: 'Same', criteria: stage('mql') });
  await saveSegment(context, { segment_id: 'gone', title: 'Gone', criteria: country('NO') });
  await saveSegment(context, { segment_id: 'back', title: 'Back', criteria: country('NZ') });
  await evaluateSegments(warehouse, engine);
  await deleteSegment(context, 'back');

  clock.set('2026-11-02T09:00:00Z');
  const before = await written(fixture);
  const segments = [
    define('mine', { all: [stage('lead', 'mql'), country('NZ')] }, 'Mine'),
    {
      ...define('same', [{ field: 'lifecycle_stage', operator: 'in', value: ['mql'] }], 'Same'),
      description: null,
    },
    define('fresh', country('NZ')),
    define('back', country('NZ'), 'Back'),
  ];
  const plan = await planApply(context, { segments });
  expect(plan).toMatchObject({
    as_of: '2026-11-02T06:00:00Z',
    left_alone: ['gone'],
    segments: [
      // Members leave at the next evaluation only: it takes them up as it finds them.
      {
        segment_id: 'back',
        action: 'restored',
        version: 1,
        membership: { entered: 0, left: 0, before: 12, after: 12 },
      },
      {
        segment_id: 'fresh',
        action: 'created',
        version: 0,
        updated_at: null,
        diff: [],
        membership: { entered: 12, left: 0, before: 0, after: 12 },
      },
      {
        segment_id: 'mine',
        action: 'changed',
        version: 1,
        membership: { entered: 4, left: 6, before: 10, after: 8 },
      },
      { segment_id: 'same', action: 'unchanged', diff: [], membership: null },
    ],
  });
  expect(plan.segments[2]?.diff).toEqual([
    '  title: Mine',
    '- description: Old',
    '  criteria:',
    '-   field: lifecycle_stage',
    '-   operator: in',
    '-   value:',
    '-     - lead',
    '+   all:',
    '+     - field: lifecycle_stage',
    '+       operator: in',
    '+       value:',
    '+         - lead',
    '+         - mql',
    '+     - field: country',
    '+       operator: equals',
    '+       value: NZ',
  ]);
  expect(await written(fixture)).toEqual(before);

  expect(await applySegments(context, { segments }, plan.segments)).toEqual([
    { segment_id: 'back', action: 'restored', version: 1 },
    { segment_id: 'fresh', action: 'created', version: 1 },
    { segment_id: 'mine', action: 'changed', version: 2 },
    { segment_id: 'same', action: 'unchanged', version: 1 },
  ]);
  expect(await getSegment(context, 'mine')).toMatchObject({
    description: null,
    version: 2,
    updated_at: '2026-11-02T09:00:00Z',
  });
  expect((await segmentVersions(context, 'mine')).map(({ version }) => version)).toEqual([2, 1]);
  expect(await getSegment(context, 'same')).toMatchObject({ updated_at: '2026-11-02T06:00:00Z' });
  expect(await getSegment(context, 'back')).toMatchObject({ status: 'active', version: 1 });

  const run = await evaluateSegments(warehouse, engine);
  expect(run.segments.filter(({ segment_id: id }) => ['fresh', 'mine'].includes(id))).toMatchObject([
    { segment_id: 'fresh', member_count: 12, entered_count: 12, left_count: 0 },
    { segment_id: 'mine', member_count: 8, entered_count: 4, left_count: 6 },
  ]);
  const again = await planApply(context, { segments });
  expect(new Set(again.segments.map(({ action }) => action))).toEqual(new Set(['unchanged']));
});

test('pruning archives what has no definition, but for what is in use or is no business of files', async () => {
  const fixture = await openFixture();
  const { context, warehouse, engine } = fixture;
  await fixture.load((tx) => addContacts(tx, thirty));
  await fixture.build();
  await saveSegment(context, { segment_id: 'gone', title: 'Gone', criteria: country('NO') });
  await saveSegment(context, { segment_id: 'used', title: 'Used', criteria: country('NO') });
  await evaluateSegments(warehouse, engine);
  await warehouse.ledger.transaction((tx) =>
    tx.run(
      `insert into ops.campaigns values ('spring', 'Spring', '{"segment_ids": ["used"]}', 1, timestamp '2026-01-01', timestamp '2026-01-01')`,
    ),
  );
  const segments = [define('kept', country('NZ'))];
  const before = await written(fixture);
  const refused = {
    code: 'conflict',
    fields: { faults: [{ segment_id: 'used', detail: { campaigns: ['spring'] } }] },
  };
  await expect(planApply(context, { segments, prune: true })).rejects.toMatchObject(refused);
  await expect(applySegments(context, { segments, prune: true }, [])).rejects.toMatchObject(refused);
  expect(await written(fixture)).toEqual(before);

  const both = [...segments, define('used', country('NO'), 'Used')];
  const { plan } = await planAndApply(fixture, both, true);
  expect(plan).toMatchObject({
    left_alone: [],
    segments: [
      { segment_id: 'gone', action: 'archived', membership: { entered: 0, left: 18, before: 18, after: 0 } },
      { segment_id: 'kept', action: 'created' },
      { segment_id: 'used', action: 'unchanged' },
    ],
  });
  expect((await listSegments(context)).map(({ segment_id }) => segment_id)).toEqual([
    'at_risk',
    'champions',
    'hot_leads',
    'kept',
    'used',
  ]);
  const run = await evaluateSegments(warehouse, engine);
  expect(run.segments.find(({ segment_id }) => segment_id === 'gone')).toMatchObject({
    left_count: 18,
    member_count: 0,
  });
});

test('every fault of every definition is told at once, and then nothing is written', async () => {
  const fixture = await openFixture();
  const { context, warehouse } = fixture;
  await saveSegment(context, { segment_id: 'sound', title: 'Sound', criteria: country('NO') });
  await warehouse.ledger.transaction((tx) =>
    tx.run(`insert into ops.segments (segment_id, title, kind, version, created_at, updated_at)
      values ('fair', 'Fair', 'static', 1, timestamp '2026-01-01', timestamp '2026-01-01')`),
  );
  const before = await written(fixture);
  const segments: DefinitionInput[] = [
    define('sound', country('NZ')),
    define('champions', country('NZ')),
    define('Bad Name', country('NZ'), ' '),
    { segment_id: 'twice', title: 7, description: ['x'], criteria: country('NZ') },
    { segment_id: 'twice', tilte: 'x' },
    define('leaves', {
      any: [{ field: 'lifecycle', operator: 'is_set' }, { not: { ...country('NZ'), operator: 'likes' } }],
    }),
    define('fair', country('NZ')),
  ];
  const told = [
    ['champions', 'conflict', null],
    ['Bad Name', 'bad_request', 'segment_id'],
    ['Bad Name', 'bad_request', 'title'],
    ['twice', 'bad_request', 'title'],
    ['twice', 'bad_request', 'description'],
    ['twice', 'bad_request', 'segment_id'],
    ['twice', 'bad_request', 'tilte'],
    ['twice', 'bad_request', 'title'],
    ['twice', 'bad_request', 'criteria'],
    ['leaves', 'criteria_invalid', '$.any[0].field'],
    ['leaves', 'criteria_invalid', '$.any[1].not.operator'],
    ['fair', 'conflict', null],
  ];
  for (const attempt of [
    () => planApply(context, { segments }),
    () =>
      applySegments(context, { segments }, [
        { segment_id: 'sound', version: 1, updated_at: '2026-11-02T06:00:00Z' },
      ]),
  ]) {
    const error = await attempt().then(
      () => undefined,
      (thrown: unknown) => thrown as { code: string; message: string; fields: { faults: DefinitionFault[] } },
    );
    expect(error?.code).toBe('bad_request');
    expect(error?.fields.faults.map(({ segment_id, code, path }) => [segment_id, code, path])).toEqual(told);
    expect(error?.fields.faults[9]).toMatchObject({
      message: expect.stringMatching(
        /^\$\.any\[0\]\.field: there is no field 'lifecycle'\. Did you mean 'lifecycle_stage'\?/,
      ) as string,
      detail: { nearest: 'lifecycle_stage' },
    });
    expect(error?.message).toMatch(/And 7 more\. Nothing was changed: correct all of it and try again\.$/);
  }
  expect(await written(fixture)).toEqual(before);
});

test('what somebody changed since the plan is not written over: not its criteria, its title, nor what is new or gone', async () => {
  const fixture = await openFixture();
  const { context, clock } = fixture;
  for (const id of ['a', 'b', 'c', 'd'])
    await saveSegment(context, { segment_id: id, title: id, criteria: country('NO') });
  const segments = [
    define('a', country('NZ')),
    define('b', country('NZ')),
    define('c', country('NO')),
    define('e', country('NZ')),
  ];
  const { segments: expected } = await planApply(context, { segments, prune: true });
  const apply = () => applySegments(context, { segments, prune: true }, expected);
  const undo = async () => {
    for (const id of ['a', 'b', 'c', 'd'])
      await saveSegment(context, { segment_id: id, title: id, criteria: country('NO') });
  };

  clock.set('2026-11-02T07:00:00Z');
  await saveSegment(context, { segment_id: 'a', title: 'a', criteria: country('DE') });
  await saveSegment(context, { segment_id: 'c', title: 'Another title', criteria: country('NO') });
  await deleteSegment(context, 'd');
  await saveSegment(context, { segment_id: 'e', title: 'e', criteria: country('DE') });
  await saveSegment(context, { segment_id: 'f', title: 'f', criteria: country('DE') });
  const before = await written(fixture);
  await expect(apply()).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringMatching(/^Changed since the plan was made: a, c, e, f\./) as string,
    fields: {
      segments: [
        { segment_id: 'a', version: 2, expected_version: 1 },
        { segment_id: 'c', version: 1, expected_version: 1 },
        { segment_id: 'e', version: 1, expected_version: 0 },
        { segment_id: 'f', version: 1, expected_version: null },
      ],
    },
  });
  expect(await written(fixture)).toEqual(before);

  await undo();
  const again = await planApply(context, { segments, prune: true });
  await applySegments(context, { segments, prune: true }, again.segments);
  expect(
    (await listSegments(context))
      .filter(({ kind }) => kind === 'criteria')
      .map(({ segment_id, version }) => [segment_id, version]),
  ).toEqual([
    ['a', 4],
    ['b', 2],
    ['c', 1],
    ['e', 2],
  ]);
});

test('a set that fails in the middle of writing leaves nothing behind', async () => {
  const fixture = await openFixture();
  const { context, warehouse } = fixture;
  await saveSegment(context, { segment_id: 'a', title: 'a', criteria: country('NO') });
  const before = await written(fixture);
  const segments = [define('a', country('NZ')), define('b', country('NZ'))];
  const { segments: expected } = await planApply(context, { segments });
  await warehouse.ledger.transaction((tx) =>
    tx.run('alter table ops.segment_versions rename to versions_elsewhere'),
  );
  await expect(applySegments(context, { segments }, expected)).rejects.toThrow(/segment_versions/);
  await warehouse.ledger.transaction((tx) =>
    tx.run('alter table ops.versions_elsewhere rename to segment_versions'),
  );
  expect(await written(fixture)).toEqual(before);
});

test('before the first build the plan knows no moves; criteria that fail while running are told, beside those that do not', async () => {
  const fixture = await openFixture();
  const { context } = fixture;
  const segments = [define('nz', country('NZ')), define('no', country('NO'))];
  expect(await planApply(context, { segments })).toMatchObject({
    as_of: null,
    segments: [
      { membership: null, error: null },
      { membership: null, error: null },
    ],
  });
  await fixture.load((tx) => addContacts(tx, thirty));
  await fixture.build();
  // A field of the project's own that cannot be computed of everybody.
  writeFileSync(
    join(fixture.project.models, 'mine.malloy'),
    `##! experimental.givens
    import '${join(fixture.project.packageModels, 'index.malloy')}'
    #(extends) contact_facts
    source: mine is contact_facts extend { dimension: number_of_id is contact_id::number }`,
  );
  fixture.engine.invalidate();
  const failing: Criteria = { field: 'number_of_id', operator: 'at_least', value: 1 };
  const plan = await planApply(context, { segments: [...segments, define('far', failing)] });
  expect(plan.segments).toMatchObject([
    {
      segment_id: 'far',
      membership: null,
      error: expect.stringMatching(/Could not convert/) as string,
    },
    { segment_id: 'no', membership: { entered: 18 }, error: null },
    { segment_id: 'nz', membership: { entered: 12 }, error: null },
  ]);
});

test('law: the plan counts what the next evaluation records, for any definitions, of merged people too', async () => {
  const fixture = await openFixture();
  const { warehouse, engine, clock } = fixture;
  await fixture.load((tx) => addContacts(tx, thirty));
  await fixture.build();
  const ids = ['s0', 's1', 's2', 's3'];
  const criteria = fc
    .record({
      stages: fc.uniqueArray(fc.constantFrom('lead', 'mql', 'customer'), { minLength: 1 }),
      country: fc.constantFrom('NZ', 'NO', 'DE'),
      kind: fc.constantFrom('all', 'any'),
      isNot: fc.boolean(),
    })
    .map(({ stages, country: value, kind, isNot }): Criteria => {
      const both = [stage(...stages), country(value)];
      const tree = kind === 'all' ? { all: both } : { any: both };
      return isNot ? { not: tree } : tree;
    });
  const sets = fc.sample(
    fc.record({
      set: fc
        .subarray(ids, { minLength: 1 })
        .chain((chosen) => fc.tuple(...chosen.map((id) => criteria.map((tree) => define(id, tree))))),
      prune: fc.boolean(),
      merge: fc.option(fc.tuple(fc.nat(29), fc.nat(29)).filter(([a, b]) => a !== b)),
    }),
    { numRuns: 8, seed: 11 },
  );
  for (const [index, { set, prune, merge }] of sets.entries()) {
    clock.set(`2026-11-02T10:0${index}:00Z`);
    // Already one person, or kept apart: then there is nothing to merge.
    if (merge) await mergeContacts(warehouse, `c${merge[0]}`, `c${merge[1]}`).catch(() => undefined);
    const { plan } = await planAndApply(fixture, set, prune);
    const run = await evaluateSegments(warehouse, engine);
    for (const { segment_id, membership, error } of plan.segments.filter(
      ({ action }) => action !== 'unchanged',
    )) {
      const recorded = run.segments.find((segment) => segment.segment_id === segment_id);
      expect({ segment_id, error, ...membership }).toMatchObject({
        segment_id,
        error: null,
        // An archived segment without a member is not evaluated any more: nobody moves, and nobody is in.
        entered: recorded?.entered_count ?? 0,
        left: recorded?.left_count ?? 0,
        after: recorded?.member_count ?? 0,
      });
    }
  }
});

test('exported are the active ones, each in the same bytes, with a schema that takes them', async () => {
  const fixture = await openFixture();
  const { context } = fixture;
  const unordered = { value: ['NO', 'NZ'], operator: 'in', field: 'country' };
  await saveSegment(context, { segment_id: 'b', title: 'B', criteria: { not: unordered } });
  await saveSegment(context, { segment_id: 'a', title: 'A', description: 'First', criteria: country('NO') });
  await saveSegment(context, { segment_id: 'old', title: 'Old', criteria: country('NO') });
  await deleteSegment(context, 'old');
  const { segments, left_out, schema } = await exportSegments(context);
  expect(segments.map(definitionText)).toEqual([
    'title: A\ndescription: First\ncriteria:\n  field: country\n  operator: equals\n  value: "NO"\n',
    'title: B\ncriteria:\n  not:\n    field: country\n    operator: in\n    value:\n      - "NO"\n      - NZ\n',
  ]);
  expect(left_out).toEqual(
    ['at_risk', 'champions', 'hot_leads'].map((segment_id) => ({ segment_id, kind: 'malloy' })),
  );
  for (const { segment_id: _id, ...file } of [...segments, ...defaultSegments])
    expect(Check(schema, file)).toBe(true);
  const { definitions } = schema as {
    definitions: Record<string, { enum: string[]; enumDescriptions: string[] }>;
  };
  const names = definitions['fields_string'];
  expect(names?.enumDescriptions[names.enum.indexOf('lifecycle_stage')]).not.toBe('');
});

test('definitions may name each other in any order; who names a changed one moves with it; a circle is a fault', async () => {
  const fixture = await openFixture();
  const { context, warehouse, engine } = fixture;
  await fixture.load((tx) =>
    addContacts(tx, [
      { contact_id: 'a', country: 'NO' },
      { contact_id: 'b', country: 'NZ' },
      { contact_id: 'c', country: 'NZ' },
    ]),
  );
  await fixture.build();
  const set = (north: Criteria) => [define('a_south', { not: { segment: 'north' } }), define('north', north)];
  await planAndApply(fixture, set(country('NO')), false);
  await evaluateSegments(warehouse, engine);
  const { plan } = await planAndApply(fixture, set(country('NZ')), false);
  expect(plan.segments.map(({ segment_id, action, membership }) => [segment_id, action, membership])).toEqual(
    [
      ['a_south', 'unchanged', { entered: 1, left: 2, before: 2, after: 1 }],
      ['north', 'changed', { entered: 2, left: 1, before: 1, after: 2 }],
    ],
  );
  await expect(planApply(context, { segments: set({ segment: 'a_south' }) })).rejects.toThrow(/circle/);
  // Pruned together, the one that names the other does not keep it.
  const { plan: pruning } = await planAndApply(fixture, [define('other', country('NO'))], true);
  expect(pruning.segments.map(({ segment_id, action }) => [segment_id, action])).toEqual([
    ['a_south', 'archived'],
    ['north', 'archived'],
    ['other', 'created'],
  ]);
  await expect(planApply(context, { segments: [define('lost', { segment: 'north' })] })).rejects.toThrow(
    /there is no segment 'north'/,
  );
});
