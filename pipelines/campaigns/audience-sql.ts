import type { Account } from '../../data/account.ts';
import {
  consentRefusalSql,
  permissionParams,
  permissionsSql,
  suppressionRefusalSql,
} from '../consent/permissions.ts';
import { emailKeySql } from '../../data/address.ts';
import { canonicalOf } from '../identity/canonicals.ts';
import { groupValuesSql } from '../identity/survivorship.ts';
import { messageId, type CampaignDefinition } from './definition.ts';
import { anyMissingSql, factsJoinSql, variablesJsonSql, type ContactVariable } from './facts.ts';
import { deliveryIdSql } from '../delivery/delivery-id.ts';

export interface AudienceQuery {
  /**
   * A SELECT with one row for each contact in a target segment: the columns of `ops.audience`, and `refusals`, every
   * reason against the contact in the order of decision (the first is `reason`).
   */
  sql: string;
  params: Record<string, unknown>;
}

export interface AudienceOptions {
  campaignRunId: string;
  /** ISO UTC: `recorded_at`, and what `send_at` is reckoned from. */
  at: string;
  /** ISO UTC: consent and suppressions as of then; null: all that is recorded. */
  permittedAt: string | null;
  /** The zone of contacts without one; what counts where no consent is recorded. */
  account: Pick<Account, 'time_zone' | 'consent'>;
  /** What the templates use, and which of it they cannot do without. */
  used: readonly ContactVariable[];
  required: readonly ContactVariable[];
  /** The SELECT of the project's own fields among them. */
  ownFieldsSql?: string | undefined;
}

/** Conservative: what mail servers take, without quoted local parts, comments and literal domains. */
const usableAddress = String.raw`[^@\s"(),:;<>\[\]\\\x00-\x1f]{1,64}@([\p{L}\p{N}]([\p{L}\p{N}-]*[\p{L}\p{N}])?\.)+\p{L}[\p{L}\p{N}-]*[\p{L}\p{N}]`;

/**
 * Decides about every contact of the target segments, in DESIGN.md's order: exclusion segment, usable address,
 * duplicate address, consent, suppression, content renders, then holdout, arm, send_at.
 *
 * - Of contacts that share an address the first created one (then by id) keeps it, among those that no earlier step
 *   excluded.
 * - "Renders" means: no variable that the templates put out unguarded is null or blank. Rendering all of a base through
 *   Liquid would cost 5 s per 200,000 contacts on the build lane; what only Liquid can find (a filter that fails) is
 *   found in the plan's samples, and at sending becomes `rejected`.
 * - A member is a person: of merged contacts the canonical is decided about, with the address, zone and creation time that win
 *   among all its records.
 * - Holdout and arm are drawn by hash(contact_id, campaign): the same over launches and messages of a campaign.
 */
export function audienceSql(definition: CampaignDefinition, options: AudienceOptions): AudienceQuery {
  const sql = `
with target as materialized (
    select distinct ${canonicalOf('o.contact_id')} as contact_id from ops.segment_memberships_open o
    where segment_id in (select unnest(from_json($segments, '["VARCHAR"]')))),
  left_out as (
    select distinct ${canonicalOf('o.contact_id')} as contact_id from ops.segment_memberships_open o
    where segment_id in (select unnest(from_json($left_out_segments, '["VARCHAR"]')))),
  own_contacts as (
    select contact_id, email, time_zone, created_at from core.contacts where contact_id in (select contact_id from target)
    qualify row_number() over (partition by contact_id order by recorded_at desc) = 1),
  merged_contacts as (${groupValuesSql(['email', 'time_zone', 'created_at'])}),
  latest_contacts as (
    select t.contact_id, coalesce(m.email, c.email) as email, coalesce(m.time_zone, c.time_zone) as time_zone,
      coalesce(m.created_at, c.created_at) as created_at
    from target t left join own_contacts c on c.contact_id = t.contact_id left join merged_contacts m on m.contact_id = t.contact_id),
  recipients as materialized (
    select t.contact_id, trim(c.email) as email, nullif(${emailKeySql('c.email')}, '') as email_key,
      sha256(nullif(${emailKeySql('c.email')}, '')) as address_key, c.time_zone, c.created_at,
      x.contact_id is not null as is_left_out,
      case when nullif(trim(c.email), '') is null then 'no_email'
        when not regexp_full_match(trim(c.email), '${usableAddress}') then 'invalid_email' end as address_refusal
    from target t left join latest_contacts c using (contact_id) left join left_out x using (contact_id)),
  ranked as (
    select *, row_number() over (
        partition by address_key, is_left_out or address_refusal is not null order by created_at nulls last, contact_id) as address_rank
    from recipients),
  ${permissionsSql('recipients')},
  ${zonesSql(definition)},
  judged as (
    select r.*, list_filter([
        case when r.is_left_out then 'exclusion_segment' end,
        r.address_refusal,
        case when not r.is_left_out and r.address_refusal is null and r.address_rank > 1 then 'duplicate_address' end,
        ${consentRefusalSql('p')},
        ${suppressionRefusalSql('p')},
        case when ${anyMissingSql(options.required)} then 'render_failed' end], lambda refusal : refusal is not null) as refusals,
      ${variablesJsonSql(options.used)} as variables,
      ${drawSql(`'holdout'`)} < $holdout_share::double as is_holdout,
      ${armSql(definition)} as arm,
      z.send_at
    from ranked r
    join permissions p on p.contact_id = r.contact_id
    ${factsJoinSql('r', [...options.used, ...options.required], options.ownFieldsSql)}
    left join zones z on z.zone = coalesce(r.time_zone, '')),
  decided as (
    select *, case when len(refusals) > 0 then 'excluded' when is_holdout then 'holdout' else 'send' end as decision from judged)
select $campaign_run_id::varchar as campaign_run_id, $message_id::varchar as message_id, contact_id,
  case when decision = 'send' then row_number() over (partition by decision order by send_at, contact_id) end as position,
  case when decision = 'send' then ${deliveryIdSql} end as delivery_id,
  email, address_key, decision,
  case decision when 'excluded' then refusals[1] when 'holdout' then 'holdout' else 'eligible' end as reason,
  refusals,
  case when decision = 'send' then arm end as arm,
  case when decision = 'send' then send_at end as send_at,
  case when decision = 'send' then variables end as variables,
  $at::timestamp as recorded_at
from decided`;
  return {
    sql,
    params: {
      segments: JSON.stringify(definition.segment_ids),
      left_out_segments: JSON.stringify(definition.exclude_segment_ids),
      ...permissionParams(options.account, {
        messageClass: definition.message_class,
        topic: definition.topic,
        askedAt: options.at,
        permittedAt: options.permittedAt,
      }),
      salt: definition.campaign_id,
      holdout_share: definition.holdout_share,
      campaign_run_id: options.campaignRunId,
      message_id: messageId(definition),
      at: options.at,
      ...(definition.quiet_hours
        ? {
            account_zone: options.account.time_zone,
            quiet_from: definition.quiet_hours.from,
            quiet_until: definition.quiet_hours.until,
          }
        : {}),
    },
  };
}

/** A number in [0, 1) that is the contact's for good, independent for each purpose. md5, since DuckDB's hash() may change between versions. */
function drawSql(purpose: string): string {
  return `(md5_number_lower($salt::varchar || ':' || ${purpose} || ':' || r.contact_id)::double / 18446744073709551616.0)`;
}

/** Arm names are checked to be plain (definition.ts), so they may stand in the text. */
function armSql({ arms }: CampaignDefinition): string {
  if (arms.length === 0) return 'null::varchar';
  const total = arms.reduce((sum, arm) => sum + arm.weight, 0);
  let share = 0;
  const cases = arms.slice(0, -1).map((arm) => {
    share += arm.weight / total;
    return `when ${drawSql(`'arm'`)} < ${share} then '${arm.arm}'`;
  });
  const last = `'${arms.at(-1)?.arm ?? ''}'`;
  return cases.length === 0 ? last : `case ${cases.join(' ')} else ${last} end`;
}

/**
 * `zones (zone, send_at)`: when mail may go out in each zone that a recipient has ('' is the account's). Per zone, not
 * per contact, since zone arithmetic is slow; a zone that nobody knows counts as the account's.
 */
function zonesSql({ quiet_hours: quiet }: CampaignDefinition): string {
  const named = `select distinct coalesce(time_zone, '') as zone from recipients`;
  if (!quiet) return `zones as (select zone, $at::timestamp as send_at from (${named}))`;
  return `named_zones as (${named}),
  local_times as (
    select n.zone, coalesce(k.name, $account_zone::varchar) as used,
      $at::timestamp at time zone 'UTC' at time zone coalesce(k.name, $account_zone::varchar) as local_at
    from named_zones n left join pg_timezone_names() k on k.name = n.zone),
  quiet_times as (
    select *, local_at::time as clock, $quiet_from::time as quiet_from, $quiet_until::time as quiet_until from local_times),
  zones as (
    select zone, case
        when quiet_from <= quiet_until and clock >= quiet_from and clock < quiet_until
          or quiet_from > quiet_until and (clock >= quiet_from or clock < quiet_until)
        then (local_at::date + quiet_until + case when clock >= quiet_until then interval 1 day else interval 0 day end)
          at time zone used at time zone 'UTC'
        else $at::timestamp end as send_at
    from quiet_times)`;
}
