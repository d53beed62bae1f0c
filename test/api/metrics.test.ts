import { expect, test } from 'vitest';
import type { MetricsAnswer } from '../../models/engine/metrics/answer.ts';
import type { CohortMatrix } from '../../models/engine/metrics/cohorts.ts';
import { asOf, insertFixture } from '../models/fixture.ts';
import { openTestApp } from './support.ts';

test('metrics over HTTP: one object each, with value, parts, definition and freshness', async () => {
  const { client, mallard } = await openTestApp();
  await insertFixture(mallard.warehouse);
  const at = { as_of: asOf.toISOString() };
  const get = (query: Record<string, string | number>) =>
    client.request<MetricsAnswer>('GET', '/v1/metrics', { query });

  // Nothing was built: the figures come from the facts, as of the clock.
  const { metrics: computed } = await get({ metrics: 'revenue' });
  expect(computed[0]?.freshness).toMatchObject({ as_of: asOf.toISOString(), built_at: null });

  await client.request('POST', '/v1/build', { body: at });
  const answer = await get({ metrics: 'win_rate,revenue', from: '2025-01-01' });
  expect(answer).toMatchObject({
    as_of: asOf.toISOString(),
    known_at: null,
    time_zone: 'UTC',
    currency: 'USD',
    by: [],
    left_out: [],
  });
  const [winRate, revenue] = answer.metrics;
  expect(winRate).toMatchObject({
    name: 'win_rate',
    title: 'Win rate',
    definition: 'Win rate: won ÷ (won + lost), by close date, open ones excluded.',
    unit: 'ratio',
    kind: 'flow',
    source: 'deal_facts',
    parts: { numerator: { name: 'deals_won' }, denominator: { name: 'deals_closed' } },
    period: { start_date: '2025-01-01', end_date: '2026-11-03' },
    freshness: {
      as_of: asOf.toISOString(),
      known_at: null,
      built_at: expect.any(String) as string,
      newest_fact_at: expect.any(String) as string,
      newest_recorded_at: expect.stringMatching(/^2026-/) as string,
    },
  });
  expect(winRate?.value).toBe((winRate?.numerator ?? 0) / (winRate?.denominator ?? 1));
  expect(revenue).toMatchObject({ denominator: null, unit: 'currency' });

  const monthly = await get({
    metrics: 'revenue',
    by: 'channel',
    period: 'month',
    last: 3,
    compare: 'previous',
    where: 'currency=USD',
  });
  expect(monthly.metrics[0]?.slices?.[0]).toMatchObject({
    period: { label: '2026-09', start_date: '2026-09-01', end_date: '2026-10-01', is_complete: true },
    slice: { channel: 'web' },
    previous: { value: expect.any(Number) as number },
  });

  const refused = get({ metrics: 'open_rate', by: 'owner_id' });
  await expect(refused).rejects.toMatchObject({
    code: 'dimension_refused',
    fields: { dimensions: ['campaign_id', 'campaign_run_id', 'message_id'] },
  });
  await expect(get({ metrics: 'open_rate', where: 'campaign_id' })).rejects.toThrow('is no condition');
  await expect(get({ period: 'fortnight' })).rejects.toMatchObject({ code: 'bad_request' });
  const all = await get({ by: 'stage' });
  expect(all.metrics.map(({ name }) => name)).toContain('stage_conversion_rate');
  expect(all.left_out.map(({ name }) => name)).toContain('win_rate');

  const cohorts = await client.request<CohortMatrix>('GET', '/v1/cohorts', { query: { period: 'quarter' } });
  const first = cohorts.cohorts[0];
  expect(first?.cells[0]?.customers).toBe(first?.size);
  expect(cohorts.cohorts.at(-1)?.cells.at(-1)).toBe(cohorts.cohorts.length > 1 ? null : undefined);
  await expect(
    client.request('GET', '/v1/cohorts', { query: { where: 'shoe_size=42' } }),
  ).rejects.toMatchObject({ code: 'dimension_refused' });
});
