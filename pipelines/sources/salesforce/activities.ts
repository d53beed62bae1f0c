import { copy, isFalse, isTrue, made, type Columns, type Load, type Value } from '../import/mapping.ts';
import { deleted, id, skips } from './values.ts';

/** What an activity is about: the first three signs of an id say what it is of. */
const about = {
  contact_id: { ...copy('who_id'), note: 'a contact or a lead' },
  company_id: made(
    ['account_id', 'what_id'],
    'else `what_id` where it is an account',
    (column) =>
      `coalesce(${column('account_id')}, case when ${column('what_id')} like '001%' then ${column('what_id')} end)`,
  ),
  deal_id: made(
    ['what_id'],
    'where it is an opportunity',
    (column) => `case when ${column('what_id')} like '006%' then ${column('what_id')} end`,
  ),
  owner_id: copy('owner_id'),
  subject: copy('subject'),
} satisfies Record<string, Value>;

const typeOfTask = (column: Columns) =>
  `case lower(coalesce(${column('task_subtype')}, ${column('type')})) when 'call' then 'call' when 'email' then 'email'
    when 'listemail' then 'email' when 'meeting' then 'meeting' else 'task' end`;

export const tasks: Load = {
  target: 'activities',
  from: 'task',
  skips,
  fields: {
    activity_id: id,
    activity_type: made(
      ['task_subtype', 'type'],
      'call, email or meeting by `task_subtype`, else `type`; else task',
      typeOfTask,
    ),
    ...about,
    outcome: copy('call_disposition', 'status'),
    duration_minutes: made(
      ['call_duration_in_seconds'],
      'seconds there',
      (column) => `cast(round(try_cast(${column('call_duration_in_seconds')} as double) / 60) as bigint)`,
    ),
    is_completed: copy('is_closed'),
    occurred_at: copy('completed_date_time', 'activity_date', 'created_date'),
  },
};

const starts = ['start_date_time', 'activity_date_time', 'activity_date'];
const ends = ['end_date_time', ...starts];

export const events: Load = {
  target: 'activities',
  from: 'event',
  skips,
  fields: {
    activity_id: id,
    activity_type: made(
      ['type'],
      '`type` Call is a call; else meeting',
      (column) => `case when lower(${column('type')}) = 'call' then 'call' else 'meeting' end`,
    ),
    ...about,
    duration_minutes: copy('duration_in_minutes'),
    is_completed: made(
      [...ends, '_fivetran_synced'],
      'over when the export was made',
      (column) =>
        `case when try_cast(coalesce(${ends.map(column).join(', ')}) as timestamp) > try_cast(${column('_fivetran_synced')} as timestamp) then 'false' else 'true' end`,
    ),
    occurred_at: copy(...starts, 'created_date'),
  },
};

/** Who was only sent something has not answered. */
export const campaignMembers: Load = {
  target: 'campaign_responses',
  from: 'campaign_member',
  skips: [deleted, { reason: 'has not responded', when: (column) => isFalse(column('has_responded')) }],
  fields: {
    response_id: id,
    contact_id: { ...copy('contact_id', 'lead_id'), note: 'else the lead' },
    campaign_id: copy('campaign_id'),
    response_type: copy('status'),
    occurred_at: copy('first_responded_date', 'created_date'),
  },
};

export const orders: Load = {
  target: 'orders',
  from: 'order',
  skips: [
    ...skips,
    {
      reason: 'a draft',
      when: (column) => `lower(coalesce(${column('status_code')}, ${column('status')})) = 'draft'`,
    },
    { reason: 'a reduction of another order', when: (column) => isTrue(column('is_reduction_order')) },
  ],
  fields: {
    order_id: id,
    contact_id: { ...copy('bill_to_contact_id', 'ship_to_contact_id'), note: 'none is a guest’s' },
    deal_id: copy('opportunity_id'),
    ordered_at: copy('effective_date', 'activated_date', 'created_date'),
    amount: copy('total_amount'),
    currency: copy('currency_iso_code'),
    status: made(
      ['status', 'status_code'],
      'a cancelled one; everything else that is no draft is completed',
      (column) =>
        `case when lower(coalesce(${column('status_code')}, ${column('status')})) like 'cancel%' then 'cancelled' else 'completed' end`,
    ),
  },
};

export const orderLines: Load = {
  target: 'order_lines',
  from: 'order_item',
  skips,
  joins: [{ as: 'product', table: 'product_2', key: 'id', to: 'product_2_id' }],
  fields: {
    order_line_id: id,
    order_id: copy('order_id'),
    product_id: copy('product_2_id'),
    product_name: copy('product.name'),
    category: copy('product.family'),
    quantity: copy('quantity'),
    unit_price: copy('unit_price'),
    amount: copy('total_price'),
  },
};
