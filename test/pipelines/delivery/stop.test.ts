import { expect, onTestFinished, test } from 'vitest';
import { Warehouse } from '../../../data/owner/warehouse.ts';
import { claimBatch } from '../../../pipelines/delivery/claim.ts';
import { sendPending } from '../../../pipelines/delivery/sender.ts';
import { readSwitch, resumeSending, stopSending } from '../../../pipelines/delivery/switch.ts';
import { directClient, launched, outcomes, worldProvider } from './support.ts';

test('a stop while a sender is at work takes effect within one batch, outlives a restart, and is taken back', async () => {
  const { context, run } = await launched(100);
  const { provider, sent } = worldProvider();
  const sender = { senderId: 's', clock: context.clock };
  // Somebody stops it while the second batch of 20 is going out.
  const stopsMidway = {
    ...provider,
    send: async (messages: Parameters<typeof provider.send>[0]) => {
      if (sent.length === 20) await stopSending(context.warehouse, 'ann', 'a wrong price');
      return provider.send(messages);
    },
  };
  const summary = await sendPending(directClient(context), [stopsMidway], sender);
  expect(summary).toMatchObject({ batches: 2, accepted: 40 });
  expect(sent).toHaveLength(40);

  await context.warehouse.close();
  const reopened = await Warehouse.open(context.project, { clock: context.clock, memoryLimit: '2GB' });
  onTestFinished(() => reopened.close());
  const again = { ...context, warehouse: reopened };
  expect(await reopened.read(readSwitch)).toEqual({
    stopped: true,
    by: 'ann',
    at: '2026-11-02T06:00:00Z',
    reason: 'a wrong price',
  });
  expect(await claimBatch(again, { sender_id: 's', providers: ['file'] })).toBeUndefined();
  expect(await sendPending(directClient(again), [provider], sender)).toMatchObject({ batches: 0 });

  expect(await resumeSending(reopened, 'bob', 'corrected')).toMatchObject({
    stopped: false,
    by: 'bob',
    reason: 'corrected',
  });
  await sendPending(directClient(again), [provider], sender);
  expect(await outcomes(again, run.campaign_run_id)).toEqual({ accepted: 100 });
  expect(new Set(sent.map((message) => message.to)).size).toBe(100);
  const audit = await reopened.read((session) =>
    session.rows(`select actor, action, detail from ops.audit_log where subject = 'sending' order by rowid`),
  );
  expect(audit).toEqual([
    { actor: 'ann', action: 'sending stopped', detail: { reason: 'a wrong price' } },
    { actor: 'bob', action: 'sending resumed', detail: { reason: 'corrected' } },
  ]);
});
