import { toTimestamp } from '../../data/clock.ts';
import type { Session } from '../../data/owner/session.ts';
import { canonicalOf } from '../identity/canonicals.ts';
import { preferencesLink, unsubscribeLink } from '../consent/links.ts';
import { projectSecret } from '../consent/secret.ts';
import { readSwitch, stoppedSentence } from '../delivery/switch.ts';
import { assemble, renderMessage } from '../templates/render.ts';
import { audienceSql, type AudienceQuery } from './audience-sql.ts';
import { messageId, type CampaignDefinition } from './definition.ts';
import { minimumDetectableEffect } from './effect.ts';
import { prepareCampaign, type CampaignContext, type PreparedCampaign } from './prepare.ts';

export interface DecisionCount {
  decision: 'send' | 'holdout' | 'excluded';
  /** The first reason; 'eligible' where it is sent. */
  reason: string;
  contacts: number;
}

export interface CampaignSample {
  contact_id: string;
  email: string;
  arm: string | null;
  subject: string;
  html: string | null;
  text: string;
}

export interface CampaignPlan {
  campaign_id: string;
  /** ISO UTC. */
  as_of: string;
  /** Contacts in the target segments; send + holdout + excluded. */
  target_count: number;
  send_count: number;
  holdout_count: number;
  excluded_count: number;
  by_reason: DecisionCount[];
  /** Every reason against each excluded contact, so one contact may count under several. */
  by_any_reason: { reason: string; contacts: number }[];
  by_arm: { arm: string; contacts: number }[];
  /** In the account's currency; null where the campaign states no price. */
  estimated_cost: { amount: number; currency: string } | null;
  minimum_detectable_effect: DetectableEffect | null;
  samples: CampaignSample[];
  warnings: string[];
}

/** How large the effect on buying must be for the holdout to show it. */
export interface DetectableEffect {
  /** Share of the eligible contacts that completed an order in the 30 days before `as_of`. */
  baseline_rate: number;
  /** Smallest increase over the baseline, absolute; null where no increase could be shown. */
  absolute: number | null;
  relative: number | null;
  power: number;
  alpha: number;
}

interface SampleRow {
  contact_id: string;
  email: string;
  address_key: string;
  delivery_id: string;
  arm: string | null;
  variables: Record<string, unknown>;
}

/**
 * The dry run: what a launch now would do, decided by the same SQL. Nothing is written.
 * @param options `asOf`: consent and suppressions as of then (default: all that is recorded); `samples`: how many
 *   rendered mails (default 3)
 * @throws what `prepareCampaign` throws, and `template_invalid` where a sample does not render
 */
export async function planCampaign(
  context: CampaignContext,
  definition: CampaignDefinition,
  options: { asOf?: Date; samples?: number } = {},
): Promise<CampaignPlan> {
  const prepared = await prepareCampaign(context, definition);
  const at = toTimestamp(options.asOf ?? context.clock.now());
  const query = audienceSql(definition, {
    campaignRunId: 'plan',
    at,
    permittedAt: options.asOf ? at : null,
    account: context.account,
    ...prepared,
  });
  const { counts, anyReason, sampled, baseline } = await context.warehouse.read((session) =>
    withAudience(session, query, async () => ({
      counts: await countDecisions(session),
      anyReason: await countAnyReason(session),
      sampled: await sampleRows(session, options.samples ?? 3),
      baseline: definition.holdout_share > 0 ? await orderRate(session, at) : null,
    })),
  );
  const stopped = stoppedSentence(await context.warehouse.read(readSwitch));
  const of = (decision: string) => sum(counts.filter((row) => row.decision === decision));
  const [sendCount, holdoutCount, excludedCount] = [of('send'), of('holdout'), of('excluded')];
  const byArm = new Map<string, number>();
  for (const row of counts)
    if (row.arm !== null) byArm.set(row.arm, (byArm.get(row.arm) ?? 0) + row.contacts);
  return {
    campaign_id: definition.campaign_id,
    as_of: `${at}Z`,
    target_count: sum(counts),
    send_count: sendCount,
    holdout_count: holdoutCount,
    excluded_count: excludedCount,
    by_reason: mergeArms(counts),
    by_any_reason: anyReason,
    by_arm: [...byArm]
      .map(([arm, contacts]) => ({ arm, contacts }))
      .sort((a, b) => a.arm.localeCompare(b.arm)),
    estimated_cost:
      definition.cost_per_thousand === undefined
        ? null
        : {
            amount: Math.round((sendCount * definition.cost_per_thousand) / 10) / 100,
            currency: context.account.currency,
          },
    minimum_detectable_effect: baseline === null ? null : detectable(baseline, sendCount, holdoutCount),
    samples: sampled.map((row) => renderSample(context, definition, prepared, row)),
    warnings: warnings(definition, sendCount, holdoutCount, stopped),
  };
}

/** Decides once, into a temporary table of this connection, which is neither in the file nor seen by others. */
async function withAudience<T>(
  session: Session,
  { sql, params }: AudienceQuery,
  work: () => Promise<T>,
): Promise<T> {
  await session.run(`create or replace temp table planned_audience as ${sql}`, params);
  try {
    return await work();
  } finally {
    await session.run('drop table if exists temp.planned_audience');
  }
}

type ArmCount = DecisionCount & { arm: string | null };

function countDecisions(session: Session): Promise<ArmCount[]> {
  return session.rows<ArmCount>(
    `select decision, reason, arm, count(*)::int as contacts from temp.planned_audience group by all order by decision desc, contacts desc, reason, arm`,
  );
}

function countAnyReason(session: Session): Promise<{ reason: string; contacts: number }[]> {
  return session.rows(
    `select reason, count(*)::int as contacts from (select unnest(refusals) as reason from temp.planned_audience) group by 1 order by 2 desc, 1`,
  );
}

/** The first mails of each arm. */
function sampleRows(session: Session, limit: number): Promise<SampleRow[]> {
  return session.rows<SampleRow>(
    `select contact_id, email, address_key, delivery_id, arm, variables from temp.planned_audience
     where decision = 'send' qualify row_number() over (partition by arm order by position) <= $limit order by position`,
    { limit },
  );
}

async function orderRate(session: Session, at: string): Promise<number> {
  const row = await session.one<{ rate: number | null }>(
    `select count(o.contact_id)::double / nullif(count(*), 0) as rate
     from (select contact_id from temp.planned_audience where decision <> 'excluded') a
     left join (select distinct ${canonicalOf('r.contact_id')} as contact_id from core.orders r
                where status = 'completed' and ordered_at < $at::timestamp and ordered_at >= $at::timestamp - interval 30 day) o using (contact_id)`,
    { at },
  );
  return row?.rate ?? 0;
}

function detectable(baseline: number, treated: number, untreated: number): DetectableEffect {
  const absolute = minimumDetectableEffect(baseline, treated, untreated);
  return {
    baseline_rate: baseline,
    absolute,
    relative: absolute === null ? null : absolute / baseline,
    power: 0.8,
    alpha: 0.05,
  };
}

function renderSample(
  context: CampaignContext,
  definition: CampaignDefinition,
  prepared: PreparedCampaign,
  row: SampleRow,
): CampaignSample {
  const compiled = prepared.templates[row.arm ?? ''] ?? Object.values(prepared.templates)[0];
  if (!compiled) throw new Error('a campaign has at least one template');
  const claims = {
    delivery_id: row.delivery_id,
    contact_id: row.contact_id,
    campaign_id: definition.campaign_id,
    campaign_run_id: 'plan',
    address_key: row.address_key,
    topic: definition.topic ?? null,
  };
  const secret = projectSecret(context.project);
  const { public_url: url } = context.account;
  const message = renderMessage(compiled, {
    ...row.variables,
    account: context.account,
    recipient: { email: row.email },
    unsubscribe_url: unsubscribeLink(url, claims, secret),
    preferences_url: preferencesLink(url, claims, secret),
  });
  return {
    contact_id: row.contact_id,
    email: row.email,
    arm: row.arm,
    subject: message.subject,
    html: compiled.html && assemble(compiled.html, message.html_pieces),
    text: assemble(compiled.text, message.text_pieces),
  };
}

function mergeArms(counts: readonly ArmCount[]): DecisionCount[] {
  const merged = new Map<string, DecisionCount>();
  for (const { decision, reason, contacts } of counts) {
    const known = merged.get(`${decision} ${reason}`);
    if (known) known.contacts += contacts;
    else merged.set(`${decision} ${reason}`, { decision, reason, contacts });
  }
  return [...merged.values()];
}

function warnings(
  definition: CampaignDefinition,
  sendCount: number,
  holdoutCount: number,
  stopped: string | undefined,
): string[] {
  return [
    ...(stopped === undefined ? [] : [stopped]),
    ...(sendCount === 0 ? [`Nobody would get ${messageId(definition)}.`] : []),
    ...(definition.holdout_share > 0 && holdoutCount === 0 && sendCount > 0
      ? ['The holdout is empty: the share is too small for this audience.']
      : []),
  ];
}

function sum(counts: readonly { contacts: number }[]): number {
  return counts.reduce((total, row) => total + row.contacts, 0);
}
