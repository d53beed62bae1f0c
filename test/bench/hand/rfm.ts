/** Reads hand_contact_facts. */
export const rfm = `with ranked as (
    select contact_id, last_ordered_at, days_since_last_order as recency_days, order_count as frequency, total_revenue as monetary,
      ntile(5) over (order by days_since_last_order desc, contact_id)::int as recency_score, ntile(5) over (order by order_count, contact_id)::int as frequency_score,
      ntile(5) over (order by total_revenue, contact_id)::int as monetary_score
    from main.hand_contact_facts where order_count > 0),
  valued as (select *, (frequency_score + monetary_score + 1) // 2 as v from ranked)
  select * exclude (v), concat(recency_score, frequency_score, monetary_score) as rfm_cell,
    case recency_score
      when 5 then case when v >= 4 then 'Champions' when v >= 2 then 'Potential loyalists' else 'New customers' end
      when 4 then case when v >= 4 then 'Loyal' when v >= 2 then 'Potential loyalists' else 'Promising' end
      when 3 then case when v >= 4 then 'Loyal' when v = 3 then 'Needs attention' else 'About to sleep' end
      else case when v = 5 then 'Cannot lose them' when v >= 3 then 'At risk' when recency_score = 2 then 'Hibernating' else 'Lost' end
    end as segment
  from valued`;
