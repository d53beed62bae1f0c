import sendgridMail from '@sendgrid/mail';
import { errorMessage } from '../../../data/errors.ts';
import { assemble } from '../../templates/render.ts';
import type { ReportedOutcome } from '../messages.ts';
import type { OutgoingMessage, Provider } from './provider.ts';

export interface SendgridOptions {
  apiKey: string;
  /** Default https://api.sendgrid.com/; another host for tests, or the EU's. */
  baseUrl?: string;
  /** For one call; beyond it the outcome is unknown. Default 30,000. */
  timeoutMs?: number;
}

/** SendGrid's limits: personalizations of a call, and bytes of one personalization's substitutions. */
const personalizationsMax = 1_000;
const substitutionBytesMax = 10_000;
const [open, close] = ['[%', '%]'];

/**
 * Sends through SendGrid's v3 API. Up to 1,000 recipients travel in one call although each mail is rendered for its
 * recipient: a body is its template's static text with tags where Liquid began, and what Liquid made for a recipient
 * goes into that recipient's substitutions. So logic in templates costs nothing. Only a recipient whose pieces exceed
 * SendGrid's 10,000 bytes, or hold something like a tag, gets a call with the whole body.
 *
 * SendGrid has no idempotency key: an answer that is lost, or a 5xx, is `unknown`.
 */
export function sendgridProvider(options: SendgridOptions): Provider {
  const service = newService();
  service.setApiKey(options.apiKey);
  // After the key: setting that resets the host.
  if (options.baseUrl !== undefined) sendgridClient(service).setDefaultRequest('baseUrl', options.baseUrl);
  service.setTimeout(options.timeoutMs ?? 30_000);
  service.setSubstitutionWrappers(open, close);
  return {
    name: 'sendgrid',
    limits: { batch_size: personalizationsMax },
    send: async (messages) => {
      const outcomes: ReportedOutcome[] = [];
      for (const call of calls(messages)) outcomes.push(...(await post(service, call)));
      return outcomes;
    },
  };
}

type MailService = typeof sendgridMail;
type SendgridMail = Exclude<Parameters<MailService['send']>[0], readonly unknown[]>;

/** One's own service, not the package's shared one, so that two keys or hosts do not meet. The types leave the class out. */
function newService(): MailService {
  return new (sendgridMail as unknown as { MailService: new () => MailService }).MailService();
}

/** The types leave `client` out too; `setClient` is its public counterpart. */
function sendgridClient(service: MailService): { setDefaultRequest(key: string, value: unknown): void } {
  return (service as unknown as { client: { setDefaultRequest(key: string, value: unknown): void } }).client;
}

/** Messages that may share a call: same layout, same sender, pieces that fit. */
function calls(messages: readonly OutgoingMessage[]): OutgoingMessage[][] {
  const shared = new Map<string, OutgoingMessage[]>();
  const alone: OutgoingMessage[][] = [];
  for (const message of messages) {
    if (!fitsSubstitutions(message)) {
      alone.push([message]);
      continue;
    }
    const key = JSON.stringify([message.layout.layout_id, message.from, message.reply_to]);
    const group = shared.get(key);
    if (group) group.push(message);
    else shared.set(key, [message]);
  }
  const full = [...shared.values()].flatMap((group) =>
    Array.from({ length: Math.ceil(group.length / personalizationsMax) }, (_, i) =>
      group.slice(i * personalizationsMax, (i + 1) * personalizationsMax),
    ),
  );
  return [...full, ...alone];
}

function fitsSubstitutions(message: OutgoingMessage): boolean {
  const pieces = [...message.html_pieces, ...message.text_pieces];
  const bytes = pieces.reduce((sum, piece) => sum + Buffer.byteLength(piece) + 16, 0);
  return bytes <= substitutionBytesMax && !pieces.some((piece) => piece.includes(open));
}

async function post(service: MailService, messages: OutgoingMessage[]): Promise<ReportedOutcome[]> {
  const all = (
    outcome: ReportedOutcome['outcome'],
    reason: string | null,
    providerId: string | null = null,
  ) => messages.map(({ delivery_id }) => ({ delivery_id, outcome, reason, provider_message_id: providerId }));
  try {
    const [response] = await service.send(mailOf(messages));
    const headers = response.headers as Record<string, string | undefined>;
    return all('accepted', null, headers['x-message-id'] ?? null);
  } catch (error) {
    const culprits = namedRecipients(error, messages.length);
    if (culprits.size === 0 || culprits.size === messages.length) {
      const { outcome, reason } = outcomeOf(error);
      return all(outcome, reason);
    }
    // A 400 takes nothing: without the addresses it names, the others are sent.
    const refused = all('rejected', outcomeOf(error).reason).filter((_, index) => culprits.has(index));
    return [
      ...refused,
      ...(await post(
        service,
        messages.filter((_, index) => !culprits.has(index)),
      )),
    ];
  }
}

function mailOf(messages: readonly OutgoingMessage[]): SendgridMail {
  const [first] = messages;
  if (!first) throw new RangeError('a call needs a message');
  const tagged = messages.length > 1 || fitsSubstitutions(first);
  const { layout } = first;
  const text = tagged
    ? assemble({ statics: layout.text }, tags('t', first.text_pieces))
    : assemble({ statics: layout.text }, first.text_pieces);
  const html =
    layout.html &&
    assemble({ statics: layout.html }, tagged ? tags('h', first.html_pieces) : first.html_pieces);
  return {
    from: first.from,
    ...(first.reply_to === null ? {} : { replyTo: first.reply_to }),
    content: [
      { type: 'text/plain', value: text },
      ...(html === null ? [] : [{ type: 'text/html', value: html }]),
    ] as [{ type: string; value: string }],
    personalizations: messages.map((message) => ({
      to: message.to,
      subject: message.subject,
      headers: { ...message.headers, 'Message-ID': message.message_id_header },
      customArgs: message.custom_args,
      ...(tagged
        ? { substitutions: { ...named('t', message.text_pieces), ...named('h', message.html_pieces) } }
        : {}),
    })),
  };
}

function tags(part: string, pieces: readonly string[]): string[] {
  return pieces.map((_, index) => `${open}${part}${index}${close}`);
}

function named(part: string, pieces: readonly string[]): Record<string, string> {
  return Object.fromEntries(pieces.map((piece, index) => [`${part}${index}`, piece]));
}

interface SendgridFailure {
  code?: number | string;
  response?: { body?: { errors?: { message?: string; field?: string | null }[] } };
}

/** The connection was never made: nothing can have been sent. */
const neverConnected = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
]);
/** Refused, but not for what is in it: wrong key, no credit, too fast. Worth another attempt when that is repaired. */
const refusedForNow = new Set([401, 402, 403, 408, 429]);

function outcomeOf(error: unknown): { outcome: ReportedOutcome['outcome']; reason: string } {
  const { code, response } = error as SendgridFailure;
  const detail = response?.body?.errors?.[0]?.message ?? errorMessage(error);
  if (typeof code === 'number' && response) {
    const reason = `${code}: ${detail}`;
    if (code >= 500) return { outcome: 'unknown', reason };
    return { outcome: refusedForNow.has(code) ? 'failed' : 'rejected', reason };
  }
  return {
    outcome: neverConnected.has(String(code)) ? 'failed' : 'unknown',
    reason: `${code ?? 'error'}: ${detail}`,
  };
}

/** The recipients that a 400 complains about: `personalizations.3.to.0.email`. */
function namedRecipients(error: unknown, count: number): Set<number> {
  const { code, response } = error as SendgridFailure;
  if (code !== 400) return new Set();
  const fields = (response?.body?.errors ?? []).map(
    (one) => /^personalizations\.(\d+)\./.exec(one.field ?? '')?.[1],
  );
  return new Set(
    fields.flatMap((index) => (index !== undefined && Number(index) < count ? [Number(index)] : [])),
  );
}
