/** The best of the five levels whose bound the value reaches; the bounds' row is joined as `b`. */
const level = (value: string, reaches: '<=' | '>=', bound: string) =>
  `case ${[5, 4, 3, 2].map((score) => `when ${value} ${reaches} b.${bound}_${score} then ${score}`).join(' ')} else 1 end`;
const bounds = ['recency_days', 'frequency', 'monetary'].flatMap((measure) =>
  [5, 4, 3, 2].map(
    (score) => `max(bound) filter (measure = '${measure}' and score = ${score}) as ${measure}_${score}`,
  ),
);

/** Reads hand_contact_facts. */
export const rfm = `with b as (select ${bounds.join(', ')} from core.rfm_thresholds),
  customers as (
    select contact_id, last_ordered_at, days_since_last_order as recency_days, order_count as frequency, total_revenue as monetary
    from temp.hand_contact_facts where order_count > 0),
  scored as (
    select c.*, ntile(5) over (order by recency_days desc, contact_id)::int as recency_score, ntile(5) over (order by frequency, contact_id)::int as frequency_score,
      ntile(5) over (order by monetary, contact_id)::int as monetary_score, (frequency_score + monetary_score + 1) // 2 as value_score,
      ${level('recency_days', '<=', 'recency_days')} as recency_level, ${level('frequency', '>=', 'frequency')} as frequency_level,
      ${level('monetary', '>=', 'monetary')} as monetary_level, (frequency_level + monetary_level + 1) // 2 as value_level
    from customers c cross join b)
  select s.*, concat(s.recency_score, frequency_score, monetary_score) as rfm_cell, coalesce(q.group_name, 'No group') as segment,
    coalesce(l.group_name, 'No group') as fixed_segment
  from scored s
    left join core.rfm_groups q on q.recency_score = s.recency_score and q.value_score = s.value_score
    left join core.rfm_groups l on l.recency_score = s.recency_level and l.value_score = s.value_level`;
