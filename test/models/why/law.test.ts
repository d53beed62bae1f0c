import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readAccount } from '../../../data/account.ts';
import { Warehouse } from '../../../data/owner/warehouse.ts';
import { emptyProject } from '../../support.ts';
import { ModelEngine } from '../../../models/engine/engine.ts';
import { fixed } from '../../../models/engine/why/decimal.ts';
import { partNames, type Figures, type PartName, type Why } from '../../../models/engine/why/types.ts';
import { explainChange } from '../../../models/engine/why/why.ts';
import { day, stories, toldBy, type Story } from '../as-of/story.ts';
import { tell, type StoryClock } from '../as-of/tell.ts';
import { writeModels } from './support.ts';

const runs = Number(process.env['MALLARD_PROPERTY_RUNS'] ?? 2);
const folder = mkdtempSync(join(tmpdir(), 'mallard-why-law-'));
const metrics = ['close_rate', 'sold_amount', 'pipeline_amount', 'people_count', 'shop_revenue', 'buyers'];

interface World {
  warehouse: Warehouse;
  engine: ModelEngine;
  clock: StoryClock;
}
const worlds: World[] = [];

beforeAll(async () => {
  for (const name of ['whole', 'part']) {
    const project = emptyProject(join(folder, name));
    writeModels(project);
    const clock: StoryClock = {
      at: new Date('2026-01-01T00:00:00Z'),
      now() {
        return this.at;
      },
    };
    const warehouse = await Warehouse.open(project, { clock, memoryLimit: '2GB' });
    worlds.push({ warehouse, engine: new ModelEngine(warehouse), clock });
  }
});
afterAll(async () => {
  for (const { warehouse } of worlds) await warehouse.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Between two days of a story, so that no time meets another. */
const moment = (min: number, max: number) => fc.integer({ min, max }).map((n) => n + 0.5);
const at = (days: number) => new Date(`${day(days)}Z`);
const dayOf = (days: number) => day(days).slice(0, 10);

/** Of the last 20 days before a time, or of all time; the same on both sides. */
const asked = fc.record({
  then: moment(2, 16),
  later: fc.nat(16),
  metric: fc.constantFrom(...metrics),
  period: fc.constantFrom<{ from?: string; to?: string }[]>(
    {},
    { from: dayOf(1) },
    { from: dayOf(2), to: dayOf(20) },
  ),
});

const places = (text: string | null) => fixed(text) ?? 0n;

function sumOf(parts: readonly { change: Figures }[], of: keyof Figures): bigint {
  return parts.reduce((sum, { change }) => sum + places(change[of]), 0n);
}

/** The value in the world that a part leads to. */
function valueAfter({ then, parts }: Why, last: PartName): bigint {
  const until = partNames.indexOf(last) + 1;
  return places(then.value) + sumOf(parts.slice(0, until), 'value');
}

/** The metric by an ad hoc query of its source, over the same period. */
async function figure(
  { engine }: World,
  { metric, period }: { metric: string; period: { from?: string; to?: string } },
  time: { asOf: Date; knownAt?: Date },
): Promise<bigint> {
  const source = { shop_revenue: 'shop', buyers: 'shop', people_count: 'people' }[metric] ?? 'sales';
  const column = { shop: 'ordered_at', sales: 'closed_at', people: undefined }[source];
  const hasTime = column !== undefined && metric !== 'pipeline_amount';
  const literal = (date: string) => `@${date} 00:00:00`;
  const where = [
    ...(hasTime && period.from ? [`${column} >= ${literal(period.from)}`] : []),
    ...(hasTime && period.to ? [`${column} < ${literal(period.to)}`] : []),
  ];
  const filter = where.length > 0 ? `where: ${where.join(', ')};` : '';
  const { rows } = await engine.query(`run: ${source} -> { ${filter} aggregate: v is ${metric} }`, time);
  return fixed(rows[0]?.['v']) ?? 0n;
}

/** What a story says of a deal's close and of a creation after a day is put off: nobody knew of it then. */
function heldBack(story: Story, t: number): Story {
  const putOff = (value: unknown) =>
    typeof value === 'string' && value >= day(t) ? value.replace('2026', '3026') : value;
  return story.map((telling) =>
    telling.kind === 'things'
      ? {
          ...telling,
          rows: telling.rows.map((row) => ({
            ...row,
            ...('created_at' in row ? { created_at: putOff(row['created_at']) as string } : {}),
            ...('closed_at' in row ? { closed_at: putOff(row['closed_at']) as string } : {}),
          })),
        }
      : telling,
  );
}

/** What was recorded by a day, and every decision about who is who. */
function withLaterMerges(story: Story, k: number): Story {
  return story.map((telling, recorded) =>
    recorded < k || telling.kind === 'merge' || telling.kind === 'unmerge'
      ? telling
      : { kind: 'owners', rows: [] },
  );
}

const near = (a: bigint, b: bigint) => (a > b ? a - b : b - a) < 1_000_000n;

test(
  'the parts add up to the last digit; the ends are the metric of then and of now; the worlds between are what they say',
  { timeout: 120_000 + runs * 30_000 },
  async () => {
    const [whole, part] = worlds as [World, World];
    const account = readAccount(whole.warehouse.project);
    await fc.assert(
      fc.asyncProperty(stories, fc.array(asked, { minLength: 3, maxLength: 3 }), async (story, questions) => {
        await tell(whole.warehouse, whole.clock, story);
        for (const question of questions) {
          const [a0, a1] = [question.then, question.then + question.later];
          const [vs, asOf] = [at(a0), at(a1)];
          const why = await explainChange(
            { ...whole, account },
            { metric: question.metric, ...question.period, vs, asOf, rows: 100 },
          );

          for (const figures of ['value', 'numerator', 'denominator'] as const) {
            const change = places(why.change[figures]);
            expect(sumOf(why.parts, figures)).toBe(change);
            expect(places(why.now[figures]) - places(why.then[figures])).toBe(change);
          }
          for (const { rows, everything_else, change } of why.parts) {
            const weights = rows.reduce((sum, row) => sum + places(row.weight), 0n);
            expect(weights + places(everything_else.weight)).toBe(places(change.value));
            expect(everything_else.row_count).toBe(0);
          }
          for (const one of why.parts.filter(({ rows_add_up: addUp }) => addUp)) {
            expect(places(one.everything_else.weight)).toBe(
              one.row_count === 0 ? places(one.change.value) : 0n,
            );
          }

          expect(near(places(why.then.value), await figure(whole, question, { asOf: vs, knownAt: vs }))).toBe(
            true,
          );
          expect(near(places(why.now.value), await figure(whole, question, { asOf }))).toBe(true);
          const { metrics: answers } = await whole.engine.computeMetrics({
            metrics: [question.metric],
            ...{ from: dayOf(0), ...question.period },
            asOf,
          });
          expect(near(places(why.now.value), fixed(answers[0]?.value ?? 0) ?? 0n)).toBe(true);
          expect(valueAfter(why, 'new_facts')).toBe(places(why.now.value));
          const knownNow = await figure(whole, question, { asOf: vs });
          expect(near(valueAfter(why, 'corrected_facts'), knownNow)).toBe(true);

          await tell(part.warehouse, part.clock, withLaterMerges(story, a0));
          const merged = await figure(part, question, { asOf: vs });
          expect(near(valueAfter(why, 'merged_people'), merged)).toBe(true);

          await tell(part.warehouse, part.clock, heldBack(toldBy(story, a0, story.length), a0));
          const happened = await figure(part, question, { asOf });
          expect(near(valueAfter(why, 'time_passed'), happened)).toBe(true);
        }
      }),
      {
        numRuns: runs,
        endOnFailure: true,
        // CI tells the same stories every time; `npm run law` new ones, and prints the seed of one that fails.
        ...(process.env['MALLARD_PROPERTY_RUNS'] === undefined ? { seed: 20261126 } : {}),
      },
    );
  },
);
