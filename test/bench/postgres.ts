/**
 * `npx tsx test/bench/postgres.ts [contacts]`: ten segments over 1M contacts and 20M e-mail events (default), here and in PostgreSQL. It
 * needs psql and a PostgreSQL 15 server that it may make a database on (PGHOST, PGUSER, … as for psql), and installs nothing; the
 * database is dropped again.
 *
 * PostgreSQL is given the built facts as a table, indexes for each question, statistics, and memory; its statements are written for it,
 * one a segment, into an unlogged table. Ours is the evaluation as it is: all ten together, with the diff and the history. Both must find
 * the same numbers of members. Target: at least five times faster.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Warehouse } from '../../data/owner/warehouse.ts';
import { Project } from '../../data/project.ts';
import type { Criteria, EventSelection } from '../../models/criteria/types.ts';
import { ModelEngine } from '../../models/engine/engine.ts';
import { evaluateSegments } from '../../pipelines/segments/evaluate.ts';
import { saveSegment } from '../../pipelines/segments/store.ts';
import { print, timed } from './measure.ts';
import { generateWorld, worldAsOf, worldOf } from './world.ts';

const TARGET_FACTOR = 5;
const ROUNDS = 3;
const contacts = Number(process.argv[2] ?? 1_000_000);
const database = `mallard_bench_${process.pid}`;

interface Compared {
  id: string;
  criteria: Criteria;
  /** For PostgreSQL: a SELECT of contact_id, each once. */
  sql: string;
}

const leaf = (field: string, operator: string, value: string | number): Criteria => ({
  field,
  operator,
  value,
});
const is = (field: string): Criteria => ({ field, operator: 'equals', value: true });
const opened: EventSelection = { source: 'email_events', where: is('is_open') };
const clicked: EventSelection = { source: 'email_events', where: is('is_click') };
const human = `coalesce(agent_class = 'human', true)`;
const openedSql = `event_type = 'opened' and ${human}`;
const clickedSql = `event_type = 'clicked' and ${human} and not coalesce(lower(url) like '%unsubscribe%', false)`;
const daysAgo = (days: number) => `timestamp '2026-11-02' - interval '${days} days'`;

const segments: readonly Compared[] = [
  {
    id: 'recent_germans',
    criteria: { all: [leaf('country', 'equals', 'DE'), leaf('created_at', 'within_last_days', 400)] },
    sql: `select contact_id from facts where country = 'DE' and created_at >= ${daysAgo(400)} and created_at < timestamp '2026-11-02 06:00'`,
  },
  {
    id: 'engaged_not_customer',
    criteria: { all: [leaf('email.last_30_days.clicks', 'at_least', 1), leaf('order_count', 'equals', 0)] },
    sql: `select contact_id from facts where clicks_30 >= 1 and order_count = 0`,
  },
  {
    id: 'win_back',
    criteria: {
      all: [leaf('last_ordered_at', 'more_than_days_ago', 180), leaf('total_revenue', 'greater_than', 300)],
    },
    sql: `select contact_id from facts where last_ordered_at < ${daysAgo(180)} and total_revenue > 300`,
  },
  {
    id: 'dormant',
    criteria: {
      all: [leaf('email.last_90_days.sent', 'at_least', 1), leaf('email.last_90_days.opens', 'equals', 0)],
    },
    sql: `select contact_id from facts where sent_90 >= 1 and opens_90 = 0`,
  },
  {
    id: 'frequent_clickers',
    criteria: { measure: 'email_events.clicks', within_days: 365, operator: 'at_least', value: 3 },
    sql: `select contact_id from email_events where ${clickedSql} and occurred_at >= ${daysAgo(365)} group by contact_id having count(*) >= 3`,
  },
  {
    id: 'mailed_much',
    criteria: { measure: 'email_events.sent', within_days: 180, operator: 'at_least', value: 3 },
    sql: `select contact_id from email_events where event_type = 'sent' and occurred_at >= ${daysAgo(180)} group by contact_id having count(*) >= 3`,
  },
  {
    id: 'not_reached_by_campaign',
    criteria: {
      all: [
        {
          measure: 'email_events.sent',
          where: leaf('campaign_id', 'equals', 'camp4'),
          operator: 'at_least',
          value: 1,
        },
        {
          measure: 'email_events.opens',
          where: leaf('campaign_id', 'equals', 'camp4'),
          operator: 'equals',
          value: 0,
        },
      ],
    },
    sql: `select contact_id from email_events where campaign_id = 'camp4' group by contact_id
      having count(*) filter (where event_type = 'sent') >= 1 and count(*) filter (where ${openedSql}) = 0`,
  },
  {
    id: 'visits_without_orders',
    criteria: {
      all: [
        { measure: 'web_events.page_views', within_days: 365, operator: 'at_least', value: 3 },
        { measure: 'orders.order_count', within_days: 365, operator: 'equals', value: 0 },
      ],
    },
    sql: `select contact_id from web_events w where event_type = 'page_view' and occurred_at >= ${daysAgo(365)}
        and not exists (select from orders o where o.contact_id = w.contact_id and status = 'completed' and ordered_at >= ${daysAgo(365)})
      group by contact_id having count(*) >= 3`,
  },
  {
    id: 'not_ordered_since_click',
    criteria: { measure: 'orders.order_count', since: clicked, operator: 'equals', value: 0 },
    sql: `select c.contact_id from (select contact_id, max(occurred_at) as last_at from email_events where ${clickedSql} group by contact_id) c
      where not exists (select from orders o where o.contact_id = c.contact_id and status = 'completed' and ordered_at > c.last_at)`,
  },
  {
    id: 'opened_then_visited',
    criteria: {
      sequence: [
        opened,
        { source: 'web_events', where: leaf('event_type', 'equals', 'page_view'), within_days: 7 },
      ],
      within_days: 180,
    },
    sql: `select distinct w.contact_id from web_events w where event_type = 'page_view' and occurred_at >= ${daysAgo(180)}
      and exists (select from email_events e where e.contact_id = w.contact_id and ${openedSql} and e.occurred_at < w.occurred_at
        and e.occurred_at >= w.occurred_at - interval '7 days')`,
  },
];

/** What PostgreSQL is given, by table: a SELECT here, the columns there, and the indexes. */
const tables = {
  facts: {
    select: `select contact_id, country, created_at, order_count, total_revenue, last_ordered_at, email.last_30_days.clicks as clicks_30,
      email.last_90_days.sent as sent_90, email.last_90_days.opens as opens_90 from mart.contact_facts`,
    columns: `contact_id text primary key, country text, created_at timestamp, order_count bigint, total_revenue numeric(18,2),
      last_ordered_at timestamp, clicks_30 bigint, sent_90 bigint, opens_90 bigint`,
    indexes: [`create index on facts (country, created_at)`, `create index on facts (last_ordered_at)`],
  },
  email_events: {
    select: `select contact_id, event_type, campaign_id, agent_class, url, occurred_at from core.email_events`,
    columns: `contact_id text, event_type text, campaign_id text, agent_class text, url text, occurred_at timestamp`,
    indexes: [
      `create index on email_events (event_type, occurred_at) include (contact_id, agent_class, url)`,
      `create index on email_events (contact_id, occurred_at) include (agent_class) where event_type = 'opened'`,
      `create index on email_events (campaign_id, event_type) include (contact_id, agent_class)`,
    ],
  },
  web_events: {
    select: `select contact_id, event_type, occurred_at from core.web_events`,
    columns: `contact_id text, event_type text, occurred_at timestamp`,
    indexes: [`create index on web_events (event_type, occurred_at) include (contact_id)`],
  },
  orders: {
    select: `select contact_id, status, ordered_at from core.orders where contact_id is not null`,
    columns: `contact_id text, status text, ordered_at timestamp`,
    indexes: [`create index on orders (contact_id, ordered_at) include (status)`],
  },
};

const folder = mkdtempSync(join(tmpdir(), 'mallard-bench-postgres-'));
psql('postgres', `create database ${database}`);
const warehouse = await Warehouse.open(new Project(folder), {
  clock: { now: () => worldAsOf },
  memoryLimit: '8GB',
});
try {
  const engine = new ModelEngine(warehouse);
  await timed('generate', () => warehouse.loads.transaction((tx) => generateWorld(tx, worldOf(contacts))));
  await timed('build', () => engine.build({ asOf: worldAsOf }));
  await timed('load PostgreSQL', fillPostgres);
  for (const { id, criteria } of segments)
    await saveSegment({ warehouse, engine }, { segment_id: id, title: id, criteria });

  // Each side's best of three: caches are warm on both.
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 1; round <= ROUNDS; round += 1) {
    await forgetMembers();
    ours.push((await timed('mallard', () => evaluateSegments(warehouse, engine))).wall);
    theirs.push(evaluateThere());
  }
  const counts = await memberCounts();
  for (const { id } of segments) {
    const there = Number(psql(database, `select count(*) from members where segment_id = '${id}'`));
    if (there !== (counts.get(id) ?? 0))
      throw new Error(`${id}: ${counts.get(id)} members here, ${there} there`);
    print(`  ${id}: ${there} members`);
  }
  const factor = Math.min(...theirs) / Math.min(...ours);
  print(
    `ten segments: mallard ${Math.round(Math.min(...ours))} ms, PostgreSQL ${Math.round(Math.min(...theirs))} ms, ${factor.toFixed(1)} times (target: at least ${TARGET_FACTOR})`,
  );
  process.exitCode = factor >= TARGET_FACTOR ? 0 : 1;
} finally {
  await warehouse.close();
  rmSync(folder, { recursive: true, force: true });
  psql('postgres', `drop database ${database} (force)`);
}

async function fillPostgres(): Promise<void> {
  for (const [table, { select, columns, indexes }] of Object.entries(tables)) {
    const file = join(folder, `${table}.csv`);
    await warehouse.loads.transaction((tx) =>
      tx.run(`copy (${select}) to '${file}' (format csv, header false)`),
    );
    psql(database, `create table ${table} (${columns})`);
    psql(database, `\\copy ${table} from '${file}' csv`);
    rmSync(file);
    for (const index of indexes) psql(database, `set maintenance_work_mem = '1GB'; ${index}`);
    psql(database, `vacuum analyze ${table}`);
  }
  psql(database, 'create unlogged table members (segment_id text, contact_id text)');
}

async function forgetMembers(): Promise<void> {
  await warehouse.build.transaction(async (tx) => {
    for (const table of ['segment_memberships_open', 'segment_changes', 'segment_runs'])
      await tx.run(`delete from ops.${table}`);
  });
}

/** Milliseconds of the ten statements, as the server's client measures them: to start it is no part of them. */
function evaluateThere(): number {
  psql(database, 'truncate members');
  const settings = `set work_mem = '1GB'; set max_parallel_workers_per_gather = 2; set jit = off;`;
  const statements = segments.map(
    ({ id, sql }) => `insert into members select '${id}', contact_id from (${sql.replaceAll('\n', ' ')}) s;`,
  );
  const printed = psql(database, [settings, '\\timing on', ...statements].join('\n'));
  const times = [...printed.matchAll(/^Time: ([\d.]+) ms/gm)].map(([, time]) => Number(time));
  if (times.length !== segments.length) throw new Error(`psql printed ${printed}`);
  segments.forEach(({ id }, index) => print(`  PostgreSQL, ${id}: ${Math.round(times[index] ?? NaN)} ms`));
  return times.reduce((sum, time) => sum + time, 0);
}

async function memberCounts(): Promise<Map<string, number>> {
  const rows = await warehouse.read((session) =>
    session.rows<{ segment_id: string; members: number }>(
      'select segment_id, count(*)::int as members from ops.segment_memberships_open group by all',
    ),
  );
  return new Map(rows.map(({ segment_id: id, members }) => [id, members]));
}

/** Runs SQL and psql's own commands, and answers what they printed. */
function psql(on: string, sql: string): string {
  const { error, status, stdout, stderr } = spawnSync(
    'psql',
    ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-d', on],
    { encoding: 'utf8', input: sql },
  );
  if (error) throw new Error('This benchmark needs psql and a PostgreSQL 15 server.', { cause: error });
  if (status !== 0) throw new Error(`PostgreSQL: ${stderr.trim()}`);
  return stdout.trim();
}
