import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { packageRoot } from '../../data/package-root.ts';
import { catalogueNames, type Lineage } from '../../models/engine/lineage/lineage.ts';
import { asOf } from './fixture.ts';
import { sharedBase } from './support.ts';

// A project's own model: a joined table of its own, a measure over ours, a nested view, and a source it extends twice.
const base = sharedBase((project) => {
  const index = relative(project.models, join(packageRoot, 'models', 'index.malloy'));
  mkdirSync(project.models, { recursive: true });
  writeFileSync(
    join(project.models, 'vip.malloy'),
    `##! experimental.givens
import '${index}'
source: spenders is contact_facts extend {
  where: total_revenue > 100
  view: by_country is { group_by: country nest: best is { group_by: rfm.segment aggregate: contact_count } }
  measure:
    #(doc) Revenue of the spenders for each.
    # currency
    revenue_each is total_revenue.sum() / nullif(contact_count, 0)
}
source: countries is spenders -> by_country extend {
  measure:
    #(doc) Countries with a spender.
    #(unit) countries
    country_count is count(country)
}
source: numbers is duckdb.sql("""select amount from core.orders""") extend {
  measure:
    #(doc) Amounts.
    #(unit) amount
    amount_total is amount.sum()
}
source: kinds is duckdb.sql("select unnest(['a', 'b']) as kind") extend {
  measure:
    #(doc) Kinds.
    #(unit) kinds
    kind_count is count(kind)
}
source: stored is duckdb.sql("select estimated_size as size from duckdb_tables()") extend {
  measure:
    #(doc) Rows of all tables.
    #(unit) rows
    size_sum is size.sum()
}
source: orders_of_all is kinds extend {
  join_cross: orders
  join_many: owners on kind = owners.team
} -> { select: kind, orders.order_id } extend {
  measure:
    #(doc) Orders, once for each kind.
    #(unit) orders
    row_count is count() { where: kind = 'a' }
}
#(segment) name=vip title="Spenders"
source: segment_vip is spenders -> { where: orders.last_30_days.order_count > 0 group_by: contact_id }
`,
  );
});

async function lineage(): Promise<Lineage> {
  return base().engine.lineage();
}

const columns = async (name: string) => (await lineage()).of(name)?.columns;
const conditions = async (name: string) => (await lineage()).of(name)?.conditions;

describe('the columns that make a field', () => {
  test.each([
    [
      'contact_facts.total_revenue',
      ['core.exchange_rates.rate', 'core.orders.amount', 'core.orders.currency', 'core.orders.status'],
    ],
    [
      'contact_facts.email.last_30_days.clicks',
      [
        'core.email_events.*',
        'core.email_events.agent_class',
        'core.email_events.event_type',
        'core.email_events.occurred_at',
        'core.email_events.url',
      ],
    ],
    ['contact_facts.is_suppressed', ['ops.suppressions.address_key']],
    ['contact_facts.contact_id', ['core.contacts.contact_id']],
    [
      'contact_facts.rfm.recency_score',
      [
        'core.contact_canonicals.canonical_contact_id',
        'core.orders.contact_id',
        'core.orders.ordered_at',
        'core.orders.status',
      ],
    ],
    ['deal_facts.owner_name', ['core.owners.name']],
    ['orders.order_count', ['core.orders.*', 'core.orders.status']],
    [
      'orders.average_order_value',
      [
        'core.exchange_rates.rate',
        'core.orders.*',
        'core.orders.amount',
        'core.orders.currency',
        'core.orders.status',
      ],
    ],
    ['suppressions.suppressed_address_count', ['ops.suppressions.address_key']],
    ['numbers.amount_total', ['core.orders.*']],
    // Made of constants, and of what is no table.
    ['kinds.kind_count', []],
    ['stored.size_sum', ['duckdb.sql.*']],
    // Rows of a stage over a join to many are those of the joined source; of a join that the stage does not read, none.
    ['orders_of_all.row_count', ['core.orders.*']],
    ['acquisition.all_leads', ['core.contacts.*', 'core.spend.*']],
    [
      'deal_stage_steps.entered_steps',
      ['core.deal_stage_changes.*', 'core.deal_stages.pipeline', 'core.deal_stages.stage'],
    ],
    // A sum over a window is made of what the window is cut by.
    [
      'deal_stage_steps.reentered_steps',
      [
        'core.deal_stage_changes.*',
        'core.deal_stage_changes.deal_id',
        'core.deal_stage_changes.to_stage',
        'core.deal_stages.pipeline',
        'core.deal_stages.stage',
      ],
    ],
  ])('%s', async (name, expected) => {
    expect(await columns(name)).toEqual(expected);
  });

  test('come through changes of a thing, stages, joins and filters of a measure', async () => {
    expect(await columns('deal_facts.weighted_amount')).toEqual(
      expect.arrayContaining([
        'core.deals.amount',
        'core.deals.currency',
        'core.deal_changes.value',
        'core.deal_stages.probability',
        'core.deal_stages.is_won',
        'core.exchange_rates.rate',
      ]),
    );
    expect(await columns('contact_facts.lifecycle_stage')).toEqual(
      expect.arrayContaining(['core.contacts.lifecycle_stage', 'core.contact_changes.value']),
    );
    // A rank within groups is made of what it is ordered and grouped by.
    expect(await columns('contact_facts.lifecycle_stage')).toContain('core.contact_changes.valid_from');
  });

  test("of a project's own models are found through ours", async () => {
    expect(await columns('spenders.revenue_each')).toEqual(
      [...new Set(['core.contacts.*', ...((await columns('contact_facts.total_revenue')) ?? [])])].sort(),
    );
    expect(await conditions('spenders.revenue_each')).toContain('core.orders.ordered_at');
    expect(await columns('countries.country_count')).toEqual(await columns('contact_facts.country'));
  });
});

test('conditions are what only decides which rows count: filters of sources, joins, groups', async () => {
  const found = await conditions('contact_facts.total_revenue');
  expect(found).toEqual(
    expect.arrayContaining([
      'core.orders.ordered_at',
      'core.orders.recorded_at',
      'history.orders.superseded_at',
      'core.orders.contact_id',
      'core.contact_canonicals.contact_id',
      'core.exchange_rates.rate_date',
    ]),
  );
  // A join's condition, of both sides.
  expect(await conditions('deal_facts.owner_name')).toEqual(
    expect.arrayContaining(['core.owners.owner_id', 'core.deals.owner_id', 'core.owners.recorded_at']),
  );
  // Its measure's own filter makes the value.
  expect(found).not.toContain('core.orders.status');
  expect(found?.filter((name) => /email|deal|web/.test(name))).toEqual([]);
  expect(await conditions('orders.revenue')).not.toContain('core.contacts.contact_id');
});

test('every field and measure comes from columns that exist, and the walk leaves nothing out', async () => {
  const { engine, warehouse } = base();
  const { unresolved, ...found } = { unresolved: (await lineage()).unresolved, lineage: await lineage() };
  expect(unresolved).toEqual([]);
  expect((await engine.catalogue()).broken).toEqual([]);
  const names = catalogueNames(await engine.catalogue());
  expect(names.length).toBeGreaterThan(250);
  const all = names.map((name) => ({ name, ...found.lineage.of(name) }));
  // What is made of constants only.
  expect(all.filter(({ columns: own }) => !own?.length).map(({ name }) => name)).toEqual([
    'contact_facts.lead_scores.rules_version',
    'lead_scores.rules_version',
    'kinds.kind_count',
  ]);

  const rows = await warehouse.read((session) =>
    session.rows<{ name: string }>(
      `select table_schema || '.' || table_name || '.' || unnest([column_name, '*']) as name
       from information_schema.columns join information_schema.tables using (table_schema, table_name)
       where table_type = 'BASE TABLE' and table_schema in ('core', 'ops', 'history')`,
    ),
  );
  const existing = new Set(rows.map(({ name }) => name));
  const told = new Set(all.flatMap((field) => [...(field.columns ?? []), ...(field.conditions ?? [])]));
  expect([...told].filter((name) => !existing.has(name))).toEqual(['duckdb.sql.*']);
});

test('built tables do not hide where a figure comes from', async () => {
  const before = await columns('rfm.monetary');
  await base().engine.build({ asOf });
  expect(await columns('rfm.monetary')).toEqual(before);
  expect(before).toContain('core.orders.amount');
});

test('the steps lead from the columns to the field, each made of what stands before it', async () => {
  const found = await lineage();
  const steps = found.steps('contact_facts.total_revenue');
  expect(steps.map(({ field, layer }) => [field, layer])).toEqual([
    ['orders.is_reporting_currency', 'base'],
    ['exchange_rates.rate', 'base'],
    ['orders.reporting_amount', 'base'],
    ['orders.is_completed', 'base'],
    ['orders.revenue', 'base'],
    ['int_orders_aggregated_to_contact.revenue', 'intermediate'],
    ['contact_facts.total_revenue', 'mart'],
  ]);
  expect(steps[4]).toEqual({
    field: 'orders.revenue',
    layer: 'base',
    file: 'base/orders.malloy',
    line: expect.any(Number) as number,
    type: 'number',
    unit: 'currency',
    doc: "Revenue of completed orders, guests' too, in the reporting currency.",
    formula: 'reporting_amount.sum() { where: is_completed }',
    from: ['orders.reporting_amount', 'orders.is_completed'],
  });
  expect(found.steps('contact_facts.email.last_30_days.clicks').at(-1)).toMatchObject({
    field: 'contact_facts.email.last_30_days.clicks',
    layer: 'mart',
    from: ['contact_windows.email.last_30_days.clicks'],
  });
  for (const name of catalogueNames(await base().engine.catalogue())) {
    const all = found.steps(name);
    expect(all.at(-1)?.field, name).toBe(name);
    const before = new Set<string>();
    for (const step of all) {
      expect(
        step.from.filter((each) => !/^(core|ops|history|raw|duckdb)\./.test(each) && !before.has(each)),
        name,
      ).toEqual([]);
      before.add(step.field);
    }
    // The columns that the steps begin with are the columns of the field.
    const leaves = all
      .flatMap(({ from }) => from)
      .filter((each) => /^(core|ops|history|raw|duckdb)\./.test(each));
    expect([...new Set(leaves)].sort(), name).toEqual(found.of(name)?.columns);
  }
});

describe('uses', () => {
  test('of a Malloy segment are what decides its members', async () => {
    const found = await lineage();
    const uses = await found.usedByRowsOf('segment_hot_leads');
    expect(uses.filter(({ via }) => via.length === 0).map(({ field }) => field)).toEqual([
      'contact_facts.lead_scores.score',
      'contact_facts.open_deal_count',
      'contact_facts.order_count',
      'contact_facts.won_deal_count',
      'lead_scores.score',
    ]);
    expect(uses.find(({ field }) => field === 'contact_facts.is_suppressed')?.via).toEqual([
      'contact_facts.lead_scores.score',
    ]);
    // The project's own: by its filter, and by that of the source it is made from.
    const own = await found.usedByRowsOf('segment_vip');
    expect(own.filter(({ via }) => via.length === 0).map(({ field }) => field)).toEqual([
      'contact_facts.orders.last_30_days.order_count',
      'contact_facts.total_revenue',
    ]);
  });

  test('of a report are what its queries name', async () => {
    const file = pathToFileURL(join(packageRoot, 'reports', 'weekly.malloy'));
    const uses = await (await lineage()).usedByFile(file);
    const direct = uses.filter(({ via }) => via.length === 0).map(({ field }) => field);
    expect(direct).toEqual(
      expect.arrayContaining([
        'orders.revenue',
        'orders.order_count',
        'deal_facts.win_rate',
        'email_performance.open_rate',
      ]),
    );
    expect(direct).not.toContain('orders.customer_count');
    expect(uses.find(({ field }) => field === 'deal_facts.deals_closed')?.via).toEqual([
      'deal_facts.win_rate',
    ]);
  });

  test('a field knows what is made of it', async () => {
    const found = await lineage();
    expect(found.dependents('contact_facts.open_deal_count')).toEqual(
      expect.arrayContaining(['lead_scores.open_deal_points']),
    );
    expect(found.dependents('orders.revenue')).toEqual(
      expect.arrayContaining(['contact_facts.total_revenue', 'orders.average_order_value', 'rfm.monetary']),
    );
    expect(found.dependents('lead_scores.score')).toEqual(
      expect.arrayContaining(['lead_scores.cut_points', 'lead_scores.score_sum']),
    );
    expect(found.dependents('lead_scores.score_sum')).toEqual(['lead_scores.average_score']);
  });
});
