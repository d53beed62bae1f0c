import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { runSegmentAction } from '../../../pipelines/workflows/run-action.ts';
import { saveSegment } from '../../../pipelines/segments/store.ts';
import { addContacts, openFixture, type SegmentFixture } from '../segments/fixture.ts';

/** A segment with these members; what selects them does not matter to actions. */
async function withMembers(fixture: SegmentFixture, ids: readonly string[]): Promise<void> {
  await saveSegment(fixture.context, {
    segment_id: 'targets',
    title: 'Targets',
    criteria: { field: 'contact_id', operator: 'is_set' },
  });
  await setMembers(fixture, ids);
}

async function setMembers(fixture: SegmentFixture, ids: readonly string[]): Promise<void> {
  await fixture.warehouse.build.transaction(async (tx) => {
    await tx.run('delete from ops.segment_memberships_open');
    await tx.run(
      `insert into ops.segment_memberships_open
       select 'targets', unnest(from_json($1, '["VARCHAR"]')), timestamp '2026-11-01', null, 'run-0'`,
      [JSON.stringify(ids)],
    );
  });
}

async function addOwners(
  fixture: SegmentFixture,
  ids: readonly string[],
  more: { team?: string; isActive?: boolean } = {},
) {
  await fixture.load((tx) =>
    tx.run(
      `insert into core.owners (owner_id, team, is_active, source, recorded_at)
       select unnest(from_json($1, '["VARCHAR"]')), $2, $3, 'test', timestamp '2026-01-01'`,
      [JSON.stringify(ids), more.team ?? null, more.isActive ?? true],
    ),
  );
}

const rows = (fixture: SegmentFixture, sql: string) => fixture.warehouse.read((session) => session.rows(sql));

/** A contact's first values hold from the beginning. */
const fromStart = '0001-01-01T00:00:00Z';

/** Every table that an action may write, whole. */
async function written(fixture: SegmentFixture): Promise<unknown> {
  return Promise.all(
    ['core.contacts', 'core.contact_changes', 'ops.tasks', 'ops.action_runs'].map((table) =>
      rows(fixture, `select * from ${table} order by all`),
    ),
  );
}

describe('create_task', () => {
  test('makes one open task a member for its owner, logged, and none again in the same run', async () => {
    const fixture = await openFixture();
    await fixture.load((tx) =>
      addContacts(tx, [{ contact_id: 'a', owner_id: 'o1' }, { contact_id: 'b' }, { contact_id: 'c' }]),
    );
    await withMembers(fixture, ['a', 'b', 'gone']);
    const request = {
      segmentId: 'targets',
      action: { type: 'create_task', title: "Call 'em", due_in_days: 3, priority: 'high' },
      runId: 'run-1',
    };

    const first = await runSegmentAction(fixture.context, request);
    expect(first).toMatchObject({
      matched: 3,
      acted: 2,
      skipped: 1,
      skipped_by_reason: { contact_missing: 1 },
      dry_run: false,
    });
    const tasks = await rows(fixture, 'select * exclude (task_id) from ops.tasks order by contact_id');
    expect(tasks).toEqual(
      [
        ['a', 'o1'],
        ['b', null],
      ].map(([contact_id, owner_id]) => ({
        contact_id,
        owner_id,
        title: "Call 'em",
        body: null,
        due_at: '2026-11-05T06:00:00Z',
        priority: 'high',
        status: 'open',
        run_id: 'run-1',
        created_at: '2026-11-02T06:00:00Z',
      })),
    );
    const log = await rows(
      fixture,
      'select contact_id, action, status, reason, before, after, target_id from ops.action_runs order by contact_id',
    );
    expect(log.map(({ contact_id, status, reason }) => [contact_id, status, reason])).toEqual([
      ['a', 'done', null],
      ['b', 'done', null],
      ['gone', 'skipped', 'contact_missing'],
    ]);
    expect(log[0]?.['after']).toEqual({ task_id: log[0]?.['target_id'] });

    // A newcomer is acted on by the same run, those before are not again.
    await setMembers(fixture, ['a', 'b', 'c']);
    const again = await runSegmentAction(fixture.context, request);
    expect(again).toMatchObject({ matched: 3, acted: 1, skipped: 2, skipped_by_reason: { already_done: 2 } });
    expect(
      await rows(fixture, 'select contact_id, count(*)::int as n from ops.tasks group by all order by all'),
    ).toEqual(['a', 'b', 'c'].map((contact_id) => ({ contact_id, n: 1 })));
    const other = await runSegmentAction(fixture.context, { ...request, runId: 'run-2' });
    expect(other.acted).toBe(3);
  });
});

describe('set_stage', () => {
  test('changes the stage, keeps the past, and skips who is there already', async () => {
    const fixture = await openFixture();
    await fixture.load((tx) =>
      addContacts(tx, [
        { contact_id: 'a', lifecycle_stage: 'lead' },
        { contact_id: 'b', lifecycle_stage: 'mql' },
        { contact_id: 'c', lifecycle_stage: null },
        { contact_id: 'outside', lifecycle_stage: 'lead' },
      ]),
    );
    await withMembers(fixture, ['a', 'b', 'c']);
    const result = await runSegmentAction(fixture.context, {
      segmentId: 'targets',
      action: { type: 'set_stage', stage: 'mql' },
      runId: 'r',
    });
    expect(result).toMatchObject({ matched: 3, acted: 2, skipped: 1, skipped_by_reason: { unchanged: 1 } });
    expect(result.sample).toEqual([
      { contact_id: 'a', before: 'lead', after: 'mql' },
      { contact_id: 'c', before: null, after: 'mql' },
    ]);
    const log = await rows(
      fixture,
      'select contact_id, status, reason, before, after from ops.action_runs order by contact_id',
    );
    expect(log).toEqual([
      {
        contact_id: 'a',
        status: 'done',
        reason: null,
        before: { lifecycle_stage: 'lead' },
        after: { lifecycle_stage: 'mql' },
      },
      {
        contact_id: 'b',
        status: 'skipped',
        reason: 'unchanged',
        before: { lifecycle_stage: 'mql' },
        after: null,
      },
      {
        contact_id: 'c',
        status: 'done',
        reason: null,
        before: { lifecycle_stage: null },
        after: { lifecycle_stage: 'mql' },
      },
    ]);
    // What the models say of each day is what was true on it.
    const stagesAt = async (asOf: string) => {
      const { rows: found } = await fixture.engine.query(
        'run: contacts -> { select: contact_id, lifecycle_stage; order_by: contact_id }',
        {
          asOf: new Date(asOf),
        },
      );
      return Object.fromEntries(found.map((row) => [row['contact_id'], row['lifecycle_stage']]));
    };
    expect(await stagesAt('2026-11-02T06:00:00Z')).toEqual({ a: 'lead', b: 'mql', c: null, outside: 'lead' });
    expect(await stagesAt('2026-11-02T06:00:01Z')).toEqual({ a: 'mql', b: 'mql', c: 'mql', outside: 'lead' });

    fixture.clock.set('2026-11-05T06:00:00Z');
    await runSegmentAction(fixture.context, {
      segmentId: 'targets',
      action: { type: 'set_stage', stage: 'customer' },
    });
    expect(await stagesAt('2026-11-05T06:00:00Z')).toEqual({ a: 'mql', b: 'mql', c: 'mql', outside: 'lead' });
    expect(await stagesAt('2026-11-06T00:00:00Z')).toEqual({
      a: 'customer',
      b: 'customer',
      c: 'customer',
      outside: 'lead',
    });
    expect(await stagesAt('2026-11-01T00:00:00Z')).toEqual({ a: 'lead', b: 'mql', c: null, outside: 'lead' });
  });
});

describe('assign_owner', () => {
  test('property: round robin is stable and balanced within one; least loaded levels the loads; inactive owners get nobody', async () => {
    const fixture = await openFixture();
    await fixture.load((tx) =>
      addContacts(
        tx,
        Array.from({ length: 40 }, (_, i) => ({ contact_id: `t${String(i).padStart(2, '0')}` })),
      ),
    );
    const owners = ['o1', 'o2', 'o3', 'o4', 'o5'];
    await addOwners(fixture, owners, { team: 'north' });
    await addOwners(fixture, ['o0'], { team: 'north', isActive: false });
    await withMembers(fixture, []);
    const loads = fc.record({
      members: fc.integer({ min: 0, max: 40 }),
      contacts: fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 5, maxLength: 5 }),
      deals: fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 5, maxLength: 5 }),
      byTeam: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(loads, async ({ members, contacts, deals, byTeam }) => {
        const ids = Array.from({ length: members }, (_, i) => `t${String(i).padStart(2, '0')}`);
        await fixture.load(async (tx) => {
          await tx.run(`delete from core.contacts where contact_id like 'load-%'`);
          await tx.run('delete from core.deals');
          await addContacts(
            tx,
            contacts.flatMap((count, owner) => [
              ...Array.from({ length: count }, (_, i) => ({
                contact_id: `load-${owner}-${i}`,
                owner_id: `o${owner + 1}`,
              })),
              {
                contact_id: `load-customer-${owner}`,
                owner_id: `o${owner + 1}`,
                lifecycle_stage: 'customer',
              },
            ]),
          );
          for (const [owner, count] of deals.entries()) {
            await tx.run(
              `insert into core.deals (deal_id, owner_id, stage, created_at, closed_at, source, recorded_at)
               select 'd' || $1 || '-' || i, $1, if(i = 0, 'Won', 'Proposal'), timestamp '2026-02-01', if(i = 0, timestamp '2026-03-01', null), 'test', timestamp '2026-02-01'
               from range($2::int + 1) r(i)`,
              [`o${owner + 1}`, count],
            );
          }
        });
        await setMembers(fixture, ids);
        const whom = byTeam ? { team: 'north' } : { owners: [...owners].reverse().concat('o0') };

        const turn = {
          segmentId: 'targets',
          action: { type: 'assign_owner', strategy: 'round_robin', ...whom },
          dryRun: true,
        };
        const robin = await runSegmentAction(fixture.context, turn);
        expect(robin.acted).toBe(members);
        expect(robin.assigned['o0']).toBeUndefined();
        const shares = owners.map((owner) => robin.assigned[owner] ?? 0);
        expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
        expect(await runSegmentAction(fixture.context, { ...turn, runId: robin.run_id })).toEqual(robin);

        const least = await runSegmentAction(fixture.context, {
          ...turn,
          action: { type: 'assign_owner', strategy: 'least_loaded', ...whom },
        });
        expect(least.acted).toBe(members);
        expect(least.assigned['o0']).toBeUndefined();
        const before = owners.map((_, index) => (contacts[index] ?? 0) + (deals[index] ?? 0));
        const got = owners.map((owner) => least.assigned[owner] ?? 0);
        const after = before.map((load, index) => load + (got[index] ?? 0));
        // Whoever got somebody ends within one of the level; whoever got nobody lay at or above it already.
        const level = Math.max(...after.filter((_, index) => (got[index] ?? 0) > 0), 0);
        expect(Math.min(...after)).toBeGreaterThanOrEqual(level - 1);
      }),
      { numRuns: 25 },
    );
  });

  test('writes owners and history; the same run changes nothing more', async () => {
    const fixture = await openFixture();
    await fixture.load((tx) =>
      addContacts(tx, [
        { contact_id: 'a', owner_id: 'o9' },
        { contact_id: 'b', owner_id: 'o2' },
        { contact_id: 'c' },
      ]),
    );
    await addOwners(fixture, ['o1', 'o2']);
    await withMembers(fixture, ['a', 'b', 'c']);
    const request = {
      segmentId: 'targets',
      action: { type: 'assign_owner', strategy: 'round_robin', owners: ['o1', 'o2'] },
      runId: 'run-1',
    };
    const dry = await runSegmentAction(fixture.context, { ...request, dryRun: true });
    expect(await rows(fixture, 'from ops.action_runs')).toEqual([]);
    const result = await runSegmentAction(fixture.context, request);
    expect({ ...dry, dry_run: false }).toEqual(result);
    expect(result).toMatchObject({
      matched: 3,
      acted: 2,
      skipped: 1,
      skipped_by_reason: { unchanged: 1 },
      assigned: { o1: 2 },
    });
    expect(await rows(fixture, 'select contact_id, owner_id from core.contacts order by contact_id')).toEqual(
      [
        { contact_id: 'a', owner_id: 'o1' },
        { contact_id: 'b', owner_id: 'o2' },
        { contact_id: 'c', owner_id: 'o1' },
      ],
    );
    expect(
      await rows(
        fixture,
        'select contact_id, field, value, valid_from, source from core.contact_changes order by contact_id, valid_from',
      ),
    ).toEqual([
      { contact_id: 'a', field: 'owner_id', value: 'o9', valid_from: fromStart, source: 'test' },
      {
        contact_id: 'a',
        field: 'owner_id',
        value: 'o1',
        valid_from: '2026-11-02T06:00:00Z',
        source: 'workflow',
      },
      { contact_id: 'c', field: 'owner_id', value: null, valid_from: fromStart, source: 'test' },
      {
        contact_id: 'c',
        field: 'owner_id',
        value: 'o1',
        valid_from: '2026-11-02T06:00:00Z',
        source: 'workflow',
      },
    ]);
    const before = await written(fixture);
    const again = await runSegmentAction(fixture.context, request);
    expect(again).toMatchObject({ acted: 0, skipped: 3 });
    expect(await written(fixture)).toEqual(before);
  });
});

test('what is refused writes nothing, and says what is allowed', async () => {
  const fixture = await openFixture();
  await fixture.load((tx) => addContacts(tx, [{ contact_id: 'a' }]));
  await addOwners(fixture, ['o1'], { team: 'north' });
  await addOwners(fixture, ['retired'], { isActive: false });
  await withMembers(fixture, ['a']);
  const before = await written(fixture);
  const cases: [unknown, string, RegExp][] = [
    [{ type: 'delete_everything' }, 'bad_request', /create_task, assign_owner, set_stage/],
    [{ type: 'toString' }, 'bad_request', /There is no action/],
    [{ type: 'set_stage', stage: 'vip' }, 'bad_request', /subscriber, lead, mql, sql, opportunity, customer/],
    [{ type: 'set_stage' }, 'bad_request', /set_stage/],
    [{ type: 'create_task', title: '' }, 'bad_request', /title/],
    [{ type: 'create_task', title: 'x', due_in_days: -1 }, 'bad_request', /due_in_days/],
    [{ type: 'assign_owner', strategy: 'round_robin' }, 'bad_request', /either owners or a team/],
    [
      { type: 'assign_owner', strategy: 'round_robin', owners: ['o1'], team: 'north' },
      'bad_request',
      /either owners or a team/,
    ],
    [{ type: 'assign_owner', strategy: 'round_robin', owners: ['o11'] }, 'bad_request', /Did you mean 'o1'/],
    [{ type: 'assign_owner', strategy: 'round_robin', team: 'nort' }, 'bad_request', /Did you mean 'north'/],
    [
      { type: 'assign_owner', strategy: 'least_loaded', owners: ['retired'] },
      'conflict',
      /None of these owners is active/,
    ],
  ];
  for (const [action, code, message] of cases) {
    await expect(runSegmentAction(fixture.context, { segmentId: 'targets', action })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    });
  }
  const elsewhere = { segmentId: 'target', action: { type: 'set_stage', stage: 'lead' } };
  await expect(runSegmentAction(fixture.context, elsewhere)).rejects.toMatchObject({
    code: 'not_found',
    message: expect.stringMatching(/Did you mean 'targets'/) as string,
  });
  expect(await written(fixture)).toEqual(before);
});
