/**
 * The last row of each delivery decides. `rowid` orders them as they were appended, since several may bear one time.
 * A relation (delivery_id, outcome, reason) over a whole run; binds `$run`.
 */
export const lastOutcomesSql = `
  select delivery_id, max_by(outcome, rowid) as outcome, max_by(coalesce(reason, ''), rowid) as reason
  from ops.deliveries where campaign_run_id = $run group by delivery_id`;
