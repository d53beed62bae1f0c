import { randomUUID } from 'node:crypto';
import { DateTime } from 'luxon';
import { toTimestamp } from '../../data/clock.ts';
import { MallardError } from '../../data/errors.ts';
import type { Session } from '../../data/owner/session.ts';
import { getSegment } from '../segments/listing.ts';
import type { SegmentContext } from '../segments/types.ts';
import { checkAction, type CreateTask, type SegmentAction } from './action.ts';
import { activeOwners } from './assign-owner.ts';
import { changeContacts } from './history.ts';
import { changedField, targetsQuery, type ActionQuery } from './targets.ts';

export interface ActionRequest {
  segmentId: string;
  /** Checked here; may come from outside. */
  action: unknown;
  /** Default: a new one. The same run never acts on a contact twice. */
  runId?: string | undefined;
  /** Writes nothing. Default false. */
  dryRun?: boolean | undefined;
}

export interface ActionResult {
  run_id: string;
  segment_id: string;
  action: SegmentAction['type'];
  dry_run: boolean;
  /** Members of the segment; acted + skipped. */
  matched: number;
  acted: number;
  skipped: number;
  /** `already_done` by this run, `unchanged`, `contact_missing`. */
  skipped_by_reason: Record<string, number>;
  /** For assign_owner: how many each owner got. */
  assigned: Record<string, number>;
  /** Some of those acted on, the first by id. */
  sample: { contact_id: string; before: string | null; after: string | null }[];
}

/**
 * Does one thing to every member of a segment, set by set, in one transaction; logged in ops.action_runs.
 * @throws `not_found` (segment), `bad_request` (action), `conflict` (archived segment, no active owner)
 */
export async function runSegmentAction(
  context: SegmentContext,
  request: ActionRequest,
): Promise<ActionResult> {
  const { warehouse, engine } = context;
  const action = checkAction(request.action);
  const segment = await getSegment(context, request.segmentId);
  if (segment.status !== 'active') {
    throw new MallardError('conflict', `${segment.segment_id} is archived.`, {
      fields: { segment_id: segment.segment_id },
    });
  }
  const runId = request.runId ?? randomUUID();
  const now = warehouse.clock.now();
  const openDealsSql =
    action.type === 'assign_owner' && action.strategy === 'least_loaded'
      ? (
          await engine.compileSql(
            'run: deals -> { where: is_open and owner_id is not null, group_by: owner_id, aggregate: deal_count }',
            { asOf: now, restricted: false },
          )
        ).sql
      : '';

  const decide = async (session: Session) => {
    const ownerIds = action.type === 'assign_owner' ? await activeOwners(session, action) : [];
    return targetsQuery(action, { segmentId: segment.segment_id, runId, ownerIds, openDealsSql });
  };
  const summarise = (session: Session, plan: ActionQuery) => summary(session, plan, action);

  const figures =
    request.dryRun === true
      ? await warehouse.read(async (session) => summarise(session, await decide(session)))
      : await warehouse.loads.transaction(async (tx) => {
          const { sql, params } = await decide(tx);
          await tx.run(`create or replace temp table action_plan as ${sql}`, params);
          const found = await summarise(tx, { sql: 'from action_plan', params: {} });
          if (found.acted > 0) await act(tx, action, runId, now);
          await log(tx, action, { runId, segmentId: segment.segment_id, at: toTimestamp(now) });
          await tx.run('drop table temp.action_plan');
          return found;
        });
  return {
    run_id: runId,
    segment_id: segment.segment_id,
    action: action.type,
    dry_run: request.dryRun === true,
    ...figures,
  };
}

type Figures = Pick<
  ActionResult,
  'matched' | 'acted' | 'skipped' | 'skipped_by_reason' | 'assigned' | 'sample'
>;

async function summary(
  session: Session,
  { sql, params }: ActionQuery,
  action: SegmentAction,
): Promise<Figures> {
  const groups = await session.rows<{ reason: string | null; after_value: string | null; contacts: number }>(
    `select reason, ${action.type === 'assign_owner' ? 'after_value' : 'null'} as after_value, count(*)::int as contacts
     from (${sql}) group by all order by all`,
    params,
  );
  const sample = await session.rows<ActionResult['sample'][number]>(
    `select contact_id, before_value as before, after_value as after from (${sql}) where status = 'done'
     order by contact_id limit 5`,
    params,
  );
  const figures: Figures = { matched: 0, acted: 0, skipped: 0, skipped_by_reason: {}, assigned: {}, sample };
  for (const { reason, after_value: after, contacts } of groups) {
    figures.matched += contacts;
    if (reason === null) {
      figures.acted += contacts;
      if (after !== null) figures.assigned[after] = (figures.assigned[after] ?? 0) + contacts;
    } else {
      figures.skipped += contacts;
      figures.skipped_by_reason[reason] = (figures.skipped_by_reason[reason] ?? 0) + contacts;
    }
  }
  return figures;
}

async function act(tx: Session, action: SegmentAction, runId: string, now: Date): Promise<void> {
  const field = changedField[action.type];
  if (field) await changeContacts(tx, field, toTimestamp(now));
  if (action.type === 'create_task') await createTasks(tx, action, runId, now);
}

async function createTasks(tx: Session, task: CreateTask, runId: string, now: Date): Promise<void> {
  const due =
    task.due_in_days === undefined
      ? null
      : toTimestamp(DateTime.fromJSDate(now, { zone: 'utc' }).plus({ days: task.due_in_days }).toJSDate());
  await tx.run(
    `insert into ops.tasks (task_id, contact_id, owner_id, title, due_at, priority, status, run_id, created_at)
     select after_value, contact_id, owner_id, $1, $2::timestamp, $3, 'open', $4, $5::timestamp
     from action_plan where status = 'done'`,
    [task.title, due, task.priority ?? 'normal', runId, toTimestamp(now)],
  );
}

/** One row per member, except where this run had logged it before. */
async function log(
  tx: Session,
  action: SegmentAction,
  { runId, segmentId, at }: { runId: string; segmentId: string; at: string },
): Promise<void> {
  const key = changedField[action.type] ?? 'task_id';
  await tx.run(
    `insert into ops.action_runs (run_id, segment_id, action, contact_id, target_id, before, after, status, reason, occurred_at, recorded_at)
     select $1, $2, $3, contact_id, coalesce(after_value, contact_id),
       case when $4 <> 'task_id' then json_object($4, before_value) end,
       case when status = 'done' then json_object($4, after_value) end, status, reason, $5::timestamp, $5::timestamp
     from action_plan where reason is distinct from 'already_done'`,
    [runId, segmentId, action.type, key, at],
  );
}
