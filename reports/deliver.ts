import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createTransport } from 'nodemailer';
import MailComposer from 'nodemailer/lib/mail-composer/index.js';
import type { Account } from '../data/account.ts';
import { errorMessage, MallardError } from '../data/errors.ts';
import type { ReportMail } from './mail-render.ts';

/** A mail with everything a transport needs. */
export interface Envelope {
  message_id: string;
  from: { name: string; address: string };
  recipients: readonly string[];
  mail: ReportMail;
  sent_at: Date;
}

/** Where a mail went. */
export interface Delivered {
  transport: string;
  message_id: string;
  recipients: string[];
  /** Of the file transport: the file written. */
  file?: string;
}

export interface ReportTransport {
  readonly name: string;
  send(envelope: Envelope): Promise<{ file?: string }>;
}

export interface DeliverOptions {
  from: Pick<Account, 'name' | 'from_email'>;
  sentAt: Date;
}

/**
 * Sends a report's mail to all its recipients, once, as one mail. The Message-ID is the same for every rerun of the same
 * report and as-of time, so a mail client shows a rerun as the same mail and a caller can tell that it was sent.
 * Throws `configuration_missing` without recipients, `provider_failed` where the transport refuses.
 */
export async function deliverReport(
  mail: ReportMail,
  recipients: readonly string[],
  transport: ReportTransport,
  options: DeliverOptions,
): Promise<Delivered> {
  if (recipients.length === 0) {
    throw new MallardError(
      'configuration_missing',
      `The report run ${mail.report_run_id} has no recipients.`,
      {
        remedy: 'Set recipients=[…] in its ##(report) line, or report_recipients in account.yaml.',
      },
    );
  }
  const messageId = reportMessageId(mail, options.from.from_email);
  const sent = await transport.send({
    message_id: messageId,
    from: { name: options.from.name, address: options.from.from_email },
    recipients,
    mail,
    sent_at: options.sentAt,
  });
  return { transport: transport.name, message_id: messageId, recipients: [...recipients], ...sent };
}

/** `<report.weekly.2026-11-02.0123456789ab@example.com>` */
export function reportMessageId(mail: Pick<ReportMail, 'report_run_id'>, fromEmail: string): string {
  return `<report.${mail.report_run_id}@${fromEmail.split('@').at(-1) ?? 'localhost'}>`;
}

/**
 * Writes `<run>.eml` into a folder: no account needed, and any mail client opens it. Written beside and renamed, so a
 * reader never sees half a mail; a rerun replaces its own file.
 */
export function fileTransport(folder: string): ReportTransport {
  return {
    name: 'file',
    async send(envelope) {
      const message = await compose(envelope);
      const file = join(folder, `report.${envelope.mail.report_run_id}.eml`);
      const beside = `${file}.partial`;
      try {
        await mkdir(folder, { recursive: true });
        const handle = await open(beside, 'w');
        try {
          await handle.writeFile(message);
          await handle.sync();
        } finally {
          await handle.close();
        }
        await rename(beside, file);
      } catch (error) {
        await rm(beside, { force: true }).catch(() => undefined);
        throw new MallardError(
          'storage_failed',
          `The mail could not be written to ${file}: ${errorMessage(error)}.`,
          {
            cause: error,
          },
        );
      }
      return { file };
    },
  };
}

/** Sends through an SMTP server. @param url `smtps://user:password@host:465`; from the environment, never logged. */
export function smtpTransport(url: string): ReportTransport {
  return {
    name: 'smtp',
    async send(envelope) {
      const transport = createTransport(url);
      try {
        await transport.sendMail({
          envelope: { from: envelope.from.address, to: [...envelope.recipients] },
          raw: await compose(envelope),
        });
        return {};
      } catch (error) {
        throw new MallardError(
          'provider_failed',
          `The SMTP server did not take the report: ${errorMessage(error)}.`,
          {
            remedy: 'Check MALLARD_SMTP_URL and the server, then send the report again.',
            cause: error,
          },
        );
      } finally {
        transport.close();
      }
    },
  };
}

/** `MALLARD_SMTP_URL` where it is set, else the outbox folder. */
export function reportTransport(
  env: Readonly<Record<string, string | undefined>>,
  outbox: string,
): ReportTransport {
  const url = env['MALLARD_SMTP_URL'];
  return url ? smtpTransport(url) : fileTransport(outbox);
}

/** The whole message, the same bytes for the same envelope. */
async function compose({
  mail,
  message_id: messageId,
  from,
  recipients,
  sent_at: sentAt,
}: Envelope): Promise<Buffer> {
  const composer = new MailComposer({
    messageId,
    date: sentAt,
    from,
    to: [...recipients],
    subject: mail.subject,
    text: mail.text,
    html: mail.html,
    attachments: mail.attachments.map(({ cid, filename, content, contentType }) => ({
      cid,
      filename,
      content: Buffer.from(content),
      contentType,
      contentDisposition: 'inline' as const,
    })),
    // Answering machines stay silent, and a rerun can be told from a new report.
    headers: { 'Auto-Submitted': 'auto-generated', 'X-Mallard-Report-Run': mail.report_run_id },
    baseBoundary: mail.report_run_id,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return composer.compile().build();
}
