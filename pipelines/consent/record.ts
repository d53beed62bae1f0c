import { randomUUID } from 'node:crypto';
import type { Account } from '../../data/account.ts';
import { emailKey } from '../../data/address.ts';
import { MallardError } from '../../data/errors.ts';
import type { Session } from '../../data/owner/session.ts';
import type { Person } from './person.ts';

/** How a person says something with their own hands, over a signed link to their own mailbox. Only that takes an unsubscribe back. */
export const personalMethods = ['double_opt_in', 'preferences'] as const;

export interface ConsentEntry {
  /** Default: a new one. An id that is there already is not recorded again. */
  consent_event_id?: string | undefined;
  /** The id cannot be there: not looked for, which takes 15 ms among a million events. Default: where there is no id given. */
  is_new?: boolean;
  channel: string;
  purpose: string;
  /** Null: every topic. */
  topic: string | null;
  status: 'granted' | 'withdrawn';
  /** What the person read. */
  wording: string | null;
  /** How: double_opt_in, single_opt_in, preferences, page, one_click, paper, phone, … */
  method: string | null;
  /** Where: the address of the form, the shop, the contract. */
  place: string | null;
  /** Who recorded it. */
  actor: string | null;
  /** ISO UTC. */
  occurred_at: string;
  source: string;
}

/**
 * Appends to the ledger of consent what is not there yet by its id. A grant by the person's own hand lifts the unsubscribes
 * of its scope that came before.
 * @param tx a transaction of the ledger lane
 * @param now ISO UTC
 * @returns the ids of the events, and how many are new
 */
export async function recordConsent(
  tx: Session,
  person: Person,
  entries: readonly ConsentEntry[],
  now: string,
): Promise<{ ids: string[]; recorded: number }> {
  const ids: string[] = [];
  let recorded = 0;
  for (const entry of entries) {
    const id = entry.consent_event_id ?? randomUUID();
    ids.push(id);
    const isNew = entry.is_new ?? entry.consent_event_id === undefined;
    const added = await append(tx, person, { ...entry, consent_event_id: id }, isNew, now);
    recorded += added;
    if (added > 0 && isPersonalGrant(entry)) await lift(tx, person, { ...entry, consent_event_id: id }, now);
  }
  return { ids, recorded };
}

/** Throws `purpose_missing`. */
export function checkedPurpose(purpose: string | undefined): string {
  const plain = purpose?.trim().toLowerCase() ?? '';
  if (plain !== '') return plain;
  throw new MallardError(
    'purpose_missing',
    'Consent is always to something, and this one names no purpose.',
    {
      fields: { field: 'purpose' },
    },
  );
}

/** Throws `bad_request` for a topic that the account does not have; where it lists none, any will do. */
export function checkedTopic(
  { consent }: Pick<Account, 'consent'>,
  topic: string | null | undefined,
): string | null {
  if (topic === undefined || topic === null || topic.trim() === '') return null;
  const ids = consent.topics.map((one) => one.id);
  if (topic !== 'global' && (ids.length === 0 || ids.includes(topic))) return topic;
  throw new MallardError('bad_request', `There is no topic ${topic}.`, {
    fields: { topic, topics: ids },
    remedy:
      topic === 'global'
        ? 'Leave the topic out: that means all of them.'
        : `Topics: ${ids.join(', ')}; they stand in account.yaml.`,
  });
}

function isPersonalGrant({ status, method }: ConsentEntry): boolean {
  return status === 'granted' && personalMethods.some((one) => one === method);
}

function append(
  tx: Session,
  person: Person,
  { is_new: _isNew, ...entry }: ConsentEntry & { consent_event_id: string },
  isNew: boolean,
  now: string,
): Promise<number> {
  return tx.run(
    `insert into core.consent_events
       (consent_event_id, contact_id, email, email_key, channel, purpose, topic, status, wording, method, occurred_at, source, recorded_at, place, actor)
     select $consent_event_id, $contact_id::varchar, $email::varchar, $email_key::varchar, $channel, $purpose, $topic::varchar, $status, $wording::varchar,
       $method::varchar, $occurred_at::timestamp, $source, $now::timestamp, $place::varchar, $actor::varchar
     ${isNew ? '' : 'where not exists (from core.consent_events where consent_event_id = $consent_event_id)'}`,
    {
      ...entry,
      contact_id: person.contact_id,
      email: person.email,
      email_key: person.email === null ? null : emailKey(person.email),
      now,
    },
  );
}

/** Only where there is something to lift: the table stays as small as the number of people who changed their mind. */
async function lift(
  tx: Session,
  person: Person,
  entry: ConsentEntry & { consent_event_id: string },
  now: string,
): Promise<void> {
  if (person.address_key === null) return;
  await tx.run(
    `insert into ops.suppression_lifts (address_key, channel, scope, lifted_at, consent_event_id, source, recorded_at)
     select $key, $channel, $scope, $at::timestamp, $id, $source, $now::timestamp
     where exists (from ops.suppressions where address_key = $key and channel = $channel and reason = 'unsubscribed'
       and suppressed_at < $at::timestamp and ($scope = 'global' or scope in ('global', $scope)))`,
    {
      key: person.address_key,
      channel: entry.channel,
      scope: entry.topic ?? 'global',
      at: entry.occurred_at,
      id: entry.consent_event_id,
      source: entry.source,
      now,
    },
  );
}
