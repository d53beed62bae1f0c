import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { MallardError } from '../../data/errors.ts';
import { criteriaCatalogue } from '../../models/criteria/from-catalogue.ts';
import { malloyPath } from '../../models/criteria/literal.ts';
import { membershipQuery } from '../../models/criteria/query.ts';
import { ModelEngine } from '../../models/engine/engine.ts';
import type { ModelProblem } from '../../models/engine/problems.ts';
import { openTestWarehouse } from '../support.ts';
import { asOf } from './fixture.ts';
import { sharedBase } from './support.ts';

const base = sharedBase();
const count = 'run: contact_facts -> { aggregate: contact_count }';
const restricted = { asOf, restricted: true };

async function failure(work: Promise<unknown>): Promise<MallardError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof MallardError)) throw new Error(`a MallardError was expected, not ${String(error)}`);
  return error;
}

describe('errors', () => {
  test('show the place, the line and a caret', async () => {
    const text = 'run: contact_facts -> {\n\twhere: lifecycle_stag = 1\n}';
    const error = await failure(base().engine.compileSql(text, restricted));
    expect(error.code).toBe('model_invalid');
    expect(error.message).toContain(
      "query:2:9: 'lifecycle_stag' is not defined\n  \twhere: lifecycle_stag = 1\n  \t       ^",
    );
    const [problem] = error.fields['problems'] as ModelProblem[];
    expect(problem).toMatchObject({
      file: 'query',
      line: 2,
      column: 9,
      excerpt: '\twhere: lifecycle_stag = 1\n\t       ^',
    });
  });

  test.each([
    ['raw SQL', `run: duckdb.sql("""select 1 as x""") -> { select: x }`],
    ['a table', `run: duckdb.table('ops.api_tokens') -> { select: * }`],
    ['a function of the database', `run: contacts -> { select: x is getenv!string('HOME') }`],
    ['SQL in a built-in function', `run: contacts -> { select: x is sql_string("current_user") }`],
    [
      'an import',
      `import '${pathToFileURL('/etc/passwd').toString()}'\nrun: contacts -> { aggregate: contact_count }`,
    ],
  ])('text from outside may not use %s', async (_what, text) => {
    expect((await failure(base().engine.compileSql(text, restricted))).code).toBe('query_refused');
  });

  test.each([
    '/etc/passwd',
    'data.csv',
    "read_csv('/etc/passwd')",
    'core.contacts; drop table core.contacts',
    'core.nothing',
  ])('a model of ours cannot name %s as a table either', async (path) => {
    const text = `run: duckdb.table("${path}") -> { select: * }`;
    expect((await failure(base().engine.compileSql(text, { asOf, restricted: false }))).code).toBe(
      'model_invalid',
    );
  });
});

test('a limit is set where the query states none', async () => {
  const { engine } = base();
  const select = 'run: contacts -> { select: contact_id }';
  expect((await engine.query(select, { ...restricted, rowLimit: 3 })).rows).toHaveLength(3);
  expect((await engine.query(select, { asOf, rowLimit: 3 })).rows).toHaveLength(3);
  expect((await engine.query(select, { asOf })).rows).toHaveLength(60);
});

test('columns come in the order of the query, with docs', async () => {
  const { columns } = await base().engine.compileSql(
    'run: contact_facts -> { group_by: country, c is email.last_7_days.clicks aggregate: contact_count nest: stages is { group_by: lifecycle_stage } }',
    restricted,
  );
  expect(columns).toEqual([
    { name: 'country', type: 'string', doc: 'Country.' },
    { name: 'c', type: 'number' },
    { name: 'contact_count', type: 'number', doc: expect.stringMatching(/^Contacts/) as string },
    { name: 'stages', type: 'array' },
  ]);
});

test("days begin in the account's zone", async () => {
  const { engine, project } = base();
  const select = 'run: orders -> { aggregate: n is count() { where: ordered_at >= $TODAY } }';
  // An edit is noticed without being told.
  writeFileSync(project.accountFile, 'time_zone: Asia/Tokyo\n');
  // 2026-11-02 20:00 UTC is the third of November in Tokyo, which began at 15:00 UTC.
  const tokyo = await engine.compileSql(select, { asOf: new Date('2026-11-02T20:00:00Z'), restricted: true });
  expect(tokyo.sql).toContain('2026-11-02 15:00:00');
  rmSync(project.accountFile);
  const utc = await engine.compileSql(select, { asOf: new Date('2026-11-02T20:00:00Z'), restricted: true });
  expect(utc.sql).toContain('2026-11-02 00:00:00');
});

describe('marts', () => {
  test('are read from their tables for the time they were built as of, and only then', async () => {
    const { engine, warehouse } = base();
    const before = await engine.compileSql(count, restricted);
    expect(before.sql).toContain('versions.contacts');
    const results = await engine.build({ asOf });
    expect(results.map(({ mart, row_count }) => [mart, row_count])).toEqual([
      ['deal_facts', 70],
      ['contact_facts', 60],
      ['rfm', expect.any(Number)],
      ['lead_scores', 60],
      ['email_performance', expect.any(Number)],
      ['customer_spans', expect.any(Number)],
      ['company_facts', expect.any(Number)],
      ['owner_facts', expect.any(Number)],
      ['campaign_facts', expect.any(Number)],
    ]);
    expect((await engine.compileSql(count, restricted)).sql).toMatch(/FROM mart\.contact_facts/);
    const joined = 'run: contact_facts -> { group_by: rfm.segment, lead_scores.score }';
    expect((await engine.compileSql(joined, restricted)).sql).not.toContain('core.');
    // What is built on a mart follows: a segment of ours.
    expect(
      (await engine.compileSql('run: segment_champions -> { group_by: contact_id }', restricted)).sql,
    ).not.toContain('core.');

    const later = { asOf: new Date(asOf.getTime() + 1), restricted: true };
    expect((await engine.compileSql(count, later)).sql).toContain('versions.contacts');
    expect((await engine.compileSql(count, { ...restricted, knownAt: asOf })).sql).toContain(
      'versions.contacts',
    );

    const [row] = await warehouse.read((session) =>
      session.rows(
        `select distinct as_of::varchar as as_of, built_at is not null as is_built from mart.contact_facts`,
      ),
    );
    expect(row).toEqual({ as_of: '2026-11-02 06:00:00', is_built: true });
  });

  test('give the same from the table as from the definition, in every field', async () => {
    const { engine } = base();
    await engine.build({ asOf });
    const { sources } = await engine.catalogue();
    for (const [mart, key] of [
      ['contact_facts', 'contact_id'],
      ['rfm', 'contact_id'],
      ['lead_scores', 'contact_id'],
      ['deal_facts', 'deal_id'],
      ['email_performance', 'performance_id'],
      ['customer_spans', 'span_id'],
      ['company_facts', 'company_id'],
      ['owner_facts', 'owner_id'],
      ['campaign_facts', 'campaign_id'],
    ] as const) {
      const fields =
        sources
          .find((source) => source.name === mart)
          ?.fields.map((field, index) => `f${index} is ${malloyPath(field.path)}`) ?? [];
      const text = `run: ${mart} -> { select: ${fields.join(', ')}, k is ${key} order_by: k }`;
      const built = await engine.query(text, { asOf });
      // KNOWN_AT is never served from tables; far in the future it hides nothing.
      const defined = await engine.query(text, { asOf, knownAt: new Date('2100-01-01T00:00:00Z') });
      expect(built.rows.length).toBeGreaterThan(0);
      expect({ mart, rows: built.rows }).toEqual({ mart, rows: defined.rows });
    }
  });

  test('no column is wider than 64 bits; a sum of money beyond that is refused, and the marts stay', async () => {
    const { warehouse } = await openTestWarehouse();
    const engine = new ModelEngine(warehouse);
    const order = (id: string) =>
      warehouse.loads.transaction((tx) =>
        tx.run(
          `insert into core.orders (order_id, contact_id, ordered_at, amount, currency, status, source, recorded_at)
           values ($1, 'c1', timestamp '2026-10-01', 9000000000000000.25, 'USD', 'completed', 'test', timestamp '2026-10-01')`,
          [id],
        ),
      );
    await warehouse.loads.transaction((tx) =>
      tx.run(
        `insert into core.contacts (contact_id, source, recorded_at) values ('c1', 'test', timestamp '2026-10-01')`,
      ),
    );
    await order('o1');
    await engine.build({ asOf });
    const read = <T>(sql: string) => warehouse.read((session) => session.rows<T>(sql));
    const wide = `select table_name, column_name from duckdb_columns() where schema_name = 'mart' and regexp_matches(data_type, 'HUGEINT|DECIMAL.(19|[23])')`;
    expect(await read(wide)).toEqual([]);
    const revenue = 'select total_revenue, orders.last_90_days.revenue as lately from mart.contact_facts';
    const kept = [{ total_revenue: '9000000000000000.25', lately: '9000000000000000.25' }];
    expect(await read(revenue)).toEqual(kept);
    await order('o2');
    const error = await failure(engine.build({ asOf }));
    expect([error.code, error.message]).toEqual([
      'model_invalid',
      expect.stringMatching(/^A sum of money in contact_facts has more than 16 digits .*18000000000000000/),
    ]);
    expect(await read(revenue)).toEqual(kept);
  });

  test('a mart may be built by itself; a name that is none is refused', async () => {
    const { engine, warehouse } = base();
    expect((await engine.build({ asOf, marts: ['rfm'] })).map((result) => result.mart)).toEqual(['rfm']);
    expect((await failure(engine.build({ asOf, marts: ['nothing'] }))).code).toBe('not_found');
    const [row] = await warehouse.read((session) =>
      session.rows(
        `select count(*)::int as n from ops.mart_builds where mart = 'rfm' and as_of = timestamp '2026-11-02 06:00:00'`,
      ),
    );
    expect(Number(row?.['n'])).toBeGreaterThan(0);
  });

  test('a table that no longer has the columns of the definition is not read', async () => {
    const { engine, warehouse } = base();
    await engine.build({ asOf });
    await warehouse.build.transaction((tx) => tx.run('alter table mart.contact_facts drop column country'));
    expect((await engine.compileSql(count, restricted)).sql).toContain('versions.contacts');
    await engine.build({ asOf });
    expect((await engine.compileSql(count, restricted)).sql).toContain('mart.contact_facts');
  });
});

describe("the project's own models", () => {
  const index = pathToFileURL(join(ourModels(), 'index.malloy')).toString();

  test('are compiled beside ours; a broken one is reported and breaks nothing', async () => {
    const { engine, project } = base();
    const write = (name: string, text: string) => writeFileSync(join(project.models, name), text);
    write(
      'mine.malloy',
      `import '${index}'
#(doc) People in the north.
#(segment) name=north title="The north"
source: segment_north is contact_facts -> { where: country = 'NO' group_by: contact_id }
`,
    );
    write(
      'broken.malloy',
      `import '${index}'\nsource: worse is contact_facts extend {\n  dimension: x is nothing_like_it + 1\n}\n`,
    );
    write('taken.malloy', `import '${index}'\nsource: deal_facts is contact_facts extend {}\n`);
    const { segments, broken } = await engine.catalogue();
    expect(segments.find((segment) => segment.name === 'north')).toEqual({
      name: 'north',
      title: 'The north',
      doc: 'People in the north.',
      source: 'segment_north',
      is_filter: true,
      file: 'models/mine.malloy',
    });
    expect(broken.map(({ file }) => file)).toEqual(['models/broken.malloy', 'models/taken.malloy']);
    expect(broken[0]?.message).toContain(`broken.malloy:3:19: 'nothing_like_it' is not defined`);
    expect(broken[1]?.message).toContain('deal_facts');
    expect(
      (await engine.query('run: segment_north -> { aggregate: n is count() }', restricted)).rows,
    ).toEqual([{ n: 0n }]);

    // Edits are noticed without being told.
    write(
      'mine.malloy',
      `import '${index}'\nsource: segment_north is contact_facts -> { where: country = 'DE' group_by: contact_id }\n`,
    );
    const edited = await engine.query('run: segment_north -> { aggregate: n is count() }', restricted);
    expect(edited.rows[0]?.['n']).toBeGreaterThan(0n);
    for (const name of ['mine.malloy', 'broken.malloy', 'taken.malloy']) rmSync(join(project.models, name));
    expect((await engine.catalogue()).broken).toEqual([]);
  });

  test('what a measure counts is told where a query from outside may say it too', async () => {
    const { engine, project } = base();
    const file = join(project.models, 'own_events.malloy');
    writeFileSync(
      file,
      `##! experimental.givens
import '${index}'
source: own_events is email_events extend {
  measure:
    offers is count() { where: url ~ '%/offers/%', event_type != 'sent' }
    matched is count() { where: regexp_matches!boolean(url, 'x') }
    noted is count() { where: url = 'a' -- not b
    }
    fresh is count() { where: occurred_at > $AS_OF - 7 days }
    rate is clicks / nullif(delivered, 0)
}
`,
    );
    const { measures, broken } = await engine.catalogue();
    expect(broken).toEqual([]);
    const countedWhere = (source: string, name: string) =>
      measures.find((measure) => measure.source === source && measure.name === name)?.counted_where;
    expect(countedWhere('own_events', 'offers')).toEqual([`url ~ '%/offers/%'`, `event_type != 'sent'`]);
    expect(countedWhere('own_events', 'clicks')).toEqual(['is_click']);
    for (const name of ['matched', 'fresh', 'rate', 'event_count'])
      expect(countedWhere('own_events', name)).toBeUndefined();
    for (const name of ['offers', 'matched', 'noted', 'fresh', 'rate', 'clicks']) {
      const criteria = { measure: `own_events.${name}`, operator: 'at_least', value: 0 } as const;
      const query = membershipQuery([{ id: 's', criteria }], {
        catalogue: criteriaCatalogue(await engine.catalogue()),
        zone: 'UTC',
        segments: new Map(),
      });
      expect((await engine.query(query.malloy ?? '', restricted)).rows.length).toBeGreaterThan(0);
    }
    rmSync(file);
  });

  test('new tables are seen', async () => {
    const { engine, project, warehouse } = base();
    await engine.query(count, restricted);
    await warehouse.loads.transaction((tx) =>
      tx.run(`create table raw.survey as select 'c1' as contact_id, 7 as grade`),
    );
    writeFileSync(join(project.models, 'survey.malloy'), `source: survey is duckdb.table('raw.survey')\n`);
    expect((await engine.query('run: survey -> { aggregate: g is grade.avg() }', restricted)).rows).toEqual([
      { g: 7 },
    ]);
    await warehouse.loads.transaction((tx) =>
      tx.run(`alter table raw.survey add column comment varchar default 'good'`),
    );
    expect((await engine.query('run: survey -> { select: comment }', restricted)).rows).toEqual([
      { comment: 'good' },
    ]);
    rmSync(join(project.models, 'survey.malloy'));
  });
});

test('data tests fail where the data is wrong, and show the rows', async () => {
  const { engine, warehouse } = base();
  await warehouse.loads.transaction(async (tx) => {
    await tx.run(`insert into core.contacts select * from core.contacts where contact_id = 'c3'`);
    await tx.run(`insert into core.orders (order_id, contact_id, ordered_at, amount, source, recorded_at)
                  values ('lost', 'nobody', timestamp '2026-01-01', 5, 'fixture', timestamp '2026-11-01')`);
  });
  // Another time: the marts were built before.
  const results = await engine.test({ asOf: new Date('2026-11-02T07:00:00Z') });
  const failed = new Map(results.filter((result) => !result.passed).map((result) => [result.name, result]));
  expect(failed.get('contacts_contact_id_is_unique')).toMatchObject({
    model: 'base/base.test.malloy',
    failing_count: 1,
    sample_rows: [{ contact_id: 'c3', n: 2n }],
  });
  expect(failed.get('contact_facts_contact_id_is_unique')?.failing_count).toBe(1);
  expect(failed.get('orders_contact_id_exists')?.sample_rows).toEqual([
    { order_id: 'lost', contact_id: 'nobody' },
  ]);
  expect(failed.has('contact_facts_revenue_equals_orders')).toBe(true);
});

function ourModels(): string {
  return join(import.meta.dirname, '..', '..', 'models');
}
