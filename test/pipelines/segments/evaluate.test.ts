import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { evaluateSegments } from '../../../pipelines/segments/evaluate.ts';
import { getSegment, listSegments } from '../../../pipelines/segments/listing.ts';
import { membershipHistory, segmentMembers } from '../../../pipelines/segments/members.ts';
import { planMembership } from '../../../pipelines/segments/plan.ts';
import { previewSegment } from '../../../pipelines/segments/preview.ts';
import { deleteSegment, saveSegment } from '../../../pipelines/segments/store.ts';
import type { Criteria } from '../../../models/criteria/types.ts';
import { addClicks, addContacts, addOrders, openFixture, type SegmentFixture } from './fixture.ts';

const stage = (value: string): Criteria => ({ field: 'lifecycle_stage', operator: 'equals', value });
const save = (fixture: SegmentFixture, id: string, criteria: Criteria) =>
  saveSegment(fixture.context, { segment_id: id, title: id, criteria });
const evaluate = (fixture: SegmentFixture, runId?: string) =>
  evaluateSegments(fixture.warehouse, fixture.engine, { runId });
const ids = async (fixture: SegmentFixture, id: string, at?: string) =>
  (
    await segmentMembers(fixture.warehouse, id, {
      limit: 10_000,
      at: at === undefined ? undefined : new Date(at),
    })
  ).members.map(({ contact_id }) => contact_id);
const rows = (fixture: SegmentFixture, sql: string) => fixture.warehouse.read((session) => session.rows(sql));
const recorded = (fixture: SegmentFixture) =>
  Promise.all(
    ['segment_changes', 'segment_memberships_open'].map((table) =>
      rows(fixture, `from ops.${table} order by all`),
    ),
  );

async function setStage(fixture: SegmentFixture, id: string, value: string): Promise<void> {
  await fixture.load(async (tx) => {
    const at = fixture.clock.now().toISOString();
    await tx.run(
      `insert into core.contact_changes values ($1, 'lifecycle_stage', $2, $3::timestamp - interval 1 hour, 'test', $3::timestamp)`,
      [id, value, at],
    );
    await tx.run('update core.contacts set lifecycle_stage = $2 where contact_id = $1', [id, value]);
  });
}

test('who entered and left is recorded, once a run, and nothing where nothing changed', async () => {
  const fixture = await openFixture();
  await fixture.load((tx) =>
    addContacts(tx, [
      { contact_id: 'a', lifecycle_stage: 'lead' },
      { contact_id: 'b', lifecycle_stage: 'lead' },
      { contact_id: 'c', lifecycle_stage: 'customer' },
    ]),
  );
  await save(fixture, 'leads', stage('lead'));
  await save(fixture, 'customers', stage('customer'));
  await expect(evaluate(fixture)).rejects.toMatchObject({ code: 'conflict' });
  await fixture.build();

  const first = await evaluate(fixture, 'run-1');
  expect(first).toMatchObject({ run_id: 'run-1', as_of: '2026-11-02T06:00:00Z', is_repeat: false });
  expect(first.segments.find(({ segment_id }) => segment_id === 'leads')).toEqual({
    segment_id: 'leads',
    version: 1,
    member_count: 2,
    entered_count: 2,
    left_count: 0,
    error: null,
  });
  const after = await recorded(fixture);
  expect(await evaluate(fixture, 'run-1')).toEqual({ ...first, is_repeat: true });
  expect(await evaluate(fixture, 'run-2')).toMatchObject({ is_repeat: false });
  expect(await recorded(fixture)).toEqual(after);

  fixture.clock.set('2026-11-09T06:00:00Z');
  await setStage(fixture, 'a', 'customer');
  await fixture.build();
  const third = await evaluate(fixture, 'run-3');
  expect(
    third.segments.filter(({ entered_count, left_count }) => Number(entered_count) + Number(left_count) > 0),
  ).toMatchObject([
    { segment_id: 'customers', member_count: 2, entered_count: 1, left_count: 0 },
    { segment_id: 'leads', member_count: 1, entered_count: 0, left_count: 1 },
  ]);
  expect(
    await rows(
      fixture,
      `select segment_id, contact_id, change, changed_at, run_id from ops.segment_changes where run_id = 'run-3' order by all`,
    ),
  ).toEqual([
    {
      segment_id: 'customers',
      contact_id: 'a',
      change: 'entered',
      changed_at: '2026-11-09T06:00:00Z',
      run_id: 'run-3',
    },
    {
      segment_id: 'leads',
      contact_id: 'a',
      change: 'left',
      changed_at: '2026-11-09T06:00:00Z',
      run_id: 'run-3',
    },
  ]);
  expect(await ids(fixture, 'leads')).toEqual(['b']);
  expect(await ids(fixture, 'leads', '2026-11-02T05:59:59Z')).toEqual([]);
  expect(await ids(fixture, 'leads', '2026-11-02T06:00:00Z')).toEqual(['a', 'b']);
  expect(await ids(fixture, 'leads', '2026-11-09T05:59:59Z')).toEqual(['a', 'b']);
  expect(await ids(fixture, 'leads', '2026-11-09T06:00:00Z')).toEqual(['b']);
  expect(await membershipHistory(fixture.warehouse, { contactId: 'a' })).toEqual([
    { segment_id: 'customers', contact_id: 'a', entered_at: '2026-11-09T06:00:00Z', left_at: null },
    {
      segment_id: 'leads',
      contact_id: 'a',
      entered_at: '2026-11-02T06:00:00Z',
      left_at: '2026-11-09T06:00:00Z',
    },
  ]);

  // What is recorded is not rewritten.
  await expect(
    evaluateSegments(fixture.warehouse, fixture.engine, { asOf: new Date('2026-11-08T00:00:00Z') }),
  ).rejects.toMatchObject({ code: 'conflict', fields: { recorded_as_of: '2026-11-09T06:00:00Z' } });
});

test('members are paged by contact', async () => {
  const fixture = await openFixture();
  await fixture.load((tx) =>
    addContacts(
      tx,
      Array.from({ length: 25 }, (_, i) => ({ contact_id: `c${String(i).padStart(2, '0')}` })),
    ),
  );
  await save(fixture, 'everyone', { field: 'contact_id', operator: 'is_set' });
  await fixture.build();
  await evaluate(fixture);
  const seen: string[] = [];
  for (let after: string | undefined; ;) {
    const page = await segmentMembers(fixture.warehouse, 'everyone', { limit: 10, after });
    seen.push(...page.members.map(({ contact_id }) => contact_id));
    if (page.next === null) break;
    after = page.next;
  }
  expect(seen).toEqual(await ids(fixture, 'everyone'));
  expect(seen).toHaveLength(25);
});

test('a changed definition is evaluated again as of the same build; an archived segment loses its members', async () => {
  const fixture = await openFixture();
  await fixture.load((tx) =>
    addContacts(tx, [
      { contact_id: 'a', lifecycle_stage: 'lead' },
      { contact_id: 'b', lifecycle_stage: 'customer' },
    ]),
  );
  await fixture.build();
  await save(fixture, 'mine', stage('lead'));
  await evaluate(fixture);
  await save(fixture, 'mine', stage('customer'));
  await evaluate(fixture);
  expect(await ids(fixture, 'mine')).toEqual(['b']);
  expect(await ids(fixture, 'mine', '2026-11-02T06:00:00Z')).toEqual(['b']);
  expect(
    await rows(
      fixture,
      `select contact_id, change, version from ops.segment_changes where segment_id = 'mine' order by version, contact_id`,
    ),
  ).toEqual([
    { contact_id: 'a', change: 'entered', version: 1 },
    { contact_id: 'a', change: 'left', version: 2 },
    { contact_id: 'b', change: 'entered', version: 2 },
  ]);
  expect(await getSegment(fixture.context, 'mine')).toMatchObject({
    member_count: 1,
    evaluated_as_of: '2026-11-02T06:00:00Z',
  });

  await deleteSegment(fixture.context, 'mine');
  // A run of named segments says nothing about the others.
  await save(fixture, 'other', stage('lead'));
  await evaluateSegments(fixture.warehouse, fixture.engine, { segmentIds: ['other'] });
  expect(await ids(fixture, 'mine')).toEqual(['b']);
  const whole = await evaluate(fixture);
  expect(whole.segments.find(({ segment_id }) => segment_id === 'mine')).toMatchObject({
    member_count: 0,
    left_count: 1,
  });
  expect(await ids(fixture, 'mine')).toEqual([]);
  expect((await evaluate(fixture)).segments.map(({ segment_id }) => segment_id)).not.toContain('mine');
});

describe('a broken segment is left as it was, and the others go on', () => {
  test('where its field vanished', async () => {
    const fixture = await openFixture();
    await fixture.load((tx) => addContacts(tx, [{ contact_id: 'a', lifecycle_stage: 'lead' }]));
    await fixture.build();
    await save(fixture, 'leads', stage('lead'));
    await save(fixture, 'doomed', stage('lead'));
    await evaluate(fixture);
    await fixture.warehouse.ledger.transaction((tx) =>
      tx.run(
        `update ops.segments set criteria = '{"field": "lifecycle_stag", "operator": "is_set"}' where segment_id = 'doomed'`,
      ),
    );
    await fixture.load((tx) => addContacts(tx, [{ contact_id: 'b', lifecycle_stage: 'lead' }]));
    await fixture.build();
    const result = await evaluate(fixture);
    expect(result.segments.find(({ segment_id }) => segment_id === 'doomed')).toMatchObject({
      member_count: null,
      error: expect.stringMatching(/'lifecycle_stag'. Did you mean 'lifecycle_stage'/) as string,
    });
    expect(await ids(fixture, 'leads')).toEqual(['a', 'b']);
    expect(await ids(fixture, 'doomed')).toEqual(['a']);
    const doomed = await getSegment(fixture.context, 'doomed');
    expect(doomed).toMatchObject({
      member_count: 1,
      error: expect.stringMatching(/lifecycle_stag/) as string,
    });

    await save(fixture, 'doomed', stage('lead'));
    await evaluate(fixture);
    expect(await getSegment(fixture.context, 'doomed')).toMatchObject({ member_count: 2, error: null });
  });

  test('where it fails while running, or its file does not compile', async () => {
    const fixture = await openFixture();
    const file = (text: string) => {
      writeFileSync(join(fixture.project.models, 'mine.malloy'), text);
      fixture.engine.invalidate();
    };
    const importing = `##! experimental.givens\nimport '${join(fixture.project.packageModels, 'index.malloy')}'\n`;
    const tagged = (where: string) => `${importing}
      #(segment) name=numbered title="Numbered"
      source: numbered is contact_facts -> { where: ${where}, group_by: contact_id }`;
    await fixture.load((tx) => addContacts(tx, [{ contact_id: '1' }, { contact_id: '22' }]));
    await fixture.build();
    await save(fixture, 'everyone', { field: 'contact_id', operator: 'is_set' });
    file(tagged('contact_id::number > 1'));
    expect(
      (await listSegments(fixture.context)).find(({ segment_id }) => segment_id === 'numbered'),
    ).toMatchObject({
      kind: 'malloy',
      title: 'Numbered',
      version: 0,
    });
    await evaluate(fixture);
    expect(await ids(fixture, 'numbered')).toEqual(['22']);

    await fixture.load((tx) => addContacts(tx, [{ contact_id: 'x' }]));
    await fixture.build();
    const failed = await evaluate(fixture);
    expect(failed.segments.find(({ segment_id }) => segment_id === 'numbered')).toMatchObject({
      error: expect.stringMatching(/Could not convert/) as string,
    });
    expect(await ids(fixture, 'numbered')).toEqual(['22']);
    expect(await ids(fixture, 'everyone')).toEqual(['1', '22', 'x']);
  });
});

test('property: the diff of many segments is what each says alone', async () => {
  const fixture = await openFixture();
  const contacts = Array.from({ length: 60 }, (_, i) => `c${i}`);
  await fixture.load((tx) =>
    addContacts(
      tx,
      contacts.map((contact_id, i) => ({ contact_id, country: `x${i % 11}` })),
    ),
  );
  await fixture.build();
  // 130 segments: three words of bits.
  const countries = fc.uniqueArray(fc.integer({ min: 0, max: 10 }), { minLength: 1, maxLength: 6 });
  const all = fc.array(countries, { minLength: 130, maxLength: 130 });
  const rounds = fc.sample(all, { numRuns: 3, seed: 11 });
  for (const round of rounds) {
    await fixture.warehouse.ledger.transaction(async (tx) => {
      await tx.run('delete from ops.segments');
      for (const [index, list] of round.entries()) {
        const criteria = JSON.stringify({
          field: 'country',
          operator: 'in',
          value: list.map((n) => `x${n}`),
        });
        await tx.run(
          `insert into ops.segments values ($1, $1, null, 'criteria', $2::json, 1, 'active', null, timestamp '2026-01-01', timestamp '2026-01-01')`,
          [`s${index}`, criteria],
        );
      }
    });
    await evaluate(fixture);
    const found = await rows(
      fixture,
      `select segment_id, list(contact_id) as members from ops.segment_memberships_open group by segment_id`,
    );
    const members = new Map(found.map((row) => [row['segment_id'], new Set(row['members'] as string[])]));
    for (const [index, list] of round.entries()) {
      const expected = contacts.filter((_, i) => list.includes(i % 11));
      expect(members.get(`s${index}`)).toEqual(new Set(expected));
    }
    // The changes add up to the members, and no pair is open twice.
    expect(
      await rows(
        fixture,
        `select segment_id, contact_id from (
           select segment_id, contact_id, sum(if(change = 'entered', 1, -1)) as open_count from ops.segment_changes group by all) c
         full join (select segment_id, contact_id, count(*) as n from ops.segment_memberships_open group by all) o using (segment_id, contact_id)
         where coalesce(c.open_count, 0) <> coalesce(o.n, 0) or coalesce(o.n, 0) > 1`,
      ),
    ).toEqual([]);
  }
});

test('changes after a bulk of more than a row group are seen', async () => {
  const fixture = await openFixture();
  await fixture.load((tx) =>
    tx.run(
      `insert into core.contacts (contact_id, lifecycle_stage, country, created_at, source, recorded_at)
       select 'c' || i, 'lead', 'NZ', timestamp '2026-01-01', 'test', timestamp '2026-01-01' from range(150000) r(i)`,
    ),
  );
  await save(fixture, 'leads', stage('lead'));
  await save(fixture, 'kiwis', { field: 'country', operator: 'equals', value: 'NZ' });
  await fixture.build();
  await evaluate(fixture, 'bulk');
  fixture.clock.set('2026-11-03T06:00:00Z');
  await fixture.load((tx) => addContacts(tx, [{ contact_id: 'new', country: 'NZ' }]));
  await setStage(fixture, 'c7', 'customer');
  await fixture.build();
  await evaluate(fixture, 'small');
  expect(
    await rows(
      fixture,
      'select run_id, change, count(*)::int as n from ops.segment_changes group by all order by all',
    ),
  ).toEqual([
    { run_id: 'bulk', change: 'entered', n: 300_000 },
    { run_id: 'small', change: 'entered', n: 1 },
    { run_id: 'small', change: 'left', n: 1 },
  ]);
  expect((await ids(fixture, 'leads', '2026-11-03T06:00:00Z')).length).toBe(10_000);
  expect(
    await rows(
      fixture,
      'select segment_id, count(*)::int as n from ops.segment_memberships_open group by all order by all',
    ),
  ).toEqual([
    { segment_id: 'kiwis', n: 150_001 },
    { segment_id: 'leads', n: 149_999 },
  ]);
});

test('law: membership recorded at T is an evaluation as of T', async () => {
  const fixture = await openFixture();
  const random = fc.sample(
    fc.record({
      who: fc.integer({ min: 0, max: 19 }),
      day: fc.integer({ min: 0, max: 120 }),
      hour: fc.integer({ min: 0, max: 23 }),
      kind: fc.constantFrom('click', 'order', 'stage' as const),
      stage: fc.constantFrom('lead', 'mql', 'customer'),
    }),
    { numRuns: 250, seed: 5 },
  );
  const at = (day: number, hour: number) => new Date(Date.UTC(2026, 6, 1 + day, hour, 30));
  const events = random
    .map((event) => ({ ...event, at: at(event.day, event.hour) }))
    .sort((a, b) => a.at.getTime() - b.at.getTime());
  await fixture.load((tx) =>
    addContacts(
      tx,
      Array.from({ length: 20 }, (_, i) => ({
        contact_id: `c${i}`,
        created_at: `2026-0${1 + (i % 9)}-15T12:00:00`,
        lifecycle_stage: null,
      })),
    ),
  );
  const segments: Record<string, Criteria> = {
    clickers: { measure: 'email_events.clicks', within_days: 20, operator: 'at_least', value: 2 },
    buyers: {
      all: [{ field: 'last_ordered_at', operator: 'within_last_days', value: 30 }, stage('customer')],
    },
    quiet: {
      not: {
        any: [
          { measure: 'email_events.clicks', within_days: 45, operator: 'at_least', value: 1 },
          { field: 'order_count', operator: 'at_least', value: 1 },
        ],
      },
    },
    leads: stage('lead'),
    young: { field: 'created_at', operator: 'within_last_days', value: 60 },
  };
  for (const [id, criteria] of Object.entries(segments)) await save(fixture, id, criteria);

  const times = [30, 55, 56, 80, 110, 125].map((day) => at(day, 6));
  let loaded = 0;
  for (const time of times) {
    fixture.clock.set(time.toISOString());
    for (; loaded < events.length && events[loaded]!.at < time; loaded++) {
      const event = events[loaded]!;
      const contact_id = `c${event.who}`;
      const iso = event.at.toISOString();
      await fixture.load(async (tx) => {
        if (event.kind === 'click') return addClicks(tx, [{ contact_id, occurred_at: iso }]);
        if (event.kind === 'order') return addOrders(tx, [{ contact_id, ordered_at: iso }]);
        await tx.run(
          `insert into core.contact_changes values ($1, 'lifecycle_stage', $2, $3::timestamp, 'test', $3::timestamp)`,
          [contact_id, event.stage, iso],
        );
        return tx.run('update core.contacts set lifecycle_stage = $2 where contact_id = $1', [
          contact_id,
          event.stage,
        ]);
      });
    }
    await fixture.build();
    await evaluate(fixture);
  }

  let seen = 0;
  for (const time of times) {
    const versions = await listSegments(fixture.context);
    const evaluated = versions.flatMap(({ segment_id: id, version, criteria }) =>
      criteria ? [{ id, version, criteria }] : [],
    );
    // From the definitions, with all that came later in the tables.
    const plan = await planMembership(fixture.engine, evaluated, {
      asOf: time,
      zone: 'UTC',
      definitions: new Map(),
    });
    for (const [id, column] of plan.columns) {
      const then = await rows(
        fixture,
        `select contact_id from (${plan.sql}) where ${column} order by contact_id`,
      );
      const expected = then.map((row) => row['contact_id']);
      expect([id, time, await ids(fixture, id, time.toISOString())]).toEqual([id, time, expected]);
      seen += expected.length;
      const preview = await previewSegment(fixture.context, { criteria: segments[id], asOf: time });
      expect(preview.count).toBe(expected.length);
    }
  }
  expect(seen).toBeGreaterThan(60);
});
