import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../../../data/package-root.ts';
import type { Criteria } from '../../../models/criteria/types.ts';
import { evaluateSegments } from '../../../pipelines/segments/evaluate.ts';
import { explainCriteria, explainSegment } from '../../../pipelines/segments/explain.ts';
import { changeList } from '../../../pipelines/segments/lists.ts';
import { deleteSegment, saveSegment } from '../../../pipelines/segments/store.ts';
import { addClicks, addContacts, addOrders, openFixture, type SegmentFixture } from './fixture.ts';

const stage = (value: string): Criteria => ({ field: 'lifecycle_stage', operator: 'equals', value });
const clicked = (least: number): Criteria => ({
  field: 'email.last_30_days.clicks',
  operator: 'at_least',
  value: least,
});
const save = (fixture: SegmentFixture, id: string, criteria: Criteria) =>
  saveSegment(fixture.context, { segment_id: id, title: id, criteria });
const explain = (fixture: SegmentFixture, id: string, contact: string, asOf?: string) =>
  explainSegment(fixture.context, id, { contact, asOf: asOf === undefined ? undefined : new Date(asOf) });

/** Moves the clock, builds and evaluates. */
async function day(fixture: SegmentFixture, iso: string): Promise<void> {
  fixture.clock.set(iso);
  await fixture.build();
  await evaluateSegments(fixture.warehouse, fixture.engine);
}

async function setStage(fixture: SegmentFixture, id: string, value: string, from: string): Promise<void> {
  await fixture.load(async (tx) => {
    const recorded = fixture.clock.now().toISOString();
    await tx.run(
      `insert into core.contact_changes values ($1, 'lifecycle_stage', $2, $3::timestamp, 'test', $4::timestamp)`,
      [id, value, from, recorded],
    );
    await tx.run('update core.contacts set lifecycle_stage = $2 where contact_id = $1', [id, value]);
  });
}

test('every leaf says in a sentence what decided it, and what it was compared with', async () => {
  const fixture = await openFixture();
  await fixture.load(async (tx) => {
    await addContacts(tx, [{ contact_id: 'a', lifecycle_stage: 'lead' }]);
    await addOrders(tx, [{ contact_id: 'a', ordered_at: '2026-10-20T08:30:00', amount: 12.5 }]);
    await addClicks(tx, [{ contact_id: 'a', occurred_at: '2026-08-01T10:00:00' }]);
  });
  await fixture.build();
  writeFileSync(join(fixture.project.dir, 'account.yaml'), 'time_zone: Europe/Berlin\n');
  const told = await explainCriteria(
    fixture.context,
    {
      all: [
        stage('lead'),
        { field: 'lifecycle_stage', operator: 'in', value: ['subscriber', 'lead'] },
        {
          any: [
            clicked(1),
            { measure: 'email_events.clicks', within_days: 365, operator: 'at_least', value: 2 },
          ],
        },
        { field: 'last_ordered_at', operator: 'within_last_days', value: 30 },
        { field: 'total_revenue', operator: 'between', value: [20, 90] },
        { not: { field: 'country', operator: 'is_set' } },
        { field: 'country', operator: 'not_equals', value: 'Côte d’Ivoire, west' },
        {
          measure: 'email_events.clicks',
          where: { field: 'campaign_id', operator: 'equals', value: 'c1' },
          operator: 'at_most',
          value: 3,
        },
      ],
    },
    { contact: 'A@example.com' },
  );
  expect(told).toMatchObject({
    segment_id: null,
    contact_id: 'a',
    as_of: '2026-11-02T06:00:00Z',
    time_zone: 'Europe/Berlin',
    is_member: false,
    entered: null,
  });
  expect(told.nodes.map(({ path, is_true, text }) => [path, is_true, text])).toEqual([
    ['$', false, 'All of'],
    ['$.all[0]', true, 'lifecycle_stage is lead'],
    ['$.all[1]', true, 'lifecycle_stage is lead (one of subscriber, lead)'],
    ['$.all[2]', false, 'Any of'],
    ['$.all[2].any[0]', false, 'email.last_30_days.clicks is 0, at least 1 needed'],
    ['$.all[2].any[1]', false, 'email_events.clicks within the last 365 days is 1, at least 2 needed'],
    [
      '$.all[3]',
      true,
      'last_ordered_at is 2026-10-20 10:30 (within the last 30 days, since 2026-10-03 01:00)',
    ],
    ['$.all[4]', false, 'total_revenue is 12.50, from 20 to 90 needed'],
    ['$.all[5]', true, 'Not'],
    ['$.all[5].not', false, 'country is not set, must be'],
    ['$.all[6]', false, 'country is not set, other than "Côte d’Ivoire, west" needed'],
    ['$.all[7]', true, 'email_events.clicks where campaign_id is c1 is 1 (at most 3)'],
  ]);
  expect(told.nodes[6]).toMatchObject({
    condition: 'last_ordered_at is within the last 30 days',
    field: 'last_ordered_at',
    operator: 'within_last_days',
    value: '2026-10-20T08:30:00Z',
    compared_with: 30,
    since: '2026-10-02T23:00:00Z',
  });
  await expect(explainCriteria(fixture.context, stage('lead'), { contact: 'nobody' })).rejects.toMatchObject({
    code: 'not_found',
  });
  await expect(
    explainCriteria(fixture.context, stage('lead'), { contact: 'a', asOf: new Date('2025-01-01') }),
  ).rejects.toMatchObject({
    code: 'not_found',
    message: expect.stringContaining('no contact yet') as string,
  });
  await expect(
    explainCriteria(fixture.context, { field: 'stage', operator: 'equals', value: 1 }, { contact: 'a' }),
  ).rejects.toMatchObject({ code: 'criteria_invalid' });
}, 240_000);

test('why somebody entered and left: which conditions turned, between which evaluations', async () => {
  const fixture = await openFixture();
  await fixture.load((tx) =>
    addContacts(tx, [
      { contact_id: 'a', lifecycle_stage: 'subscriber' },
      { contact_id: 'b', lifecycle_stage: 'lead' },
    ]),
  );
  await save(fixture, 'warm', {
    all: [stage('lead'), { measure: 'email_events.clicks', within_days: 30, operator: 'at_least', value: 1 }],
  });
  fixture.clock.set('2026-08-31T00:00:00Z');
  await setStage(fixture, 'a', 'subscriber', '2026-01-01T00:00:00');
  await day(fixture, '2026-09-01T06:00:00Z');
  expect(await explain(fixture, 'warm', 'a')).toMatchObject({
    is_member: false,
    recorded: { is_member: false },
    entered: null,
    left: null,
    notes: [],
  });
  fixture.clock.set('2026-09-05T06:00:00Z');
  await setStage(fixture, 'a', 'lead', '2026-09-04T10:00:00');
  await fixture.load((tx) => addClicks(tx, [{ contact_id: 'a', occurred_at: '2026-09-04T12:00:00' }]));
  await day(fixture, '2026-09-08T06:00:00Z');
  await day(fixture, '2026-10-02T06:00:00Z');
  await day(fixture, '2026-10-20T06:00:00Z');
  const told = await explain(fixture, 'warm', 'a');
  expect(told).toMatchObject({ is_member: false, recorded: { is_member: false }, version: 1 });
  expect(told.entered).toMatchObject({
    change: 'entered',
    at: '2026-09-08T06:00:00Z',
    version: 1,
    cause: 'conditions',
    previous_as_of: '2026-09-01T06:00:00Z',
    previous_version: 1,
  });
  expect(told.entered?.flipped.map(({ path, text }) => [path, text])).toEqual([
    ['$.all[0]', 'lifecycle_stage is lead; it was subscriber'],
    ['$.all[1]', 'email_events.clicks within the last 30 days is 1 (at least 1); it was 0'],
  ]);
  expect(told.left).toMatchObject({
    at: '2026-10-20T06:00:00Z',
    cause: 'conditions',
    previous_as_of: '2026-10-02T06:00:00Z',
    flipped: [{ path: '$.all[1]', was: 1, is: 0, is_true: false }],
  });
  // At a past time, what was known of entering and leaving then.
  const then = await explain(fixture, 'warm', 'a', '2026-09-20T00:00:00Z');
  expect(then).toMatchObject({
    is_member: true,
    recorded: { is_member: true },
    entered: { at: '2026-09-08T06:00:00Z' },
    left: null,
  });
}, 240_000);

test('late facts, a changed definition, a new contact, a first evaluation and an archived segment are told apart', async () => {
  const fixture = await openFixture();
  await fixture.load((tx) =>
    addContacts(tx, [
      { contact_id: 'a', lifecycle_stage: 'lead' },
      { contact_id: 'b', lifecycle_stage: 'customer' },
    ]),
  );
  await save(fixture, 'mine', stage('lead'));
  await save(fixture, 'buyers', { field: 'order_count', operator: 'at_least', value: 1 });
  await day(fixture, '2026-09-01T06:00:00Z');
  expect((await explain(fixture, 'mine', 'a')).entered).toMatchObject({
    cause: 'first_evaluation',
    previous_as_of: null,
    flipped: [],
  });

  // An order of August that is delivered in September; a contact that comes.
  fixture.clock.set('2026-09-03T06:00:00Z');
  await fixture.load(async (tx) => {
    await tx.run(`insert into core.orders (order_id, contact_id, ordered_at, amount, currency, source, recorded_at)
      values ('o1', 'a', timestamp '2026-08-15', 10, 'USD', 'test', timestamp '2026-09-03 06:00')`);
    await addContacts(tx, [{ contact_id: 'n', lifecycle_stage: 'lead', created_at: '2026-09-03T01:00:00' }]);
  });
  await day(fixture, '2026-09-04T06:00:00Z');
  expect((await explain(fixture, 'buyers', 'a')).entered).toMatchObject({
    cause: 'late_facts',
    flipped: [{ path: '$', was: 0, is: 1, text: 'order_count is 1 (at least 1); it was 0' }],
  });
  expect((await explain(fixture, 'mine', 'n')).entered).toMatchObject({ cause: 'new_contact', flipped: [] });

  // The definition is changed, and not evaluated yet.
  await save(fixture, 'mine', stage('customer'));
  expect(await explain(fixture, 'mine', 'a')).toMatchObject({
    version: 2,
    is_member: false,
    recorded: { is_member: true },
    notes: [
      'The definition was changed since the last evaluation (version 1 → 2): members follow with the next one.',
    ],
  });
  await evaluateSegments(fixture.warehouse, fixture.engine);
  const changed = await explain(fixture, 'mine', 'b');
  expect(changed).toMatchObject({
    version: 2,
    is_member: true,
    recorded: { is_member: true },
    notes: [],
    entered: { cause: 'definition', reason: 'the definition changed (version 1 → 2)', previous_version: 1 },
  });
  expect((await explain(fixture, 'mine', 'a')).left).toMatchObject({ cause: 'definition' });
  // The definition in force then is asked, and both changes of one moment are known by the last.
  expect(await explain(fixture, 'mine', 'a', '2026-09-02T00:00:00Z')).toMatchObject({
    version: 1,
    is_member: true,
    left: null,
  });

  await deleteSegment(fixture.context, 'mine');
  await day(fixture, '2026-09-08T06:00:00Z');
  expect(await explain(fixture, 'mine', 'b')).toMatchObject({
    is_member: true,
    recorded: { is_member: false },
    left: { cause: 'archived' },
  });

  // What was recorded, and cannot be found again: nothing is made up.
  await fixture.load((tx) => tx.run(`delete from core.orders`));
  expect((await explain(fixture, 'buyers', 'a')).entered).toMatchObject({ cause: 'untold', flipped: [] });
}, 240_000);

test('a merged contact is explained as its canonical, with what its records did; marts that are older say so', async () => {
  const fixture = await openFixture();
  await fixture.load(async (tx) => {
    await addContacts(tx, [{ contact_id: 'a' }, { contact_id: 'b' }]);
    await addOrders(tx, [
      { contact_id: 'a', ordered_at: '2026-08-01' },
      { contact_id: 'b', ordered_at: '2026-08-02' },
    ]);
  });
  const repeat: Criteria = { field: 'order_count', operator: 'at_least', value: 2 };
  await save(fixture, 'once', { field: 'order_count', operator: 'at_least', value: 1 });
  await save(fixture, 'repeat', repeat);
  await day(fixture, '2026-09-01T06:00:00Z');
  fixture.clock.set('2026-09-02T06:00:00Z');
  await fixture.load((tx) =>
    tx.run(`insert into core.contact_canonicals values ('b', 'a', timestamp '2026-09-02 06:00', null)`),
  );

  const stale = await explainCriteria(fixture.context, repeat, { contact: 'b' });
  expect(stale).toMatchObject({
    contact_id: 'a',
    asked_contact_id: 'b',
    is_member: true,
    nodes: [{ value: 2 }],
  });
  expect(stale.notes).toEqual([expect.stringContaining('merged')]);
  // A place among all too: the marts have two customers still.
  const placed = await explainCriteria(
    fixture.context,
    { field: 'rfm.frequency', operator: 'equals', value: 2 },
    { contact: 'b' },
  );
  expect(placed).toMatchObject({ is_member: true, nodes: [{ value: 2 }] });
  await day(fixture, '2026-09-03T06:00:00Z');
  const merged = await explain(fixture, 'repeat', 'b@example.com');
  expect(merged).toMatchObject({
    contact_id: 'a',
    is_member: true,
    recorded: { is_member: true },
    notes: [],
  });
  expect(merged.entered).toMatchObject({ cause: 'late_facts', flipped: [{ was: 1, is: 2 }] });
  expect(await explain(fixture, 'once', 'b')).toMatchObject({
    recorded: { is_member: true },
    entered: { at: '2026-09-01T06:00:00Z', cause: 'first_evaluation' },
    left: null,
  });
}, 240_000);

test('a Malloy segment says whether, since when, and in which file its definition is', async () => {
  const fixture = await openFixture();
  await fixture.load((tx) =>
    addContacts(tx, [
      { contact_id: 'a', country: 'NZ' },
      { contact_id: 'b', country: 'DE' },
    ]),
  );
  writeFileSync(
    join(fixture.project.models, 'kiwis.malloy'),
    `import '${join(packageRoot, 'models', 'index.malloy')}'\n#(segment) name=kiwis title="Kiwis"\nsource: kiwis is contact_facts -> { where: country = 'NZ' group_by: contact_id }\n`,
  );
  await day(fixture, '2026-09-01T06:00:00Z');
  expect(await explain(fixture, 'kiwis', 'a')).toMatchObject({
    kind: 'malloy',
    version: 0,
    file: 'models/kiwis.malloy',
    is_member: true,
    nodes: [],
    recorded: { is_member: true },
    entered: { at: '2026-09-01T06:00:00Z', cause: 'untold' },
    notes: [expect.stringContaining('models/kiwis.malloy')],
  });
  expect(await explain(fixture, 'kiwis', 'b')).toMatchObject({
    is_member: false,
    recorded: { is_member: false },
    entered: null,
  });
  await expect(explain(fixture, 'kiwi', 'b')).rejects.toMatchObject({
    code: 'not_found',
    fields: { nearest: 'kiwis' },
  });
}, 240_000);

test('hostile ids and values stay what they are', async () => {
  const fixture = await openFixture();
  const name = `x' or 1=1 -- {{members}} \\ "`;
  await fixture.load((tx) =>
    addContacts(tx, [
      { contact_id: name, country: name },
      { contact_id: 'b', country: 'b' },
    ]),
  );
  await fixture.build();
  const is: Criteria = { field: 'country', operator: 'equals', value: name };
  const told = (contact: string, asOf?: string) =>
    explainCriteria(fixture.context, is, { contact, asOf: asOf === undefined ? undefined : new Date(asOf) });
  for (const asOf of [undefined, '2026-10-01']) {
    expect(await told(name, asOf)).toMatchObject({
      is_member: true,
      nodes: [{ value: name, compared_with: name }],
    });
    expect(await told('b', asOf)).toMatchObject({ is_member: false, nodes: [{ value: 'b' }] });
  }
}, 240_000);

test('segments that a segment names are explained in their place; lists, models and sequences by what they are', async () => {
  const fixture = await openFixture();
  await fixture.load(async (tx) => {
    await addContacts(tx, [
      { contact_id: 'a', lifecycle_stage: 'lead' },
      { contact_id: 'b', lifecycle_stage: 'customer' },
    ]);
    await addClicks(tx, [
      { contact_id: 'a', occurred_at: '2026-10-01T10:00:00' },
      { contact_id: 'a', occurred_at: '2026-10-05T10:00:00' },
    ]);
  });
  await fixture.build();
  await save(fixture, 'leads', stage('lead'));
  await changeList(fixture.context, { segment_id: 'picked', title: 'Picked', contact_ids: ['a'] });
  const click = { source: 'email_events', where: { field: 'is_click', operator: 'equals', value: true } };
  await save(fixture, 'mine', {
    all: [
      { segment: 'leads' },
      { segment: 'picked' },
      { not: { segment: 'at_risk' } },
      { sequence: [click, { ...click, within_days: 7 }] },
      { measure: 'orders.order_count', since: click, operator: 'equals', value: 0 },
    ],
  });
  await evaluateSegments(fixture.warehouse, fixture.engine);
  for (const asOf of [undefined, '2026-11-01T00:00:00Z']) {
    const told = await explain(fixture, 'mine', 'a', asOf);
    expect(
      told.nodes.map(({ path, kind, is_true, text, value }) => [path, kind, is_true, text, value]),
    ).toEqual(
      [
        ['$', 'all', true, 'All of', null],
        ['$.all[0]', 'segment', true, 'In the segment leads', null],
        ['$.all[0].segment(leads)', 'condition', true, 'lifecycle_stage is lead', 'lead'],
        // The list was made with the last build: it is of that time.
        [
          '$.all[1]',
          'condition',
          asOf === undefined,
          asOf === undefined ? 'in the segment picked' : 'not in the segment picked',
          asOf === undefined,
        ],
        ['$.all[2]', 'not', true, 'Not', null],
        ['$.all[2].not', 'condition', false, 'not in the segment at_risk', false],
        [
          '$.all[3]',
          'condition',
          true,
          'email_events where is_click is true, then email_events where is_click is true within 7 days: last on 2026-10-05 10:00',
          '2026-10-05T10:00:00Z',
        ],
        [
          '$.all[4]',
          'condition',
          true,
          'orders.order_count since the last email_events where is_click is true is 0',
          0,
        ],
      ].map((row) => (row[0] === '$' ? ['$', 'all', asOf === undefined, 'All of', null] : row)),
    );
  }
  const other = await explain(fixture, 'mine', 'b');
  expect(other.nodes.map(({ is_true }) => is_true)).toEqual([
    false,
    false,
    false,
    false,
    true,
    false,
    false,
    false,
  ]);
  expect(await explain(fixture, 'picked', 'a')).toMatchObject({
    kind: 'static',
    is_member: true,
    nodes: [],
    notes: ['It is a list: whoever was put on it is in it.'],
  });
});
