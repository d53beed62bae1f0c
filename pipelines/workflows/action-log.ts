import type { Session } from '../../data/owner/session.ts';
import type { Query } from '../segments/members.ts';
import type { SegmentAction } from './action.ts';
import { changedField } from './targets.ts';

/** What an action is a run of. */
export interface LoggedRun {
  runId: string;
  segmentId: string;
  /** UTC timestamp as text. */
  at: string;
}

/**
 * Logs decisions (the rows of `targetsQuery`) in ops.action_runs: one row per contact, except where this run had logged it
 * before. On the loads lane.
 */
export async function logAction(
  tx: Session,
  type: SegmentAction['type'],
  { sql, params }: Query,
  { runId, segmentId, at }: LoggedRun,
): Promise<void> {
  const key =
    changedField[type] ?? `${type === 'create_task' ? 'task' : type === 'webhook' ? 'message' : 'list'}_id`;
  await tx.run(
    `insert into ops.action_runs (run_id, segment_id, action, contact_id, target_id, before, after, status, reason, occurred_at, recorded_at)
     select $logged_run, $logged_segment, $logged_action, contact_id, coalesce(after_value, contact_id),
       case when before_value is not null or $is_change then json_object($key, before_value) end,
       case when status = 'done' then json_object($key, after_value) end, status, reason, $at::timestamp, $at::timestamp
     from (${sql}) where reason is distinct from 'already_done'`,
    {
      ...params,
      logged_run: runId,
      logged_segment: segmentId,
      logged_action: type,
      key,
      is_change: changedField[type] !== undefined,
      at,
    },
  );
}
