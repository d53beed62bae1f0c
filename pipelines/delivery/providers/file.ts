import { access, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../../data/clock.ts';
import { errorMessage } from '../../../data/errors.ts';
import type { ReportedOutcome } from '../messages.ts';
import { mime } from './mime.ts';
import type { OutgoingMessage, Provider } from './provider.ts';

/** Files written at once: enough to keep the disk busy, few enough for the thread pool that queries share. */
const writersMax = 4;

/**
 * The embedded default: one `.eml` a recipient in the outbox, so that the whole path runs with no account. A mail is
 * written beside and renamed, so there are whole files only; its name is its delivery id, so sending twice leaves one.
 */
export function fileProvider(options: { outbox: string; clock: Clock }): Provider {
  return {
    name: 'file',
    limits: { batch_size: 500 },
    send: async (messages) => {
      await mkdir(options.outbox, { recursive: true });
      const outcomes: ReportedOutcome[] = [];
      const queue = [...messages];
      const write = async () => {
        for (let message = queue.shift(); message; message = queue.shift()) {
          outcomes.push(await writeMessage(message, options));
        }
      };
      await Promise.all(Array.from({ length: writersMax }, write));
      return outcomes;
    },
  };
}

/** Where the mail of a delivery lies. */
export function outboxFile(outbox: string, deliveryId: string): string {
  return join(outbox, `${deliveryId}.eml`);
}

async function writeMessage(
  message: OutgoingMessage,
  { outbox, clock }: { outbox: string; clock: Clock },
): Promise<ReportedOutcome> {
  const answer = (outcome: 'accepted' | 'failed', reason: string | null): ReportedOutcome => ({
    delivery_id: message.delivery_id,
    outcome,
    reason,
    provider_message_id: outcome === 'accepted' ? message.message_id_header : null,
  });
  const file = outboxFile(outbox, message.delivery_id);
  const draft = `${file}.tmp`;
  try {
    if (await exists(file)) return answer('accepted', 'already_written');
    await writeFile(draft, await mime(message, clock.now()));
    await rename(draft, file);
    return answer('accepted', null);
  } catch (error) {
    // Without the rename there is no mail: it may be tried again.
    await rm(draft, { force: true }).catch(() => undefined);
    return answer('failed', errorMessage(error));
  }
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
