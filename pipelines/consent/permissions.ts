import { canonicalsSql } from '../identity/canonicals.ts';
import type { Account, ConsentRule } from '../../data/account.ts';
import type { MessageClass } from '../templates/template.ts';

/** What `permissionsSql` needs bound; made by `permissionParams`. */
export interface PermissionParams extends Record<string, unknown> {
  /** The campaign's topic, or null: events and suppressions of other topics do not matter. */
  topic: string | null;
  message_class: MessageClass;
  /** Only what had happened by then, ISO UTC; null for all there is. */
  permitted_at: string | null;
  /** When it is asked, ISO UTC: an unconfirmed request counts as pending until its link expires. */
  asked_at: string;
  consent_rule: ConsentRule;
  double_opt_in: boolean;
}

export function permissionParams(
  { consent }: Pick<Account, 'consent'>,
  about: {
    messageClass: MessageClass;
    topic?: string | null | undefined;
    askedAt: string;
    permittedAt?: string | null;
  },
): PermissionParams {
  return {
    topic: about.topic ?? null,
    message_class: about.messageClass,
    permitted_at: about.permittedAt ?? null,
    asked_at: about.askedAt,
    consent_rule: consent[about.messageClass],
    double_opt_in: consent.double_opt_in,
  };
}

/**
 * Common table expressions that end in `permissions (contact_id, consent_status, suppression_reason)`, one row per row
 * of `recipients`. `consent_status`: granted, withdrawn, pending, or null where nothing is recorded.
 *
 * - The class of the message is the purpose asked for.
 * - Consent counts for the person it was given by and for the address it was given with, so a withdrawal under one
 *   of two records of a person holds for both. A person is a contact with all that it was merged with.
 * - Events without a topic count for every topic; the latest of all decides, and on equal times the withdrawal
 *   ('withdrawn' sorts after 'granted').
 * - Where the account asks for double opt-in, a grant by a form alone (`single_opt_in`) is pending, and overrides nothing.
 * - Suppressions of a person's other addresses hold too, but for bounces, which are the mailbox's and not the person's.
 * - An unsubscribe that the person took back later (`ops.suppression_lifts`) holds no more; no other suppression lifts.
 * - A transactional mail ignores unsubscribes, and no other suppression.
 *
 * Two halves instead of one left join on `email_key is null and …`, which DuckDB runs as a nested loop (200,000
 * contacts: minutes instead of 0.1 s).
 *
 * @param recipients a relation with contact_id, email_key and address_key
 */
export function permissionsSql(recipients: string): string {
  return `
  ${personsSql(recipients)},
  consent_relevant as (
    select contact_id, email_key, case
        when status = 'granted' and $double_opt_in::boolean and method = 'single_opt_in'
        then struct_pack(at := timestamp '0001-01-01', status := 'pending')
        else struct_pack(at := occurred_at, status := status) end as said
    from core.consent_events
    where $consent_rule::varchar <> 'ignored'
      and channel = 'email' and purpose = $message_class::varchar and (topic is null or topic = $topic::varchar)
      and ($permitted_at::timestamp is null or occurred_at <= $permitted_at::timestamp)),
  consent_by_contact as (
    select contact_id, max(said) as said from consent_relevant
    where contact_id in (select contact_id from ${recipients} union all select contact_id from merged_members) group by contact_id),
  consent_by_person as (
    select person_id, max(said) as said from merged_members join consent_by_contact using (contact_id) group by person_id),
  consent_addressed as (
    select email_key, said from consent_relevant where email_key is not null
    union all
    select c.email_key, e.said from consent_relevant e join core.contacts c on c.contact_id = e.contact_id
    where e.email_key is null
    union all
    select a.email_key, e.said from consent_by_person e join merged_addresses a using (person_id)),
  consent_by_address as (
    select email_key, max(said) as said from consent_addressed
    where email_key in (select email_key from recipients_and_merged) group by email_key),
  consent_by_merged as (
    select person_id, max(said) as said from merged_addresses join consent_by_address using (email_key) group by person_id),
  consent_pending as (
    select distinct address_key from ops.consent_requests
    where channel = 'email' and purpose = $message_class::varchar and confirmed_at is null
      and expires_at > coalesce($permitted_at::timestamp, $asked_at::timestamp) and requested_at <= coalesce($permitted_at::timestamp, $asked_at::timestamp)
      and ($topic::varchar is null or topics::varchar = '[]' or json_contains(topics, to_json($topic::varchar)))),
  lifted as (
    select address_key, max(lifted_at) as lifted_at from ops.suppression_lifts
    where channel = 'email' and (scope = 'global' or scope = $topic::varchar)
      and ($permitted_at::timestamp is null or lifted_at <= $permitted_at::timestamp) group by address_key),
  suppressed_each as (
    select s.address_key, s.reason, s.suppressed_at from ops.suppressions s left join lifted l using (address_key)
    where s.channel = 'email' and (s.scope = 'global' or s.scope = $topic::varchar)
      and ($permitted_at::timestamp is null or s.suppressed_at <= $permitted_at::timestamp)
      and not (s.reason = 'unsubscribed' and ($message_class::varchar = 'transactional' or coalesce(l.lifted_at > s.suppressed_at, false)))
      and s.address_key in (select address_key from recipients_and_merged)),
  suppressed as (
    select address_key, arg_min(reason, suppressed_at) as reason from suppressed_each group by address_key),
  suppressed_merged as (
    select person_id, arg_min(reason, suppressed_at) as reason from merged_addresses join suppressed_each using (address_key)
    where reason <> 'bounced' group by person_id),
  permissions as (
    select r.contact_id,
      coalesce(greatest(c.said, a.said, p1.said, p2.said).status, case when p.address_key is not null then 'pending' end) as consent_status,
      coalesce(s.reason, sm.reason) as suppression_reason
    from recipient_persons r
    left join consent_by_contact c on c.contact_id = r.contact_id
    left join consent_by_address a on a.email_key = r.email_key
    left join consent_by_person p1 on p1.person_id = r.person_id
    left join consent_by_merged p2 on p2.person_id = r.person_id
    left join consent_pending p on p.address_key = r.address_key
    left join suppressed s on s.address_key = r.address_key
    left join suppressed_merged sm on sm.person_id = r.person_id)`;
}

/**
 * Who the recipients are, following merges. Small where little is merged: every other contact is its own person.
 */
function personsSql(recipients: string): string {
  return `merges_now as (
    select contact_id, canonical_contact_id as person_id from ${canonicalsSql}),
  merged_all as materialized (from merges_now union select person_id, person_id from merges_now),
  merged_all_addresses as materialized (
    select m.person_id, c.email_key from merged_all m join core.contacts c using (contact_id) where c.email_key is not null),
  asked_persons as materialized (
    select person_id from merged_all where contact_id in (select contact_id from ${recipients})
    union select person_id from merged_all_addresses where email_key in (select email_key from ${recipients})),
  merged_members as materialized (from merged_all where person_id in (from asked_persons)),
  merged_addresses as materialized (
    select distinct person_id, email_key, sha256(email_key) as address_key from merged_all_addresses
    where person_id in (from asked_persons)),
  recipient_persons as (
    select r.contact_id, r.email_key, r.address_key, m.person_id
    from ${recipients} r left join merged_members m on m.contact_id = r.contact_id),
  recipients_and_merged as (
    select email_key, address_key from ${recipients} union all select email_key, address_key from merged_addresses)`;
}

/** The reason that permissions give against a mail, or null; over a row of `permissions` named `alias`. */
export function refusalSql(alias: string): string {
  return `coalesce(${consentRefusalSql(alias)}, ${suppressionRefusalSql(alias)})`;
}

/** `consent_withdrawn`, `consent_pending`, `no_consent`, or null. */
export function consentRefusalSql(alias: string): string {
  return `case when $consent_rule::varchar = 'ignored' or ${alias}.consent_status = 'granted' then null
    when ${alias}.consent_status = 'withdrawn' then 'consent_withdrawn'
    when $consent_rule::varchar = 'assumed' then null
    when ${alias}.consent_status = 'pending' then 'consent_pending' else 'no_consent' end`;
}

export function suppressionRefusalSql(alias: string): string {
  return `('suppressed_' || ${alias}.suppression_reason)`;
}
