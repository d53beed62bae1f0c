import MailComposer from 'nodemailer/lib/mail-composer/index.js';
import { assemble } from '../../templates/render.ts';
import type { OutgoingMessage } from './provider.ts';

/** The whole mail as bytes, for providers that take mails and not fields. */
export function mime(message: OutgoingMessage, date: Date): Promise<Buffer> {
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
