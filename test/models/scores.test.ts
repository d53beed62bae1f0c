import { copyFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { MallardError } from '../../data/errors.ts';
import { packageRoot } from '../../data/package-root.ts';
import { readRules } from '../../models/scores/rules.ts';
import { ruleVersions, versionAt } from '../../models/scores/versions.ts';
import { rowsOf } from '../pipelines/load/support.ts';
import { tempFolder } from '../support.ts';
import { asOf } from './fixture.ts';
import { sharedBase } from './support.ts';

const base = sharedBase();
const packageRules = join(packageRoot, 'models', 'lead_score.yaml');
const cents = (value: unknown) => Math.round(Number(value) * 100);

afterEach(() => rmSync(base().project.leadScoreFile, { force: true }));

function writeRules(rules: unknown): void {
  writeFileSync(base().project.leadScoreFile, stringify({ rules }));
}

test('the score is the sum of decays by SQL written by hand, each rule cut at its most, all cut to 0–100', async () => {
  const { rows } = await base().engine.query(
    `run: lead_scores -> { select: contact_id, clicked_points, opened_points, visited_points, talked_points, ordered_points,
       open_deal_points, consent_points, refusal_points, points, score, cut_points order_by: contact_id }`,
    { asOf },
  );
  const fact = (points: number, halfLife: number) =>
    `sum((${points} * pow(2, -date_diff('day', happened::date, date '2026-11-02') / ${halfLife}))::decimal(18, 6))
       filter (date_diff('day', happened::date, date '2026-11-02') <= ${10 * halfLife})`;
  const human = `(agent_class = 'human' or agent_class is null)`;
  const byHand = await rowsOf(
    base().warehouse,
    `with clicks as (select contact_id, ${fact(10, 14)} as s from (select *, occurred_at as happened from core.email_events)
         where event_type = 'clicked' and ${human} and url not like '%unsubscribe%' group by 1),
       opens as (select contact_id, ${fact(2, 14)} as s from (select *, occurred_at as happened from core.email_events)
         where event_type = 'opened' and ${human} group by 1),
       views as (select contact_id, ${fact(5, 7)} as s from (select *, occurred_at as happened from core.web_events) where event_type = 'page_view' group by 1),
       talks as (select contact_id, ${fact(15, 30)} as s from (select *, occurred_at as happened from core.activities)
         where is_completed and activity_type in ('call', 'meeting') group by 1),
       bought as (select contact_id, ${fact(15, 90)} as s from (select *, ordered_at as happened from core.orders) where status = 'completed' group by 1),
       rules as (select c.contact_id, least(25, round(coalesce(clicks.s, 0), 2))::decimal(18, 2) as clicked_points,
           least(8, round(coalesce(opens.s, 0), 2))::decimal(18, 2) as opened_points, least(15, round(coalesce(views.s, 0), 2))::decimal(18, 2) as visited_points,
           least(25, round(coalesce(talks.s, 0), 2))::decimal(18, 2) as talked_points, least(25, round(coalesce(bought.s, 0), 2))::decimal(18, 2) as ordered_points,
           if(f.open_deal_count > 0, 15, 0)::decimal(18, 2) as open_deal_points, if(coalesce(f.consent_status = 'granted', false), 5, 0)::decimal(18, 2) as consent_points,
           if(f.is_suppressed or f.has_unsubscribed or coalesce(f.consent_status = 'withdrawn', false), -30, 0)::decimal(18, 2) as refusal_points
         from core.contacts c join (${(await base().engine.compileSql('run: contact_facts -> { select: contact_id, open_deal_count, consent_status, is_suppressed, has_unsubscribed }', { asOf, restricted: false })).sql}) f using (contact_id)
         left join clicks using (contact_id) left join opens using (contact_id) left join views using (contact_id) left join talks using (contact_id)
         left join bought using (contact_id)),
       added as (select *, (clicked_points + opened_points + visited_points + talked_points + ordered_points + open_deal_points + consent_points
         + refusal_points)::decimal(18, 2) as points from rules)
     select *, greatest(0, least(100, points))::decimal(18, 2) as score, (greatest(0, least(100, points)) - points)::decimal(18, 2) as cut_points
     from added order by contact_id`,
  );
  expect(rows).toEqual(byHand);
  // The caps, the cut and the zero of who has nothing are among them.
  const atMost = (name: string, most: string) => rows.some((row) => row[`${name}_points`] === most);
  expect([atMost('opened', '8.00'), atMost('visited', '15.00'), atMost('ordered', '25.00')]).toContain(true);
  expect(rows.some((row) => Number(row['cut_points']) > 0)).toBe(true);
  expect(rows.find((row) => row['contact_id'] === 'c1')).toMatchObject({ points: '0.00', score: '0.00' });
});

const source = fc.constantFrom('email_events', 'web_events', 'activities', 'orders');
const points = fc.integer({ min: -4000, max: 4000 }).map((n) => n / 100);
const behaviour = fc.record(
  {
    source,
    points,
    half_life_days: fc.integer({ min: 1, max: 40 }),
    max_points: fc.integer({ min: 1, max: 6000 }).map((n) => n / 100),
  },
  { requiredKeys: ['source', 'points', 'half_life_days'] },
);
const event = fc.record({
  source,
  contact: fc.constantFrom('c1', 'c2', 'c3'),
  days: fc.integer({ min: 0, max: 120 }),
});

test('whatever the rules and the events: each rule is its decayed facts, cut, and all add up to the score exactly', async () => {
  const { engine, warehouse } = base();
  const clear = () =>
    warehouse.loads.transaction(async (tx) => {
      for (const table of ['email_events', 'web_events', 'activities', 'orders'])
        await tx.run(`delete from core.${table} where source = 'property'`);
    });
  await fc.assert(
    fc.asyncProperty(
      fc.array(behaviour, { minLength: 1, maxLength: 5 }),
      fc.array(event, { maxLength: 60 }),
      points,
      async (behaviours, events, given) => {
        const rules = behaviours.map((rule, index) => ({
          name: `r${index}`,
          title: `Rule ${index}`,
          ...rule,
        }));
        const state = {
          name: 'stub',
          title: 'A known contact',
          when: { field: 'is_stub', operator: 'equals', value: false },
          points: given,
        };
        writeRules([...rules, state]);
        await clear();
        await warehouse.loads.transaction(async (tx) => {
          for (const [index, { source: table, contact, days }] of events.entries()) {
            const [key, time, more] = {
              email_events: ['event_id', 'occurred_at', `, event_type = 'clicked'`],
              web_events: ['event_id', 'occurred_at', `, event_type = 'page_view'`],
              activities: ['activity_id', 'occurred_at', `, activity_type = 'call'`],
              orders: ['order_id', 'ordered_at', `, amount = 1`],
            }[table];
            const [name, value] = more?.slice(2).split(' = ') ?? [];
            await tx.run(
              `insert into core.${table} (${key}, contact_id, ${time}, ${name}, source, recorded_at)
               values ('p${index}', '${contact}', timestamp '2026-11-02 03:00:00' - interval ${days} day, ${value}, 'property', timestamp '2026-11-01')`,
            );
          }
        });
        const columns = [...rules, state].map(({ name }) => `${name}_points`);
        const { rows } = await engine.query(
          `run: lead_scores -> { where: contact_id ? 'c1' | 'c2' | 'c3' select: contact_id, ${columns.join(', ')}, points, cut_points, score }`,
          { asOf },
        );
        expect(rows).toHaveLength(3);
        for (const row of rows) {
          for (const rule of rules) {
            const sum = events
              .filter((one) => one.source === rule.source && one.contact === row['contact_id'])
              .filter(({ days }) => days <= 10 * rule.half_life_days)
              .reduce((total, { days }) => total + rule.points * 2 ** (-days / rule.half_life_days), 0);
            const most = rule.max_points ?? Infinity;
            const expected = Math.sign(sum) * Math.min(Math.abs(sum), most);
            expect(Math.abs(Number(row[`${rule.name}_points`]) - expected)).toBeLessThan(0.0051);
          }
          const added = columns.reduce((total, column) => total + cents(row[column]), 0);
          expect(cents(row['points'])).toBe(added);
          expect(cents(row['score'])).toBe(Math.min(Math.max(added, 0), 10_000));
          expect(added + cents(row['cut_points'])).toBe(cents(row['score']));
        }
      },
    ),
    { numRuns: 6, seed: 20261125, endOnFailure: true },
  );
  await clear();
});

test('every other rules are a version, comments and layout aside; the mart says which made it', async () => {
  const { engine, warehouse, project } = base();
  const built = async () => {
    const results = await engine.build({ asOf, marts: ['lead_scores'] });
    const [row] = await rowsOf(warehouse, 'select distinct rules_version from mart.lead_scores');
    return [row?.['rules_version'], results[0]?.warning];
  };
  expect(await built()).toEqual([1, undefined]);
  copyFileSync(packageRules, project.leadScoreFile);
  expect(await built()).toEqual([1, undefined]);
  const talk = { name: 'talk', title: 'Talked', source: 'activities', points: 3, half_life_days: 10 };
  writeRules([talk]);
  expect(await built()).toEqual([2, undefined]);
  expect((await engine.catalogue()).fields.map(({ path }) => path)).toContain('lead_scores.talk_points');
  // What is not valid breaks only itself: the rules of before stay, and it is said.
  writeRules([{ ...talk, where: { field: 'is_complete', operator: 'equals', value: true } }]);
  const [version, warning] = await built();
  expect(version).toBe(2);
  expect(warning).toMatch(
    /rules of before.*lead_score\.yaml: rule talk: \$\.rules\[0\]\.where\.field: there is no field 'is_complete'.*is_completed/,
  );
  expect((await engine.catalogue()).broken).toMatchObject([{ file: 'lead_score.yaml' }]);
  rmSync(project.leadScoreFile);
  expect(await built()).toEqual([3, undefined]);
  const versions = await warehouse.read(ruleVersions);
  expect(versions.map(({ version: each }) => each)).toEqual([3, 2, 1]);
  expect(versions[0]?.hash).toBe(versions[2]?.hash);
  expect(versions[1]?.rules).toEqual([talk]);
});

test('the version in force is the newest made by then; before the first, the first', () => {
  const made = (version: number, created_at: string) => ({ version, created_at, rules: [], hash: '' });
  const versions = [made(2, '2026-03-01T00:00:00Z'), made(1, '2026-02-01T00:00:00Z')];
  const at = (iso: string) => versionAt(versions, new Date(iso))?.version;
  expect(['2026-01-01', '2026-02-01', '2026-02-28', '2026-03-01T00:00:00Z', '2027-01-01'].map(at)).toEqual([
    1, 1, 1, 2, 2,
  ]);
});

const good = { name: 'a', title: 'A', source: 'orders', points: 1, half_life_days: 7 };
const state = {
  name: 's',
  title: 'S',
  when: { field: 'is_stub', operator: 'equals', value: true },
  points: 1,
};
test.each([
  ['not YAML', 'rules: [', /is not YAML/],
  ['no rules', 'rules: []', /\$\.rules is a list of 1 to 100 rules/],
  ['a list of words', 'rules: [x]', /\$\.rules\[0\] is an object/],
  ['both kinds', [{ ...good, when: state.when }], /rule a: \$\.rules\[0\] has either `source`/],
  ['neither kind', [{ name: 'a', title: 'A', points: 1 }], /rule a: \$\.rules\[0\] has either `source`/],
  [
    'a word misspelt',
    [{ ...good, half_life: 3 }],
    /half_life has no meaning here; did you mean half_life_days/,
  ],
  [
    'no half-life',
    [{ ...good, half_life_days: undefined }],
    /rule a: \$\.rules\[0\]\.half_life_days is a whole number/,
  ],
  ['another source', [{ ...good, source: 'deals' }], /source is one of email_events/],
  ['a third decimal', [{ ...good, points: 1.005 }], /points is a number .* two decimals/],
  ['a name with a blank', [{ ...good, name: 'a b' }], /name is lower-case/],
  ['a title of two lines', [{ ...good, title: 'a\nb' }], /title is one line/],
  ['a name twice', [good, state, good], /rule a: \$\.rules\[2\]\.name is the name of an earlier rule/],
  ['the name of the cut', [{ ...good, name: 'cut' }], /has a meaning of its own/],
  [
    'half a condition',
    [{ ...state, when: { field: 'is_stub' } }],
    /rule s: \$\.rules\[0\]\.when\.operator: operator is missing/,
  ],
])('a rule file with %s is refused, naming file, rule, place and remedy', (_what, rules, message) => {
  const file = join(tempFolder(), 'lead_score.yaml');
  writeFileSync(file, typeof rules === 'string' ? rules : stringify({ rules }));
  const error = (() => {
    try {
      return readRules(file);
    } catch (thrown) {
      return thrown;
    }
  })();
  if (!(error instanceof MallardError)) throw new Error('it was not refused');
  expect(error.message).toMatch(message);
  expect(error.message).toContain(file);
  expect(error.message.endsWith(error.remedy)).toBe(true);
});

test('decimals that are none in floating point are taken', () => {
  const file = join(tempFolder(), 'lead_score.yaml');
  writeFileSync(file, stringify({ rules: [{ ...good, points: 2.3, max_points: 0.07 }] }));
  expect(readRules(file).rules).toMatchObject([{ points: 2.3, max_points: 0.07 }]);
});
