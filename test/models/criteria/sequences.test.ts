import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Criteria, EventSelection, SequenceStep } from '../../../models/criteria/types.ts';
import { openSmallWarehouse, type SmallEvent, type SmallVisit } from './small-model.ts';

// AS_OF is 2026-11-02, 06:00.
const people = ['ada', 'bob', 'cyd'];
const open = () => openSmallWarehouse(people.map((contact_id) => ({ contact_id, name: contact_id })));

const clicked = (campaign: string): EventSelection => ({
  source: 'clicks',
  where: { field: 'campaign_id', operator: 'equals', value: campaign },
});
const visited = (url: string): EventSelection => ({
  source: 'visits',
  where: { field: 'url', operator: 'contains', value: url },
});

describe('sequences', () => {
  const clicks: SmallEvent[] = [
    ['ada', '2026-10-01T12:00:00', 'x', null],
    ['ada', '2026-10-20T12:00:00', 'y', null],
    ['bob', '2026-10-09T12:00:00', 'x', null],
    ['bob', '2026-10-02T12:00:00', 'y', null],
    ['cyd', '2026-10-01T12:00:00', 'x', null],
    ['cyd', '2026-10-01T12:00:00', 'y', null],
    [null, '2026-10-01T11:00:00', 'x', null],
    [null, '2026-10-01T12:00:00', 'y', null],
  ];
  const visits: SmallVisit[] = [
    ['ada', '2026-10-08', '/pricing'],
    ['bob', '2026-10-17', '/pricing'],
    ['cyd', '2026-10-02', '/about'],
  ];
  const sequence = (...steps: SequenceStep[]): Criteria => ({ sequence: steps });
  const cases: [string, Criteria, string[]][] = [
    ['one after the other, not before it', sequence(clicked('x'), clicked('y')), ['ada']],
    ['of two sources, a day being its start', sequence(clicked('x'), visited('/pricing')), ['ada', 'bob']],
    // From noon of the 1st to the start of the 8th are 6.5 days; from noon of the 9th to the 17th 7.5.
    [
      'within days of the step before',
      sequence(clicked('x'), { ...visited('/pricing'), within_days: 7 }),
      ['ada'],
    ],
    ['a day too late', sequence(clicked('x'), { ...visited('/pricing'), within_days: 6 }), []],
    ['three steps', sequence(clicked('x'), visited('/pricing'), clicked('y')), ['ada']],
    [
      'the last step within the last days',
      { sequence: [clicked('x'), visited('/pricing')], within_days: 16 },
      ['bob'],
    ],
    ['any event at all', sequence({ source: 'clicks' }, { source: 'clicks' }), ['ada', 'bob']],
    ['negated', { not: sequence(clicked('x'), clicked('y')) }, ['bob', 'cyd']],
  ];

  test.each(cases)('%s', async (_, tree, members) => {
    const small = await open();
    await small.replaceEvents(clicks, visits);
    expect(await small.members(tree)).toEqual([members]);
  });

  test('side by side they are what each is alone', async () => {
    const small = await open();
    await small.replaceEvents(clicks, visits);
    expect(await small.members(...cases.map(([, tree]) => tree))).toEqual(
      cases.map(([, , members]) => members),
    );
  });
});

describe('since', () => {
  const bought = (operator: string, value: number, since: EventSelection, more: object = {}): Criteria => ({
    measure: 'clicks.click_count',
    where: { field: 'campaign_id', operator: 'equals', value: 'order' },
    operator,
    value,
    since,
    ...more,
  });

  test('only what came after the last one counts; false of whoever has none', async () => {
    const small = await open();
    await small.replaceEvents([
      ['ada', '2026-10-01T12:00:00', 'x', null],
      ['ada', '2026-10-05T12:00:00', 'order', null],
      ['ada', '2026-10-20T12:00:00', 'x', null],
      ['bob', '2026-10-01T12:00:00', 'x', null],
      ['bob', '2026-10-01T12:00:00', 'order', null],
      ['bob', '2026-10-01T12:00:01', 'order', null],
      ['cyd', '2026-10-05T12:00:00', 'order', null],
    ]);
    const found = await small.members(
      bought('equals', 0, clicked('x')),
      bought('at_least', 1, clicked('x')),
      bought('equals', 1, clicked('x')),
      { not: bought('equals', 0, clicked('x')) },
      bought('at_least', 1, clicked('x'), { within_days: 5 }),
      bought('at_least', 0, clicked('nothing')),
    );
    expect(found).toEqual([['ada'], ['bob'], ['bob'], ['bob', 'cyd'], [], []]);
  });

  test('after the last event of another source', async () => {
    const small = await open();
    await small.replaceEvents([['ada', '2026-10-08T00:00:00', 'order', null]], [['ada', '2026-10-08', '/a']]);
    expect(await small.members(bought('equals', 0, { source: 'visits' }))).toEqual([['ada']]);
    await small.replaceEvents([['ada', '2026-10-08T00:00:01', 'order', null]], [['ada', '2026-10-08', '/a']]);
    expect(await small.members(bought('equals', 0, { source: 'visits' }))).toEqual([[]]);
  });
});

describe('property: as a plain walk over each contact’s events says', () => {
  const hour = (n: number) => new Date(Date.UTC(2026, 9, 20, n)).toISOString().slice(0, 19);
  const event = fc
    .tuple(fc.constantFrom(...people), fc.nat(240), fc.constantFrom('x', 'y', 'z'))
    .map(([contact, n, campaign]): SmallEvent => [contact, hour(n), campaign, null]);
  const step = fc.record({
    campaign: fc.constantFrom('x', 'y', 'z'),
    days: fc.option(fc.integer({ min: 1, max: 4 })),
  });

  test('sequences and since', { timeout: 120_000 }, async () => {
    const small = await open();
    await fc.assert(
      fc.asyncProperty(
        fc.array(event, { maxLength: 25 }),
        fc.array(fc.array(step, { minLength: 2, maxLength: 4 }), { minLength: 3, maxLength: 3 }),
        async (events, walks) => {
          await small.replaceEvents(events);
          const trees = walks.map((steps): Criteria => ({
            sequence: steps.map(({ campaign, days }, index) => ({
              ...clicked(campaign),
              ...(index > 0 && days !== null ? { within_days: days } : {}),
            })),
          }));
          const since: Criteria = {
            measure: 'clicks.click_count',
            where: { field: 'campaign_id', operator: 'equals', value: 'y' },
            since: clicked('x'),
            operator: 'equals',
            value: 0,
          };
          const found = await small.members(...trees, since);
          const of = (contact: string, campaign: string) =>
            events
              .filter(([who, , what]) => who === contact && what === campaign)
              .map(([, at]) => Date.parse(at));
          walks.forEach((steps, index) => {
            const expected = people.filter((contact) => {
              const [first, ...rest] = steps.map(({ campaign, days }) => ({
                times: of(contact, campaign),
                days,
              }));
              const ends = rest.reduce(
                (before, { times, days }) =>
                  times.filter((at) =>
                    before.some((was) => at > was && (days === null || at <= was + days * 86_400_000)),
                  ),
                first?.times ?? [],
              );
              return ends.length > 0;
            });
            expect(found[index]).toEqual(expected);
          });
          expect(found.at(-1)).toEqual(
            people.filter((contact) => {
              const last = Math.max(...of(contact, 'x'));
              return Number.isFinite(last) && !of(contact, 'y').some((at) => at > last);
            }),
          );
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('segments', () => {
  const name = (value: string): Criteria => ({ field: 'name', operator: 'equals', value });
  const inSegment = (segment: string): Criteria => ({ segment });

  test('stand for their criteria, or for the members of a Malloy query; all, any and not are set operations', async () => {
    const small = await open();
    const segments = new Map([
      ['ada_or_bob', { criteria: { any: [name('ada'), name('bob')] } }],
      ['not_those', { criteria: { not: inSegment('ada_or_bob') } }],
      ['malloy', { members: 'bobs' }],
    ]);
    const found = await small.membersWith(
      segments,
      inSegment('ada_or_bob'),
      inSegment('not_those'),
      { all: [inSegment('ada_or_bob'), { not: inSegment('malloy') }] },
      { any: [inSegment('malloy'), name('cyd')] },
    );
    expect(found).toEqual([['ada', 'bob'], ['cyd'], ['ada'], ['bob', 'cyd']]);
  });

  test('refuse a circle, an unknown name with the nearest, and more than can be meant', async () => {
    const small = await open();
    const circle = new Map([
      ['a', { criteria: { not: inSegment('b') } }],
      ['b', { criteria: { all: [inSegment('a')] } }],
    ]);
    await expect(small.membersWith(circle, inSegment('a'))).rejects.toThrow(
      /^\$\.segment\(a\)\.not\.segment\(b\)\.all\[0\]\.segment: .*circle: a -> b -> a/,
    );
    await expect(small.membersWith(circle, inSegment('c'))).rejects.toThrow(/there is no segment 'c'/);
    const doubling = new Map(
      Array.from({ length: 20 }, (_, index) => [
        `s${index}`,
        {
          criteria: {
            all: index === 0 ? [name('ada')] : [inSegment(`s${index - 1}`), inSegment(`s${index - 1}`)],
          },
        },
      ]),
    );
    await expect(small.membersWith(doubling, inSegment('s19'))).rejects.toThrow(/more than 5000 conditions/);
    const broken = new Map([['old', { criteria: { field: 'gone', operator: 'is_set' } }]]);
    await expect(small.membersWith(broken, { not: inSegment('old') })).rejects.toThrow(
      /^\$\.not\.segment\(old\)\.field: there is no field 'gone'/,
    );
  });
});
