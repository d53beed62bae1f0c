import { rmSync, writeFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { explainScore, type ScoreExplanation } from '../../../pipelines/scores/explain.ts';
import { asOf } from '../../models/fixture.ts';
import { sharedBase } from '../../models/support.ts';
import { openTestMallard } from '../../api/support.ts';
import { loadText } from '../load/support.ts';

const base = sharedBase();
const cents = (value: number | null | undefined) => Math.round((value ?? 0) * 100);
const day = (iso: string) => new Date(`${iso}T06:00:00Z`);

afterEach(() => rmSync(base().project.leadScoreFile, { force: true }));

/** What is said adds up: rules to points, points to the score, parts to differences, differences to the difference. */
function addsUp({ at, vs, rules, cut_difference }: ScoreExplanation): void {
  const sum = (values: readonly (number | undefined)[]) =>
    values.reduce<number>((all, one) => all + cents(one), 0);
  expect(sum(rules.map(({ points }) => points))).toBe(cents(at.points));
  expect(cents(at.points) + cents(at.cut_points)).toBe(cents(at.score));
  if (!vs) return;
  expect(sum(rules.map(({ change }) => change?.points_then))).toBe(cents(vs.points));
  for (const { points, change } of rules) {
    if (!change) throw new Error('every rule has a change');
    expect(cents(points) - cents(change.points_then)).toBe(cents(change.difference));
    expect(sum([change.decay, change.new_facts, change.facts_gone, change.changed_rules])).toBe(
      cents(change.difference),
    );
  }
  expect(sum(rules.map(({ change }) => change?.difference)) + cents(cut_difference)).toBe(
    cents(at.score) - cents(vs.score),
  );
}

test('the explanation is the mart’s row, rule by rule, for everybody and at both times', async () => {
  const { engine } = base();
  const earlier = day('2026-08-20');
  const columns = ['clicked', 'opened', 'visited', 'talked', 'ordered', 'open_deal', 'consent', 'refusal'];
  const marts = await Promise.all(
    [asOf, earlier].map(async (time) => {
      const { rows } = await engine.query(
        `run: lead_scores -> { select: contact_id, score, ${columns.map((name) => `${name}_points`).join(', ')} order_by: contact_id }`,
        { asOf: time },
      );
      return new Map(rows.map((row) => [String(row['contact_id']), row]));
    }),
  );
  const [now, then] = marts as [(typeof marts)[0], (typeof marts)[0]];
  for (const id of ['c1', 'c7', 'c8', 'c9', 'c11', 'c15', 'c22', 'c37', 'c45', 'c60']) {
    const told = await explainScore(base(), id, { asOf, vs: earlier });
    addsUp(told);
    expect({ id, score: told.at.score?.toFixed(2) }).toEqual({ id, score: now.get(id)?.['score'] });
    expect({ id, score: told.vs?.score?.toFixed(2) }).toEqual({ id, score: then.get(id)?.['score'] });
    for (const { name, points, change } of told.rules) {
      expect(points.toFixed(2), `${id} ${name}`).toBe(now.get(id)?.[`${name}_points`]);
      expect((change?.points_then ?? 0).toFixed(2), `${id} ${name} then`).toBe(
        then.get(id)?.[`${name}_points`] ?? '0.00',
      );
    }
  }
  // The world of one person is a world apart.
  const all = await engine.query('run: lead_scores -> { aggregate: contact_count }', { asOf });
  expect(all.rows).toEqual([{ contact_count: 60n }]);
});

const rule = fc.record({
  points: fc.integer({ min: -3000, max: 3000 }).map((n) => n / 100),
  half_life_days: fc.integer({ min: 1, max: 60 }),
  max_points: fc.integer({ min: 100, max: 4000 }).map((n) => n / 100),
  source: fc.constantFrom('email_events', 'orders', 'web_events'),
});

test('whatever the rules, then and now, the differences add up', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(rule, { minLength: 1, maxLength: 4 }),
      fc.constantFrom('c9', 'c20', 'c31'),
      fc.integer({ min: 1, max: 200 }),
      async (rules, id, days) => {
        const listed = rules.map((one, index) => ({ name: `r${index}`, title: `Rule ${index}`, ...one }));
        writeFileSync(base().project.leadScoreFile, stringify({ rules: listed }));
        const vs = new Date(asOf.getTime() - days * 86_400_000);
        for (const rulesOf of ['then', 'current'] as const) {
          const told = await explainScore(base(), id, { asOf, vs, rulesOf });
          addsUp(told);
          expect(told.rules.some(({ is_in_force }) => is_in_force)).toBe(true);
        }
      },
    ),
    { numRuns: 6, seed: 20261125, endOnFailure: true },
  );
});

describe('one story', () => {
  const clock = { at: day('2026-10-01'), now: () => clock.at };
  async function told(rules?: object[]) {
    const mallard = await openTestMallard(clock);
    clock.at = day('2026-10-01');
    if (rules) write(mallard.project.leadScoreFile, rules);
    await loadText(
      mallard.warehouse,
      'contacts',
      'contact_id,email,created_at\na,ann@example.com,2026-01-01\nb,b@example.com,2026-01-02\nlate,,2026-10-30\nnobody,,2026-01-01\n',
    );
    return mallard;
  }
  const write = (file: string, rules: object[]) => writeFileSync(file, stringify({ rules }));
  const calls = {
    name: 'calls',
    title: 'Called',
    source: 'activities',
    points: 16,
    half_life_days: 10,
    max_points: 20,
  };
  const activities = 'activity_id,activity_type,contact_id,occurred_at\n';

  test('decay, new facts, a fact that is capped, changed rules: each has its part', async () => {
    const mallard = await told([calls]);
    await loadText(mallard.warehouse, 'activities', `${activities}1,call,a,2026-10-01T08:00:00\n`);
    await mallard.engine.build({ asOf: day('2026-10-02') });
    clock.at = day('2026-10-21');
    await loadText(
      mallard.warehouse,
      'activities',
      `${activities}2,call,a,2026-10-20T08:00:00\n3,call,a,2026-10-21T05:00:00\n`,
    );
    // 10 days old: 8 points; 20 days old: 4 of 16. With two new calls of 16·2^(−1/10) and 16, cut to 20.
    const plain = await explainScore(mallard, 'ann@example.com', {
      asOf: day('2026-10-21'),
      vs: day('2026-10-11'),
    });
    addsUp(plain);
    expect(plain).toMatchObject({
      contact_id: 'a',
      at: { score: 20, rules_version: 1 },
      vs: { score: 8, rules_version: 1 },
      rules: [
        {
          fact_count: 3,
          newest_at: '2026-10-21T05:00:00Z',
          is_capped: true,
          change: { decay: -4, new_facts: 16, facts_gone: 0, changed_rules: 0, new_fact_count: 2 },
        },
      ],
    });
    write(mallard.project.leadScoreFile, [
      { ...calls, max_points: 10 },
      {
        name: 'known',
        title: 'Known',
        when: { field: 'is_stub', operator: 'equals', value: false },
        points: 3,
      },
    ]);
    await mallard.engine.build({ asOf: day('2026-10-21') });
    const changed = await explainScore(mallard, 'a', { vs: day('2026-10-11') });
    addsUp(changed);
    expect(changed).toMatchObject({
      at: { score: 13, rules_version: 2 },
      vs: { score: 8, rules_version: 1 },
      rules: [
        { name: 'calls', change: { decay: -4, new_facts: 16, changed_rules: -10 } },
        { name: 'known', points: 3, change: { points_then: 0, changed_rules: 3 } },
      ],
    });
    const current = await explainScore(mallard, 'a', { vs: day('2026-10-11'), rulesOf: 'current' });
    addsUp(current);
    expect(current).toMatchObject({
      at: { score: 13 },
      vs: { score: 11, rules_version: 2 },
      rules: [{ change: { changed_rules: 0 } }, { change: { points_then: 3, difference: 0 } }],
    });
    // A rule that is taken out is told of.
    write(mallard.project.leadScoreFile, [{ ...calls, name: 'other' }]);
    clock.at = day('2026-10-22');
    await mallard.engine.build({ asOf: day('2026-10-22') });
    const gone = await explainScore(mallard, 'a', { vs: day('2026-10-21') });
    addsUp(gone);
    expect(gone.rules.map(({ name, is_in_force }) => [name, is_in_force])).toEqual([
      ['other', true],
      ['calls', false],
      ['known', false],
    ]);
    expect(gone.rules[2]?.change).toMatchObject({ points_then: 3, changed_rules: -3 });
  });

  test('what was recorded later is not known before, at either time; nor who is one person', async () => {
    const mallard = await told([calls]);
    await loadText(
      mallard.warehouse,
      'activities',
      `${activities}1,call,a,2026-09-01\n2,call,b,2026-09-21\n`,
    );
    clock.at = day('2026-10-10');
    await loadText(mallard.warehouse, 'activities', `${activities}3,call,a,2026-09-29\n`);
    await mallard.warehouse.loads.transaction((tx) =>
      tx.run(`insert into core.contact_canonicals values ('b', 'a', timestamp '2026-10-05', null)`),
    );
    await mallard.engine.build({ asOf: day('2026-10-01') });
    const at = async (who: string, knownAt?: string) => {
      const answer = await explainScore(mallard, who, {
        asOf: day('2026-10-01'),
        vs: day('2026-09-21'),
        knownAt: knownAt === undefined ? undefined : day(knownAt),
      });
      addsUp(answer);
      return [answer.contact_id, answer.rules[0]?.fact_count, answer.at.score, answer.vs?.score];
    };
    // 16·2^−3 = 2; b's call gives 8 more; the call that was recorded late 16·2^(−0.2).
    expect(await at('a', '2026-10-02')).toEqual(['a', 1, 2, 4]);
    expect(await at('b', '2026-10-02')).toEqual(['b', 1, 8, 16]);
    expect(await at('a', '2026-10-06')).toEqual(['a', 2, 10, 20]);
    expect(await at('b@example.com', '2026-10-06')).toEqual(['a', 2, 10, 20]);
    expect(await at('b')).toEqual(['a', 3, 20, 20]);
  });

  test('a contact without events scores 0; one that was not there yet has no score; nobody is refused', async () => {
    const mallard = await told([calls]);
    await loadText(mallard.warehouse, 'activities', `${activities}1,call,late,2026-09-01\n`);
    await expect(explainScore(mallard, 'a', {})).rejects.toMatchObject({ code: 'conflict' });
    const nothing = await explainScore(mallard, 'nobody', { asOf, vs: day('2026-10-01') });
    addsUp(nothing);
    expect(nothing).toMatchObject({
      at: { score: 0 },
      vs: { score: 0 },
      rules: [{ fact_count: 0, newest_at: null }],
    });
    const late = await explainScore(mallard, 'late', { asOf, vs: day('2026-10-01') });
    addsUp(late);
    expect(late.vs).toMatchObject({ score: null, points: 0 });
    const asked = (id: string, options: object) => explainScore(mallard, id, options);
    await expect(asked('late', { asOf: day('2026-10-01') })).rejects.toMatchObject({ code: 'not_found' });
    await expect(asked('x@example.com', { asOf })).rejects.toMatchObject({ code: 'not_found' });
    await expect(asked('a', { asOf, vs: asOf })).rejects.toMatchObject({
      code: 'bad_request',
      fields: { field: 'vs' },
    });
  });
});
