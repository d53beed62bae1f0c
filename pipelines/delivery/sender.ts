import type { Clock } from '../../data/clock.ts';
import { errorMessage } from '../../data/errors.ts';
import { templateCache } from '../templates/compile.ts';
import { composeBatch } from './compose.ts';
import type { ClaimedBatch, DeliveryClient, ReportedOutcome } from './messages.ts';
import type { OutgoingMessage, Provider } from './providers/provider.ts';

export interface SenderOptions {
  senderId: string;
  clock: Clock;
  leaseSeconds?: number;
  /** Stops between two calls of the provider. */
  signal?: AbortSignal;
  /** Default: until nothing is due. */
  batchesMax?: number;
}

export interface SendSummary {
  batches: number;
  accepted: number;
  rejected: number;
  failed: number;
  unknown: number;
}

/**
 * Sends all that is due, batch by batch: claim, render, send in calls of the provider's size, report each call. It stops
 * early where a whole call failed (the provider cannot be reached: the next run tries again).
 *
 * It never sends after its lease ran out: by then the recipients are unknown, and an operator may have freed them.
 */
export async function sendPending(
  client: DeliveryClient,
  providers: readonly Provider[],
  options: SenderOptions,
): Promise<SendSummary> {
  const summary: SendSummary = { batches: 0, accepted: 0, rejected: 0, failed: 0, unknown: 0 };
  const compile = templateCache();
  const names = providers.map((provider) => provider.name);
  while (summary.batches < (options.batchesMax ?? Infinity) && !options.signal?.aborted) {
    const batch = await client.claim({
      sender_id: options.senderId,
      providers: names,
      ...(options.leaseSeconds === undefined ? {} : { lease_seconds: options.leaseSeconds }),
    });
    if (!batch) break;
    summary.batches += 1;
    const provider = providers.find(({ name }) => name === batch.provider);
    if (!provider)
      throw new Error(`a batch for ${batch.provider} was claimed, which this sender does not have`);
    const { messages, rejected } = await composeBatch(batch, compile);
    if (rejected.length > 0) await report(client, batch, rejected, summary);
    if (!(await sendBatch(client, provider, batch, messages, options, summary))) break;
  }
  return summary;
}

/** Answers whether sending may go on with another batch. */
async function sendBatch(
  client: DeliveryClient,
  provider: Provider,
  batch: ClaimedBatch,
  messages: readonly OutgoingMessage[],
  { clock, signal }: SenderOptions,
  summary: SendSummary,
): Promise<boolean> {
  let leasedUntil = Date.parse(batch.leased_until);
  for (let at = 0; at < messages.length; at += provider.limits.batch_size) {
    if (clock.now().getTime() >= leasedUntil) return true;
    const call = messages.slice(at, at + provider.limits.batch_size);
    // What is still in hand when stopping was never sent: the next sender may have it at once.
    const outcomes = signal?.aborted ? messages.slice(at).map(notSent) : await sendCall(provider, call);
    const answer = await report(client, batch, outcomes, summary);
    if (signal?.aborted) return false;
    if (answer.leased_until !== null) leasedUntil = Date.parse(answer.leased_until);
    if (outcomes.every(({ outcome }) => outcome === 'failed')) {
      const rest = messages.slice(at + call.length).map(notSent);
      if (rest.length > 0) await report(client, batch, rest, summary);
      return false;
    }
  }
  return true;
}

async function sendCall(
  provider: Provider,
  messages: readonly OutgoingMessage[],
): Promise<ReportedOutcome[]> {
  try {
    const outcomes = new Map(
      (await provider.send(messages)).map((outcome) => [outcome.delivery_id, outcome]),
    );
    return messages.map(
      (message) => outcomes.get(message.delivery_id) ?? unknown(message, 'the provider gave no outcome'),
    );
  } catch (error) {
    return messages.map((message) => unknown(message, errorMessage(error)));
  }
}

async function report(
  client: DeliveryClient,
  batch: ClaimedBatch,
  outcomes: ReportedOutcome[],
  summary: SendSummary,
) {
  const answer = await client.report({
    batch_id: batch.batch_id,
    lease_id: batch.lease_id,
    provider: batch.provider,
    outcomes,
  });
  for (const { outcome } of outcomes) summary[outcome] += 1;
  return answer;
}

function unknown({ delivery_id }: OutgoingMessage, reason: string): ReportedOutcome {
  return { delivery_id, outcome: 'unknown', reason, provider_message_id: null };
}

function notSent({ delivery_id }: OutgoingMessage): ReportedOutcome {
  return { delivery_id, outcome: 'failed', reason: 'not_attempted', provider_message_id: null };
}
