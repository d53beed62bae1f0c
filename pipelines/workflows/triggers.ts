import { toTimestamp } from '../../data/clock.ts';
import { MallardError } from '../../data/errors.ts';
import { getSegment } from '../segments/listing.ts';
import type { SegmentContext } from '../segments/types.ts';
import { checkAction, type SegmentAction } from './action.ts';

/** An action on whoever enters, or leaves, a segment from now on. */
export interface SegmentTrigger {
  trigger_id: string;
  segment_id: string;
  change: 'entered' | 'left';
  action: SegmentAction;
  /** More than so many in one evaluation are held, until somebody says so: a definition that was changed moves thousands. */
  contacts_max: number;
  status: 'active' | 'paused';
  /** UTC. Changes recorded before it are done with, or were never meant. */
  since_at: string;
  /** What the last attempt failed by; null where it went well. */
  error: string | null;
  created_at: string;
  updated_at: string;
}

export interface TriggerInput {
  /** Lower case letters, digits, `_` and `-`, at most 64. */
  trigger_id: string;
  segment_id: string;
  change: 'entered' | 'left';
  /** Untrusted. */
  action: unknown;
  /** Default 10,000. */
  contacts_max?: number | undefined;
  /** Default `active`. */
  status?: 'active' | 'paused' | undefined;
}

const CONTACTS_MAX = 10_000;

/**
 * Creates or changes a trigger. It acts on what is recorded from now on; so does one that was paused.
 * @throws `bad_request` (id, action), `not_found` (segment), `conflict` (an archived segment, or the id of another segment's)
 */
export async function saveTrigger(context: SegmentContext, input: TriggerInput): Promise<SegmentTrigger> {
  const { warehouse } = context;
  if (!/^[a-z0-9][a-z0-9_-]{0,63}$/.test(input.trigger_id)) {
    throw new MallardError('bad_request', `'${input.trigger_id}' is not a trigger id.`, {
      fields: { field: 'trigger_id' },
      remedy: 'Use lower case letters, digits, _ and -, at most 64.',
    });
  }
  const action = checkAction(input.action);
  const segment = await getSegment(context, input.segment_id);
  if (segment.status !== 'active') {
    throw new MallardError('conflict', `${segment.segment_id} is archived.`, {
      fields: { segment_id: segment.segment_id },
      remedy: 'Save it again first.',
    });
  }
  await warehouse.ledger.transaction(async (tx) => {
    const before = await tx.one<Pick<SegmentTrigger, 'segment_id' | 'status'>>(
      'select segment_id, status from ops.segment_triggers where trigger_id = $1',
      [input.trigger_id],
    );
    if (before && before.segment_id !== input.segment_id) {
      throw new MallardError('conflict', `${input.trigger_id} is a trigger of ${before.segment_id}.`, {
        fields: { trigger_id: input.trigger_id, segment_id: before.segment_id },
        remedy: 'Choose another id.',
      });
    }
    const params = {
      trigger_id: input.trigger_id,
      segment_id: input.segment_id,
      change: input.change,
      action: JSON.stringify(action),
      contacts_max: input.contacts_max ?? CONTACTS_MAX,
      status: input.status ?? 'active',
      at: toTimestamp(warehouse.clock.now()),
    };
    if (before === undefined) {
      await tx.run(
        `insert into ops.segment_triggers
         values ($trigger_id, $segment_id, $change, $action::json, $contacts_max, $status, $at::timestamp, null, $at::timestamp, $at::timestamp)`,
        params,
      );
      return;
    }
    const { segment_id: _segment, ...changed } = params;
    await tx.run(
      `update ops.segment_triggers set change = $change, action = $action::json, contacts_max = $contacts_max, status = $status,
         since_at = case when status = 'paused' or change <> $change then $at::timestamp else since_at end, error = null,
         updated_at = $at::timestamp
       where trigger_id = $trigger_id`,
      changed,
    );
  });
  const [saved] = await listTriggers(context, { triggerId: input.trigger_id });
  return saved as SegmentTrigger;
}

/** By id. Those of a segment, or one; default all. */
export async function listTriggers(
  { warehouse }: Pick<SegmentContext, 'warehouse'>,
  { segmentId, triggerId }: { segmentId?: string | undefined; triggerId?: string | undefined } = {},
): Promise<SegmentTrigger[]> {
  return warehouse.read((session) =>
    session.rows<SegmentTrigger>(
      `select * from ops.segment_triggers
       where ($segment_id::varchar is null or segment_id = $segment_id) and ($trigger_id::varchar is null or trigger_id = $trigger_id)
       order by trigger_id`,
      { segment_id: segmentId ?? null, trigger_id: triggerId ?? null },
    ),
  );
}

/** Deletes a trigger; what it did stays in ops.action_runs. Throws `not_found`. */
export async function deleteTrigger(context: SegmentContext, triggerId: string): Promise<void> {
  const [found] = await listTriggers(context, { triggerId });
  if (!found) throw unknownTrigger(triggerId);
  await context.warehouse.ledger.transaction((tx) =>
    tx.run('delete from ops.segment_triggers where trigger_id = $1', [triggerId]),
  );
}

export function unknownTrigger(id: string): MallardError {
  return new MallardError('not_found', `There is no trigger '${id}'.`, {
    fields: { trigger_id: id },
    remedy: 'List them with `mallard segments triggers`.',
  });
}
