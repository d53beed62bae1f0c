import { describe, expect, test } from 'vitest';
import {
  beginRun,
  finishLaunch,
  freezeAudience,
  getRun,
  launchCampaign,
  listRuns,
  openBatches,
  recover,
} from '../../../pipelines/campaigns/launch.ts';
import { getCampaign, listCampaigns, saveCampaign } from '../../../pipelines/campaigns/store.ts';
import { whyContact } from '../../../pipelines/campaigns/results.ts';
import { pauseRun, resumeRun } from '../../../pipelines/campaigns/control.ts';
import { claimBatch } from '../../../pipelines/delivery/claim.ts';
import { reportOutcomes } from '../../../pipelines/delivery/report.ts';
import { addContacts, campaign, openContext, type TestContext } from './fixture.ts';

async function saved(count = 10, changes: Record<string, unknown> = {}) {
  const context = await openContext();
  await addContacts(
    context,
    Array.from({ length: count }, (_, i) => ({ id: `c${i}` })),
  );
  await saveCampaign(context.warehouse, { ...campaign, batch_size: 3, ...changes });
  return context;
}

async function written(context: TestContext) {
  return context.warehouse.read((s) =>
    s.one(`select (select count(*)::int from ops.campaign_runs) as runs, (select count(*)::int from ops.audience) as audience,
      (select count(distinct delivery_id)::int from ops.audience) as deliveries, (select count(*)::int from ops.delivery_batches) as batches,
      (select sum(position_to - position_from + 1)::int from ops.delivery_batches) as positions`),
  );
}

const whole = { runs: 1, audience: 10, deliveries: 10, batches: 4, positions: 10 };

describe('launch', () => {
  test('freezes the audience with the variables the template uses, and opens batches', async () => {
    const context = await saved();
    const run = await launchCampaign(context, 'spring', { launchedBy: 'ops' });
    expect(run).toMatchObject({
      status: 'sending',
      campaign_id: 'spring',
      launched_by: 'ops',
      audience_count: 10n,
      send_count: 10n,
    });
    expect(await written(context)).toEqual(whole);
    const row = await context.warehouse.read((s) =>
      s.one(`select variables from ops.audience where contact_id = 'c1'`),
    );
    expect(row).toEqual({ variables: { first_name: 'Name c1', email: { last_30_days: { clicks: 0 } } } });
    expect(await listRuns(context.warehouse, 'spring')).toHaveLength(1);
  });

  test('what changes after the launch does not change the frozen definition and values', async () => {
    const context = await saved();
    const run = await launchCampaign(context, 'spring');
    await context.warehouse.build.transaction((tx) =>
      tx.run(`update mart.contact_facts set first_name = 'Changed'`),
    );
    await saveCampaign(context.warehouse, {
      ...campaign,
      message: { template: { subject: 'Changed', body: 'x', format: 'text' } },
    });
    const batch = await claimBatch(context, { sender_id: 's', providers: ['file'] });
    expect(batch?.templates['']?.subject).toBe('For {{ first_name }}');
    expect(batch?.recipients[0]?.variables).toMatchObject({ first_name: 'Name c0' });
    expect((await getRun(context.warehouse, run.campaign_run_id)).definition.message.template.subject).toBe(
      'For {{ first_name }}',
    );
  });

  test('the same key, or the same definition without one, is one run; another key is another', async () => {
    const context = await saved();
    const [a, b] = await Promise.all([launchCampaign(context, 'spring'), launchCampaign(context, 'spring')]);
    expect(b).toEqual(a);
    expect(await launchCampaign(context, 'spring')).toEqual(a);
    expect(await written(context)).toEqual(whole);
    const other = await launchCampaign(context, 'spring', { idempotencyKey: 'second' });
    expect(other.campaign_run_id).not.toBe(a.campaign_run_id);
    expect(await launchCampaign(context, 'spring', { idempotencyKey: 'second' })).toEqual(other);
  });

  test('an audience of nobody completes at once', async () => {
    const context = await saved(2, { exclude_segment_ids: ['all'] });
    expect(await launchCampaign(context, 'spring')).toMatchObject({
      status: 'completed',
      send_count: 0n,
      excluded_count: 2n,
    });
    expect(await claimBatch(context, { sender_id: 's', providers: ['file'] })).toBeUndefined();
  });

  test('what cannot be launched leaves nothing behind', async () => {
    const context = await saved(2, {
      message: { template: { subject: '{{ nobody }}', body: 'x', format: 'text' } },
    });
    await expect(launchCampaign(context, 'spring')).rejects.toMatchObject({ code: 'template_invalid' });
    await expect(launchCampaign(context, 'autumn')).rejects.toMatchObject({ code: 'not_found' });
    expect(await listRuns(context.warehouse)).toEqual([]);
  });
});

describe('a crash during the launch', () => {
  const begun = async () => {
    const context = await saved();
    const { definition } = await getCampaign(context.warehouse, 'spring');
    await beginRun(context, 'r1', definition, null);
    return { context, run: await getRun(context.warehouse, 'r1') };
  };
  const claimable = (context: TestContext) => claimBatch(context, { sender_id: 's', providers: ['file'] });

  test.each([
    ['after the run is written', 0],
    ['after the audience is frozen', 1],
    ['after the batches are open', 2],
  ])('%s: recovery makes it whole, once', async (_, steps) => {
    const { context, run } = await begun();
    const done = [freezeAudience, openBatches].slice(0, steps);
    for (const step of done) await step(context, run);
    // Nothing can be sent before the last step.
    expect((await claimable(context)) === undefined).toBe(steps < 2);
    await recover(context);
    await recover(context);
    expect(await getRun(context.warehouse, 'r1')).toMatchObject({ status: 'sending', send_count: 10n });
    expect(await written(context)).toEqual(whole);
  });

  test('a step that throws rolls itself back', async () => {
    const { context, run } = await begun();
    const { build } = context.warehouse;
    const original = build.transaction.bind(build);
    build.transaction = (work) =>
      original(async (tx) => {
        await work(tx);
        throw new Error('the disk is full');
      });
    await expect(freezeAudience(context, run)).rejects.toThrow('the disk is full');
    build.transaction = original;
    expect(await written(context)).toMatchObject({ audience: 0 });
    await finishLaunch(context, 'r1');
    expect(await written(context)).toEqual(whole);
  });

  test('a run whose segment is gone fails with the reason, and sends nothing', async () => {
    const { context } = await begun();
    await context.warehouse.build.transaction((tx) => tx.run('delete from ops.segment_memberships_open'));
    expect(await recover(context)).toMatchObject([
      { status: 'failed', error: expect.stringContaining('all') as string },
    ]);
    expect(await claimable(context)).toBeUndefined();
    expect(await recover(context)).toEqual([]);
  });
});

describe('afterwards', () => {
  test('a run whose last batch ends during a pause completes when it resumes', async () => {
    const context = await saved(1);
    const { campaign_run_id: id } = await launchCampaign(context, 'spring');
    const batch = await claimBatch(context, { sender_id: 's', providers: ['file'] });
    await pauseRun(context.warehouse, id);
    const delivery_id = batch?.recipients[0]?.delivery_id ?? '';
    await reportOutcomes(context, {
      batch_id: batch?.batch_id ?? '',
      lease_id: batch?.lease_id ?? '',
      provider: 'file',
      outcomes: [{ delivery_id, outcome: 'accepted', reason: null, provider_message_id: null }],
    });
    expect(await getRun(context.warehouse, id)).toMatchObject({ status: 'paused' });
    expect(await resumeRun(context.warehouse, id)).toMatchObject({ status: 'completed' });
  });

  test('why answers for whoever was asked about', async () => {
    const context = await saved(1);
    await addContacts(context, [
      { id: 'silent', consent: null },
      { id: 'elsewhere', segments: ['other'] },
    ]);
    const { campaign_run_id: id } = await launchCampaign(context, 'spring');
    expect(await whyContact(context.warehouse, id, 'silent')).toMatchObject({
      decision: 'excluded',
      reason: 'no_consent',
      explanation: 'No consent to marketing e-mail is recorded.',
    });
    expect(await whyContact(context.warehouse, id, 'elsewhere')).toMatchObject({
      reason: 'not_in_segment',
      outcomes: [],
    });
    await expect(whyContact(context.warehouse, id, 'nobody')).rejects.toMatchObject({ code: 'not_found' });
  });

  test('saving the same definition again is no new version', async () => {
    const context = await saved(0);
    expect((await saveCampaign(context.warehouse, { ...campaign, batch_size: 3 })).version).toBe(1);
    expect((await saveCampaign(context.warehouse, { ...campaign, title: 'Other' })).version).toBe(2);
    expect(await listCampaigns(context.warehouse)).toMatchObject([
      { campaign_id: 'spring', title: 'Other', version: 2 },
    ]);
  });
});
