import { DateTime } from 'luxon';
import { beforeAll, expect, test } from 'vitest';
import type { Figure, MetricAnswer } from '../../../models/engine/metrics/answer.ts';
import type { MetricsRequest } from '../../../models/engine/metrics/request.ts';
import { asOf } from '../fixture.ts';
import { sharedBase } from '../support.ts';

const base = sharedBase();
beforeAll(() => base().engine.build({ asOf }), 60_000);

async function compute(request: Partial<MetricsRequest>): Promise<MetricAnswer[]> {
  return (await base().engine.computeMetrics({ asOf, ...request })).metrics;
}

/** Counted once however often they appear: their slices do not add up. */
const distinct = new Set(['ordering_customers', 'activities_per_rep', 'calls_per_rep', 'meetings_per_rep']);

function isQuotient({ value, numerator, denominator }: Figure): boolean {
  if (numerator === null || denominator === null) return true;
  if (denominator === 0) return value === null;
  return value !== null && Math.abs(value - numerator / denominator) < 1e-9 * Math.max(1, Math.abs(value));
}

test('every metric says what it is, in which unit, and of what it is made', async () => {
  const metrics = await base().engine.metrics();
  expect(metrics.length).toBeGreaterThanOrEqual(60);
  expect(new Set(metrics.map(({ name }) => name)).size).toBe(metrics.length);
  for (const metric of metrics) {
    expect(metric).toMatchObject({
      definition: expect.stringMatching(/\.$/) as string,
      unit: expect.any(String) as string,
      title: expect.not.stringMatching(/_/) as string,
    });
    expect((metric.numerator === undefined) === (metric.denominator === undefined)).toBe(true);
  }
});

test('a ratio is its numerator ÷ its denominator, whole and by every dimension it may be sliced by', async () => {
  const metrics = await base().engine.metrics();
  const dimensions = [...new Set(metrics.flatMap((metric) => metric.dimensions))];
  let compared = 0;
  for (const dimension of dimensions) {
    for (const metric of await compute({ by: [dimension], from: '2025-01-01' })) {
      expect({ metric: metric.name, holds: isQuotient(metric) }).toEqual({
        metric: metric.name,
        holds: true,
      });
      for (const slice of metric.slices ?? []) {
        expect({ metric: metric.name, slice, holds: isQuotient(slice) }).toMatchObject({ holds: true });
        compared += 1;
      }
      if (distinct.has(metric.name) || metric.numerator === null) continue;
      // What is counted or added up is the sum of its slices.
      const sum = (metric.slices ?? []).reduce((total, slice) => total + (slice.numerator ?? 0), 0);
      if (metric.name === 'sales_velocity') continue;
      expect({ metric: metric.name, dimension, sum: Math.round(sum * 100) / 100 }).toEqual({
        metric: metric.name,
        dimension,
        sum: Math.round(metric.numerator * 100) / 100,
      });
    }
  }
  expect(compared).toBeGreaterThan(500);
});

test('the periods of a flow add up to their range, and each is what that range alone gives', async () => {
  const monthly = await compute({ unit: 'month', from: '2026-01-01', to: '2026-11-01' });
  const march = await compute({ from: '2026-03-01', to: '2026-04-01' });
  for (const metric of monthly) {
    if (metric.kind === 'state') continue;
    const slices = metric.slices ?? [];
    expect(slices.map(({ period }) => period?.label)).toEqual(
      Array.from({ length: 10 }, (_, index) => `2026-${String(index + 1).padStart(2, '0')}`),
    );
    const { period: _, slice: __, ...alone } = slices[2] ?? { slice: {} };
    const one = march.find(({ name }) => name === metric.name);
    expect({ name: metric.name, ...alone }).toEqual({
      name: metric.name,
      value: one?.value,
      numerator: one?.numerator,
      denominator: one?.denominator,
    });
    if (metric.kind !== 'flow' || distinct.has(metric.name) || metric.numerator === null) continue;
    const sum = slices.reduce((total, slice) => total + (slice.numerator ?? 0), 0);
    expect(sum).toBeCloseTo(metric.numerator, 4);
  }
});

test('the state at the end of a past month is what it was as of that moment', async () => {
  const monthly = await compute({
    metrics: ['open_deals', 'open_amount', 'contacts', 'sales_velocity'],
    unit: 'month',
    last: 4,
  });
  for (const [index, month] of ['2026-08', '2026-09', '2026-10'].entries()) {
    const end = DateTime.fromISO(`${month}-01`, { zone: 'utc' }).plus({ months: 1 }).toJSDate();
    const then = await compute({ metrics: monthly.map(({ name }) => name), asOf: end });
    for (const metric of monthly) {
      expect(metric.slices?.[index]?.period?.label).toBe(month);
      expect(metric.slices?.[index]?.value).toBe(then.find(({ name }) => name === metric.name)?.value);
    }
  }
  // The running month stands as it does now.
  const open = monthly.find(({ name }) => name === 'open_deals');
  expect(open?.slices?.[3]).toMatchObject({ value: open?.value, period: { is_complete: false } });
});

test('sliced or whole, a metric is about the same days', async () => {
  const whole = await compute({ metrics: ['lead_velocity_rate'], compare: 'previous' });
  const [cut] = await compute({ metrics: ['lead_velocity_rate'], by: ['lead_source'], compare: 'previous' });
  expect(cut?.period).toEqual({ start_date: '2026-10-01', end_date: '2026-11-01' });
  const sum = (of: (figure: Figure | undefined) => number | null | undefined) =>
    cut?.slices?.reduce((total, slice) => total + (of(slice) ?? 0), 0);
  expect(sum((figure) => figure?.denominator)).toBe(whole[0]?.denominator);
  expect(cut?.slices?.reduce((total, { previous }) => total + (previous?.denominator ?? 0), 0)).toBe(
    whole[0]?.previous?.denominator,
  );
});

test('a comparison is with what the period before gives by itself', async () => {
  const [now] = await compute({
    metrics: ['revenue'],
    from: '2026-06-01',
    to: '2026-07-01',
    compare: 'previous',
  });
  const [before] = await compute({ metrics: ['revenue'], from: '2026-05-01', to: '2026-06-01' });
  const [yearAgo] = await compute({
    metrics: ['revenue'],
    from: '2026-06-01',
    to: '2026-07-01',
    compare: 'year',
  });
  const [then] = await compute({ metrics: ['revenue'], from: '2025-06-01', to: '2025-07-01' });
  expect(now?.previous?.value).toBe(before?.value);
  expect(now?.change).toBeCloseTo((now?.value ?? 0) - (before?.value ?? 0), 6);
  expect(yearAgo?.previous?.value).toBe(then?.value);

  const [monthly] = await compute({ metrics: ['order_count'], unit: 'month', last: 6, compare: 'previous' });
  const values = monthly?.slices?.map(({ value }) => value) ?? [];
  expect(monthly?.slices?.slice(1).map(({ previous }) => previous?.value)).toEqual(values.slice(0, -1));
});

test('what had been recorded by then, and conditions, hold for metrics too', async () => {
  const [unknown] = await compute({
    metrics: ['revenue'],
    from: '2025-01-01',
    knownAt: new Date('2026-10-31T00:00:00Z'),
  });
  expect(unknown).toMatchObject({
    value: 0,
    freshness: { known_at: '2026-10-31T00:00:00.000Z', built_at: null },
  });

  const [sliced] = await compute({ metrics: ['deals_won'], by: ['owner_id'], from: '2020-01-01' });
  for (const { slice, value } of sliced?.slices ?? []) {
    const owner = slice['owner_id'];
    const [only] = await compute({
      metrics: ['deals_won'],
      from: '2020-01-01',
      where: [{ dimension: 'owner_id', value: owner === null ? null : String(owner) }],
    });
    expect(only?.value).toBe(value);
  }
});

test('a dimension that the metric cannot carry is refused with those it can', async () => {
  const refused = { metrics: ['open_rate'], by: ['owner_id'] };
  await expect(compute(refused)).rejects.toMatchObject({
    code: 'dimension_refused',
    fields: { metric: 'open_rate', dimensions: ['campaign_id', 'campaign_run_id', 'message_id'] },
  });
  await expect(compute({ by: ['shoe_size'] })).rejects.toMatchObject({ code: 'dimension_refused' });
  await expect(compute({ metrics: ['win_rat'] })).rejects.toThrow('did you mean win_rate?');
  await expect(compute({ from: '2026-02-01', to: '2026-02-01' })).rejects.toThrow('is not before');
  await expect(compute({ from: 'May' })).rejects.toThrow('is not a day');

  const answer = await base().engine.computeMetrics({ asOf, by: ['team'] });
  expect(answer.left_out.map(({ name }) => name)).toContain('open_rate');
  expect(answer.metrics.map(({ name }) => name)).toContain('win_rate');
});
