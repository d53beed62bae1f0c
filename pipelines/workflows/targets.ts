import { canonicalOf } from '../identity/canonicals.ts';
import type { Query } from '../segments/members.ts';
import type { SegmentAction } from './action.ts';
import { afterOwnerSql } from './assign-owner.ts';

/** The contact's column that an action changes; the others change none. */
export const changedField = {
  set_stage: 'lifecycle_stage',
  assign_owner: 'owner_id',
  create_task: undefined,
  webhook: undefined,
  export_list: undefined,
} as const;

/** Contacts in a message of a webhook. */
export const contactsPerMessage = 1_000;

/**
 * A SELECT with one row per contact that is to be acted on: contact_id, owner_id, before_value, after_value, status (`done` or
 * `skipped`) and reason (`already_done` by this run, `contact_missing`, `unchanged`; null where done). A person is one row, by
 * the canonical's id, whichever of its records is meant or was acted on; what is changed is the canonical's own row.
 * @param openDealsSql per owner `owner_id`, `deal_count`: the open deals, for `least_loaded`
 */
export function targetsQuery(
  action: SegmentAction,
  options: { contacts: Query; runId: string; ownerIds: readonly string[]; openDealsSql: string },
): Query {
  const before = changedField[action.type] ?? 'null::varchar';
  const sql = `
    with members as (
        select m.contact_id, c.contact_id is not null as is_known, d.contact_id is not null as is_done, c.owner_id,
          c.lifecycle_stage
        from (${options.contacts.sql}) m
        left join core.contacts c using (contact_id)
        left join (select distinct ${canonicalOf('r.contact_id')} as contact_id from ops.action_runs r
                   where run_id = $run_id and action = $action) d using (contact_id)),
      eligible as (
        select contact_id, row_number() over (order by contact_id) as turn from members where is_known and not is_done),
      ${afterSql(action, options.openDealsSql)},
      judged as (
        select m.*, ${before} as before_value, a.after_value from members m left join decided a using (contact_id))
    select contact_id, owner_id, before_value, after_value,
      case when is_done or not is_known or after_value is not distinct from before_value then 'skipped' else 'done' end as status,
      case when is_done then 'already_done' when not is_known then 'contact_missing'
        when after_value is not distinct from before_value then 'unchanged' end as reason
    from judged`;
  return {
    sql,
    params: {
      ...options.contacts.params,
      run_id: options.runId,
      action: action.type,
      ...(action.type === 'set_stage' ? { stage: action.stage } : {}),
      ...(action.type === 'assign_owner' ? { owner_ids: JSON.stringify(options.ownerIds) } : {}),
    },
  };
}

/**
 * `decided (contact_id, after_value)`. A task's value is its id, a message's the message's, a list's the run's: the same however
 * often the run is repeated, so that whoever receives something twice can tell.
 */
function afterSql(action: SegmentAction, openDealsSql: string): string {
  if (action.type === 'set_stage')
    return `decided as (select contact_id, $stage::varchar as after_value from eligible)`;
  if (action.type === 'assign_owner') return afterOwnerSql(action.strategy, openDealsSql);
  if (action.type === 'export_list')
    return `decided as (select contact_id, 'list_' || left(sha256($run_id::varchar), 24) as after_value from eligible)`;
  if (action.type === 'webhook') {
    return `decided as (select contact_id, 'msg_' || left(sha256($run_id::varchar || chr(10)
      || first_value(contact_id) over (partition by (turn - 1) // ${contactsPerMessage} order by turn)), 24) as after_value from eligible)`;
  }
  return `decided as (select contact_id, 'task_' || left(sha256($run_id::varchar || chr(10) || contact_id), 24) as after_value from eligible)`;
}
