import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { DuckDBInstance } from '@duckdb/node-api';
import { expect, onTestFinished, test } from 'vitest';
import type { Project } from '../../../data/project.ts';
import { malloyFiles } from '../../../models/engine/files.ts';
import { publish } from '../../../pipelines/publish/publish.ts';
import { forgetPerson } from '../../../pipelines/rights/forget.ts';
import { openTestApp, openTestMallard } from '../../api/support.ts';
import { insertFixture } from '../../models/fixture.ts';

/** Another process's view: the file alone, opened to read. */
async function openSnapshot(file: string) {
  const instance = await DuckDBInstance.fromCache(file, { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  onTestFinished(() => {
    connection.closeSync();
    instance.closeSync();
  });
  return async (sql: string) => (await connection.runAndReadAll(sql)).getRowObjectsJson();
}

test('the snapshot has core, its history, marts and memberships, and neither tokens, logs nor settings', async () => {
  const { client, mallard } = await openTestApp();
  const { warehouse, project } = mallard;
  await insertFixture(warehouse);
  await warehouse.loads.transaction(async (tx) => {
    await tx.run(`create table raw.survey as select 'c1' as contact_id, 7 as grade`);
    await tx.run(`create table raw.secret_list as select 'x' as name`);
  });
  await warehouse.ledger.transaction((tx) =>
    tx.run(`insert into ops.suppressions (address_key, reason, detail, suppressed_at, source, recorded_at)
            values ('k', 'bounce', '550 ann@example.com is unknown', timestamp '2026-01-01', 't', timestamp '2026-01-01')`),
  );
  await client.request('POST', '/v1/build', { body: {} });
  await client.request('PUT', '/v1/segments/leads', {
    body: { title: 'Leads', criteria: { field: 'lifecycle_stage', operator: 'is_set' } },
  });
  await client.request('POST', '/v1/segments/evaluate', { body: {} });
  await client.request('POST', '/v1/tokens', { body: { name: 'spy', role: 'analyst' } });
  mallard.account.publish.raw.push('survey');
  const answer = await client.request<{ rows: number; tables: number; as_of: string }>(
    'POST',
    '/v1/publish',
    {
      body: {},
      headers: { authorization: 'Bearer the-internal-token-of-the-tests' },
    },
  );
  expect(answer.as_of).toBe('2026-11-02T06:00:00Z');
  expect(JSON.parse(readFileSync(project.publishedGivens, 'utf8'))).toEqual({
    AS_OF: '2026-11-02T06:00:00.000',
    TIME_ZONE: 'UTC',
    TODAY: '2026-11-02T00:00:00.000',
    REPORTING_CURRENCY: 'USD',
  });
  expect(readdirSync(project.published).toSorted()).toEqual([
    'givens.json',
    'mallard.duckdb',
    'mallard.malloy',
  ]);

  const rows = await openSnapshot(project.publishedFile);
  const names = (
    await rows(`select schema_name || '.' || table_name as name from duckdb_tables() order by 1`)
  ).map(({ name }) => name as string);
  expect(names.filter((name) => /^(ops|raw)\./.test(name))).toEqual([
    ...[
      'ops.campaigns',
      'ops.mart_builds',
      'ops.segment_changes',
      'ops.segment_list_changes',
      'ops.segment_memberships_open',
      'ops.segment_runs',
    ],
    ...['ops.segment_versions', 'ops.segments', 'ops.suppression_lifts', 'ops.suppressions', 'raw.survey'],
  ]);
  // What is there is the same, row for row; only texts beside the facts are blank.
  const total = await Promise.all(
    names.map(async (name) => {
      const own = await rows(`select count(*)::int as n, bit_xor(hash(t))::varchar as h from ${name} t`);
      const theirs = await warehouse.read((s) =>
        s.one<{ n: number; h: string | null }>(
          `select count(*)::int as n, bit_xor(hash(t))::varchar as h from ${name} t`,
        ),
      );
      // Its texts are blanked.
      const isSame = name === 'ops.suppressions' || JSON.stringify(own[0]) === JSON.stringify(theirs);
      expect([name, isSame]).toEqual([name, true]);
      return Number(own[0]?.['n']);
    }),
  );
  expect([answer.tables, answer.rows]).toEqual([names.length, total.reduce((a, b) => a + b, 0)]);
  expect(answer.rows).toBeGreaterThan(100);
  expect(await rows(`select reason, detail from ops.suppressions where address_key = 'k'`)).toEqual([
    { reason: 'bounce', detail: null },
  ]);
  expect(await rows(`select count(*)::int as n from versions.orders`)).toEqual(
    await rows('select count(*)::int as n from core.orders'),
  );
  // Every table that our models name.
  const named = malloyFiles(project.packageModels, 'models').flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/duckdb\.table\('([^']+)'\)/g)].map((match) => match[1]),
  );
  for (const table of new Set(named)) await rows(`select * from ${table} limit 1`);
});

test('it is replaced as a whole, while others write and read; who has the old one open keeps it', async () => {
  const mallard = await openTestMallard();
  const { warehouse, project } = mallard;
  const add = (from: number, count: number) =>
    warehouse.loads.transaction((tx) =>
      tx.run(`insert into core.email_events (event_id, event_type, occurred_at, source, recorded_at)
        select 'e' || n, 'sent', timestamp '2026-01-01' + interval (n) second, 't', timestamp '2026-10-01' from range(${from}, ${from + count}) t(n)`),
    );
  await add(0, 400_000);
  await publish(mallard);
  const old = await openSnapshot(project.publishedFile);
  // What a process that was killed had left.
  writeFileSync(`${project.publishedFile}.new`, 'half');
  writeFileSync(`${project.publishedFile}.new.wal`, 'half');

  const state = { isDone: false };
  const publishing = Promise.all([publish(mallard), publish(mallard)]).finally(() => (state.isDone = true));
  const waits: number[] = [];
  for (let n = 0; !state.isDone || n === 0; n += 1) {
    const started = performance.now();
    await warehouse.ledger.transaction((tx) =>
      tx.run(
        `insert into ops.sync_logs (source, message, occurred_at) values ('t', $1, timestamp '2026-01-01')`,
        [String(n)],
      ),
    );
    waits.push(performance.now() - started);
  }
  await publishing;
  const inLog = await warehouse.read((s) =>
    s.one<{ n: number }>('select count(*)::int as n from ops.sync_logs'),
  );
  expect(inLog?.n).toBe(waits.length);
  // Far below what the copies take together: a commit does not wait for them.
  expect(waits.length).toBeGreaterThan(3);

  await add(400_000, 10);
  await publish(mallard);
  const fresh = await openSnapshotCopy(project);
  expect(await fresh('select count(*)::int as n from core.email_events')).toEqual([{ n: 400_010 }]);
  expect(await old('select count(*)::int as n from core.email_events')).toEqual([{ n: 400_000 }]);
  // Nothing is left attached, nor in the folder.
  expect(
    await warehouse.read((s) => s.rows(`select database_name from duckdb_databases() where not internal`)),
  ).toHaveLength(1);
  expect(readdirSync(project.published).toSorted()).toEqual([
    'givens.json',
    'mallard.duckdb',
    'mallard.malloy',
  ]);
});

/** DuckDB's cache of instances goes by the path, and has the old file under it as long as somebody has it open. */
function openSnapshotCopy({ dir, publishedFile }: Project) {
  const copy = `${dir}/copy.duckdb`;
  cpSync(publishedFile, copy);
  return openSnapshot(copy);
}

test('a snapshot that cannot be written says so, and the old one stays', async () => {
  const mallard = await openTestMallard();
  const done = await publish(mallard);
  mallard.account.publish.raw.push('gone');
  await mallard.warehouse.loads.transaction((tx) => tx.run(`create view raw.gone as select 1 as n`));
  // A view is no table: it is not asked for, and nothing fails.
  expect((await publish(mallard)).tables).toBe(done.tables);
  mkdirSync(`${mallard.project.publishedGivens}.new`);
  await expect(publish(mallard)).rejects.toMatchObject({ code: 'storage_failed' });
  expect(existsSync(mallard.project.publishedFile)).toBe(true);
  expect(existsSync(`${mallard.project.publishedFile}.new`)).toBe(false);
  // And the next one works.
  rmSync(`${mallard.project.publishedGivens}.new`, { recursive: true });
  expect((await publish(mallard)).tables).toBe(done.tables);
});

test('a forgotten person is in no snapshot, not even in one that is being written meanwhile', async () => {
  const mallard = await openTestMallard();
  const { warehouse, project } = mallard;
  await warehouse.loads.transaction((tx) =>
    tx.run(`insert into core.contacts (contact_id, email, email_key, source, recorded_at)
            values ('c1', 'ann@example.com', 'ann@example.com', 't', timestamp '2026-01-01'),
                   ('c2', 'bob@example.com', 'bob@example.com', 't', timestamp '2026-01-01')`),
  );
  await publish(mallard);
  const state = { isForgotten: false };
  const forgetting = forgetPerson(mallard, { reference: 'c1', requestedBy: 'dpo' }).finally(
    () => (state.isForgotten = true),
  );
  // As often as it can: one is bound to fall between the erasure's transactions.
  while (!state.isForgotten) await publish(mallard);
  const outcome = await forgetting;
  expect(outcome.files).toContainEqual(
    expect.objectContaining({ file: 'published/mallard.duckdb', treatment: 'delete' }),
  );
  // Our models are nobody's.
  expect(outcome.files.map(({ file }) => file)).not.toContain('published/mallard.malloy');
  const left = existsSync(project.publishedFile)
    ? await (
        await openSnapshot(project.publishedFile)
      )(`select contact_id from core.contacts where contact_id = 'c1'`)
    : [];
  expect(left).toEqual([]);
  await publish(mallard);
  const fresh = await openSnapshotCopy(project);
  expect(await fresh(`select contact_id from core.contacts`)).toEqual([{ contact_id: 'c2' }]);
});
