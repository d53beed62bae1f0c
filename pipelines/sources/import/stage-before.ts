/**
 * The stage a deal was in before a time, of those that are known already: where an export begins in the middle, its first change
 * of a deal has one too.
 */
export function stageBeforeSql(dealId: string, time: string): string {
  return `(select arg_max(c.to_stage, c.occurred_at) from core.deal_stage_changes c
    where c.deal_id = ${dealId} and c.occurred_at < try_cast(${time} as timestamp))`;
}
