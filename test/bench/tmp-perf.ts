import { existsSync, mkdirSync } from 'node:fs';
import { Project } from '../../data/project.ts';
import { Warehouse } from '../../data/owner/warehouse.ts';
import { ModelEngine } from '../../models/engine/engine.ts';
import { saveSegment } from '../../pipelines/segments/store.ts';
import { segmentPerformance } from '../../pipelines/segments/performance.ts';
import { segmentMigration } from '../../pipelines/segments/migration.ts';
import { generateWorld, worldAsOf, worldOf } from './world.ts';
import * as ri from '../../pipelines/segments/recorded-intervals.ts';
const contacts = 100000;
const folder = '/tmp/perfbench';
const fresh = !existsSync(folder + '/mallard.duckdb');
mkdirSync(folder, { recursive: true });
const warehouse = await Warehouse.open(new Project(folder), { clock: { now: () => worldAsOf }, memoryLimit: '5GB' });
const engine = new ModelEngine(warehouse);
const timed = async <T>(name: string, work: () => Promise<T>) => { const c = process.cpuUsage(); const t = performance.now(); const r = await work(); const d = process.cpuUsage(c); console.log(name.padEnd(24), Math.round(performance.now() - t), 'ms wall', Math.round((d.user + d.system) / 1000), 'ms cpu'); return r; };
try {
  if (fresh) {
  await timed('generate', () => warehouse.loads.transaction((tx) => generateWorld(tx, worldOf(contacts))));
  await timed('build', () => engine.build({ asOf: worldAsOf }));
  for (let n = 0; n < 100; n++)
    await saveSegment({ warehouse, engine }, { segment_id: `s${n}`, title: `s${n}`, criteria: { all: [
      { field: 'order_count', operator: 'at_least', value: n % 4 },
      { field: 'country', operator: 'equals', value: ['DE', 'FR', 'NZ'][n % 3] },
      n % 5 === 0 ? { measure: 'email_events.clicks', within_days: 10 + n, operator: 'at_least', value: 1 } : { field: 'email.last_90_days.sent', operator: 'at_least', value: n % 9 },
      { all: [{ field: 'has_email', operator: 'equals', value: true }, { field: 'is_suppressed', operator: 'equals', value: false }] } ] } });
  await timed('history', () => warehouse.build.transaction(async (tx) => {
    await tx.run(`insert into ops.segment_changes select 's' || s, 'c' || lpad(i::varchar, 8, '0'), if(k % 2 = 0, 'entered', 'left'), timestamp '2026-07-01' + to_days((k * 40 + hash(i, s) % 40)::int), 1, 'r', timestamp '2026-07-01'
      from range(100) a(s), range(${contacts}) b(i), range(3) c(k) where hash(i, s + 1000) % 100 < 10 order by k`);
    await tx.run(`insert into ops.segment_runs (run_id, segment_id, version, as_of, recorded_at) select 'r', 's' || s, 1, timestamp '2026-07-01' + to_days((case when s % 10 = 0 then 30 + s else 0 end)::int), timestamp '2026-07-01' from range(100) a(s)`);
  }));
  }
  const context = { warehouse, engine };
  for (let i = 0; i < 2; i++) {
    await timed('performance, all', () => segmentPerformance(context, {}));
    await timed('performance, one', () => segmentPerformance(context, { segmentId: 's1' }));
    await timed('migration, all', () => segmentMigration(context, { from: '2026-08-01' }));
    await timed('migration, three', () => segmentMigration(context, { from: '2026-08-01', segmentIds: ['s1', 's2', 's3'] }));
    const read = (sql: string) => warehouse.read((s) => s.rows(sql));
    await timed('intervals', () => read(`select count(*), max(left_at) from (${ri.intervalsSql('true')})`));
    await timed('lead', () => read(`select count(*), max(next_at) from (select segment_id, contact_id, change, changed_at, c.rowid as position,
        lead(changed_at) over (partition by segment_id, contact_id order by c.rowid) as next_at
      from ops.segment_changes c)`));
    await timed('lead, ints', () => read(`with p as (select contact_id, row_number() over ()::int as n from mart.contact_facts), sg as (select segment_id, row_number() over ()::int as s from ops.segments)  select count(*), max(next_at) from (select s, n, change, changed_at, position,
        lead(changed_at) over (partition by s, n order by position) as next_at
      from (select *, rowid as position from ops.segment_changes) c join p using (contact_id) join sg using (segment_id))`));
  }
} finally { await warehouse.close(); }
