import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Criteria } from '../../../models/criteria/types.ts';
import { openSmallWarehouse, type SmallEvent } from './small-model.ts';

const people = ['ann', 'bob', 'cy', 'dee'];
const today = Date.parse('2026-11-02T00:00:00Z');
const asOf = Date.parse('2026-11-02T06:00:00Z');
const day = 86_400_000;

interface Asked {
  measure: 'click_count' | 'spent' | 'big_count' | 'spent_on_x';
  campaign: string | undefined;
  days: number | undefined;
  /** Only after the last click of this campaign. */
  since: string | undefined;
  operator: 'at_least' | 'less_than' | 'equals';
  value: number;
}

const campaign = fc.constantFrom('x', 'y', 'z');
const events = fc.array(
  fc.record({
    contact: fc.constantFrom(...people, null),
    // Some at the very start of a window, some after AS_OF.
    at: fc.oneof(
      fc.integer({ min: today - 120 * day, max: asOf + day }),
      fc.constantFrom(today - 30 * day, today - 7 * day, today - 7 * day - 1000, asOf),
    ),
    campaign: fc.option(campaign),
    amount: fc.option(fc.integer({ min: 0, max: 20 })),
  }),
  { maxLength: 25 },
);
const asked: fc.Arbitrary<Asked> = fc.record({
  measure: fc.constantFrom('click_count', 'spent', 'big_count', 'spent_on_x'),
  campaign: fc.option(campaign, { nil: undefined }),
  days: fc.option(fc.constantFrom(7, 30, 90), { nil: undefined }),
  since: fc.option(campaign, { nil: undefined }),
  operator: fc.constantFrom('at_least', 'less_than', 'equals'),
  value: fc.integer({ min: 0, max: 3 }),
});

type Click = { contact: string | null; at: number; campaign: string | null; amount: number | null };

/** What the criteria say, one person and event at a time. */
function isMember(person: string, clicks: readonly Click[], ask: Asked): boolean {
  const own = clicks.filter(({ contact, at }) => contact === person && at < asOf);
  let last = -Infinity;
  if (ask.since !== undefined) {
    const before = own.filter((click) => click.campaign === ask.since);
    if (before.length === 0) return false;
    last = Math.max(...before.map(({ at }) => at));
  }
  const counted = own.filter(
    (click) =>
      click.at > last &&
      (ask.days === undefined || click.at >= today - ask.days * day) &&
      (ask.campaign === undefined || click.campaign === ask.campaign) &&
      (ask.measure !== 'big_count' || (click.amount ?? 0) >= 10) &&
      (ask.measure !== 'spent_on_x' || click.campaign === 'x'),
  );
  const value = ask.measure.endsWith('count')
    ? counted.length
    : counted.reduce((sum, { amount }) => sum + (amount ?? 0), 0);
  if (ask.operator === 'at_least') return value >= ask.value;
  return ask.operator === 'equals' ? value === ask.value : value < ask.value;
}

function criteriaOf({ measure, campaign: only, days, since, operator, value }: Asked): Criteria {
  const inCampaign = (id: string): Criteria => ({ field: 'campaign_id', operator: 'equals', value: id });
  return {
    measure: `clicks.${measure}`,
    ...(only === undefined ? {} : { where: inCampaign(only) }),
    ...(days === undefined ? {} : { within_days: days }),
    ...(since === undefined ? {} : { since: { source: 'clicks', where: inCampaign(since) } }),
    operator,
    value,
  };
}

test('many behaviours in a few scans, each of the rows that count, find whom a walk over the events finds', async () => {
  const small = await openSmallWarehouse(people.map((contact_id) => ({ contact_id })));
  await fc.assert(
    fc.asyncProperty(events, fc.array(asked, { minLength: 1, maxLength: 12 }), async (clicks, asks) => {
      await small.replaceEvents(
        clicks.map((click): SmallEvent => [
          click.contact,
          new Date(click.at).toISOString().replace('T', ' ').replace('Z', ''),
          click.campaign,
          click.amount,
        ]),
      );
      const members = await small.members(...asks.map(criteriaOf));
      expect(members).toEqual(asks.map((ask) => people.filter((person) => isMember(person, clicks, ask))));
    }),
    { numRuns: Number(process.env['MALLARD_PROPERTY_RUNS'] ?? 40) },
  );
});
