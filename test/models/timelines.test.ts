import { expect, test } from 'vitest';
import { ModelEngine } from '../../models/engine/engine.ts';
import {
  farFuture,
  isEventSource,
  measureKind,
  usesAsOfForRowsOnly,
} from '../../models/engine/timelines/events.ts';
import type { SourceShape, Sources } from '../../models/engine/timelines/expressions.ts';
import { fieldRule } from '../../models/engine/timelines/fields.ts';
import { openTestWarehouse } from '../support.ts';

test('what fields and measures follow over time is read from the shipped models', async () => {
  const { warehouse } = await openTestWarehouse();
  const engine = new ModelEngine(warehouse);
  const model = await (await engine.definitions()).materializer.getModel();
  const sources = model._modelDef.contents as Sources;
  const source = (name: string) => sources[name] as SourceShape;

  const kinds = (name: string, measures: string[]) =>
    Object.fromEntries(measures.map((measure) => [measure, measureKind(source(name), measure)]));
  expect(
    kinds('orders', [
      'order_count',
      'revenue',
      'customer_count',
      'average_order_value',
      'first_ordered_at',
      'last_ordered_at',
    ]),
  ).toEqual({
    order_count: 'sum',
    revenue: 'sum',
    customer_count: undefined,
    average_order_value: undefined,
    first_ordered_at: 'min',
    last_ordered_at: 'max',
  });
  expect(kinds('web_events', ['page_views', 'session_count'])).toEqual({
    page_views: 'sum',
    session_count: undefined,
  });

  expect(isEventSource(source('email_events'), 'occurred_at', sources)).toBe(true);
  expect(isEventSource(source('orders'), 'ordered_at', sources)).toBe(true);
  expect(isEventSource(source('orders'), 'recorded_at', sources)).toBe(false);
  // Deals change after their creation; a message is many events together.
  expect(isEventSource(source('deals'), 'created_at', sources)).toBe(false);
  expect(isEventSource(source('email_messages'), 'sent_at', sources)).toBe(false);

  const facts = source('contact_facts');
  expect(fieldRule(facts, 'email.last_30_days.clicks')).toEqual({
    kind: 'measure',
    source: 'email_events',
    measure: 'clicks',
    window: { days: 30, time: 'occurred_at' },
    isZeroWithoutEvents: true,
    read: 'value',
  });
  expect(fieldRule(facts, 'days_since_last_order')).toMatchObject({
    measure: 'last_ordered_at',
    read: 'days_since',
  });
  expect(fieldRule(facts, 'days_since_created')).toEqual({
    kind: 'own',
    field: 'created_at',
    read: 'days_since',
  });
  expect(fieldRule(facts, 'has_hard_bounced')).toMatchObject({
    measure: 'last_hard_bounced_at',
    read: 'is_set',
  });
  expect(fieldRule(facts, 'has_email')).toEqual({ kind: 'own', field: 'email', read: 'is_filled' });
  expect(fieldRule(facts, 'country')).toEqual({ kind: 'own', field: 'country', read: 'value' });
  for (const path of [
    'average_order_value',
    'open_deal_count',
    'consent_status',
    'is_suppressed',
    'rfm.segment',
    'email_key',
    'nothing',
  ]) {
    // Deals are aggregated like events, but are none.
    const rule = fieldRule(facts, path);
    const followed =
      rule?.kind === 'measure' ? isEventSource(source(rule.source), 'created_at', sources) : rule;
    expect(followed || undefined, path).toBeUndefined();
  }

  const used = async (malloy: string, time: string) =>
    usesAsOfForRowsOnly((await engine.compileSql(malloy, { asOf: farFuture, restricted: true })).sql, time);
  const orders = (where: string) =>
    `run: orders -> { group_by: contact_id, ordered_at; aggregate: v is revenue${where} }`;
  expect(await used(orders(''), 'ordered_at')).toBe(true);
  expect(await used(orders(` { where: channel = 'web' }`), 'ordered_at')).toBe(true);
  expect(await used(orders(' { where: days_ago < 5 }'), 'ordered_at')).toBe(false);
  expect(await used(orders(' { where: ordered_at < $AS_OF - 1 day }'), 'ordered_at').catch(() => false)).toBe(
    false,
  );
  expect(
    await used(
      'run: deals -> { group_by: contact_id, created_at; aggregate: v is won_amount }',
      'created_at',
    ),
  ).toBe(false);
});
