import { toTimestamp } from '../../data/clock.ts';
import type { Warehouse } from '../../data/owner/warehouse.ts';
import type { Session } from '../../data/owner/session.ts';
import { addSuppressions } from './suppressions.ts';
import type { UnsubscribeClaims } from './token.ts';

export interface UnsubscribeOptions {
  /** `global` (default) stops all marketing mail; `topic` only the campaign's topic, where it has one. */
  scope?: 'global' | 'topic';
  /** How it was said: 'one_click' (the mailbox's button), 'page'. */
  method?: 'one_click' | 'page';
}

/**
 * Records an unsubscribe: suppression, withdrawn consent and an `unsubscribed` event, in one ledger transaction; it
 * resolves after the commit. Doing it again changes nothing.
 *
 * The default scope is global although the link knows a topic: mailing somebody who said no is worse than losing a
 * reader of another topic, who can say so on the page.
 * @returns whether anything was recorded now
 */
export async function recordUnsubscribe(
  warehouse: Warehouse,
  claims: UnsubscribeClaims,
  options: UnsubscribeOptions = {},
): Promise<{ recorded: boolean; scope: string }> {
  const topic = options.scope === 'topic' ? claims.topic : null;
  const now = toTimestamp(warehouse.clock.now());
  return warehouse.ledger.transaction(async (tx) => {
    const scope = topic ?? 'global';
    const consents = await withdrawConsent(tx, claims, topic, options.method ?? 'page', now);
    const suppression = {
      address_key: claims.address_key,
      scope,
      reason: 'unsubscribed' as const,
      detail: null,
      suppressed_at: now,
      source: 'mallard',
    };
    const suppressions = await addSuppressions(tx, [suppression], now);
    if (consents > 0) await appendEvent(tx, claims, scope, now);
    return { recorded: consents + suppressions > 0, scope };
  });
}

function withdrawConsent(
  tx: Session,
  claims: UnsubscribeClaims,
  topic: string | null,
  method: string,
  now: string,
): Promise<number> {
  return tx.run(
    `insert into core.consent_events
       (consent_event_id, contact_id, email, email_key, channel, purpose, topic, status, method, occurred_at, source, recorded_at)
     select $id, $contact_id, email, lower(trim(email)), 'email', 'marketing', $topic::varchar, 'withdrawn', $method, $now::timestamp, 'mallard', $now::timestamp
     from (select any_value(email) as email from ops.audience where campaign_run_id = $campaign_run_id and delivery_id = $delivery_id)
     where not exists (from core.consent_events where consent_event_id = $id)`,
    {
      id: `unsubscribe_${claims.delivery_id}_${topic ?? 'global'}`,
      contact_id: claims.contact_id,
      topic,
      method,
      now,
      campaign_run_id: claims.campaign_run_id,
      delivery_id: claims.delivery_id,
    },
  );
}

function appendEvent(tx: Session, claims: UnsubscribeClaims, scope: string, now: string): Promise<number> {
  return tx.run(
    `insert into core.email_events
       (event_id, event_type, contact_id, email, campaign_id, campaign_run_id, message_id, delivery_id, agent_class, agent_reason, reason, occurred_at, source, recorded_at)
     select $id, 'unsubscribed', $contact_id, any_value(email), $campaign_id, $campaign_run_id, any_value(message_id), $delivery_id,
       'human', 'posted', $scope, $now::timestamp, 'mallard', $now::timestamp
     from ops.audience where campaign_run_id = $campaign_run_id and delivery_id = $delivery_id`,
    {
      id: `unsubscribe_${claims.delivery_id}_${scope}`,
      contact_id: claims.contact_id,
      campaign_id: claims.campaign_id,
      campaign_run_id: claims.campaign_run_id,
      delivery_id: claims.delivery_id,
      scope,
      now,
    },
  );
}
