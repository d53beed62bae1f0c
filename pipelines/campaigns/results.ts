import { MallardError } from '../../data/errors.ts';
import type { Session } from '../../data/owner/session.ts';
import type { Warehouse } from '../../data/owner/warehouse.ts';
import { canonicalOf, memberIdsSql } from '../identity/canonicals.ts';
import { lastOutcomesSql } from '../delivery/outcomes.ts';
import { getRun, type CampaignRun } from './launch.ts';

export interface CampaignResults {
  run: Omit<CampaignRun, 'definition'>;
  by_reason: { decision: string; reason: string; contacts: number }[];
  /** Of the contacts to send to, by arm ('' without arms): the last outcome, `pending` where there is none yet. */
  by_outcome: { arm: string; outcome: string; contacts: number }[];
  outcome_reasons: { outcome: string; reason: string; contacts: number }[];
  /** Events of the run's mails: how many, and of how many persons; two records merged since then are one. */
  events: { arm: string; event_type: string; agent_class: string | null; events: number; contacts: number }[];
  batches: { status: string; batches: number }[];
}

/**
 * What came of a run, by assignment: every contact counts where it was drawn, whatever happened, and whoever it was merged with since:
 * the counts add up to what the launch froze. Throws `not_found`.
 */
export async function campaignResults(warehouse: Warehouse, runId: string): Promise<CampaignResults> {
  const { definition: _, ...run } = await getRun(warehouse, runId);
  const params = { run: runId };
  return warehouse.read(async (session) => ({
    run,
    by_reason: await session.rows(
      `select decision, reason, count(*)::int as contacts from ops.audience where campaign_run_id = $run
       group by all order by decision desc, contacts desc, reason`,
      params,
    ),
    by_outcome: await session.rows(
      `select coalesce(a.arm, '') as arm, coalesce(d.outcome, 'pending') as outcome, count(*)::int as contacts
       from ops.audience a left join (${lastOutcomesSql}) d using (delivery_id)
       where a.campaign_run_id = $run and a.decision = 'send' group by all order by all`,
      params,
    ),
    outcome_reasons: await session.rows(
      `select outcome, reason, count(*)::int as contacts from (${lastOutcomesSql}) where reason <> '' group by all order by contacts desc, reason`,
      params,
    ),
    events: await countEvents(session, { ...params, launched_at: run.launched_at }),
    batches: await session.rows(
      'select status, count(*)::int as batches from ops.delivery_batches where campaign_run_id = $run group by all order by all',
      params,
    ),
  }));
}

function countEvents(
  session: Session,
  params: { run: string; launched_at: string },
): Promise<CampaignResults['events']> {
  return session.rows(
    `select coalesce(a.arm, '') as arm, e.event_type, e.agent_class, count(*)::int as events, count(distinct ${canonicalOf('a.contact_id')})::int as contacts
     from core.email_events e join ops.audience a on a.campaign_run_id = $run and a.delivery_id = e.delivery_id
     where e.campaign_run_id = $run and e.occurred_at >= $launched_at::timestamp - interval 1 day
     group by all order by all`,
    params,
  );
}

export interface WhyAnswer {
  campaign_run_id: string;
  contact_id: string;
  /** The ids under which the run decided about this person: of contacts merged since then, each. Empty where it was no target. */
  recorded_as: string[];
  /** Of several, the one that was sent to, else held out. */
  decision: string;
  /** The first reason that decided; `not_in_segment` where the contact was no target at all. */
  reason: string;
  /** Every reason against it, the first decided; empty where there was none. */
  refusals: string[];
  /** One sentence for a person. */
  explanation: string;
  email: string | null;
  arm: string | null;
  send_at: string | null;
  outcomes: { outcome: string; reason: string | null; provider: string | null; occurred_at: string }[];
  events: { event_type: string; agent_class: string | null; reason: string | null; occurred_at: string }[];
}

const explanations: Readonly<Record<string, string>> = {
  eligible: 'It was to be sent to.',
  holdout: 'It was drawn into the holdout, which gets nothing so that the effect can be measured.',
  not_in_segment: 'It was in none of the target segments when the audience was frozen.',
  exclusion_segment: 'It was in an exclusion segment.',
  no_email: 'It has no e-mail address.',
  invalid_email: 'Its e-mail address cannot be delivered to.',
  duplicate_address: 'Another contact of the audience has the same address, and got the mail.',
  no_consent: 'No consent to marketing e-mail is recorded.',
  consent_pending: 'It has yet to confirm its consent to marketing e-mail.',
  consent_withdrawn: 'Its consent to marketing e-mail was withdrawn.',
  render_failed: 'The mail would have a hole: a variable it needs is empty for this contact.',
};

type FrozenDecision = Pick<
  WhyAnswer,
  'contact_id' | 'decision' | 'reason' | 'refusals' | 'email' | 'arm' | 'send_at'
> & { delivery_id: string | null };

/** Why a contact did or did not get a run's mail, under whichever id of its person. Throws `not_found` (run or contact). */
export async function whyContact(warehouse: Warehouse, runId: string, contactId: string): Promise<WhyAnswer> {
  const run = await getRun(warehouse, runId);
  return warehouse.read(async (session) => {
    const decisions = await session.rows<FrozenDecision>(
      `select contact_id, decision, reason, refusals, email, arm, send_at, delivery_id from ops.audience
       where campaign_run_id = $run and contact_id in ${memberIdsSql('$contact::varchar')}
       order by list_position(['send', 'holdout'], decision) nulls last, contact_id <> $contact, contact_id`,
      { run: runId, contact: contactId },
    );
    if (decisions.length === 0) await checkContact(session, contactId);
    const deliveries = JSON.stringify(decisions.flatMap((one) => one.delivery_id ?? []));
    const { delivery_id: _, ...answer } = decisions[0] ?? {
      delivery_id: null,
      decision: 'excluded',
      reason: 'not_in_segment',
      refusals: ['not_in_segment'],
      email: null,
      arm: null,
      send_at: null,
    };
    return {
      campaign_run_id: runId,
      ...answer,
      contact_id: contactId,
      recorded_as: decisions.map((one) => one.contact_id),
      explanation: explain(answer.reason),
      outcomes: await session.rows(
        `select outcome, reason, provider, occurred_at from ops.deliveries
         where campaign_run_id = $run and delivery_id in (select unnest(from_json($deliveries, '["VARCHAR"]'))) order by rowid`,
        { run: runId, deliveries },
      ),
      events: await session.rows(
        `select event_type, agent_class, reason, occurred_at from core.email_events
         where delivery_id in (select unnest(from_json($deliveries, '["VARCHAR"]')))
           and occurred_at >= $launched_at::timestamp - interval 1 day order by occurred_at`,
        { deliveries, launched_at: run.launched_at },
      ),
    };
  });
}

/** A sentence for a reason code; a suppression names its own. */
export function explain(reason: string): string {
  const suppressed = /^suppressed_(.+)$/.exec(reason)?.[1];
  return suppressed ? `Its address is suppressed: ${suppressed}.` : (explanations[reason] ?? reason);
}

async function checkContact(session: Session, contactId: string): Promise<void> {
  const known = await session.one('select 1 as one from core.contacts where contact_id = $1', [contactId]);
  if (!known)
    throw new MallardError('not_found', `There is no contact ${contactId}.`, {
      fields: { contact_id: contactId },
    });
}
