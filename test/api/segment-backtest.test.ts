import { expect, test } from 'vitest';
import type { Backtest } from '../../pipelines/segments/backtest.ts';
import { addClicks, addContacts } from '../pipelines/segments/fixture.ts';
import { openTestApp } from './support.ts';

test('POST /v1/segments/backtest: criteria that are not saved, over the past', async () => {
  const { client, mallard } = await openTestApp();
  await mallard.warehouse.loads.transaction(async (tx) => {
    await addContacts(tx, [{ contact_id: 'a' }, { contact_id: 'b' }]);
    await addClicks(tx, [{ contact_id: 'a', occurred_at: '2026-03-02T10:00:00' }]);
  });
  const body = {
    criteria: { measure: 'email_events.clicks', within_days: 7, operator: 'at_least', value: 1 },
    from: '2026-03-01',
    to: '2026-03-22',
  };
  const answer = await client.request<Backtest>('POST', '/v1/segments/backtest', { body });
  expect(answer.periods).toEqual([
    { starts_at: '2026-03-01T00:00:00Z', member_count: 0, entered_count: 1, left_count: 0 },
    { starts_at: '2026-03-08T00:00:00Z', member_count: 1, entered_count: 0, left_count: 1 },
    { starts_at: '2026-03-15T00:00:00Z', member_count: 0, entered_count: 0, left_count: 0 },
  ]);
  expect(answer.leaves).toEqual([
    { leaf: 'email_events.clicks at_least 1 within 7 days', followed: 'exact', sample_count: null },
  ]);

  const problem = client.request('POST', '/v1/segments/backtest', {
    body: { ...body, criteria: { field: 'contry', operator: 'is_set' } },
  });
  await expect(problem).rejects.toMatchObject({ code: 'criteria_invalid', fields: { nearest: 'country' } });
  await expect(
    client.request('POST', '/v1/segments/backtest', { body: { ...body, step: 'year' } }),
  ).rejects.toMatchObject({ code: 'bad_request' });
});
