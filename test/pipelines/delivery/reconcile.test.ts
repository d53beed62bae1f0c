import { spawn } from 'node:child_process';
import { hostname } from 'node:os';
import { expect, test } from 'vitest';
import { isGoneSender, localSenderId } from '../../../pipelines/delivery/sender-id.ts';
import { expireLeasesOfGone, reconcile, unsettledRuns } from '../../../pipelines/delivery/unknown.ts';
import { acceptEmailEvents } from '../../../pipelines/sources/intake.ts';
import { readSendgridEvents } from '../../../pipelines/sources/sendgrid-events.ts';
import { directClient, launched, outcomes } from './support.ts';

test('a sender is gone where its process has ended, or left our own pid behind', async () => {
  expect(isGoneSender(localSenderId())).toBe(true);
  expect(isGoneSender(`${hostname()}:${process.ppid}`)).toBe(false);
  const child = spawn(process.execPath, ['-e', '']);
  await new Promise((resolve) => child.once('exit', resolve));
  expect(isGoneSender(`${hostname()}:${child.pid}`)).toBe(true);
  expect(isGoneSender('another-machine:1')).toBe(false);
  expect(isGoneSender('worker')).toBe(false);
});

test('at boot the leases of senders that are gone end at once, and no others', async () => {
  const { context, run } = await launched(40, { batch_size: 20 });
  const client = directClient(context);
  await client.claim({ sender_id: 'gone', providers: ['file'] });
  await client.claim({ sender_id: 'elsewhere', providers: ['file'] });
  expect(await expireLeasesOfGone(context, (sender) => sender === 'gone')).toBe(20);
  expect(await outcomes(context, run.campaign_run_id)).toEqual({ unknown: 20 });
});

test('unknowns are settled by what the provider tells later', async () => {
  const { context, run } = await launched(4, { batch_size: 4 });
  const batch = await directClient(context).claim({ sender_id: 'gone', providers: ['file'] });
  await expireLeasesOfGone(context, () => true);
  expect(await unsettledRuns(context)).toEqual([{ campaign_run_id: run.campaign_run_id, unknown_count: 4 }]);
  const told = (batch?.recipients ?? []).slice(0, 3).map(({ delivery_id, email }, index) => ({
    email,
    event: index === 0 ? 'dropped' : 'delivered',
    sg_event_id: `told-${index}`,
    timestamp: Date.parse('2026-11-02T06:30:00Z') / 1000,
    delivery_id,
    campaign_run_id: run.campaign_run_id,
  }));
  await acceptEmailEvents(context.warehouse, readSendgridEvents(Buffer.from(JSON.stringify(told))));
  expect(await reconcile(context)).toEqual({ unknown: 0, resolved: 3 });
  expect(await outcomes(context, run.campaign_run_id)).toEqual({ accepted: 2, rejected: 1, unknown: 1 });
  expect(await reconcile(context)).toEqual({ unknown: 0, resolved: 0 });
});
