import { randomUUID } from 'node:crypto';
import { DateTime } from 'luxon';
import { toTimestamp } from '../../data/clock.ts';
import { MallardError } from '../../data/errors.ts';
import type { Session } from '../../data/owner/session.ts';
import { getSegment } from '../segments/listing.ts';
import { membersQuery, type Query } from '../segments/members.ts';
import type { SegmentContext } from '../segments/types.ts';
import { checkAction, type CreateTask, type SegmentAction } from './action.ts';
import { activeOwners } from './assign-owner.ts';
import { logAction } from './action-log.ts';
import { contactFieldsSql } from './contact-fields.ts';
import { changeContacts } from './history.ts';
import { sendMessages, writeList } from './hand-over.ts';
import { changedField, targetsQuery } from './targets.ts';

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
 * Does one thing to every member of a segment, set by set, in one transaction; logged in ops.action_runs. Messages and files
 * go out before they are logged: see hand-over.ts.
 * @throws `not_found` (segment), `bad_request` (action), `conflict` (archived segment, no active owner), `provider_failed`
 */
export async function runSegmentAction(
  context: SegmentContext,
  request: ActionRequest,
): Promise<ActionResult> {
  const action = checkAction(request.action);
  const segment = await getSegment(context, request.segmentId);
  if (segment.status !== 'active') {
    throw new MallardError('conflict', `${segment.segment_id} is archived.`, {
      fields: { segment_id: segment.segment_id },
    });
  }
  return actOn(context, {
    action,
    segmentId: segment.segment_id,
    contacts: membersQuery(segment.segment_id),
    event: 'members',
    runId: request.runId ?? randomUUID(),
    dryRun: request.dryRun === true,
  });
}

/** An action on some contacts of a segment. */
export interface ActionWork {
  action: SegmentAction;
  segmentId: string;
  /** A SELECT of contact_id, the canonicals'. */
  contacts: Query;
  /** What they did, or that they are all its members. */
  event: 'entered' | 'left' | 'members';
  runId: string;
  dryRun: boolean;
}

/** Decides about every contact, then does it; a dry run only decides. */
export async function actOn(context: SegmentContext, work: ActionWork): Promise<ActionResult> {
  const { warehouse } = context;
  const { action, segmentId, runId, dryRun } = work;
  const now = warehouse.clock.now();
  const run = { runId, segmentId, at: toTimestamp(now) };
  const openDealsSql = await openDeals(context, action, now);
  const decide = async (session: Session): Promise<Query> => {
    const ownerIds = action.type === 'assign_owner' ? await activeOwners(session, action) : [];
    return targetsQuery(action, { contacts: work.contacts, runId, ownerIds, openDealsSql });
  };

  const fields = fieldsOf(action);
  const fieldsSql = fields ? await contactFieldsSql(context, fields) : '';
  let figures: Figures;
  if (dryRun || action.type === 'webhook') {
    const plan = await warehouse.read(decide);
    figures = await warehouse.read((session) => summary(session, plan, action));
    if (action.type === 'webhook' && !dryRun)
      await sendMessages(warehouse, action, { plan, run, fieldsSql, event: work.event });
  } else {
    figures = await warehouse.loads.transaction(async (tx) => {
      const { sql, params } = await decide(tx);
      await tx.run(`create or replace temp table action_plan as ${sql}`, params);
      const plan: Query = { sql: 'from action_plan', params: {} };
      const found = await summary(tx, plan, action);
      if (found.acted > 0 && action.type === 'export_list')
        await writeList(tx, warehouse.project, { plan, segmentId, fieldsSql });
      else if (found.acted > 0) await act(tx, action, runId, now);
      await logAction(tx, action.type, plan, run);
      await tx.run('drop table temp.action_plan');
      return found;
    });
  }
  return { run_id: runId, segment_id: segmentId, action: action.type, dry_run: dryRun, ...figures };
}

/** What goes out of each contact; undefined where nothing does. A list without addresses is of little use; messages name nobody unasked. */
function fieldsOf(action: SegmentAction): readonly string[] | undefined {
  if (action.type === 'export_list') return action.fields ?? ['email_address', 'first_name', 'last_name'];
  return action.type === 'webhook' ? (action.fields ?? []) : undefined;
}

/** Per owner, for `least_loaded`. */
async function openDeals({ engine }: SegmentContext, action: SegmentAction, now: Date): Promise<string> {
  if (action.type !== 'assign_owner' || action.strategy !== 'least_loaded') return '';
  const { sql } = await engine.compileSql(
    'run: deals -> { where: is_open and owner_id is not null, group_by: owner_id, aggregate: deal_count }',
    { asOf: now, restricted: false },
  );
  return sql;
}

type Figures = Pick<
  ActionResult,
  'matched' | 'acted' | 'skipped' | 'skipped_by_reason' | 'assigned' | 'sample'
>;

async function summary(session: Session, { sql, params }: Query, action: SegmentAction): Promise<Figures> {
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
