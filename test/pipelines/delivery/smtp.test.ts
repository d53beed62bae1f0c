import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { expect, onTestFinished, test } from 'vitest';
import type { OutgoingMessage } from '../../../pipelines/delivery/providers/provider.ts';
import { smtpProvider } from '../../../pipelines/delivery/providers/smtp.ts';
import { testClock } from '../../support.ts';

/** A real server on loopback: refuses who is gone for good, and who is busy for now. */
async function smtpServer() {
  const received: { to: string; data: string }[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onRcptTo: ({ address }, _session, done) => {
      const code = address.startsWith('gone') ? 550 : address.startsWith('busy') ? 451 : undefined;
      done(code === undefined ? null : Object.assign(new Error('refused'), { responseCode: code }));
    },
    onData: (stream, { envelope }, done) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        received.push({
          to: envelope.rcptTo.map(({ address }) => address).join(),
          data: Buffer.concat(chunks).toString(),
        });
        done();
      });
    },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())));
  const { port } = server.server.address() as AddressInfo;
  return { url: `smtp://127.0.0.1:${port}`, received };
}

const message = (id: string, to: string): OutgoingMessage => ({
  delivery_id: id,
  to,
  from: { email: 'hello@example.com', name: 'Example' },
  reply_to: null,
  subject: 'Grüße',
  layout: { layout_id: 'l', html: ['<p>', '</p>'], text: ['Hi ', '!'] },
  html_pieces: ['Ann'],
  text_pieces: ['Ann'],
  headers: { 'Auto-Submitted': 'auto-generated' },
  message_id_header: `<${id}@example.com>`,
  custom_args: {},
});

test('each mail has its own outcome: accepted, refused for good, refused for now', async () => {
  const { url, received } = await smtpServer();
  const outcomes = await smtpProvider({ url, clock: testClock }).send([
    message('d1', 'ann@example.com'),
    message('d2', 'gone@example.com'),
    message('d3', 'busy@example.com'),
    message('d4', 'bob@example.com'),
  ]);
  expect(outcomes.map(({ delivery_id, outcome }) => [delivery_id, outcome])).toEqual([
    ['d1', 'accepted'],
    ['d2', 'rejected'],
    ['d3', 'failed'],
    ['d4', 'accepted'],
  ]);
  expect(received.map(({ to }) => to)).toEqual(['ann@example.com', 'bob@example.com']);
  expect(received[0]?.data).toContain('Message-ID: <d1@example.com>');
  expect(received[0]?.data).toContain('Hi Ann!');
});

test('a server that is not there has nothing: it may be tried again', async () => {
  const outcomes = await smtpProvider({ url: 'smtp://127.0.0.1:1', clock: testClock }).send([
    message('d1', 'a@example.com'),
  ]);
  expect(outcomes).toMatchObject([{ outcome: 'failed', provider_message_id: null }]);
});
