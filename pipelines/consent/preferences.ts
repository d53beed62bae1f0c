import { toTimestamp } from '../../data/clock.ts';
import type { Topic } from '../../data/account.ts';
import type { Mallard } from '../context.ts';
import { linkHolder, type LinkHolder } from './recipient.ts';
import { recordConsent } from './record.ts';
import { marketingRefusal } from './show.ts';
import type { UnsubscribeClaims } from './token.ts';
import { withdraw } from './unsubscribe.ts';

export type PreferencesContext = Pick<Mallard, 'warehouse' | 'clock' | 'account'>;

/** What the page shows. A topic with id null stands for all mail of an account without topics. */
export interface Preferences extends LinkHolder {
  topics: { id: string | null; title: string; description: string; is_on: boolean }[];
  /** The mailbox bounced, complained or was blocked by hand: nothing goes there, whatever is chosen. */
  is_stopped: boolean;
}

/** Reads what somebody gets now; changes nothing. */
export async function readPreferences(
  { warehouse, clock, account }: PreferencesContext,
  claims: UnsubscribeClaims,
): Promise<Preferences> {
  const now = toTimestamp(clock.now());
  return warehouse.read(async (session) => {
    const holder = await linkHolder(session, claims);
    const topics: Preferences['topics'] = [];
    let stopped = false;
    for (const { id, title, description } of choices(account.consent.topics, claims)) {
      const refusal = await marketingRefusal(session, account, holder.person, id, now);
      const isStopped = refusal?.startsWith('suppressed_') === true && refusal !== 'suppressed_unsubscribed';
      // Where only a bounce or the like is against it, the person's own wish is to get it.
      topics.push({ id, title, description, is_on: refusal === null || isStopped });
      stopped ||= isStopped;
    }
    return { ...holder, topics, is_stopped: stopped };
  });
}

/** The account's topics, the mail's own where it is none of them, and none at all: everything or nothing. */
function choices(topics: readonly Topic[], { topic }: UnsubscribeClaims) {
  const known = topics.map(
    ({ id, title, description }): { id: string | null; title: string; description: string } => ({
      id,
      title,
      description,
    }),
  );
  if (topic !== null && !topics.some(({ id }) => id === topic))
    known.push({ id: topic, title: topic, description: '' });
  return known.length > 0 ? known : [{ id: null, title: '', description: '' }];
}

export interface PreferenceChange {
  /** Ids of the topics that are to be on; '' for the one without an id. Or stop everything. */
  wanted: readonly string[] | 'none';
  /** What the person read, by topic id ('' for none). */
  wording: (topic: string | null) => string;
  place: string;
}

/**
 * Records what a person changed on the page, in one ledger transaction: a grant for what was switched on, a withdrawal for
 * what was switched off, nothing for what stays. `none` is a withdrawal of everything.
 * @returns the topics that changed; `['global']` for everything
 */
export async function savePreferences(
  context: PreferencesContext,
  claims: UnsubscribeClaims,
  { wanted, wording, place }: PreferenceChange,
): Promise<string[]> {
  const { warehouse, clock } = context;
  const before = await readPreferences(context, claims);
  const now = toTimestamp(clock.now());
  const said = (topic: string | null) => ({
    method: 'preferences' as const,
    wording: wording(topic),
    place,
    now,
  });
  return warehouse.ledger.transaction(async (tx) => {
    if (wanted === 'none')
      return (await withdraw(tx, claims, before.person, null, said(null))) ? ['global'] : [];
    const changed: string[] = [];
    for (const { id, is_on: isOn } of before.topics) {
      const isWanted = wanted.includes(id ?? '');
      if (isWanted === isOn) continue;
      if (isWanted) await recordConsent(tx, before.person, [grant(claims, id, said(id))], now);
      else await withdraw(tx, claims, before.person, id, said(id));
      changed.push(id ?? 'global');
    }
    return changed;
  });
}

function grant(
  claims: UnsubscribeClaims,
  topic: string | null,
  { method, wording, place, now }: { method: 'preferences'; wording: string; place: string; now: string },
) {
  return {
    consent_event_id: `preferences_${claims.delivery_id}_${topic ?? 'global'}_${now}`,
    channel: 'email',
    purpose: 'marketing',
    topic,
    status: 'granted' as const,
    wording,
    method,
    place,
    actor: 'recipient',
    occurred_at: now,
    source: 'mallard',
  };
}
