import { chmodSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';
import { describe, expect, it, onTestFinished } from 'vitest';
import { deliverReport, fileTransport, reportTransport, smtpTransport } from '../../reports/deliver.ts';
import { renderMail } from '../../reports/mail-render.ts';
import { tempFolder } from '../support.ts';
import { weeklyFixture } from './fixture.ts';

const options = {
  from: { name: 'Example Company', from_email: 'hello@example.com' },
  sentAt: new Date('2026-11-02T07:00:05Z'),
};
const recipients = ['manager@example.com', 'board@example.com'];

/** A real SMTP server on loopback that keeps what it is given, or refuses every recipient. */
async function smtpServer(refuse = false) {
  const received: { to: string[]; raw: string }[] = [];
  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    onRcptTo: (_address, _session, callback) => callback(refuse ? new Error('no such user') : null),
    onData(stream, session, callback) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        received.push({
          to: session.envelope.rcptTo.map(({ address }) => address),
          raw: Buffer.concat(chunks).toString(),
        });
        callback();
      });
    },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())));
  const address = server.server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return { url: `smtp://127.0.0.1:${port}`, received };
}

describe('the file transport', () => {
  it('writes a mail that a mail reader understands, pictures inside', async () => {
    const outbox = join(tempFolder(), 'outbox');
    const mail = await renderMail(weeklyFixture);
    const delivered = await deliverReport(mail, recipients, fileTransport(outbox), options);
    expect(delivered).toEqual({
      transport: 'file',
      message_id: `<report.${mail.report_run_id}@example.com>`,
      recipients,
      file: join(outbox, `report.${mail.report_run_id}.eml`),
    });
    expect(readdirSync(outbox)).toEqual([`report.${mail.report_run_id}.eml`]);
    const parsed = await simpleParser(readFileSync(delivered.file ?? ''), { skipImageLinks: true });
    expect(parsed.subject).toBe(mail.subject);
    expect(parsed.messageId).toBe(delivered.message_id);
    expect(parsed.date).toEqual(options.sentAt);
    expect(parsed.from?.text).toBe('"Example Company" <hello@example.com>');
    expect([parsed.to].flat().map((to) => to?.text)).toEqual(['manager@example.com, board@example.com']);
    expect(parsed.html).toBe(mail.html);
    expect(parsed.text?.trim()).toBe(mail.text.trim());
    expect(
      parsed.attachments.map(({ cid, contentType, contentDisposition }) => [
        cid,
        contentType,
        contentDisposition,
      ]),
    ).toEqual(mail.attachments.map(({ cid }) => [cid, 'image/png', 'inline']));
    expect(
      parsed.attachments.every((part, index) =>
        part.content.equals(Buffer.from(mail.attachments[index]?.content ?? [])),
      ),
    ).toBe(true);
    expect(parsed.headers.get('auto-submitted')).toBe('auto-generated');
  });

  it('writes a rerun over itself, the same bytes', async () => {
    const outbox = tempFolder();
    const first = await deliverReport(
      await renderMail(weeklyFixture),
      recipients,
      fileTransport(outbox),
      options,
    );
    const before = readFileSync(first.file ?? '');
    const second = await deliverReport(
      await renderMail(weeklyFixture),
      recipients,
      fileTransport(outbox),
      options,
    );
    expect(second).toEqual(first);
    expect(readFileSync(second.file ?? '').equals(before)).toBe(true);
    expect(readdirSync(outbox)).toHaveLength(1);
  });

  it('says so where the disk refuses', async () => {
    const folder = tempFolder();
    const blocked = join(folder, 'outbox');
    mkdirSync(join(blocked, `report.${(await renderMail(weeklyFixture)).report_run_id}.eml`), {
      recursive: true,
    });
    await expect(
      deliverReport(await renderMail(weeklyFixture), recipients, fileTransport(blocked), options),
    ).rejects.toMatchObject({
      code: 'storage_failed',
    });
    // Nothing half-written is left.
    expect(readdirSync(blocked)).toHaveLength(1);
    chmodSync(folder, 0o700);
  });
});

describe('the SMTP transport', () => {
  it('hands the same message to the server, for each recipient', async () => {
    const { url, received } = await smtpServer();
    const mail = await renderMail(weeklyFixture);
    const delivered = await deliverReport(mail, recipients, smtpTransport(url), options);
    expect(delivered).toMatchObject({ transport: 'smtp', recipients });
    expect(received.map(({ to }) => to)).toEqual([recipients]);
    const parsed = await simpleParser(received[0]?.raw ?? '', { skipImageLinks: true });
    expect(parsed.messageId).toBe(delivered.message_id);
    expect(parsed.html).toBe(mail.html);
    expect(parsed.attachments).toHaveLength(2);
  });

  it('fails, naming the setting, where the server refuses', async () => {
    const { url, received } = await smtpServer(true);
    await expect(
      deliverReport(await renderMail(weeklyFixture), recipients, smtpTransport(url), options),
    ).rejects.toMatchObject({
      code: 'provider_failed',
      message: expect.stringContaining('MALLARD_SMTP_URL') as string,
    });
    expect(received).toEqual([]);
  });
});

it('refuses a mail to nobody', async () => {
  await expect(
    deliverReport(await renderMail(weeklyFixture), [], fileTransport(tempFolder()), options),
  ).rejects.toMatchObject({
    code: 'configuration_missing',
  });
});

it('takes SMTP where a URL is set, else the outbox', () => {
  expect(reportTransport({ MALLARD_SMTP_URL: 'smtp://127.0.0.1:1' }, '/outbox').name).toBe('smtp');
  expect(reportTransport({}, '/outbox').name).toBe('file');
  expect(reportTransport({ MALLARD_SMTP_URL: '' }, '/outbox').name).toBe('file');
});
