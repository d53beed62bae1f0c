import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addressKey } from '../../../data/address.ts';
import { parseCampaign } from '../../../pipelines/campaigns/definition.ts';
import { minimumDetectableEffect } from '../../../pipelines/campaigns/effect.ts';
import { launchCampaign } from '../../../pipelines/campaigns/launch.ts';
import { planCampaign } from '../../../pipelines/campaigns/plan.ts';
import { saveCampaign } from '../../../pipelines/campaigns/store.ts';
import { addSuppressions, type SuppressionReason } from '../../../pipelines/consent/suppressions.ts';
import { addContacts, campaign, openContext, type TestContact, type TestContext } from './fixture.ts';

async function suppress(context: TestContext, email: string, reason: SuppressionReason): Promise<void> {
  await context.warehouse.ledger.transaction((tx) =>
    addSuppressions(
      tx,
      [
        {
          address_key: addressKey(email),
          scope: 'global',
          reason,
          detail: null,
          suppressed_at: '2026-01-01',
          source: 't',
        },
      ],
      '2026-01-01',
    ),
  );
}

describe('plan', () => {
  test('every reason to exclude, each on the contact it is about, in the order of decision', async () => {
    const context = await openContext();
    await addContacts(context, [
      { id: 'ok' },
      { id: 'left_out', segments: ['all', 'customers'] },
      { id: 'no_email', email: null },
      { id: 'blank_email', email: '  ' },
      { id: 'invalid', email: 'not an address' },
      { id: 'injected', email: 'a@example.com\r\nBcc: b@example.com' },
      { id: 'twin', email: ' OK@Example.com' },
      { id: 'silent', consent: null },
      { id: 'withdrew', consent: 'withdrawn' },
      { id: 'unsubscribed' },
      { id: 'bounced' },
      { id: 'complained' },
      { id: 'manual' },
      { id: 'imported' },
      { id: 'nameless', firstName: ' ' },
      { id: 'several', email: null, segments: ['all', 'customers'], consent: null },
      { id: 'elsewhere', segments: ['others'] },
    ]);
    for (const reason of ['unsubscribed', 'bounced', 'complained', 'manual', 'imported'] as const) {
      await suppress(context, `${reason}@example.com`, reason);
    }
    const definition = parseCampaign({ ...campaign, exclude_segment_ids: ['customers'] });
    const plan = await planCampaign(context, definition);
    expect(Object.fromEntries(plan.by_reason.map((row) => [row.reason, row.contacts]))).toEqual({
      eligible: 1,
      exclusion_segment: 2,
      no_email: 2,
      invalid_email: 2,
      duplicate_address: 1,
      no_consent: 1,
      consent_withdrawn: 1,
      suppressed_unsubscribed: 1,
      suppressed_bounced: 1,
      suppressed_complained: 1,
      suppressed_manual: 1,
      suppressed_imported: 1,
      render_failed: 1,
    });
    expect(plan.by_any_reason).toContainEqual({ reason: 'no_email', contacts: 3 });
    expect(plan).toMatchObject({ target_count: 16, send_count: 1, holdout_count: 0, excluded_count: 15 });
    const rows = await context.warehouse.read((s) =>
      s.one(
        'select (select count(*)::int from ops.audience) + (select count(*)::int from ops.campaign_runs) as written',
      ),
    );
    expect(rows).toEqual({ written: 0 });
  });

  test('transactional mail needs no consent and ignores unsubscribes only', async () => {
    const context = await openContext();
    await addContacts(context, [{ id: 'silent', consent: null }, { id: 'unsubscribed' }, { id: 'bounced' }]);
    await suppress(context, 'unsubscribed@example.com', 'unsubscribed');
    await suppress(context, 'bounced@example.com', 'bounced');
    const plan = await planCampaign(context, parseCampaign({ ...campaign, message_class: 'transactional' }));
    expect(plan).toMatchObject({ send_count: 2, excluded_count: 1 });
  });

  test('samples are rendered with link and address, cost is per thousand', async () => {
    const context = await openContext();
    await addContacts(context, [{ id: 'a', firstName: 'A & B', clicks: 5 }, { id: 'b' }]);
    const plan = await planCampaign(context, parseCampaign({ ...campaign, cost_per_thousand: 500 }), {
      samples: 1,
    });
    expect(plan.estimated_cost).toEqual({ amount: 1, currency: 'USD' });
    expect(plan.samples).toHaveLength(1);
    expect(plan.samples[0]).toMatchObject({ contact_id: 'a', email: 'a@example.com', subject: 'For A & B' });
    expect(plan.samples[0]?.html).toContain('Hi A &amp; B, thanks for 5 clicks');
    expect(plan.samples[0]?.html).toMatch(/href="http:\/\/127\.0\.0\.1:3000\/u\/[\w.-]+"/);
    expect(plan.samples[0]?.text).toContain(context.account.postal_address);
  });

  test('is refused for an unknown variable, an unknown segment, and before the first build', async () => {
    const context = await openContext();
    await expect(planCampaign(context, parseCampaign(campaign))).rejects.toMatchObject({ code: 'not_found' });
    await addContacts(context, [{ id: 'a' }]);
    const withBody = (body: string) =>
      parseCampaign({ ...campaign, message: { template: { subject: 'x', body, format: 'text' } } });
    await expect(planCampaign(context, withBody('{{ email.last_30_days.click }}'))).rejects.toMatchObject({
      code: 'template_invalid',
      fields: { nearest: 'email.last_30_days.clicks' },
    });
    await context.warehouse.build.transaction((tx) => tx.run('drop table mart.contact_facts'));
    await expect(planCampaign(context, parseCampaign(campaign))).rejects.toMatchObject({ code: 'conflict' });
  });

  test('as of a past day it knows only the consent of that day', async () => {
    const context = await openContext();
    await addContacts(context, [{ id: 'a' }]);
    const definition = parseCampaign(campaign);
    expect(await planCampaign(context, definition, { asOf: new Date('2025-05-01T00:00:00Z') })).toMatchObject(
      { send_count: 0 },
    );
    expect(await planCampaign(context, definition, { asOf: new Date('2025-07-01T00:00:00Z') })).toMatchObject(
      { send_count: 1 },
    );
  });

  test('a definition that is not valid names the field', () => {
    expect(() => parseCampaign({ ...campaign, batch_size: 5000 })).toThrowError(
      expect.objectContaining({ code: 'bad_request', fields: { path: '/batch_size' } }),
    );
    expect(() => parseCampaign({ ...campaign, campaign_id: '../x' })).toThrowError(
      expect.objectContaining({ code: 'bad_request' }),
    );
    expect(() => parseCampaign({ ...campaign, arms: [{ arm: 'a' }, { arm: 'a' }] })).toThrowError(
      expect.objectContaining({ code: 'bad_request' }),
    );
  });
});

describe('holdout and arms', () => {
  test('are drawn in their shares, stay the same over plans, and are independent', async () => {
    const context = await openContext();
    await addContacts(
      context,
      Array.from({ length: 4000 }, (_, i) => ({ id: `c${i}` })),
    );
    const definition = parseCampaign({
      ...campaign,
      holdout_share: 0.25,
      arms: [
        { arm: 'a', weight: 1 },
        { arm: 'b', weight: 3 },
      ],
    });
    const plan = await planCampaign(context, definition);
    expect(plan.holdout_count / 4000).toBeCloseTo(0.25, 1);
    const [a, b] = plan.by_arm.map((row) => row.contacts) as [number, number];
    expect(a + b).toBe(plan.send_count);
    expect(a / plan.send_count).toBeCloseTo(0.25, 1);
    expect(await planCampaign(context, definition)).toEqual(plan);
    const other = await planCampaign(context, parseCampaign({ ...definition, campaign_id: 'autumn' }));
    expect(other.holdout_count).not.toBe(plan.holdout_count);
  });

  test('each arm gets its own template', async () => {
    const context = await openContext();
    await addContacts(
      context,
      Array.from({ length: 20 }, (_, i) => ({ id: `c${i}` })),
    );
    const template = { subject: 'B for {{ first_name }}', body: 'b', format: 'text' };
    const plan = await planCampaign(
      context,
      parseCampaign({ ...campaign, arms: [{ arm: 'a' }, { arm: 'b', template }] }),
      { samples: 1 },
    );
    expect(plan.samples.map((sample) => [sample.arm, sample.subject.startsWith('B for')])).toEqual(
      expect.arrayContaining([
        ['a', false],
        ['b', true],
      ]),
    );
  });

  test('the plan says what a holdout can show', async () => {
    const context = await openContext();
    await addContacts(
      context,
      Array.from({ length: 200 }, (_, i) => ({ id: `c${i}` })),
    );
    await context.warehouse.loads.transaction((tx) =>
      tx.run(`insert into core.orders (order_id, contact_id, ordered_at, amount, source, recorded_at)
        select 'o' || i, 'c' || i, '2026-10-20', 10, 't', '2026-10-20' from range(20) t(i)`),
    );
    const { minimum_detectable_effect: effect } = await planCampaign(
      context,
      parseCampaign({ ...campaign, holdout_share: 0.5 }),
    );
    expect(effect?.baseline_rate).toBeCloseTo(0.1, 10);
    expect(effect?.absolute).toBeGreaterThan(0.05);
    expect(effect?.absolute).toBeLessThan(0.3);
  });

  test('the smallest effect is the inverse of the sample size for a power of .8', () => {
    // METRICS.md: two-sided .05/.8, .10 vs .12 needs 3,840.85 per arm, .02 vs .025 13,808.92.
    expect(minimumDetectableEffect(0.1, 3840.85, 3840.85)).toBeCloseTo(0.02, 5);
    expect(minimumDetectableEffect(0.02, 13808.92, 13808.92)).toBeCloseTo(0.005, 6);
    expect(minimumDetectableEffect(0, 100, 100)).toBeNull();
    expect(minimumDetectableEffect(0.5, 3, 3)).toBeNull();
  });
});

describe('quiet hours', () => {
  test('move the time in each zone, and exclude nobody', async () => {
    const context = await openContext();
    // 06:00 UTC: 01:00 in New York, 15:00 in Tokyo, 06:00 in the account's zone.
    await addContacts(context, [
      { id: 'new_york', zone: 'America/New_York' },
      { id: 'tokyo', zone: 'Asia/Tokyo' },
      { id: 'nowhere', zone: 'Not/AZone' },
      { id: 'account' },
    ]);
    await saveCampaign(context.warehouse, { ...campaign, quiet_hours: { from: '21:00', until: '08:00' } });
    const run = await launchCampaign(context, 'spring');
    expect(run.send_count).toBe(4n);
    const rows = await context.warehouse.read((s) =>
      s.rows<{ contact_id: string; send_at: string }>('select contact_id, send_at from ops.audience'),
    );
    expect(Object.fromEntries(rows.map((row) => [row.contact_id, row.send_at]))).toEqual({
      new_york: '2026-11-02T13:00:00Z',
      tokyo: '2026-11-02T06:00:00Z',
      nowhere: '2026-11-02T08:00:00Z',
      account: '2026-11-02T08:00:00Z',
    });
  });

  test('before midnight they end tomorrow; by day they end today', async () => {
    const context = await openContext();
    await addContacts(context, [{ id: 'tokyo', zone: 'Asia/Tokyo' }]);
    const sendAt = async (id: string, quiet: object) => {
      await saveCampaign(context.warehouse, { ...campaign, campaign_id: id, quiet_hours: quiet });
      const run = await launchCampaign(context, id);
      const row = await context.warehouse.read((s) =>
        s.one<{ send_at: string }>('select send_at from ops.audience where campaign_run_id = $1', [
          run.campaign_run_id,
        ]),
      );
      return row?.send_at;
    };
    expect(await sendAt('day', { from: '14:00', until: '16:30' })).toBe('2026-11-02T07:30:00Z');
    context.setTime('2026-11-02T13:00:00Z'); // 22:00 in Tokyo
    expect(await sendAt('night', { from: '21:00', until: '08:00' })).toBe('2026-11-02T23:00:00Z');
  });
});

describe('laws', () => {
  test('each target contact gets exactly one row, one address at most one mail, and plan totals are launch totals', async () => {
    const context = await openContext();
    await addContacts(context, [{ id: 'seed', segments: ['x'] }]);
    let round = 0;
    const anyContact = fc.record({
      email: fc.constantFrom(
        'a@example.com',
        'A@example.com ',
        'b@example.com',
        'c@example.com',
        'bad@',
        '',
        null,
      ),
      firstName: fc.constantFrom('N', '', null),
      consent: fc.constantFrom('granted' as const, 'withdrawn' as const, null),
      segments: fc.subarray(['all', 'more', 'customers']),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(anyContact, { maxLength: 12 }), async (made) => {
        round += 1;
        const ids = (names: readonly string[]) => names.map((name) => `${name}_${round}`);
        // Each round has contacts, addresses and segments of its own.
        const contacts: TestContact[] = made.map((contact, index) => ({
          ...contact,
          id: `r${round}c${index}`,
          email: contact.email && contact.email.replace('@', `${round}@`),
          segments: ids(contact.segments),
        }));
        await addContacts(context, [
          ...contacts,
          { id: `r${round}`, segments: ids(['all', 'more', 'customers']), email: null },
        ]);
        const definition = {
          ...campaign,
          campaign_id: `c${round}`,
          segment_ids: ids(['all', 'more']),
          exclude_segment_ids: ids(['customers']),
          holdout_share: 0.3,
        };
        const plan = await planCampaign(context, parseCampaign(definition));
        await saveCampaign(context.warehouse, definition);
        const run = await launchCampaign(context, `c${round}`);
        const rows = await context.warehouse.read((s) =>
          s.rows<{
            contact_id: string;
            address_key: string;
            decision: string;
            reason: string;
            position: bigint | null;
          }>(
            'select contact_id, address_key, decision, reason, position from ops.audience where campaign_run_id = $1 order by position nulls last',
            [run.campaign_run_id],
          ),
        );
        const targets = contacts
          .filter((contact) => contact.segments?.some((segment) => !segment.startsWith('customers')))
          .map((contact) => contact.id);
        expect(rows.map((row) => row.contact_id).sort()).toEqual([...targets, `r${round}`].sort());
        const sent = rows.filter((row) => row.decision === 'send');
        expect(new Set(sent.map((row) => row.address_key)).size).toBe(sent.length);
        expect(sent.map((row) => row.position)).toEqual(sent.map((_, index) => BigInt(index + 1)));
        expect(
          [plan.target_count, plan.send_count, plan.holdout_count, plan.excluded_count].map(BigInt),
        ).toEqual([run.audience_count, run.send_count, run.holdout_count, run.excluded_count]);
        for (const { reason, contacts: count } of plan.by_reason)
          expect(rows.filter((row) => row.reason === reason)).toHaveLength(count);
      }),
      { numRuns: 15 },
    );
  });
});
