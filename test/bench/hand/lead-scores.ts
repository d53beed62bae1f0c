import { asOf, clicked, daysSince, opened, today } from './world.ts';

/** A rule as lead_score.yaml has it: points for every fact, half of them after so many days, none after ten times as many. */
interface Rule {
  name: string;
  points: number;
  halfLife: number;
  most: number;
  filter: string;
}

const facts: readonly { table: string; time: string; rules: readonly Rule[] }[] = [
  {
    table: 'email_events',
    time: 'occurred_at',
    rules: [
      { name: 'clicked', points: 10, halfLife: 14, most: 25, filter: clicked },
      { name: 'opened', points: 2, halfLife: 14, most: 8, filter: opened },
    ],
  },
  {
    table: 'web_events',
    time: 'occurred_at',
    rules: [{ name: 'visited', points: 5, halfLife: 7, most: 15, filter: `event_type = 'page_view'` }],
  },
  {
    table: 'activities',
    time: 'occurred_at',
    rules: [
      {
        name: 'talked',
        points: 15,
        halfLife: 30,
        most: 25,
        filter: `is_completed and activity_type in ('call', 'meeting')`,
      },
    ],
  },
  {
    table: 'orders',
    time: 'ordered_at',
    rules: [{ name: 'ordered', points: 15, halfLife: 90, most: 25, filter: `status = 'completed'` }],
  },
];

/** Exact decimals: sums of doubles would depend on the order in which they are added. */
const sums = facts.map(({ table, time, rules }) => {
  const columns = rules.map(
    ({ name, points, halfLife, filter }) =>
      `sum((${points} * pow(2, -${daysSince(time)} / ${halfLife}))::decimal(18,6)) filter (${filter}) as ${name}`,
  );
  const oldest = Math.max(...rules.map(({ halfLife }) => 10 * halfLife));
  return `${table} as (select contact_id, ${columns.join(', ')}
    from core.${table} where contact_id is not null and ${time} < ${asOf} and ${time} >= ${today} - interval ${oldest} day and (${rules.map(({ filter }) => filter).join(' or ')})
    group by contact_id)`;
});
const behaviours = facts
  .flatMap(({ rules }) => rules)
  .map(({ name, most }) => `least(round(coalesce(${name}, 0), 2), ${most})::decimal(18,2) as ${name}_points`);
const states = `if(open_deal_count > 0, 15, 0)::decimal(18,2) as open_deal_points,
      if(consent_status = 'granted', 5, 0)::decimal(18,2) as consent_points,
      if(is_suppressed or has_unsubscribed or coalesce(consent_status = 'withdrawn', false), -30, 0)::decimal(18,2) as refusal_points`;

/** Reads hand_contact_facts. */
export const leadScores = `with ${sums.join(',\n  ')},
  ruled as (
    select contact_id, ${behaviours.join(', ')}, ${states}
    from temp.hand_contact_facts ${facts.map(({ table }) => `left join ${table} using (contact_id)`).join(' ')}),
  added as (
    select *, (clicked_points + opened_points + visited_points + talked_points + ordered_points + open_deal_points + consent_points + refusal_points)::decimal(18,2) as points
    from ruled)
  select *, greatest(least(points, 100), 0)::decimal(18,2) as score, (score - points)::decimal(18,2) as cut_points, 1 as rules_version from added`;
