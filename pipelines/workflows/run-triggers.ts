import { toTimestamp } from '../../data/clock.ts';
import { errorMessage, MallardError } from '../../data/errors.ts';
import type { Session } from '../../data/owner/session.ts';
import type { Warehouse } from '../../data/owner/warehouse.ts';
import { Slots } from '../../data/slots.ts';
import { canonicalOf } from '../identity/canonicals.ts';
import type { Query } from '../segments/members.ts';
import type { SegmentContext } from '../segments/types.ts';
import { actOn, type ActionResult } from './run-action.ts';
import { listTriggers, unknownTrigger, type SegmentTrigger } from './triggers.ts';

export interface RunTriggersOptions {
  /** Default: all active ones. */
  triggerId?: string | undefined;
  /** Says what would be done, and writes nothing. */
  dryRun?: boolean | undefined;
  /** With `dryRun`: as if the changes since then were still to be acted on. */
  since?: Date | undefined;
  /** Also where more contacts than `contacts_max` moved at once. Default false. */
  ignoreMax?: boolean | undefined;
}

/** What became of the changes of one evaluation. */
export interface TriggerRun extends ActionResult {
  trigger_id: string;
  change: SegmentTrigger['change'];
  /** The evaluation that recorded the changes. */
  evaluation_run_id: string;
}

export interface TriggersResult {
  runs: TriggerRun[];
  /** Triggers that failed, or are held; the others went on. */
  errors: { trigger_id: string; error: string }[];
}

/** One call at a time: two would send the same messages. */
const turns = new WeakMap<Warehouse, Slots>();

/**
 * Acts on who entered or left since each trigger last did: once per entry, since the changes of one evaluation are one run of
 * the action. What failed, or did not come to its end, is taken up by the next call.
 * @throws `not_found` (triggerId)
 */
export async function runTriggers(
  context: SegmentContext,
  options: RunTriggersOptions = {},
): Promise<TriggersResult> {
  const found = await listTriggers(context, { triggerId: options.triggerId });
  if (options.triggerId !== undefined && found.length === 0) throw unknownTrigger(options.triggerId);
  const turn = turns.get(context.warehouse) ?? new Slots(1);
  turns.set(context.warehouse, turn);
  const giveBack = await turn.take();
  try {
    return await runEach(context, found, options);
  } finally {
    giveBack();
  }
}

async function runEach(
  context: SegmentContext,
  triggers: readonly SegmentTrigger[],
  options: RunTriggersOptions,
): Promise<TriggersResult> {
  const result: TriggersResult = { runs: [], errors: [] };
  for (const trigger of triggers) {
    if (trigger.status !== 'active' && options.dryRun !== true) continue;
    try {
      result.runs.push(...(await runTrigger(context, trigger, options)));
    } catch (error) {
      const message = errorMessage(error);
      result.errors.push({ trigger_id: trigger.trigger_id, error: message });
      if (options.dryRun !== true) await noteError(context, trigger, message);
    }
  }
  return result;
}

async function runTrigger(
  context: SegmentContext,
  trigger: SegmentTrigger,
  { dryRun = false, since, ignoreMax = false }: RunTriggersOptions,
): Promise<TriggerRun[]> {
  const { warehouse } = context;
  const isRehearsal = dryRun && since !== undefined;
  const from = isRehearsal ? toTimestamp(since) : trigger.since_at.replace('Z', '');
  const pending = await warehouse.read((session) => pendingRuns(session, trigger, from, isRehearsal));
  const runs: TriggerRun[] = [];
  for (const { run_id: evaluation, contacts, recorded_at: recordedAt } of pending) {
    if (contacts > trigger.contacts_max && !ignoreMax && !dryRun) throw held(trigger, contacts);
    const done = await actOn(context, {
      action: trigger.action,
      segmentId: trigger.segment_id,
      contacts: changesQuery(trigger, evaluation),
      event: trigger.change,
      // A rehearsal looks away from what was done.
      runId: isRehearsal ? `${runIdOf(trigger, evaluation)} rehearsed` : runIdOf(trigger, evaluation),
      dryRun,
    });
    runs.push({
      ...done,
      trigger_id: trigger.trigger_id,
      change: trigger.change,
      evaluation_run_id: evaluation,
    });
    if (!dryRun) await noteDone(context, trigger, recordedAt);
  }
  return runs;
}

const runIdOf = ({ trigger_id: id }: SegmentTrigger, evaluation: string) => `trigger:${id}:${evaluation}`;

interface PendingRun {
  run_id: string;
  /** Persons. */
  contacts: number;
  recorded_at: string;
}

/** The evaluations with changes that are not all logged yet, in the order in which they were recorded. */
async function pendingRuns(
  session: Session,
  trigger: SegmentTrigger,
  since: string,
  isRehearsal: boolean,
): Promise<PendingRun[]> {
  return session.rows<PendingRun>(
    `with changed as (
       select run_id, ${canonicalOf('c.contact_id')} as contact_id, c.rowid as position, recorded_at from ops.segment_changes c
       where segment_id = $segment_id and change = $change and recorded_at >= $since::timestamp)
     select c.run_id, count(distinct c.contact_id)::int as contacts, max(c.recorded_at)::varchar as recorded_at
     from changed c left join (
       select run_id, ${canonicalOf('r.contact_id')} as contact_id from ops.action_runs r
       where starts_with(run_id, $prefix)) d
       on d.run_id = $prefix || c.run_id and d.contact_id = c.contact_id
     group by c.run_id having $is_rehearsal or count(*) filter (d.contact_id is null) > 0 order by min(position)`,
    {
      segment_id: trigger.segment_id,
      change: trigger.change,
      since,
      prefix: runIdOf(trigger, ''),
      is_rehearsal: isRehearsal,
    },
  );
}

/** Who moved in one evaluation. */
function changesQuery({ segment_id: segmentId, change }: SegmentTrigger, evaluation: string): Query {
  return {
    sql: `select distinct ${canonicalOf('c.contact_id')} as contact_id from ops.segment_changes c
      where segment_id = $segment_id and change = $change and run_id = $evaluation`,
    params: { segment_id: segmentId, change, evaluation },
  };
}

function held({ trigger_id: id, contacts_max: max }: SegmentTrigger, contacts: number): MallardError {
  return new MallardError(
    'conflict',
    `Held: ${contacts} contacts moved at once, more than the ${max} of this trigger.`,
    {
      fields: { trigger_id: id, contacts, contacts_max: max },
      remedy: `Look with \`mallard segments triggers run ${id} --dry-run\`; go on with --ignore-max.`,
    },
  );
}

async function noteDone(context: SegmentContext, trigger: SegmentTrigger, recordedAt: string): Promise<void> {
  await context.warehouse.ledger.transaction((tx) =>
    tx.run(
      `update ops.segment_triggers set since_at = greatest(since_at, $2::timestamp), error = null where trigger_id = $1`,
      [trigger.trigger_id, recordedAt],
    ),
  );
}

async function noteError(context: SegmentContext, trigger: SegmentTrigger, error: string): Promise<void> {
  await context.warehouse.ledger.transaction((tx) =>
    tx.run('update ops.segment_triggers set error = $2 where trigger_id = $1', [trigger.trigger_id, error]),
  );
}
