import { randomUUID } from 'node:crypto';
import { addressKey } from '../../data/address.ts';
import { toTimestamp } from '../../data/clock.ts';
import { MallardError } from '../../data/errors.ts';
import type { Session } from '../../data/owner/session.ts';
import type { Mallard } from '../context.ts';
import type { ReportedOutcome } from '../delivery/messages.ts';
import type { Provider } from '../delivery/providers/provider.ts';
import { readSwitch } from '../delivery/switch.ts';
import { confirmMail } from './confirm-mail.ts';
import { confirmLink } from './links.ts';
import { checkedEmail } from './person.ts';
import { checkedPurpose, checkedTopic } from './record.ts';
import { projectSecret } from './secret.ts';
import { pickLanguage, say, type Language } from './texts.ts';

export type RequestContext = Pick<Mallard, 'project' | 'warehouse' | 'clock' | 'account'>;

export interface ConsentRequest {
  email: string;
  purpose?: string | undefined;
  /** Ids; none: everything. */
  topics?: readonly string[] | undefined;
  /** What the person read at the form. Default: the sentence of the account's language. */
  wording?: string | undefined;
  /** Where: the form's address. */
  place?: string | undefined;
  language?: string | undefined;
  /** Who passed it on. */
  actor: string;
}

/** Keeps from a request what is not a mail: `limited` (too many), `withheld` (the mailbox bounced or complained). */
type Withheld = 'limited' | 'withheld';

/**
 * Takes a request for consent: writes it down as pending and mails a link that confirms it. Answers the same whoever asks for
 * whatever address, known or not, limited or not: what became of it stands in `ops.consent_requests`.
 * @param provider the account's (`consent.provider`), asked for only where there is something to send
 * @returns the request's id, for the log of the caller, never for the person; resolves after the commit and the mail
 * @throws `bad_request`, `purpose_missing`, `conflict` (all sending is stopped)
 */
export async function requestConsent(
  context: RequestContext,
  request: ConsentRequest,
  provider: () => Promise<Provider>,
): Promise<{ request_id: string }> {
  const { warehouse, account, clock, project } = context;
  const checked = checkRequest(context, request);
  await refuseWhenStopped(context);
  const sender = await provider();
  const requestId = randomUUID();
  const expires = new Date(clock.now().getTime() + account.consent.link_valid_days * 86_400_000);
  const withheld = await warehouse.ledger.transaction((tx) =>
    insert(tx, context, requestId, checked, expires),
  );
  if (withheld !== undefined) return { request_id: requestId };
  const link = confirmLink(
    account.public_url,
    { request_id: requestId, expires_at: expires.toISOString() },
    projectSecret(project),
  );
  const mail = confirmMail(account, {
    ...checked,
    topics: titles(context, checked.topics),
    request_id: requestId,
    link,
  });
  const outcome = await sendOne(sender, mail);
  await warehouse.ledger.transaction((tx) => recordMail(tx, requestId, sender.name, outcome, clock.now()));
  return { request_id: requestId };
}

type CheckedRequest = ReturnType<typeof checkRequest>;

function checkRequest({ account }: RequestContext, request: ConsentRequest) {
  const purpose = checkedPurpose(request.purpose);
  const topics = (request.topics ?? []).flatMap((topic) => checkedTopic(account, topic) ?? []);
  const language: Language = pickLanguage(request.language, undefined, account.language);
  const named = topics.map((id) => account.consent.topics.find((topic) => topic.id === id)?.title ?? id);
  const wording =
    request.wording ??
    (named.length > 0
      ? say(language, 'preferences_wording', { account: account.name, topic: named.join(', ') })
      : say(language, 'preferences_wording_all', { account: account.name }));
  const email = checkedEmail(request.email);
  return {
    purpose,
    topics: [...new Set(topics)],
    language,
    wording,
    email,
    place: request.place ?? null,
    actor: request.actor,
  };
}

async function refuseWhenStopped({ warehouse }: RequestContext): Promise<void> {
  const state = await warehouse.read(readSwitch);
  if (!state.stopped) return;
  throw new MallardError(
    'conflict',
    `All sending is stopped, since ${state.at} by ${state.by}: ${state.reason}.`,
    {
      fields: { ...state },
      remedy: 'Ask again when it goes on (`mallard resume-sending`).',
    },
  );
}

/** Writes the request, and answers why no mail is to follow, if so. */
async function insert(
  tx: Session,
  { account, clock }: RequestContext,
  requestId: string,
  request: CheckedRequest,
  expires: Date,
): Promise<Withheld | undefined> {
  const now = toTimestamp(clock.now());
  const key = addressKey(request.email);
  await forgetExpired(tx, now);
  const row = await tx.one<{ mailed: number; stopped: boolean }>(
    `select (select count(*)::int from ops.consent_requests where address_key = $key and requested_at > $now::timestamp - interval 24 hour
         and mail_outcome is distinct from 'limited') as mailed,
       exists (from ops.suppressions where address_key = $key and channel = 'email' and scope = 'global' and reason in ('bounced', 'complained', 'manual')) as stopped`,
    { key, now },
  );
  const withheld: Withheld | undefined = row?.stopped
    ? 'withheld'
    : (row?.mailed ?? 0) >= account.consent.requests_per_day
      ? 'limited'
      : undefined;
  await tx.run(
    `insert into ops.consent_requests (request_id, address_key, email, channel, purpose, topics, wording, place, language, actor,
       requested_at, expires_at, mail_outcome, updated_at)
     values ($request_id, $key, $email::varchar, 'email', $purpose, $topics::json, $wording, $place::varchar, $language, $actor,
       $now::timestamp, $expires::timestamp, $outcome::varchar, $now::timestamp)`,
    {
      request_id: requestId,
      key,
      email: withheld === undefined ? request.email : null,
      purpose: request.purpose,
      topics: JSON.stringify(request.topics),
      wording: request.wording,
      place: request.place,
      language: request.language,
      actor: request.actor,
      now,
      // What no link was sent for waits for nothing.
      expires: withheld === undefined ? toTimestamp(expires) : now,
      outcome: withheld ?? null,
    },
  );
  return withheld;
}

/** The address of who did not confirm in time is kept no longer. */
export async function forgetExpired(tx: Session, now: string): Promise<number> {
  return tx.run(
    'update ops.consent_requests set email = null, updated_at = $now::timestamp where email is not null and expires_at <= $now::timestamp',
    { now },
  );
}

async function sendOne(
  provider: Provider,
  mail: Parameters<Provider['send']>[0][number],
): Promise<ReportedOutcome> {
  const unknown = (reason: string): ReportedOutcome => ({
    delivery_id: mail.delivery_id,
    outcome: 'unknown',
    reason,
    provider_message_id: null,
  });
  try {
    const [outcome] = await provider.send([mail]);
    return outcome ?? unknown('the provider gave no outcome');
  } catch (error) {
    return unknown(error instanceof Error ? error.message : String(error));
  }
}

async function recordMail(
  tx: Session,
  requestId: string,
  provider: string,
  { outcome, reason }: ReportedOutcome,
  now: Date,
): Promise<void> {
  await tx.run(
    `update ops.consent_requests set mail_outcome = $outcome, mail_reason = $reason::varchar, provider = $provider, updated_at = $now::timestamp
     where request_id = $id`,
    { outcome, reason, provider, now: toTimestamp(now), id: requestId },
  );
}

/** What people read instead of ids. */
export function titles({ account }: Pick<RequestContext, 'account'>, topics: readonly string[]): string[] {
  return topics.map((id) => account.consent.topics.find((topic) => topic.id === id)?.title ?? id);
}
