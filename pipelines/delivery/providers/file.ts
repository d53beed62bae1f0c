import { access, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import MailComposer from 'nodemailer/lib/mail-composer/index.js';
import type { Clock } from '../../../data/clock.ts';
import { errorMessage } from '../../../data/errors.ts';
import { assemble } from '../../templates/render.ts';
import type { ReportedOutcome } from '../messages.ts';
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

function mime(message: OutgoingMessage, date: Date): Promise<Buffer> {
  const composer = new MailComposer({
    from: { address: message.from.email, name: message.from.name ?? '' },
    to: { address: message.to, name: '' },
    ...(message.reply_to === null ? {} : { replyTo: message.reply_to }),
    subject: message.subject,
    text: assemble({ statics: message.layout.text }, message.text_pieces),
    ...(message.layout.html === null
      ? {}
      : { html: assemble({ statics: message.layout.html }, message.html_pieces) }),
    messageId: message.message_id_header,
    headers: [
      ...Object.entries(message.headers),
      ...Object.entries(message.custom_args).map(
        ([name, value]) => [`X-Mallard-${name.replaceAll('_', '-')}`, value] as const,
      ),
    ].map(([key, value]) => unfolded(key, value)),
    date,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return new Promise((resolve, reject) => {
    composer.compile().build((error, built) => (error ? reject(error) : resolve(built)));
  });
}

/** A link on one line: legal up to 998 characters, and what every reader of the header copes with. */
function unfolded(key: string, value: string) {
  return { key, value: { value, prepared: true, foldLines: false } as unknown as string };
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
