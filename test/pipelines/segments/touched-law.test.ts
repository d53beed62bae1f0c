import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Warehouse } from '../../../data/owner/warehouse.ts';
import { emptyProject } from '../../support.ts';
import type { Criteria } from '../../../models/criteria/types.ts';
import { ModelEngine } from '../../../models/engine/engine.ts';
import { canonicalsSql } from '../../../pipelines/identity/canonicals.ts';
import { evaluateSegments, segmentsToEvaluate } from '../../../pipelines/segments/evaluate.ts';
import { planMembership, type MembershipPlan } from '../../../pipelines/segments/plan.ts';
import { saveSegment } from '../../../pipelines/segments/store.ts';
import { asOfNow, placeholderOf } from '../../../pipelines/segments/touched/world.ts';
import { evaluateTouched } from '../../../pipelines/segments/touched/evaluate-touched.ts';
import { day, stories, type Story } from '../../models/as-of/story.ts';
import { forgetEverything, tellOne } from '../../models/as-of/tell.ts';
import { movableClock } from './fixture.ts';

const runs = Number(process.env['MALLARD_PROPERTY_RUNS'] ?? 2);
const folder = mkdtempSync(join(tmpdir(), 'mallard-touched-'));
const clock = movableClock();
let warehouse: Warehouse;
let engine: ModelEngine;
let whole: MembershipPlan;
const placeholder = placeholderOf(new Date(`${day(15)}Z`), 'UTC');

/** The day on which a story is told from its third telling on; what it dates later happens in the hours of that day. */
const today = 15;

/** One of each kind of fact, of what is joined by contact, by address and by deal, and of what a window begins or ends. */
const segments: Record<string, Criteria> = {
  customers: { field: 'lifecycle_stage', operator: 'equals', value: 'customer' },
  germans: { not: { field: 'country', operator: 'equals', value: 'DE' } },
  stubs: { field: 'is_stub', operator: 'equals', value: true },
  first_address: { field: 'email_address', operator: 'contains', value: 'one@' },
  ordered: { field: 'order_count', operator: 'at_least', value: 2 },
  spent: { field: 'total_revenue', operator: 'greater_than', value: 60 },
  ordered_lately: { field: 'last_ordered_at', operator: 'within_last_days', value: 5 },
  opened: { field: 'email.last_7_days.opens', operator: 'at_least', value: 1 },
  unsubscribed: { field: 'has_unsubscribed', operator: 'equals', value: true },
  visited: { field: 'web.last_30_days.page_views', operator: 'at_least', value: 1 },
  talked: { field: 'activities.last_30_days.activity_count', operator: 'at_least', value: 1 },
  consented: { field: 'consent_status', operator: 'equals', value: 'granted' },
  in_a_sale: { field: 'open_deal_count', operator: 'at_least', value: 1 },
  won: { field: 'won_deal_amount', operator: 'greater_than', value: 150 },
  acquired: { field: 'acquired_at', operator: 'is_set' },
  converted: { field: 'is_converted_within_90_days', operator: 'equals', value: true },
  clicked_behaviour: {
    measure: 'email_events.clicks',
    where: { field: 'agent_class', operator: 'equals', value: 'human' },
    within_days: 10,
    operator: 'at_least',
    value: 1,
  },
  never_visited: { measure: 'web_events.event_count', operator: 'equals', value: 0 },
};

beforeAll(async () => {
  warehouse = await Warehouse.open(emptyProject(folder), { clock, memoryLimit: '2GB' });
  engine = new ModelEngine(warehouse);
  for (const [id, criteria] of Object.entries(segments))
    await saveSegment({ warehouse, engine }, { segment_id: id, title: id, criteria });
  const all = await segmentsToEvaluate({ warehouse, engine }, Object.keys(segments));
  // What others' marts say does not matter here, but they are there.
  await engine.build({ asOf: clock.now() });
  whole = await planMembership(engine, all, { asOf: placeholder, zone: 'UTC', definitions: new Map() });
});
afterAll(async () => {
  await warehouse.close();
  rmSync(folder, { recursive: true, force: true });
});

test(
  'who is a member after only the touched were evaluated, is who an evaluation of all finds at that time',
  { timeout: 60_000 + runs * 60_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(
        stories,
        fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
        async (story, looks) => {
          await beginAnew();
          const told = inHours(story);
          for (const [index, telling] of told.entries()) {
            clock.set(momentOf(index));
            await tellOne(warehouse, telling);
            if (index === 2) await buildAndEvaluate();
            // Several tellings are looked at together where it does not look each time.
            if (index < 2 || looks[index % looks.length] === false) continue;
            await evaluateTouched({ warehouse, engine });
            expect(await members()).toEqual(await expected());
          }
          // What was dated ahead has happened by now, though nothing more was told.
          clock.set(`${day(today + 0.99)}Z`);
          await evaluateTouched({ warehouse, engine });
          expect(await members()).toEqual(await expected());
          const settled = await buildAndEvaluate();
          expect(settled.filter((run) => run.entered_count !== 0 || run.left_count !== 0)).toEqual([]);
        },
      ),
      {
        numRuns: runs,
        endOnFailure: true,
        ...(process.env['MALLARD_PROPERTY_RUNS'] === undefined ? { seed: 20261125 } : {}),
      },
    );
  },
);

/** The first tellings are of the days before; then one every half hour. */
function momentOf(index: number): string {
  return `${day(index < 2 ? index : today + (index + 1) / 48)}Z`;
}

/** The story with everything after the day squeezed into it, so that it becomes true while the story is told. */
function inHours(story: Story): Story {
  let text = JSON.stringify(story);
  for (let n = today; n <= 30; n += 1) text = text.replaceAll(day(n), day(today + (n - today + 1) / 18));
  return JSON.parse(text) as Story;
}

async function beginAnew(): Promise<void> {
  await forgetEverything(warehouse);
  await warehouse.build.transaction(async (tx) => {
    for (const table of ['runs', 'changes', 'memberships_open', 'touched_runs'])
      await tx.run(`delete from ops.segment_${table}`);
    // The clock goes back, and the newest build would be the last story's.
    await tx.run(`delete from ops.mart_builds where mart in ('deal_facts', 'contact_facts')`);
  });
}

/** The Malloy segments are relative, or of scores: see the README. */
async function buildAndEvaluate() {
  await engine.build({ asOf: clock.now(), marts: ['deal_facts', 'contact_facts'] });
  const result = await evaluateSegments(warehouse, engine, { segmentIds: Object.keys(segments) });
  return result.segments;
}

type Members = Record<string, string[]>;

async function members(): Promise<Members> {
  const found: Members = Object.fromEntries(Object.keys(segments).map((id) => [id, []]));
  const rows = await warehouse.read((session) =>
    session.rows<{ segment_id: string; contact_id: string }>(
      `select distinct segment_id, coalesce(k.canonical_contact_id, o.contact_id) as contact_id
       from ops.segment_memberships_open o left join ${canonicalsSql} k on k.contact_id = o.contact_id order by 2`,
    ),
  );
  for (const { segment_id: id, contact_id: contact } of rows) found[id]?.push(contact);
  return found;
}

/** What the SQL of an evaluation of all says over the definitions; compiled once, for that takes longer than all else here. */
async function expected(): Promise<Members> {
  const sql = asOfNow(whole.sql, placeholder, clock.now());
  const rows = await warehouse.read((session) => session.rows(`from (${sql}) order by contact_id`));
  return Object.fromEntries(
    [...whole.columns].map(([id, column]) => [
      id,
      rows.filter((row) => row[column] === true).map((row) => String(row['contact_id'])),
    ]),
  );
}
