import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { criteriaCatalogue } from '../../../../models/criteria/from-catalogue.ts';
import { membershipQuery } from '../../../../models/criteria/query.ts';
import type { Criteria } from '../../../../models/criteria/types.ts';
import { withIntervals } from '../../../../pipelines/segments/intervals/run.ts';
import { openFixture, type SegmentFixture } from '../fixture.ts';
import { end, history, start, timeIn, write, type History } from './history.ts';

const runs = Number(process.env['MALLARD_PROPERTY_RUNS'] ?? 2);
// Not the start of a day: what the span begins with is not what the day begins with.
const span = { from: new Date(start + 5.4 * 86_400_000), until: new Date(end + 20 * 86_400_000) };

const leaf = (
  field: string,
  operator: string,
  value?: string | number | boolean | (string | number)[],
): Criteria => ({
  field,
  operator,
  ...(value === undefined ? {} : { value }),
});
const behaviour = (measure: string, operator: string, value: number, rest: object = {}): Criteria => ({
  measure,
  operator,
  value,
  ...rest,
});

/** Every kind of condition that is followed exactly. */
const leaves: Criteria[] = [
  behaviour('email_events.clicks', 'at_least', 2, { within_days: 9 }),
  behaviour('email_events.clicks', 'equals', 0, { within_days: 30 }),
  behaviour('email_events.event_count', 'between', 1, {
    value: [1, 3],
    where: leaf('url', 'contains', '/B'),
    within_days: 7,
  }),
  behaviour('email_events.clicks', 'at_least', 3),
  behaviour('orders.revenue', 'greater_than', 12.5, { within_days: 14 }),
  behaviour('orders.order_count', 'equals', 1),
  leaf('email.last_7_days.clicks', 'at_least', 1),
  leaf('orders.last_30_days.revenue', 'less_than', 10),
  leaf('total_revenue', 'at_least', 20),
  leaf('last_ordered_at', 'within_last_days', 10),
  leaf('last_ordered_at', 'more_than_days_ago', 10),
  leaf('last_ordered_at', 'is_not_set'),
  leaf('first_ordered_at', 'before', '2026-03-20'),
  leaf('last_email_clicked_at', 'after', '2026-03-08'),
  leaf('days_since_last_order', 'at_most', 4),
  leaf('days_since_last_order', 'greater_than', 6.5),
  leaf('days_since_last_email_click', 'equals', 0),
  leaf('days_since_last_email_click', 'not_equals', 2),
  leaf('days_since_last_activity', 'in', [1, 3, 4]),
  leaf('days_since_created', 'between', [3, 12]),
  leaf('has_unsubscribed', 'equals', true),
  { measure: 'email_events.last_clicked_at', within_days: 6, operator: 'before', value: '2026-03-25' },
  { measure: 'orders.first_ordered_at', within_days: 20, operator: 'after', value: '2026-03-10' },
  { measure: 'orders.first_ordered_at', within_days: 5, operator: 'is_not_set' },
  leaf('has_email', 'equals', false),
  leaf('country', 'equals', 'DE'),
  leaf('country', 'is_not_set'),
  leaf('country', 'not_equals', 'DE'),
  leaf('lifecycle_stage', 'in', ['mql', 'customer']),
  leaf('email_address', 'starts_with', 'X'),
  leaf('created_at', 'within_last_days', 12),
  leaf('created_at', 'more_than_days_ago', 12),
];

async function membersAt(
  fixture: SegmentFixture,
  segments: { id: string; criteria: Criteria }[],
  zone: string,
  at: Date,
) {
  const catalogue = criteriaCatalogue(await fixture.engine.catalogue());
  const query = membershipQuery(segments, { catalogue, zone, segments: new Map() });
  const { sql } = await fixture.engine.compileSql(query.malloy ?? '', { asOf: at, restricted: true });
  const rows = await fixture.warehouse.read((session) => session.rows(sql));
  return segments.map(({ id }) =>
    rows
      .filter((row) => row[query.columns.get(id) ?? ''] === true)
      .map((row) => String(row['contact_id']))
      .sort(),
  );
}

const zones = ['UTC', 'America/New_York', 'America/Havana', 'Pacific/Auckland'];

test('NOT(NOT a) = a, and De Morgan', { timeout: 120_000 }, async () => {
  const zone = 'Pacific/Auckland';
  const fixture = await openFixture();
  writeFileSync(join(fixture.project.dir, 'account.yaml'), `time_zone: ${zone}\n`);
  const [a, b] = [leaves[0] as Criteria, leaf('country', 'equals', 'DE')];
  const laws: Record<string, [Criteria, Criteria]> = {
    'not not a = a': [{ not: { not: a } }, a],
    'not (a and b) = not a or not b': [{ not: { all: [a, b] } }, { any: [{ not: a }, { not: b }] }],
    'not (a or b) = not a and not b': [{ not: { any: [a, b] } }, { all: [{ not: a }, { not: b }] }],
  };
  const segments = Object.entries(laws).flatMap(([id, [left, right]]) => [
    { id: `${id} left`, criteria: left },
    { id: `${id} right`, criteria: right },
  ]);
  await fc.assert(
    fc.asyncProperty(history(zone), async (told) => {
      await fixture.load((tx) => write(tx, told));
      await withIntervals(fixture.context, { segments, span, sampleTimes: [] }, async (work, { table }) => {
        for (const id of Object.keys(laws)) {
          const side = (name: string) =>
            work.session.rows(
              `select contact_id, valid_from, valid_to from ${table} where segment_id = $1 order by all`,
              [`${id} ${name}`],
            );
          expect(await side('left'), id).toEqual(await side('right'));
        }
      });
    }),
    { numRuns: runs, seed: 20261102 },
  );
});

for (const zone of zones) {
  test(
    `intervals at T are the evaluation as of T: ${zone}`,
    { timeout: 160_000 + runs * 20_000 },
    async () => {
      const fixture = await openFixture();
      writeFileSync(join(fixture.project.dir, 'account.yaml'), `time_zone: ${zone}\ncurrency: USD\n`);
      const tree: Criteria = {
        any: [
          { all: [leaves[0] as Criteria, { not: leaves[9] as Criteria }] },
          { not: { any: [leaves[22] as Criteria, leaves[14] as Criteria] } },
        ],
      };
      const segments = [...leaves, tree].map((criteria, index) => ({ id: `s${index}`, criteria }));
      await fc.assert(
        fc.asyncProperty(
          history(zone),
          fc.array(timeIn(zone, span.from.getTime(), span.until.getTime()), { minLength: 4, maxLength: 6 }),
          async (told, times) => {
            await fixture.load((tx) => write(tx, told));
            await withIntervals(
              fixture.context,
              { segments, span, sampleTimes: [] },
              async (work, { table, leaves: notes }) => {
                for (const [id, list] of notes) {
                  expect(
                    list.filter(({ followed }) => followed === 'sampled'),
                    id,
                  ).toEqual([]);
                }
                for (const at of moments(told, times)) {
                  const expected = await membersAt(fixture, segments, zone, new Date(at));
                  const rows = await work.session.rows<{ segment_id: string; contact_id: string }>(
                    `select segment_id, contact_id from ${table} where valid_from <= $1::timestamp and $1::timestamp < coalesce(valid_to, timestamp 'infinity')`,
                    [new Date(at).toISOString().slice(0, -1)],
                  );
                  const actual = segments.map(({ id }) =>
                    rows
                      .filter((row) => row.segment_id === id)
                      .map((row) => row.contact_id)
                      .sort(),
                  );
                  expect(
                    Object.fromEntries(
                      actual.map((ids, index) => [JSON.stringify(segments[index]?.criteria), ids]),
                    ),
                    `as of ${new Date(at).toISOString()}`,
                  ).toEqual(
                    Object.fromEntries(
                      expected.map((ids, index) => [JSON.stringify(segments[index]?.criteria), ids]),
                    ),
                  );
                }
              },
            );
          },
        ),
        { numRuns: runs, seed: 20261102 },
      );
    },
  );
}

/** The asked times, and the very times of some facts, which are no longer before them a millisecond later. */
function moments(told: History, times: readonly number[]): number[] {
  const facts = [...told.emails, ...told.orders, ...told.changes, ...told.activities].map(({ at }) => at);
  const near = facts.slice(0, 4).flatMap((at) => [at, at + 1]);
  const within = (at: number) => at >= span.from.getTime() && at < span.until.getTime();
  return [...new Set([span.from.getTime(), ...times, ...near])].filter(within);
}
