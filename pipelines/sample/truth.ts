import { makeMailings } from './mailings.ts';
import type { Owner } from './owners.ts';
import { parameters } from './parameters.ts';
import type { Sampler } from './sampler.ts';

/** One arm of the A/B campaign: the true rate, and what the draw made of it. */
export interface SampleArm {
  arm: string;
  message_id: string;
  conversion_rate: number;
  delivered_count: number;
  conversion_count: number;
}

/** What is true about a generated history. Also `truth.json`; per person: `truth_contacts.parquet`. */
export interface SampleTruth {
  seed: number;
  contacts: number;
  start_at: string;
  /** Exclusive: no event at or after it. */
  end_at: string;
  parameters: typeof parameters;
  owners: { owner_id: string; win_logit: number }[];
  ab_test: { campaign_id: string; sent_at: string; window_days: number; arms: SampleArm[] };
  counts: {
    silent_contacts: number;
    duplicate_contacts: number;
    buyers: number;
    repeat_orders: number;
    rows: Record<string, number>;
  };
  contacts_file: string;
}

export const truthContactsFile = 'truth_contacts.parquet';

/** What each person's draws were; for tests of what models find out about persons. */
export const truthContactsSql = `
  select p.contact_id, p.is_silent, o.contact_id as duplicate_of, p.duplicate_kind, b.i is not null as is_buyer, lambda_per_week,
    dropout_probability, time_of_s(t.first_s) as first_order_at, time_of_s(t.dropped_out_s) as dropped_out_at,
    ${parameters.purchases.p} / nu as mean_order_value, p.engagement
  from people p left join people o on o.i = p.duplicate_of left join buyers b on b.i = p.i left join buyer_times t on t.i = p.i
  order by p.i`;

export async function readTruth(
  sampler: Sampler,
  owners: readonly Owner[],
  rows: Record<string, number>,
): Promise<SampleTruth> {
  const arms = await sampler.rows<{ arm: number; delivered: number; converted: number }>(
    `select arm::int as arm, (count(*) filter (where bounce = 0))::int as delivered, (count(*) filter (where is_converted))::int as converted
     from sends where arm is not null group by arm`,
  );
  const [counts] = await sampler.rows<{ silent: number; doubled: number; buyers: number; repeats: number }>(
    `select (count(*) filter (where is_silent))::int as silent, count(duplicate_of)::int as doubled,
       (select count(*)::int from buyers) as buyers, (select (count(*) filter (where n > 0))::int from purchases) as repeats from people`,
  );
  const abSend = makeMailings(sampler).find((mailing) => mailing.kind === 'ab');
  return {
    seed: sampler.seed,
    contacts: sampler.contacts,
    start_at: sampler.start.toISOString(),
    end_at: sampler.end.toISOString(),
    parameters,
    owners: owners.map((owner) => ({ owner_id: owner.ownerId, win_logit: owner.winLogit })),
    ab_test: {
      campaign_id: parameters.abTest.campaignId,
      sent_at: new Date(sampler.start.getTime() + (abSend?.sentSeconds ?? 0) * 1000).toISOString(),
      window_days: parameters.abTest.windowDays,
      arms: parameters.abTest.arms.map((arm, index) => {
        const found = arms.find((row) => row.arm === index + 1);
        return {
          arm: arm.arm,
          message_id: arm.messageId,
          conversion_rate: arm.conversionRate,
          delivered_count: found?.delivered ?? 0,
          conversion_count: found?.converted ?? 0,
        };
      }),
    },
    counts: {
      silent_contacts: counts?.silent ?? 0,
      duplicate_contacts: counts?.doubled ?? 0,
      buyers: counts?.buyers ?? 0,
      repeat_orders: counts?.repeats ?? 0,
      rows,
    },
    contacts_file: truthContactsFile,
  };
}
