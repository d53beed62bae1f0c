import { beforeAll, describe, expect, test } from 'vitest';
import { mergeContacts, unmerge } from '../../../pipelines/identity/merge.ts';
import { moved, partOf, told } from './support.ts';

const story = told('2026-01-01T00:00:00Z');
// Fixed, so that no window moves unless a test wants it to.
const years = { from: '2025-01-01', to: '2030-01-01' };

beforeAll(async () => {
  const { mallard } = story();
  await story().loads(
    'contacts',
    ['c1', 'c2', 'c3'].map((id) => ({
      contact_id: id,
      email: `${id}@example.com`,
      created_at: '2025-06-01T00:00:00Z',
    })),
  );
  await story().loads('deals', [
    deal('d1', { stage: 'Won', amount: 100, closed_at: '2025-12-10T00:00:00Z' }),
    deal('d2', { stage: 'Lost', amount: 50, closed_at: '2025-12-12T00:00:00Z' }),
    deal('d3', { stage: 'Open', amount: 70 }),
  ]);
  await story().loads('orders', [
    { order_id: 'r1', contact_id: 'c1', ordered_at: '2025-12-01T00:00:00Z', amount: 10 },
    { order_id: 'r2', contact_id: 'c2', ordered_at: '2025-12-02T00:00:00Z', amount: 20 },
  ]);
  await mallard.engine.build({ asOf: mallard.clock.now() });
  story().passes(10);
});

type Row = Record<string, string | number | null>;

function deal(id: string, rest: Row): Row {
  return { deal_id: id, name: `Deal ${id}`, created_at: '2025-11-01T00:00:00Z', ...rest };
}

/** Five days after now something is told; five days later it is asked why. */
async function after(change: () => Promise<unknown>, metric: string, period: Row = years) {
  const vs = story().now.toISOString();
  story().passes(5);
  await change();
  const asOf = story().passes(5).toISOString();
  return story().why(metric, { vs, as_of: asOf, rows: 5, ...(period as Record<string, string>) });
}

describe('of one kind of change alone, that part moves and no other', () => {
  test('nothing', async () => {
    const why = await after(() => Promise.resolve(), 'close_rate');
    expect(moved(why)).toEqual({});
    expect(why.then).toMatchObject({ value: '0.5', numerator: '1', denominator: '2' });
    expect(why.definition).toMatchObject({ status: 'same', measures: [], files: [] });
  });

  test('a new deal', async () => {
    const day = story().now.getTime();
    const closed = new Date(day + 4 * 86_400_000).toISOString();
    const why = await after(
      () => story().loads('deals', [deal('d4', { stage: 'Won', amount: 300, closed_at: closed })]),
      'close_rate',
    );
    expect(moved(why)).toEqual({ new_facts: '0.166666666667' });
    const { rows, row_count, everything_else, change } = partOf(why, 'new_facts');
    expect(change).toEqual({ value: '0.166666666667', numerator: '1', denominator: '1' });
    expect(row_count).toBe(1);
    expect(rows).toMatchObject([
      {
        key: 'd4',
        before: null,
        after: { numerator: '1', denominator: '1' },
        weight: '0.166666666667',
        fields: { name: 'Deal d4', stage: 'Won', reporting_amount: '300.00' },
      },
    ]);
    expect(everything_else).toEqual({ row_count: 0, weight: '0' });
  });

  test('a late deal', async () => {
    const why = await after(
      () =>
        story().loads('deals', [deal('d5', { stage: 'Won', amount: 40, closed_at: '2025-12-20T00:00:00Z' })]),
      'sold_amount',
    );
    expect(moved(why)).toEqual({ late_facts: '40' });
    const [row] = partOf(why, 'late_facts').rows;
    expect(row).toMatchObject({ key: 'd5', before: null, weight: '40' });
    expect(row?.recorded).toMatchObject({ table: 'deals', source: 'crm' });
  });

  test('a late edit', async () => {
    // The stage and the amount as they had been for a while, by a file that came later.
    const why = await after(
      () =>
        story().loads('deal_changes', [
          { deal_id: 'd3', field: 'amount', value: '90', valid_from: '2025-12-01T00:00:00Z' },
        ]),
      'pipeline_amount',
    );
    expect(moved(why)).toEqual({ late_facts: '20' });
    expect(partOf(why, 'late_facts').rows).toMatchObject([
      { key: 'd3', before: { numerator: '70' }, recorded: { table: 'deal_changes', source: 'crm' } },
    ]);
  });

  test('a corrected amount', async () => {
    const why = await after(
      () =>
        story().loads('deal_changes', [
          { deal_id: 'd3', field: 'amount', value: '95', valid_from: '2025-12-01T00:00:00Z' },
        ]),
      'pipeline_amount',
    );
    expect(moved(why)).toEqual({ corrected_facts: '5' });
    expect(partOf(why, 'corrected_facts').rows).toMatchObject([
      {
        key: 'd3',
        before: { numerator: '90' },
        after: { numerator: '95' },
        recorded: { table: 'deal_changes' },
      },
    ]);
  });

  test('a corrected order', async () => {
    const why = await after(
      () =>
        story().loads('orders', [
          { order_id: 'r2', contact_id: 'c2', ordered_at: '2025-12-02T00:00:00Z', amount: 25 },
        ]),
      'shop_revenue',
    );
    expect(moved(why)).toEqual({ corrected_facts: '5' });
    expect(partOf(why, 'corrected_facts').rows).toMatchObject([
      { key: 'r2', weight: '5', recorded: { table: 'orders', source: 'crm' } },
    ]);
  });

  test('deleted orders', async () => {
    const why = await after(
      () =>
        story().loads(
          'orders',
          [{ order_id: 'r1', contact_id: 'c1', ordered_at: '2025-12-01T00:00:00Z', amount: 10 }],
          { replaceSource: true },
        ),
      'shop_revenue',
    );
    expect(moved(why)).toEqual({ corrected_facts: '-25' });
    const [row] = partOf(why, 'corrected_facts').rows;
    // What it was is still known, and when it went.
    expect(row).toMatchObject({ key: 'r2', after: null, weight: '-25', fields: { amount: '25.00' } });
    expect(row?.recorded?.at).toBe(
      new Date(story().now.getTime() - 5 * 86_400_000).toISOString().replace('.000', ''),
    );
  });

  test('a deleted deal', async () => {
    const { mallard } = story();
    const all = await mallard.warehouse.read((session) =>
      session.rows<Row>(
        `select deal_id, name, stage, amount::varchar as amount, created_at, closed_at from core.deals where deal_id <> 'd5'`,
      ),
    );
    const why = await after(() => story().loads('deals', all, { replaceSource: true }), 'sold_amount');
    expect(moved(why)).toEqual({ corrected_facts: '-40' });
    expect(partOf(why, 'corrected_facts').rows).toMatchObject([
      { key: 'd5', after: null, fields: { name: 'Deal d5' }, recorded: { table: 'deals' } },
    ]);
  });

  test('a merge, and an unmerge', async () => {
    const { warehouse } = story().mallard;
    const merged = await after(() => mergeContacts(warehouse, 'c2', 'c3'), 'people_count');
    expect(moved(merged)).toEqual({ merged_people: '-1' });
    expect(partOf(merged, 'merged_people').rows).toMatchObject([{ key: 'c3', after: null, weight: '-1' }]);
    const parted = await after(() => unmerge(warehouse, 'c3'), 'people_count');
    expect(moved(parted)).toEqual({ merged_people: '1' });
    expect(parted.now.value).toBe(parted.then.value === '2' ? '3' : '2');
  });

  test('a deal that closes, in a row that came whole and late', async () => {
    const closed = new Date(story().now.getTime() + 2 * 86_400_000).toISOString();
    const open = await after(
      () => story().loads('deals', [deal('d6', { stage: 'Lost', amount: 8, closed_at: closed })]),
      'pipeline_amount',
    );
    // Its creation is a late fact, its close a new one: it was open in between.
    expect(moved(open)).toEqual({ late_facts: '8', new_facts: '-8' });
  });

  test('a move of the future tells of the past alike on both sides', async () => {
    const moved_at = new Date(story().now.getTime() + 3 * 86_400_000).toISOString();
    const why = await after(async () => {
      await story().loads('deals', [deal('d7', { stage: 'Won', amount: 9, closed_at: moved_at })]);
      await story().loads('deal_stage_changes', [
        { deal_id: 'd7', from_stage: 'Lost', to_stage: 'Open', occurred_at: moved_at },
        {
          deal_id: 'd7',
          from_stage: 'Open',
          to_stage: 'Won',
          occurred_at: new Date(Date.parse(moved_at) + 1000).toISOString(),
        },
      ]);
    }, 'pipeline_amount');
    expect(moved(why)).toEqual({ late_facts: '9', new_facts: '-9' });
  });

  test('a close that was stated ahead is new when it comes', async () => {
    const closed = new Date(story().now.getTime() + 4 * 86_400_000).toISOString();
    const said = new Date(story().now.getTime() - 86_400_000).toISOString();
    await story().loads('deals', [deal('d8', { stage: 'Open', amount: 6 })]);
    await story().loads('deals', [
      deal('d8', { stage: 'Lost', amount: 6, closed_at: closed, updated_at: said }),
    ]);
    story().passes(1);
    const why = await after(() => Promise.resolve(), 'pipeline_amount');
    expect(moved(why)).toEqual({ new_facts: '-6' });
  });

  test('a person who had been known by an order only', async () => {
    const created = '2025-12-24T00:00:00Z';
    await story().loads('orders', [{ order_id: 'r3', contact_id: 'c9', ordered_at: created, amount: 1 }]);
    story().passes(1);
    const why = await after(
      () =>
        story().loads('contacts', [
          { contact_id: 'c9', email: 'c9@example.com', country: 'DE', created_at: created },
        ]),
      'germans',
    );
    expect(moved(why)).toEqual({ late_facts: '1' });
    expect(partOf(why, 'late_facts').rows).toMatchObject([{ key: 'c9', before: null }]);
  });

  test('an address that unsubscribed a while ago', async () => {
    const why = await after(
      () =>
        story().loads('suppressions', [
          { email: 'c1@example.com', reason: 'unsubscribed', suppressed_at: '2025-12-24T00:00:00Z' },
        ]),
      'addresses',
    );
    expect(moved(why)).toEqual({ late_facts: '1' });
    // A table without a primary key: the figure is split, and has no rows to show.
    expect(partOf(why, 'late_facts')).toMatchObject({ row_count: null, rows: [] });
  });

  test('what is spent on a day is new when the day is over', async () => {
    const today = story().now.toISOString().slice(0, 10);
    await story().loads('spend', [{ spend_date: today, channel: 'search', amount: 12 }]);
    story().passes(0.5);
    const why = await after(() => Promise.resolve(), 'spent');
    expect(moved(why)).toEqual({ new_facts: '12' });
    story().passes(0.5);
  });

  test('a rate of exchange that came late, and one that counts from the start of its day', async () => {
    const today = story().now.toISOString().slice(0, 10);
    const ordered_at = `${today}T00:00:00Z`;
    await story().loads('orders', [
      { order_id: 'r4', contact_id: 'c1', ordered_at, amount: 10, currency: 'EUR' },
    ]);
    await story().loads('exchange_rates', [
      { currency: 'EUR', base_currency: 'USD', rate_date: today, rate: 2 },
    ]);
    story().passes(0.5);
    expect(moved(await after(() => Promise.resolve(), 'shop_revenue'))).toEqual({});
    const why = await after(
      () =>
        story().loads('exchange_rates', [
          { currency: 'EUR', base_currency: 'USD', rate_date: today, rate: 3 },
        ]),
      'shop_revenue',
    );
    expect(moved(why)).toEqual({ corrected_facts: '10' });
    expect(partOf(why, 'corrected_facts').rows).toMatchObject([{ key: 'r4', before: { numerator: '20' } }]);
    story().passes(0.5);
  });

  test('time passed: what leaves the window', async () => {
    // d1 and d2 closed in December 2025; a year later the default period begins after them.
    story().comes('2026-12-08T00:00:00Z');
    const why = await after(() => Promise.resolve(), 'sold_amount', {});
    expect(why.then).toMatchObject({ value: '409', from: '2025-12-08' });
    expect(moved(why)).toEqual({ time_passed: '-100' });
    expect(partOf(why, 'time_passed').rows).toMatchObject([{ key: 'd1', after: null, weight: '-100' }]);
  });
});

describe('rows', () => {
  test('those that weigh most, and everything else; together the part', async () => {
    const amounts = [5, 500, 1, 50, 3];
    const why = await after(
      () =>
        story().loads(
          'orders',
          amounts.map((amount) => ({
            order_id: `s${amount}`,
            contact_id: 'c1',
            ordered_at: story().now.toISOString(),
            amount,
          })),
        ),
      'shop_revenue',
    );
    const { change, rows, row_count, everything_else } = partOf(why, 'new_facts');
    expect(change.value).toBe('559');
    const two = await story().why('shop_revenue', {
      vs: why.then.as_of,
      as_of: why.now.as_of,
      ...years,
      rows: 2,
    });
    expect(rows.map(({ key }) => key)).toEqual(['s500', 's50', 's5', 's3', 's1']);
    expect(partOf(two, 'new_facts')).toMatchObject({
      row_count,
      rows: [
        { key: 's500', weight: '500' },
        { key: 's50', weight: '50' },
      ],
      everything_else: { row_count: 3, weight: '9' },
    });
    expect(everything_else).toEqual({ row_count: 0, weight: '0' });
    const none = await story().why('shop_revenue', {
      vs: why.then.as_of,
      as_of: why.now.as_of,
      ...years,
      rows: 0,
    });
    expect(partOf(none, 'new_facts')).toMatchObject({
      rows: [],
      row_count: null,
      everything_else: { row_count: 0, weight: '559' },
    });
  });

  test('of a ratio weigh what they take from it, and together are its change', async () => {
    const closed = () => ({ closed_at: story().now.toISOString(), amount: 1 });
    const why = await after(
      () =>
        story().loads('deals', [
          deal('e1', { stage: 'Won', ...closed() }),
          deal('e2', { stage: 'Lost', ...closed() }),
          deal('e3', { stage: 'Lost', ...closed() }),
        ]),
      'close_rate',
    );
    const [n0, d0] = [Number(why.then.numerator), Number(why.then.denominator)];
    const { rows, change, everything_else } = partOf(why, 'new_facts');
    expect(Number(change.value)).toBeCloseTo((n0 + 1) / (d0 + 3) - n0 / d0, 11);
    const lost = (0 - n0 / d0) / (d0 + 3);
    const won = (1 - n0 / d0) / (d0 + 3);
    expect(new Set(rows.map(({ key }) => key))).toEqual(new Set(['e1', 'e2', 'e3']));
    for (const { key, weight } of rows) expect(Number(weight)).toBeCloseTo(key === 'e1' ? won : lost, 11);
    expect(everything_else).toEqual({ row_count: 0, weight: '0' });
  });

  test('of a count of distinct people do not add up, which is said', async () => {
    const why = await after(
      () =>
        story().loads('orders', [
          { order_id: 't1', contact_id: 'c3', ordered_at: story().now.toISOString(), amount: 1 },
          { order_id: 't2', contact_id: 'c3', ordered_at: story().now.toISOString(), amount: 1 },
        ]),
      'buyers',
    );
    expect(partOf(why, 'new_facts')).toMatchObject({
      change: { value: '1' },
      rows_add_up: false,
      rows: [
        { key: 't1', weight: '1' },
        { key: 't2', weight: '1' },
      ],
      everything_else: { row_count: 0, weight: '-1' },
    });
  });
});

describe('refuses', () => {
  const asks = (metric: string, query: Record<string, string>) =>
    story()
      .why(metric, query)
      .then(
        () => undefined,
        (error: unknown) => error,
      );

  test('a metric that there is not', async () => {
    expect(await asks('clos_rate', { vs: '2025-12-31' })).toMatchObject({
      code: 'not_found',
      message: expect.stringContaining('did you mean close_rate?') as string,
    });
  });

  test('times in the wrong order', async () => {
    expect(await asks('buyers', { vs: '2026-02-01', as_of: '2026-01-01' })).toMatchObject({
      code: 'bad_request',
      fields: { field: 'vs' },
    });
    expect(await asks('buyers', { vs: '2025-01-02', from: '2026-01-01', to: '2026-01-01' })).toMatchObject({
      code: 'bad_request',
      fields: { from: '2026-01-01', to: '2026-01-01' },
    });
    expect(await asks('buyers', { vs: 'yesterday' })).toMatchObject({ code: 'bad_request' });
  });

  test('a metric that is not its numerator ÷ its denominator', async () => {
    expect(await asks('wrong_rate', { vs: '2025-12-31', as_of: '2026-12-01', ...years })).toMatchObject({
      code: 'model_invalid',
      message: expect.stringContaining('numerator ÷ denominator') as string,
    });
  });
});
