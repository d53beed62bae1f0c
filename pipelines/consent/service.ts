import type { Account } from '../../data/account.ts';
import { addressKey } from '../../data/address.ts';
import { toTimestamp } from '../../data/clock.ts';
import { MallardError } from '../../data/errors.ts';
import type { Mallard } from '../context.ts';
import { checkedEmail, findPerson } from './person.ts';
import { checkedPurpose, checkedTopic, recordConsent } from './record.ts';
import { marketingRefusal } from './show.ts';
import { addSuppressions, type SuppressionReason } from './suppressions.ts';

export type ConsentContext = Pick<Mallard, 'warehouse' | 'clock' | 'account'>;

/** What somebody records about a person: an operator, a form's server, a call centre. */
export interface ConsentInput {
  consent_event_id?: string | undefined;
  contact_id?: string | undefined;
  email?: string | undefined;
  channel?: string | undefined;
  purpose?: string | undefined;
  topic?: string | null | undefined;
  status: 'granted' | 'withdrawn';
  wording?: string | undefined;
  method?: string | undefined;
  place?: string | undefined;
  actor: string;
  /** Default: now. */
  occurred_at?: Date | undefined;
}

export interface RecordedConsent {
  consent_event_id: string;
  /** False where the id was there already. */
  recorded: boolean;
  /** Why marketing mail of this topic may still not go out, or null. */
  marketing_refusal: string | null;
}

/**
 * Records one consent, given or withdrawn; resolves after the commit.
 * @throws `purpose_missing`, `bad_request` (topic, address, a time to come, a grant that this way cannot give), `not_found` (contact)
 */
export async function recordOneConsent(
  { warehouse, clock, account }: ConsentContext,
  input: ConsentInput,
): Promise<RecordedConsent> {
  const purpose = checkedPurpose(input.purpose);
  const topic = checkedTopic(account, input.topic);
  const method = checkedMethod(input);
  const now = toTimestamp(clock.now());
  const at = input.occurred_at === undefined ? now : toTimestamp(input.occurred_at);
  if (at > now)
    throw new MallardError('bad_request', `occurred_at: ${at} has not come yet.`, {
      fields: { field: 'occurred_at', value: at },
      remedy: 'Consent is recorded when it was given; leave the time out for now.',
    });
  const person = await warehouse.read((session) => findPerson(session, input));
  const entry = {
    consent_event_id: input.consent_event_id,
    channel: input.channel?.trim().toLowerCase() || 'email',
    purpose,
    topic,
    status: input.status,
    wording: input.wording ?? null,
    method,
    place: input.place ?? null,
    actor: input.actor,
    occurred_at: at,
    source: 'mallard',
  };
  const { ids, recorded } = await warehouse.ledger.transaction((tx) =>
    recordConsent(tx, person, [entry], now),
  );
  const refusal = await warehouse.read((session) => marketingRefusal(session, account, person, topic, now));
  return { consent_event_id: ids[0] ?? '', recorded: recorded > 0, marketing_refusal: refusal };
}

/** What only a signed link proves cannot be claimed from outside. */
function checkedMethod({ method, status }: ConsentInput): string | null {
  if (status === 'granted' && (method === 'double_opt_in' || method === 'preferences'))
    throw new MallardError(
      'bad_request',
      `The method ${method} is recorded by the person's own click only.`,
      {
        fields: { field: 'method', value: method },
        remedy:
          'Ask for it with POST /v1/consent/requests, or name how it was given: paper, phone, single_opt_in.',
      },
    );
  return method ?? null;
}

export interface SuppressionInput {
  email?: string | undefined;
  address_key?: string | undefined;
  topic?: string | undefined;
  reason: SuppressionReason;
  detail: string;
  actor: string;
}

/**
 * Adds one suppression by hand; resolves after the commit.
 * @returns whether it is new
 * @throws `bad_request` (address, topic)
 */
export async function addSuppression(
  { warehouse, clock, account }: ConsentContext,
  input: SuppressionInput,
): Promise<{ address_key: string; scope: string; added: boolean }> {
  const scope = checkedTopic(account, input.topic) ?? 'global';
  const key = keyOf(input);
  const now = toTimestamp(clock.now());
  const row = {
    address_key: key,
    scope,
    reason: input.reason,
    detail: input.detail,
    suppressed_at: now,
    source: 'mallard',
    actor: input.actor,
  };
  const added = await warehouse.ledger.transaction((tx) => addSuppressions(tx, [row], now));
  return { address_key: key, scope, added: added > 0 };
}

function keyOf({ email, address_key: key }: SuppressionInput): string {
  if (email !== undefined) return addressKey(checkedEmail(email));
  if (key !== undefined && /^[0-9a-f]{64}$/.test(key)) return key;
  throw new MallardError('bad_request', 'No address is named.', {
    remedy: 'Send email, or address_key as 64 hexadecimal digits.',
  });
}

/** The title of a topic, for people; the id where the account has no title for it. */
export function topicTitle({ consent }: Pick<Account, 'consent'>, topic: string): string {
  return consent.topics.find(({ id }) => id === topic)?.title ?? topic;
}
