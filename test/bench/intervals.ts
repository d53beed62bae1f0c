/**
 * `npx tsx test/bench/intervals.ts [contacts] [evaluations]`: exact intervals of ten segments over three years, 100,000
 * contacts (default) with 20 events each, against weekly evaluations with AS_OF: 156 of them (default), or as many as are asked
 * for, spread over the three years. The evaluations read the definitions, which takes a second or two each. Targets: under
 * 10 s, and equal row for row.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Project } from '../../data/project.ts';
import type { Session } from '../../data/owner/session.ts';
import { Warehouse } from '../../data/owner/warehouse.ts';
import { criteriaCatalogue } from '../../models/criteria/from-catalogue.ts';
import { membershipQuery } from '../../models/criteria/query.ts';
import type { Criteria } from '../../models/criteria/types.ts';
import { ModelEngine } from '../../models/engine/engine.ts';
import { backtestSegment } from '../../pipelines/segments/backtest.ts';
import { stepStarts } from '../../pipelines/segments/backtest-periods.ts';
import { withIntervals } from '../../pipelines/segments/intervals/run.ts';
import { sqlTime } from '../../pipelines/segments/intervals/span.ts';
import { accountZone } from '../../pipelines/segments/zone.ts';
import { print, timed } from './measure.ts';

const TARGET_MS = 10_000;
const contacts = Number(process.argv[2] ?? 100_000);
const evaluations = Number(process.argv[3] ?? 156);
const span = { from: new Date('2023-11-02T06:00:00Z'), until: new Date('2026-11-02T06:00:00Z') };
const folder = mkdtempSync(join(tmpdir(), 'mallard-bench-intervals-'));
const warehouse = await Warehouse.open(new Project(folder), {
  clock: { now: () => span.until },
  memoryLimit: '6GB',
});
const engine = new ModelEngine(warehouse);

const leaf = (field: string, operator: string, value: string | number | boolean | string[]): Criteria => ({
  field,
  operator,
  value,
});
const clicks = (value: number, within_days?: number): Criteria => ({
  measure: 'email_events.clicks',
  operator: 'at_least',
  value,
  ...(within_days === undefined ? {} : { within_days }),
});

const segments: { id: string; criteria: Criteria }[] = [
  clicks(3, 30),
  leaf('last_ordered_at', 'more_than_days_ago', 180),
  { all: [leaf('created_at', 'within_last_days', 30), leaf('order_count', 'equals', 0)] },
  { all: [leaf('email.last_90_days.sent', 'at_least', 3), leaf('email.last_90_days.clicks', 'equals', 0)] },
  { all: [leaf('country', 'in', ['DE', 'FR']), leaf('total_revenue', 'greater_than', 200)] },
  { any: [clicks(1, 7), leaf('days_since_last_order', 'at_most', 14)] },
  { not: { any: [clicks(1, 365), leaf('orders.last_365_days.order_count', 'at_least', 1)] } },
  {
    all: [
      leaf('lifecycle_stage', 'equals', 'customer'),
      { not: leaf('last_ordered_at', 'within_last_days', 90) },
    ],
  },
  { measure: 'orders.revenue', within_days: 180, operator: 'between', value: [50, 300] },
  { all: [clicks(5), leaf('has_email', 'equals', true), leaf('days_since_created', 'greater_than', 365)] },
].map((criteria, index) => ({ id: `s${index}`, criteria }));

try {
  await timed('generate', () => warehouse.loads.transaction(generate));
  await engine.catalogue();
  const run = { segments, span, sampleTimes: [] };
  const { wall } = await withIntervals({ warehouse, engine }, run, async () => undefined).then(() =>
    timed('intervals of ten segments, three years', () =>
      withIntervals({ warehouse, engine }, run, async (work, { table, leaves }) => {
        const sampled = [...leaves.values()].flat().filter(({ followed }) => followed === 'sampled');
        if (sampled.length > 0) throw new Error(`sampled: ${sampled.map((note) => note.leaf).join(', ')}`);
        const row = await work.session.one<{ n: number }>(`select count(*)::int as n from ${table}`);
        print(`  ${row?.n} intervals`);
      }),
    ),
  );
  await timed('back-test of the first', () =>
    backtestSegment({ warehouse, engine }, { criteria: segments[0]?.criteria, to: span.until }),
  );
  const wrong = await compare();
  print(`${wrong} rows differ (target: none), ${Math.round(wall)} ms (target: under ${TARGET_MS})`);
  process.exitCode = wrong === 0 && wall < TARGET_MS ? 0 : 1;
} finally {
  await warehouse.close();
  rmSync(folder, { recursive: true, force: true });
}

/** How many memberships the intervals and the evaluations do not share. */
async function compare(): Promise<number> {
  const weeks = stepStarts(span, 'week', accountZone(warehouse));
  const times = Array.from(
    { length: Math.min(evaluations, weeks.length) },
    (_, index) => weeks[Math.floor((index * weeks.length) / evaluations)] as Date,
  );
  const zone = accountZone(warehouse);
  const query = membershipQuery(segments, {
    catalogue: criteriaCatalogue(await engine.catalogue()),
    zone,
    segments: new Map(),
  });
  return withIntervals(
    { warehouse, engine },
    { segments, span, sampleTimes: [] },
    async (work, { table }) => {
      let wrong = 0;
      let compared = 0;
      await timed(`${times.length} evaluations`, async () => {
        for (const at of times) {
          const { sql } = await engine.compileSql(query.malloy ?? '', { asOf: at, restricted: true });
          const pairs = segments.map(
            ({ id }) =>
              `select '${id}' as segment_id, contact_id from evaluated where ${query.columns.get(id)}`,
          );
          const row = await work.session.one<{ wrong: number; compared: number }>(
            `with evaluated as materialized (${sql}), a as (${pairs.join(' union all ')}),
             b as (select segment_id, contact_id from ${table} where valid_from <= ${sqlTime(at)} and coalesce(valid_to, timestamp 'infinity') > ${sqlTime(at)})
           select (select count(*) from (from a except all from b))::int + (select count(*) from (from b except all from a))::int as wrong,
             (select count(*)::int from a) as compared`,
          );
          wrong += row?.wrong ?? 0;
          compared += row?.compared ?? 0;
        }
      });
      print(`  ${compared} memberships compared`);
      return wrong;
    },
  );
}

async function generate(tx: Session): Promise<void> {
  const list = (names: string[]) => `[${names.map((name) => `'${name}'`).join(', ')}]`;
  await tx.run(`insert into core.contacts (contact_id, email, email_key, lifecycle_stage, country, created_at, source, recorded_at)
    select format('C{:07d}', i), format('p{}@example.com', i), format('p{}@example.com', i), ${list(['lead', 'mql', 'customer'])}[1 + (hash(i) % 3)::int],
      ${list(['NZ', 'DE', 'FR', 'US', 'IN'])}[1 + (hash(i + 1) % 5)::int], timestamp '2022-11-01' + to_seconds((hash(i + 3) % 126000000)::bigint), 'bench', timestamp '2022-11-01'
    from range(${contacts}) r(i)`);
  await tx.run(`insert into core.contact_changes (contact_id, field, value, valid_from, source, recorded_at)
    select format('C{:07d}', (hash(i // 2) % ${contacts})::bigint), 'lifecycle_stage', if(i % 2 = 0, 'lead', 'customer'),
      if(i % 2 = 0, timestamp '0001-01-01', timestamp '2023-11-01' + to_seconds((hash(i + 5) % 94000000)::bigint)), 'bench', timestamp '2026-11-01'
    from range(${Math.round(contacts / 2)}) r(i) qualify row_number() over (partition by hash(i // 2) % ${contacts}, i % 2 order by i) = 1`);
  const orders = contacts * 2;
  await tx.run(`insert into core.orders (order_id, contact_id, ordered_at, amount, currency, source, recorded_at)
    select 'o' || i, format('C{:07d}', (hash(i + 11) % ${contacts})::bigint), happened_at, 5 + hash(i + 12) % 200, 'USD', 'bench', happened_at
    from (select i, timestamp '2022-11-01' + to_seconds(i * 126000000 // ${orders}) as happened_at from range(${orders}) r(i))`);
  const mails = contacts * 18;
  await tx.run(`insert into core.email_events (event_id, event_type, contact_id, campaign_id, message_id, url, agent_class, occurred_at, source, recorded_at)
    select 'e' || i, if(i % 3 = 0, 'clicked', 'sent'), format('C{:07d}', (hash(i + 21) % ${contacts})::bigint), 'c' || i % 100, 'm', 'https://example.com/', 'human', happened_at, 'bench', happened_at
    from (select i, timestamp '2022-11-01' + to_seconds(i * 126000000 // ${mails}) as happened_at from range(${mails}) r(i))`);
}
