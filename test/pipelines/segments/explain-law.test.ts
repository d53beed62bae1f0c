import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Criteria, CriteriaValue } from '../../../models/criteria/types.ts';
import type { MallardError } from '../../../data/errors.ts';
import { explainCriteria, type SegmentExplanation } from '../../../pipelines/segments/explain.ts';
import type { ExplainedNode } from '../../../pipelines/segments/explain-tree.ts';
import { planMembership } from '../../../pipelines/segments/plan.ts';
import { addClicks, addContacts, addOrders, openFixture, type SegmentFixture } from './fixture.ts';

/** Contacts of every kind: with and without events, of several stages, merged, and one that came late. */
async function world(): Promise<SegmentFixture> {
  const fixture = await openFixture();
  const random = fc.sample(
    fc.record({
      who: fc.integer({ min: 0, max: 11 }),
      day: fc.integer({ min: 0, max: 300 }),
      isOrder: fc.boolean(),
    }),
    { numRuns: 150, seed: 3 },
  );
  const at = (day: number) => new Date(Date.UTC(2026, 0, 5 + day, 9)).toISOString();
  const stages = ['lead', 'mql', 'customer', null];
  await fixture.load(async (tx) => {
    await addContacts(
      tx,
      Array.from({ length: 14 }, (_, i) => ({
        contact_id: `c${i}`,
        created_at: i === 13 ? '2026-10-01T00:00:00' : `2026-01-0${1 + (i % 4)}T00:00:00`,
        lifecycle_stage: stages[i % 4] ?? null,
        country: i % 3 === 0 ? null : `x${i % 3}`,
      })),
    );
    await addClicks(
      tx,
      random
        .filter(({ isOrder }) => !isOrder)
        .map(({ who, day }) => ({ contact_id: `c${who}`, occurred_at: at(day) })),
    );
    await addOrders(
      tx,
      random
        .filter(({ isOrder }) => isOrder)
        .map(({ who, day }) => ({ contact_id: `c${who}`, ordered_at: at(day), amount: 5 + (day % 40) })),
    );
    await tx.run(
      `insert into core.contact_changes values ('c1', 'lifecycle_stage', 'customer', timestamp '2026-06-01', 'test', timestamp '2026-06-01')`,
    );
    await tx.run(`insert into core.contact_canonicals values ('c11', 'c2', timestamp '2026-02-01', null)`);
  });
  await fixture.build();
  return fixture;
}

const field = (name: string, operator: string, value?: CriteriaValue): Criteria => ({
  field: name,
  operator,
  ...(value === undefined ? {} : { value }),
});

const leaf: fc.Arbitrary<Criteria> = fc.oneof(
  fc.constantFrom(
    field('lifecycle_stage', 'equals', 'lead'),
    field('lifecycle_stage', 'in', ['mql', 'customer']),
    field('country', 'not_equals', 'x1'),
    field('country', 'is_not_set'),
    field('has_email', 'equals', true),
    field('last_ordered_at', 'within_last_days', 60),
    field('created_at', 'more_than_days_ago', 100),
    field('first_ordered_at', 'before', '2026-05-01'),
    field('total_revenue', 'between', [20, 120]),
    field('rfm.monetary_score', 'at_least', 4),
    field('rfm.recency_score', 'at_most', 2),
    field('rfm.segment', 'is_set'),
    field('lead_scores.score', 'greater_than', 10),
  ),
  fc.integer({ min: 0, max: 4 }).map((least) => field('email.last_90_days.clicks', 'at_least', least)),
  fc.integer({ min: 0, max: 6 }).map((most) => field('order_count', 'less_than', most)),
  fc
    .record({
      measure: fc.constantFrom('email_events.clicks', 'orders.order_count', 'orders.revenue'),
      days: fc.option(fc.integer({ min: 1, max: 300 })),
      least: fc.integer({ min: 0, max: 30 }),
      isOfCampaign: fc.boolean(),
    })
    .map(({ measure, days, least, isOfCampaign }): Criteria => ({
      measure,
      operator: 'at_least',
      value: least,
      ...(days === null ? {} : { within_days: days }),
      ...(isOfCampaign && measure === 'email_events.clicks'
        ? { where: field('campaign_id', 'equals', 'c1') }
        : {}),
    })),
);
const tree = fc.letrec<{ tree: Criteria }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.record({ all: fc.array(tie('tree'), { minLength: 1, maxLength: 3 }) }),
    fc.record({ any: fc.array(tie('tree'), { minLength: 1, maxLength: 3 }) }),
    fc.record({ not: tie('tree') }),
  ),
})).tree;

/** Every node of a tree with its path, written down anew. */
function parts(criteria: Criteria, path = '$'): [string, Criteria][] {
  const below =
    'all' in criteria
      ? criteria.all.flatMap((one, i) => parts(one, `${path}.all[${i}]`))
      : 'any' in criteria
        ? criteria.any.flatMap((one, i) => parts(one, `${path}.any[${i}]`))
        : 'not' in criteria
          ? parts(criteria.not, `${path}.not`)
          : [];
  return [[path, criteria], ...below];
}

function outcome(told: SegmentExplanation | string) {
  if (typeof told === 'string') return told;
  const { contact_id, is_member, nodes } = told;
  return { contact_id, is_member, truths: nodes.map(({ path, is_true }) => [path, is_true]) };
}

/** What the children of a node make of it; a condition is what it is. */
function combined(node: ExplainedNode, all: readonly ExplainedNode[]): boolean {
  const children = all.filter(
    ({ path, depth }) => depth === node.depth + 1 && path.startsWith(`${node.path}.`),
  );
  const truths = children.map(({ is_true }) => is_true);
  if (node.kind === 'all') return truths.every(Boolean);
  if (node.kind === 'any') return truths.some(Boolean);
  return node.kind === 'not' ? truths[0] === false : node.is_true;
}

test('property: each node of an explanation is what an evaluation of it says, as of the build and of any other day', async () => {
  const fixture = await world();
  const ids = ['c0', 'c1', 'c2', 'c11', 'c5', 'c9', 'c12', 'c13'];
  const seen = { true: 0, false: 0 };
  await fc.assert(
    fc.asyncProperty(
      tree,
      fc.constantFrom(...ids),
      fc.constantFrom('2026-11-02T06:00:00Z', '2026-10-20T00:00:00Z', '2026-07-09T15:00:00Z'),
      async (criteria, contact, time) => {
        const asOf = new Date(time);
        const person = contact === 'c11' ? 'c2' : contact;
        const nodes = parts(criteria);
        const plan = await planMembership(
          fixture.engine,
          nodes.map(([id, part]) => ({ id, version: 1, criteria: part })),
          { asOf, zone: 'UTC', definitions: new Map() },
        );
        expect([...plan.errors]).toEqual([]);
        const row = await fixture.warehouse.read((session) =>
          session.one<Record<string, boolean>>(`select * from (${plan.sql}) where contact_id = $1`, [person]),
        );
        // Who was no contact yet is in nothing, and is refused.
        const told = await explainCriteria(fixture.context, criteria, { contact, asOf }).catch(
          (error: MallardError) => error.code,
        );
        const truths = row && nodes.map(([path]) => [path, row[plan.columns.get(path) ?? '']]);
        expect(outcome(told)).toEqual(
          truths ? { contact_id: person, is_member: truths[0]?.[1], truths } : 'not_found',
        );
        const all = typeof told === 'string' ? [] : told.nodes;
        for (const node of all) {
          seen[node.is_true ? 'true' : 'false']++;
          expect(node.is_true).toBe(combined(node, all));
        }
      },
    ),
    { numRuns: 60, seed: 17 },
  );
  expect(Math.min(seen.true, seen.false)).toBeGreaterThan(50);
}, 300_000);
