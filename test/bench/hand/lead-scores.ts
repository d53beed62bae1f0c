const decayed = (points: number, days: string, halfLife: number) =>
  `coalesce(round(${points} * pow(2, 0 - ${days} / ${halfLife}), 2), 0)`;

/** Reads hand_contact_facts. */
export const leadScores = `with rules as (
    select contact_id, ${decayed(20, 'days_since_last_email_click', 14)} as clicked_points, ${decayed(5, 'days_since_last_email_open', 14)} as opened_points,
      ${decayed(15, 'days_since_last_web_visit', 7)} as visited_points, ${decayed(20, 'days_since_last_conversation', 30)} as talked_points,
      ${decayed(20, 'days_since_last_order', 90)} as ordered_points, if(open_deal_count > 0, 15, 0) as open_deal_points,
      if(consent_status = 'granted', 5, 0) as consent_points, if(is_suppressed or has_unsubscribed or coalesce(consent_status = 'withdrawn', false), -30, 0) as refusal_points
    from main.hand_contact_facts),
  added as (select *, round(clicked_points + opened_points + visited_points + talked_points + ordered_points + open_deal_points + consent_points + refusal_points, 2) as points from rules)
  select *, case when points < 0 then 0 when points > 100 then 100 else points end as score from added`;
