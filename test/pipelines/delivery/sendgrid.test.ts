import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { composeBatch } from '../../../pipelines/delivery/compose.ts';
import type { ClaimedBatch } from '../../../pipelines/delivery/messages.ts';
import { sendgridProvider } from '../../../pipelines/delivery/providers/sendgrid.ts';
import { compileTemplate } from '../../../pipelines/templates/compile.ts';

interface Personalization {
  to: { email: string }[];
  subject: string;
  headers: Record<string, string>;
  custom_args: Record<string, string>;
  substitutions?: Record<string, string>;
}

interface MailBody {
  from: { email: string; name: string };
  content: { type: string; value: string }[];
  personalizations: Personalization[];
}

interface Call {
  url: string | undefined;
  authorization: string | undefined;
  body: MailBody;
}

type Answer = (response: ServerResponse, call: Call, request: IncomingMessage) => void;

const accept: Answer = (response) => response.writeHead(202, { 'x-message-id': 'sg-1' }).end();

/** SendGrid's stand-in on loopback: keeps what it is sent, answers as told. */
async function standIn(answer: Answer = accept) {
  const calls: Call[] = [];
  const receive = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const call = {
      url: request.url,
      authorization: request.headers.authorization,
      body: JSON.parse(Buffer.concat(chunks).toString()) as MailBody,
    };
    calls.push(call);
    answer(response, call, request);
  };
  const server = createServer((request, response) => void receive(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return { calls, provider: sendgridProvider({ apiKey: 'SG.test', baseUrl, timeoutMs: 500 }), server };
}

const body = '<p>Hi {{ first_name }}, {% if clicks > 2 %}thanks{% else %}welcome{% endif %}</p>';

async function messages(
  count: number,
  change: (index: number) => Record<string, unknown> = () => ({}),
  template = body,
) {
  const batch: ClaimedBatch = {
    batch_id: 'b1',
    lease_id: 'l1',
    leased_until: '2026-11-02T07:00:00Z',
    campaign_id: 'spring',
    campaign_run_id: 'r1',
    message_id: 'message',
    message_class: 'marketing',
    provider: 'sendgrid',
    from: { email: 'hello@example.com', name: 'Example' },
    reply_to: 'answers@example.com',
    templates: { '': { subject: 'For {{ first_name }}', body: template, format: 'html' } },
    account: { name: 'Example', postal_address: '1 Example Street' },
    recipients: Array.from({ length: count }, (_, i) => ({
      delivery_id: `d${i}`,
      contact_id: `c${i}`,
      email: `c${i}@example.com`,
      arm: null,
      variables: { first_name: `Name <${i}>`, clicks: i, ...change(i) },
      unsubscribe_url: `http://127.0.0.1:3000/u/token${i}`,
      preferences_url: `http://127.0.0.1:3000/p/token${i}`,
      headers: {
        'List-Unsubscribe': `<http://127.0.0.1:3000/u/token${i}>`,
        'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
      },
    })),
  };
  return (await composeBatch(batch, compileTemplate)).messages;
}

/** What SendGrid makes of a body for one recipient. */
function substituted(text: string, { substitutions = {} }: Personalization): string {
  return Object.entries(substitutions).reduce((made, [tag, value]) => made.replaceAll(tag, value), text);
}

describe('a call', () => {
  test('carries 1,000 recipients, each with its own mail, headers and ids, and no personal data among the ids', async () => {
    const { calls, provider } = await standIn();
    const outgoing = await messages(2500);
    const outcomes = await provider.send(outgoing);
    expect(calls.map((call) => call.body.personalizations.length)).toEqual([1000, 1000, 500]);
    expect(outcomes).toHaveLength(2500);
    expect(
      outcomes.every(
        ({ outcome, provider_message_id }) => outcome === 'accepted' && provider_message_id === 'sg-1',
      ),
    ).toBe(true);
    const [call] = calls;
    expect(call).toMatchObject({ url: '/v3/mail/send', authorization: 'Bearer SG.test' });
    expect(call?.body.from).toEqual({ email: 'hello@example.com', name: 'Example' });
    expect(call?.body).toMatchObject({ reply_to: { email: 'answers@example.com' } });
    const [text, html] = call?.body.content ?? [];
    expect([text?.type, html?.type]).toEqual(['text/plain', 'text/html']);
    for (const index of [0, 7, 999]) {
      const one = call?.body.personalizations[index] as Personalization;
      expect(one.to).toEqual([{ email: `c${index}@example.com` }]);
      expect(one.subject).toBe(`For Name <${index}>`);
      expect(one.headers).toEqual({
        'List-Unsubscribe': `<http://127.0.0.1:3000/u/token${index}>`,
        'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
        'Message-ID': `<d${index}@example.com>`,
      });
      expect(one.custom_args).toEqual({
        delivery_id: `d${index}`,
        campaign_run_id: 'r1',
        campaign_id: 'spring',
        message_id: 'message',
        contact_id: `c${index}`,
      });
      const page = substituted(html?.value ?? '', one);
      expect(page).toContain(`Hi Name &lt;${index}&gt;, ${index > 2 ? 'thanks' : 'welcome'}`);
      expect(page).toContain(`href="http://127.0.0.1:3000/u/token${index}"`);
      expect(page).not.toMatch(/\[%|\{\{|\{%/);
      expect(substituted(text?.value ?? '', one)).toContain(
        `Hi Name <${index}>, ${index > 2 ? 'thanks' : 'welcome'}`,
      );
    }
  });

  test('a recipient whose pieces are too long, or look like a tag, travels alone with the whole body', async () => {
    const { calls, provider } = await standIn();
    const outgoing = await messages(5, (i) =>
      i === 1 ? { first_name: 'x'.repeat(11_000) } : i === 3 ? { first_name: '[%h1%]' } : {},
    );
    await provider.send(outgoing);
    expect(calls.map((call) => call.body.personalizations.length)).toEqual([3, 1, 1]);
    const alone = calls[2]?.body;
    expect(alone?.personalizations[0]?.substitutions).toBeUndefined();
    expect(alone?.content[1]?.value).toContain('Hi [%h1%], thanks');
  });

  test('plain text has one part', async () => {
    const { calls, provider } = await standIn();
    const outgoing = (await messages(1)).map((message) => ({
      ...message,
      layout: { ...message.layout, html: null },
      html_pieces: [],
    }));
    await provider.send(outgoing);
    expect(calls[0]?.body.content.map((part) => part.type)).toEqual(['text/plain']);
  });
});

describe('what an answer means', () => {
  const json =
    (status: number, errors: object[]): Answer =>
    (response) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ errors }));
  const outcomesOf = async (answer: Answer) => {
    const { provider } = await standIn(answer);
    return (await provider.send(await messages(2))).map(({ outcome, reason }) => ({ outcome, reason }));
  };

  test.each([
    [400, 'rejected'],
    [413, 'rejected'],
    [401, 'failed'],
    [429, 'failed'],
    [500, 'unknown'],
    [503, 'unknown'],
  ])('%i: %s', async (status, outcome) => {
    const answers = await outcomesOf(json(status, [{ message: 'because' }]));
    expect(answers).toEqual([
      { outcome, reason: `${status}: because` },
      { outcome, reason: `${status}: because` },
    ]);
  });

  test('a 400 that names recipients rejects those and sends the others', async () => {
    const { calls, provider } = await standIn((response, call, request) => {
      const bad = call.body.personalizations.findIndex((one) => one.to[0]?.email === 'c1@example.com');
      if (bad < 0) accept(response, call, request);
      else
        json(400, [
          { message: 'Does not contain a valid address.', field: `personalizations.${bad}.to.0.email` },
        ])(response, call, request);
    });
    const outcomes = await provider.send(await messages(3));
    expect(Object.fromEntries(outcomes.map(({ delivery_id, outcome }) => [delivery_id, outcome]))).toEqual({
      d0: 'accepted',
      d1: 'rejected',
      d2: 'accepted',
    });
    expect(calls).toHaveLength(2);
  });

  test('a connection cut after the request, and an answer that never comes, are unknown', async () => {
    expect((await outcomesOf((_, __, request) => request.socket.destroy()))[0]?.outcome).toBe('unknown');
    expect((await outcomesOf(() => undefined))[0]?.outcome).toBe('unknown');
  });

  test('a connection refused is failed: nothing was sent', async () => {
    const { provider, server } = await standIn();
    server.close();
    await once(server, 'close');
    expect((await provider.send(await messages(2))).map(({ outcome }) => outcome)).toEqual([
      'failed',
      'failed',
    ]);
  });
});
