import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Warehouse } from '../../../data/owner/warehouse.ts';
import { readCanonicals as canonicalsNow } from '../../../pipelines/identity/canonicals.ts';
import { mergeContacts, unmerge } from '../../../pipelines/identity/merge.ts';
import { evaluateSegments } from '../../../pipelines/segments/evaluate.ts';
import { getSegment } from '../../../pipelines/segments/listing.ts';
import { changeList } from '../../../pipelines/segments/lists.ts';
import type { ListRequest } from '../../../pipelines/segments/list-input.ts';
import { membershipHistory, segmentMembers } from '../../../pipelines/segments/members.ts';
import { deleteSegment, saveSegment, segmentVersions } from '../../../pipelines/segments/store.ts';
import { addContacts, openFixture, type ContactRow, type SegmentFixture } from './fixture.ts';

const leads = { field: 'lifecycle_stage', operator: 'equals', value: 'lead' };

const members = async ({ warehouse }: SegmentFixture, id: string) =>
  (await segmentMembers(warehouse, id, { limit: 10_000 })).members.map(({ contact_id }) => contact_id);
const evaluate = ({ warehouse, engine }: SegmentFixture) => evaluateSegments(warehouse, engine);

/** Who is on a list, by the model. */
async function listed({ engine, clock }: SegmentFixture, id: string, at?: string): Promise<string[]> {
  const { rows } = await engine.query(
    `run: segment_lists -> { where: segment_id = '${id}' group_by: contact_id order_by: contact_id }`,
    { asOf: at === undefined ? clock.now() : new Date(at), restricted: true },
  );
  return rows.map((row) => String(row['contact_id']));
}

async function withContacts(
  ...rows: ContactRow[]
): Promise<SegmentFixture & { change: (request: Partial<ListRequest>) => ReturnType<typeof changeList> }> {
  const fixture = await openFixture();
  await fixture.load((tx) => addContacts(tx, rows));
  await fixture.build();
  const change = (request: Partial<ListRequest>) =>
    changeList(fixture.context, { segment_id: 'fair', title: 'The fair', ...request });
  return { ...fixture, change };
}
const people = (...ids: string[]): ContactRow[] => ids.map((contact_id) => ({ contact_id }));

test('a list of ids and addresses: each person once, what is unknown reported, and nobody made up', async () => {
  const fixture = await withContacts(
    { contact_id: '00001', email: 'Ann@Bücher.de' },
    ...people('b', 'c', 'd', 'twin'),
  );
  const { warehouse } = fixture;
  await mergeContacts(warehouse, 'c', 'twin');
  await warehouse.loads.transaction(async (tx) => {
    await tx.run(`update core.contacts set email_key = 'ann@xn--bcher-kva.de' where contact_id = '00001'`);
    await tx.run(
      `insert into core.contact_identities values ('d', 'email', 'Old.D@example.com', 'test', timestamp '2026-01-01')`,
    );
  });

  const answer = await fixture.change({
    contact_ids: ['b', 'b', 'twin', 'c', '1', 'nobody'],
    emails: [
      ' ANN@xn--bcher-kva.de',
      'ann@bücher.de.',
      'B@example.com',
      'old.d@EXAMPLE.com',
      'x@example.com',
      'X@example.com ',
      'no address',
    ],
  });
  expect(answer).toMatchObject({
    segment: {
      segment_id: 'fair',
      title: 'The fair',
      kind: 'static',
      criteria: null,
      version: 1,
      status: 'active',
    },
    matched: 4,
    already: 0,
    added: 4,
    removed: 0,
    unknown_ids: ['1', 'nobody'],
    unknown_id_count: 2,
    unknown_emails: ['X@example.com ', 'no address'],
    unknown_email_count: 2,
  });
  expect(await listed(fixture, 'fair')).toEqual(['00001', 'b', 'c', 'd']);
  expect(await evaluate(fixture)).toMatchObject({
    segments: expect.arrayContaining([
      expect.objectContaining({
        segment_id: 'fair',
        version: 1,
        member_count: 4,
        entered_count: 4,
        error: null,
      }),
    ]) as unknown,
  });
  expect(await members(fixture, 'fair')).toEqual(['00001', 'b', 'c', 'd']);
  expect(await warehouse.read((s) => s.one('select count(*)::int as n from core.contacts'))).toEqual({
    n: 5,
  });
});

test('of an address that two contacts have, the real one before the stub; only a hundred unknown ones are returned', async () => {
  const fixture = await withContacts(
    { contact_id: 'a-stub', email: 'ann@example.com' },
    { contact_id: 'b-real', email: 'ann@example.com' },
  );
  await fixture.load((tx) => tx.run(`update core.contacts set is_stub = true where contact_id = 'a-stub'`));
  const answer = await fixture.change({
    emails: ['ann@example.com', ...Array.from({ length: 250 }, (_, i) => `nobody${i}@example.com`)],
  });
  expect(await listed(fixture, 'fair')).toEqual(['b-real']);
  expect(answer.unknown_emails).toHaveLength(100);
  expect(answer).toMatchObject({ matched: 1, unknown_email_count: 250, unknown_id_count: 0 });
});

test('members are added, removed and replaced; each change is a version that is kept with its time', async () => {
  const fixture = await withContacts(...people('a', 'b', 'c', 'd'));
  const { change, clock, context, warehouse } = fixture;
  await change({ contact_ids: ['a', 'b'] });
  expect(await change({ mode: 'add', contact_ids: ['b', 'a'] })).toMatchObject({
    segment: { version: 1 },
    already: 2,
    added: 0,
  });

  clock.set('2026-11-03T06:00:00Z');
  await fixture.build();
  await evaluate(fixture);
  expect(await change({ mode: 'add', contact_ids: ['b', 'c'] })).toMatchObject({
    segment: { version: 2 },
    matched: 2,
    already: 1,
    added: 1,
    removed: 0,
  });
  await evaluate(fixture);

  clock.set('2026-11-04T06:00:00Z');
  await fixture.build();
  expect(await change({ mode: 'remove', contact_ids: ['a', 'd'], title: undefined })).toMatchObject({
    segment: { version: 3, title: 'The fair' },
    matched: 2,
    already: 1,
    added: 0,
    removed: 1,
  });
  await evaluate(fixture);

  clock.set('2026-11-05T06:00:00Z');
  await fixture.build();
  expect(await change({ mode: 'replace', contact_ids: ['a', 'd', 'c'] })).toMatchObject({
    segment: { version: 4 },
    added: 2,
    removed: 1,
  });
  const run = await evaluate(fixture);
  expect(run.segments.find(({ segment_id }) => segment_id === 'fair')).toMatchObject({
    version: 4,
    member_count: 3,
    entered_count: 2,
    left_count: 1,
  });

  expect(await listed(fixture, 'fair', '2026-11-01T00:00:00Z')).toEqual([]);
  expect(await listed(fixture, 'fair', '2026-11-02T06:00:00Z')).toEqual(['a', 'b']);
  expect(await listed(fixture, 'fair', '2026-11-03T06:00:00Z')).toEqual(['a', 'b', 'c']);
  expect(await listed(fixture, 'fair', '2026-11-04T06:00:00Z')).toEqual(['b', 'c']);
  expect(await listed(fixture, 'fair')).toEqual(['a', 'c', 'd']);
  expect(
    (await segmentVersions(context, 'fair')).map(({ version, created_at }) => [version, created_at]),
  ).toEqual([
    [4, '2026-11-05T06:00:00Z'],
    [3, '2026-11-04T06:00:00Z'],
    [2, '2026-11-03T06:00:00Z'],
    [1, '2026-11-02T06:00:00Z'],
  ]);
  const ofA = await membershipHistory(warehouse, { segmentId: 'fair', contactId: 'a' });
  expect(ofA.map(({ entered_at, left_at }) => [entered_at, left_at])).toEqual([
    ['2026-11-05T06:00:00Z', null],
    ['2026-11-03T06:00:00Z', '2026-11-04T06:00:00Z'],
  ]);
});

test('who is in a segment, or fits criteria, is frozen: the list stays when they move', async () => {
  const fixture = await withContacts(
    { contact_id: 'a', lifecycle_stage: 'lead' },
    { contact_id: 'b', lifecycle_stage: 'lead' },
    { contact_id: 'c', lifecycle_stage: 'customer' },
  );
  const { change, context, clock } = fixture;
  await saveSegment(context, { segment_id: 'leads', title: 'Leads', criteria: leads });
  // Never evaluated: it is now.
  expect(await change({ from_segment: 'leads' })).toMatchObject({
    matched: 2,
    added: 2,
    unknown_id_count: 0,
  });
  expect(await change({ segment_id: 'same', from_criteria: [leads] })).toMatchObject({ added: 2 });
  expect(await change({ segment_id: 'copy', from_segment: 'fair' })).toMatchObject({ added: 2 });
  expect(await change({ segment_id: 'nobody', from_segment: 'champions' })).toMatchObject({
    segment: { version: 1 },
    matched: 0,
  });

  clock.set('2026-11-03T06:00:00Z');
  await fixture.load(async (tx) => {
    await tx.run(
      `insert into core.contact_changes values ('a', 'lifecycle_stage', 'customer', timestamp '2026-11-03', 'test', timestamp '2026-11-03')`,
    );
    await tx.run(`update core.contacts set lifecycle_stage = 'customer' where contact_id = 'a'`);
  });
  await fixture.build();
  await evaluate(fixture);
  expect(await members(fixture, 'leads')).toEqual(['b']);
  for (const id of ['fair', 'same', 'copy']) expect(await members(fixture, id)).toEqual(['a', 'b']);
  expect(await members(fixture, 'nobody')).toEqual([]);
});

test('who is on the list and not there yet is no member; an evaluation as of a past time has the list of then', async () => {
  const fixture = await withContacts(...people('a', 'b'));
  await fixture.load((tx) => addContacts(tx, [{ contact_id: 'new', created_at: '2026-11-03T00:00:00' }]));
  expect(await fixture.change({ contact_ids: ['a', 'new'] })).toMatchObject({ matched: 2 });
  await evaluate(fixture);
  expect(await members(fixture, 'fair')).toEqual(['a']);
  fixture.clock.set('2026-11-04T06:00:00Z');
  await fixture.build();
  await evaluate(fixture);
  expect(await members(fixture, 'fair')).toEqual(['a', 'new']);
});

test('a merge makes nobody enter or leave; who is removed is off the list by all of their records', async () => {
  const fixture = await withContacts(...people('a', 'b', 'c'));
  const { change, warehouse } = fixture;
  await change({ contact_ids: ['b', 'c'] });
  await evaluate(fixture);
  await mergeContacts(warehouse, 'a', 'b');
  const calm = await evaluate(fixture);
  expect(calm.segments.find(({ segment_id }) => segment_id === 'fair')).toMatchObject({
    member_count: 2,
    entered_count: 0,
    left_count: 0,
  });
  await fixture.build();
  expect(await listed(fixture, 'fair')).toEqual(['a', 'c']);
  // Both records are on it now.
  await unmerge(warehouse, 'b');
  await change({ mode: 'add', contact_ids: ['a'] });
  await mergeContacts(warehouse, 'a', 'b');
  expect(await change({ mode: 'add', contact_ids: ['b'] })).toMatchObject({ already: 1, added: 0 });
  expect(await change({ mode: 'remove', emails: ['b@example.com'] })).toMatchObject({
    matched: 1,
    removed: 1,
  });
  await unmerge(warehouse, 'b');
  expect(await listed(fixture, 'fair')).toEqual(['c']);
});

test('what is refused, with what to do', async () => {
  const fixture = await withContacts(...people('a'));
  const { change, context } = fixture;
  const refused = async (request: Partial<ListRequest>, error: object) =>
    expect(change(request)).rejects.toMatchObject(error);
  await refused({}, { code: 'bad_request', message: expect.stringMatching(/names nobody/) as string });
  await refused({ contact_ids: ['a'], from_segment: 'x' }, { code: 'bad_request' });
  await refused(
    { segment_id: 'The fair', contact_ids: ['a'] },
    { code: 'bad_request', fields: { field: 'segment_id' } },
  );
  await refused(
    { title: undefined, contact_ids: ['a'] },
    { code: 'bad_request', fields: { field: 'title' } },
  );
  await refused({ contact_ids: ['a\0'] }, { code: 'bad_request' });
  await refused(
    { contact_ids: ['x'], emails: ['y@example.com'] },
    { code: 'bad_request', fields: { unknown_ids: ['x'], unknown_emails: ['y@example.com'] } },
  );
  await refused({ segment_id: 'champions', contact_ids: ['a'] }, { code: 'conflict' });
  await refused({ from_segment: 'champion' }, { code: 'not_found', fields: { nearest: 'champions' } });
  await refused(
    { from_criteria: { ...leads, field: 'lifecycle' } },
    { code: 'criteria_invalid', fields: { path: '$.field', nearest: 'lifecycle_stage' } },
  );
  await refused({ mode: 'add', contact_ids: ['a'] }, { code: 'not_found' });
  // Nothing of it was kept.
  expect(await fixture.warehouse.read((s) => s.rows('from ops.segment_list_changes'))).toEqual([]);

  await change({ contact_ids: ['a'] });
  await refused(
    { contact_ids: ['a'] },
    { code: 'conflict', message: expect.stringMatching(/already/) as string },
  );
  await refused({ mode: 'replace', contact_ids: ['typo'] }, { code: 'bad_request' });
  expect(await listed(fixture, 'fair')).toEqual(['a']);
  await expect(
    saveSegment(context, { segment_id: 'fair', title: 'T', criteria: leads }),
  ).rejects.toMatchObject({ code: 'conflict' });
  await saveSegment(context, { segment_id: 'leads', title: 'T', criteria: leads });
  for (const mode of ['create', 'add'] as const)
    await refused({ segment_id: 'leads', mode, contact_ids: ['a'] }, { code: 'conflict' });

  await evaluate(fixture);
  await deleteSegment(context, 'fair');
  await evaluate(fixture);
  expect(await members(fixture, 'fair')).toEqual([]);
  await refused(
    { mode: 'add', contact_ids: ['a'] },
    { code: 'conflict', message: expect.stringMatching(/archived/) as string },
  );
  expect(await change({ contact_ids: ['a'] })).toMatchObject({ segment: { status: 'active', version: 1 } });
  await evaluate(fixture);
  expect(await members(fixture, 'fair')).toEqual(['a']);
});

test('a list before the first build counts from the clock on', async () => {
  const fixture = await openFixture();
  await fixture.load((tx) => addContacts(tx, people('a')));
  const change = (request: Partial<ListRequest>) =>
    changeList(fixture.context, { segment_id: 'fair', title: 'The fair', ...request });
  await expect(change({ from_criteria: leads })).rejects.toMatchObject({ code: 'conflict' });
  await change({ contact_ids: ['a'] });
  await fixture.build();
  await evaluate(fixture);
  expect(await members(fixture, 'fair')).toEqual(['a']);
  expect(await getSegment(fixture.context, 'fair')).toMatchObject({ member_count: 1 });
});

test('a crash between the list and its definition is healed by the same request', async () => {
  const fixture = await withContacts(...people('a', 'b'));
  await fixture.change({ contact_ids: ['a', 'b'] });
  await fixture.warehouse.ledger.transaction(async (tx) => {
    await tx.run('delete from ops.segments');
    await tx.run('delete from ops.segment_versions');
  });
  expect(await fixture.change({ contact_ids: ['b'] })).toMatchObject({
    segment: { version: 2, status: 'active' },
    removed: 1,
  });
  expect(await listed(fixture, 'fair')).toEqual(['b']);
});

test('law: the list as of T is the replay of what was added and removed until T, also through merges and builds back in time', async () => {
  const ids = Array.from({ length: 8 }, (_, i) => `c${i}`);
  const step = fc.record({
    mode: fc.constantFrom('add', 'remove', 'replace' as const),
    who: fc.uniqueArray(fc.constantFrom(...ids), { minLength: 1, maxLength: 6 }),
    hours: fc.integer({ min: 0, max: 30 }),
    builtHoursAgo: fc.option(fc.constantFrom(0, 0, 0, 50)),
    merged: fc.option(fc.tuple(fc.constantFrom(...ids), fc.constantFrom(...ids)), { freq: 8 }),
  });
  const runs = fc.sample(fc.array(step, { minLength: 15, maxLength: 15 }), { numRuns: 8, seed: 3 });
  const fixture = await withContacts(...people(...ids));
  const { change, clock, warehouse } = fixture;
  for (const [run, steps] of runs.entries()) {
    const id = `list_${run}`;
    await change({ segment_id: id, contact_ids: ['c0'] });
    const before = await readCanonicals(warehouse);
    let at = await lastChange(fixture, id);
    let list = new Set([before.get('c0') ?? 'c0']);
    const states = [{ at, list }];
    for (const { mode, who, hours, builtHoursAgo, merged } of steps) {
      clock.set(new Date(clock.now().getTime() + hours * 3_600_000).toISOString());
      if (merged) await mergeContacts(warehouse, ...merged).catch(() => undefined);
      if (builtHoursAgo !== null) await recordBuild(fixture, builtHoursAgo);
      const person = await readCanonicals(warehouse);
      const personOf = (contact: string) => person.get(contact) ?? contact;
      const named = new Set(who.map(personOf));
      const isOn = (contact: string) => [...list].some((on) => personOf(on) === contact);
      const stay = [...list].filter(
        (on) => mode === 'add' || named.has(personOf(on)) !== (mode === 'remove'),
      );
      const come = mode === 'remove' ? [] : [...named].filter((contact) => !isOn(contact));
      await change({ segment_id: id, mode, contact_ids: who });
      if (come.length > 0 || stay.length < list.size) at = await lastChange(fixture, id);
      list = new Set([...stay, ...come]);
      states.push({ at, list });
    }
    expect(states.map((state) => state.at)).toEqual(
      states.map((state) => state.at).toSorted((a, b) => a - b),
    );
    const person = await readCanonicals(warehouse);
    // Just before each change, at it, and after the last.
    for (const time of new Set([...states.flatMap((state) => [state.at - 1000, state.at]), at + 1000])) {
      const then = states.findLast((state) => state.at <= time)?.list ?? new Set<string>();
      const expected = [...new Set([...then].map((contact) => person.get(contact) ?? contact))];
      expect(await listed(fixture, id, new Date(time).toISOString())).toEqual(
        expected.toSorted((a, b) => a.localeCompare(b)),
      );
    }
  }
  expect((await readCanonicals(warehouse)).size).toBeGreaterThan(2);
});

const readCanonicals = (warehouse: Warehouse) => warehouse.read((session) => canonicalsNow(session));

/** As a build as of then leaves it; only the marts themselves are not made anew. */
async function recordBuild({ warehouse, clock }: SegmentFixture, hoursAgo: number): Promise<void> {
  const asOf = new Date(clock.now().getTime() - hoursAgo * 3_600_000);
  await warehouse.build.transaction((tx) =>
    tx.run(`insert into ops.mart_builds values ('contact_facts', $1, null, 0, $2, 0)`, [asOf, clock.now()]),
  );
}

async function lastChange({ warehouse }: SegmentFixture, id: string): Promise<number> {
  const row = await warehouse.read((session) =>
    session.one<{ at: string }>(
      'select max(changed_at) as at from ops.segment_list_changes where segment_id = $1',
      [id],
    ),
  );
  return Date.parse(row?.at ?? '');
}
