import { addressKeySql, emailKeySql } from '../../data/address.ts';

/**
 * Everything that is recorded about a person, as entries. A source is a SELECT of `happened_at` (timestamp, null leaves it out), `id`
 * (unique among its kind), `contact_id` (the record it stands under), `summary` (one line for people) and `detail` (JSON), over the
 * relations `members (contact_id)`, `addresses (email_key, address_key)` of all of them, and `own_deals (deal_id, contact_id)`.
 */
export type EntryKind = keyof typeof sources;

const byMember = 'contact_id in (select contact_id from members)';
const words = (...parts: string[]) => `concat_ws(' ', ${parts.join(', ')})`;
const row = (...columns: string[]) => `to_json({${columns.map((name) => `'${name}': ${name}`).join(', ')}})`;

const sources = {
  created: `select created_at as happened_at, contact_id as id, contact_id, ${words(`'created in'`, 'source')} as summary, ${row('source', 'recorded_at')} as detail
    from core.contacts where ${byMember}`,
  changed: `select valid_from as happened_at, concat_ws('|', contact_id, field, h.rowid) as id, contact_id,
      field || ': ' || coalesce(value, '(none)') as summary, ${row('field', 'value', 'source', 'recorded_at')} as detail
    from core.contact_changes h where ${byMember}`,
  identity: `select recorded_at as happened_at, concat_ws('|', kind, value, contact_id) as id, contact_id, ${words('kind', 'value')} as summary,
      ${row('kind', 'value', 'source')} as detail
    from core.contact_identities where ${byMember}`,
  merged: `select recorded_at as happened_at, merge_id as id, contact_id,
      ${words('contact_id', `case decision when 'same' then 'is the same as' else 'is not' end`, 'other_contact_id', `'(' || rule || ')'`)} as summary,
      ${row('contact_id', 'other_contact_id', 'decision', 'rule', 'source', 'recorded_by', 'undone_at', 'undone_by')} as detail
    from core.contact_merges where ${byMember} or other_contact_id in (select contact_id from members)`,
  merge_undone: `select undone_at as happened_at, merge_id as id, contact_id,
      ${words(`'no longer:'`, 'contact_id', `case decision when 'same' then 'is the same as' else 'is not' end`, 'other_contact_id')} as summary,
      ${row('contact_id', 'other_contact_id', 'decision', 'rule', 'undone_by')} as detail
    from core.contact_merges where ${byMember} or other_contact_id in (select contact_id from members)`,
  consent: `select occurred_at as happened_at, concat_ws('|', consent_event_id, c.rowid) as id, contact_id,
      ${words('status', 'purpose', 'channel', `coalesce(topic, '')`)} as summary,
      ${row('status', 'purpose', 'channel', 'topic', 'wording', 'method', 'place', 'actor', 'email', 'source')} as detail
    from core.consent_events c where ${byMember} or email_key in (select email_key from addresses)`,
  suppressed: `select suppressed_at as happened_at, concat_ws('|', address_key, scope, s.rowid) as id, null::varchar as contact_id,
      ${words('reason', `'(' || scope || ')'`)} as summary, ${row('channel', 'scope', 'reason', 'detail', 'source')} as detail
    from ops.suppressions s where address_key in (select address_key from addresses)`,
  email: `select occurred_at as happened_at, concat_ws('|', event_id, e.rowid) as id, contact_id,
      ${words('event_type', `coalesce(campaign_id, '')`, `coalesce(url, '')`, `coalesce(reason, '')`)} as summary,
      ${row('event_type', 'campaign_id', 'campaign_run_id', 'message_id', 'delivery_id', 'url', 'agent_class', 'bounce_class', 'reason', 'email')} as detail
    from core.email_events e where ${byMember}`,
  web: `select occurred_at as happened_at, concat_ws('|', event_id, e.rowid) as id, contact_id, ${words('event_type', `coalesce(url, '')`)} as summary,
      ${row('event_type', 'url', 'referrer', 'utm_source', 'utm_medium', 'utm_campaign', 'session_id', 'device')} as detail
    from core.web_events e where ${byMember}`,
  activity: `select occurred_at as happened_at, activity_id as id, contact_id, ${words('activity_type', `coalesce(subject, '')`, `coalesce(outcome, '')`)} as summary,
      ${row('activity_type', 'subject', 'outcome', 'owner_id', 'deal_id', 'duration_minutes', 'is_completed')} as detail
    from core.activities where ${byMember}`,
  order: `select ordered_at as happened_at, order_id as id, contact_id, ${words('order_id', 'amount', `coalesce(currency, '')`, 'status')} as summary,
      ${row('order_id', 'amount', 'currency', 'quantity', 'status', 'channel', 'campaign_id', 'deal_id')} as detail
    from core.orders where ${byMember}`,
  deal: `select created_at as happened_at, deal_id as id, contact_id, ${words(`coalesce(name, deal_id)`, `'begun,'`, `coalesce(amount::varchar, '')`, `coalesce(currency, '')`)} as summary,
      ${row('deal_id', 'name', 'stage', 'amount', 'currency', 'owner_id', 'closed_at')} as detail
    from core.deals where ${byMember}`,
  deal_stage: `select s.occurred_at as happened_at, concat_ws('|', s.deal_id, s.rowid) as id, d.contact_id, ${words('s.deal_id', `'to'`, 's.to_stage')} as summary,
      to_json({'deal_id': s.deal_id, 'from_stage': s.from_stage, 'to_stage': s.to_stage, 'owner_id': s.owner_id}) as detail
    from core.deal_stage_changes s join own_deals d using (deal_id)`,
  response: `select occurred_at as happened_at, response_id as id, contact_id, ${words(`coalesce(response_type, 'response')`, `coalesce(campaign_id, '')`)} as summary,
      ${row('campaign_id', 'response_type')} as detail
    from core.campaign_responses where ${byMember}`,
  audience: `select recorded_at as happened_at, concat_ws('|', campaign_run_id, message_id, contact_id) as id, contact_id,
      ${words('message_id', `'(' || campaign_run_id || '):'`, 'decision', 'reason')} as summary,
      ${row('campaign_run_id', 'message_id', 'decision', 'reason', 'arm', 'send_at', 'delivery_id', 'email')} as detail
    from ops.audience where ${byMember}`,
  delivery: `select occurred_at as happened_at, concat_ws('|', delivery_id, d.rowid) as id, contact_id,
      ${words('outcome', 'message_id', `'(' || campaign_run_id || ')'`, `coalesce(reason, '')`)} as summary,
      ${row('delivery_id', 'campaign_run_id', 'message_id', 'outcome', 'reason', 'provider', 'provider_message_id')} as detail
    from ops.deliveries d where ${byMember}`,
  segment: `select changed_at as happened_at, concat_ws('|', segment_id, contact_id, c.rowid) as id, contact_id, ${words('change', 'segment_id')} as summary,
      ${row('segment_id', 'change', 'version', 'run_id')} as detail
    from ops.segment_changes c where ${byMember}`,
  task: `select created_at as happened_at, task_id as id, contact_id, ${words('title', `'for ' || owner_id`)} as summary,
      ${row('task_id', 'owner_id', 'title', 'due_at', 'priority', 'status', 'run_id')} as detail
    from ops.tasks where ${byMember}`,
  action: `select occurred_at as happened_at, concat_ws('|', run_id, action, contact_id, a.rowid) as id, contact_id, ${words('action', 'status', `coalesce(reason, '')`)} as summary,
      ${row('run_id', 'segment_id', 'action', 'before', 'after', 'status', 'reason')} as detail
    from ops.action_runs a where ${byMember}`,
} as const;

export const entryKinds = Object.keys(sources) as EntryKind[];

/** The relations that the sources read; `$members` is a JSON list of ids. */
export const personSql = `
  members as (select unnest(from_json($members, '["VARCHAR"]')) as contact_id),
  addresses as (
    select email_key, ${addressKeySql('email_key')} as address_key from (
      select email_key from core.contacts where ${byMember}
      union select ${emailKeySql('value')} from core.contact_identities where kind = 'email' and ${byMember})
    where email_key is not null and email_key <> ''),
  own_deals as (select deal_id, contact_id from core.deals where ${byMember})`;

/**
 * A page of entries, the newest first: `(at, kind, id, contact_id, summary, detail)`. Takes `$members`, `$rows`, and
 * `$before_at`, `$before_key` (`kind:id`), null for the first page: only what stands before that entry.
 */
export function timelineSql(kinds: readonly EntryKind[] = entryKinds): string {
  const entries = kinds.map(
    (kind) =>
      `select happened_at, '${kind}' as kind, id::varchar as id, contact_id, trim(summary) as summary, detail from (${sources[kind]})`,
  );
  return `with ${personSql},
    entries as (${entries.join('\n union all ')})
  select happened_at as "at", kind, id, contact_id, summary, detail from entries
  where happened_at is not null and ($before_at::timestamp is null or happened_at < $before_at::timestamp
    or happened_at = $before_at::timestamp and kind || ':' || id < $before_key::varchar)
  order by happened_at desc, kind || ':' || id desc limit $rows`;
}
