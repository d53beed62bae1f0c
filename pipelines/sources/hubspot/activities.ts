import { always, isTrue, made, type Columns, type Join, type Load, type Value } from '../import/mapping.ts';
import { deleted, idNote, ourId, time } from './values.ts';

type ActivityType = 'call' | 'meeting' | 'email' | 'note' | 'task';

const joins: readonly Join[] = [
  { as: 'engagement', table: 'engagement', key: 'id', to: 'engagement_id' },
  ...(['contact', 'company', 'deal'] as const).map((thing) => ({
    as: thing,
    table: `engagement_${thing}`,
    key: 'engagement_id',
    to: 'engagement_id',
  })),
];

const first = (column: Columns, names: readonly string[]) =>
  `coalesce(${[...names.map(column), 'null'].join(', ')})`;

/** The first of these with a value. */
function oneOf(names: readonly string[], sql = (value: string) => value, note?: string): Value {
  const chosen = names.length > 1 ? 'the first with a value' : undefined;
  const notes = [chosen, note].filter((text) => text !== undefined).join('; ');
  return {
    reads: names,
    sql: (column) => sql(first(column, names)),
    ...(notes === '' ? {} : { note: notes }),
  };
}

const associated = (thing: string): Value =>
  made([`${thing}.${thing}_id`], 'the first that is associated, `hubspot-<id>`', (column) =>
    ourId(column(`${thing}.${thing}_id`)),
  );

const happenedAt = [
  'property_hs_timestamp',
  'engagement.timestamp',
  'timestamp',
  'property_hs_createdate',
  'engagement.created_at',
];

function activity(type: ActivityType, own: Readonly<Record<string, Value>>): Load {
  return {
    target: 'activities',
    from: `engagement_${type}`,
    joins,
    skips: [deleted],
    fields: {
      activity_id: made(['engagement_id'], idNote, (column) => ourId(column('engagement_id'))),
      activity_type: made([], `\`${type}\``, () => `'${type}'`),
      contact_id: associated('contact'),
      company_id: associated('company'),
      deal_id: associated('deal'),
      owner_id: oneOf(['property_hubspot_owner_id', 'engagement.owner_id'], ourId, idNote),
      ...own,
      occurred_at: own['occurred_at'] ?? oneOf(happenedAt, time),
    },
  };
}

const starts = ['property_hs_meeting_start_time', 'start_time'];
const ends = ['property_hs_meeting_end_time', 'end_time'];
const minutesBetween = (from: string, to: string) =>
  `cast(date_diff('minute', try_cast(${time(from)} as timestamp), try_cast(${time(to)} as timestamp)) as varchar)`;

/** What did not take place. */
const calledOff = `('CANCELED', 'CANCELLED', 'NO_SHOW', 'RESCHEDULED')`;

export const activities: readonly Load[] = [
  activity('call', {
    subject: oneOf(['property_hs_call_title', 'title']),
    outcome: oneOf(['property_hs_call_disposition', 'property_hs_call_status', 'disposition', 'status']),
    duration_minutes: oneOf(
      ['property_hs_call_duration', 'duration_milliseconds'],
      (value) => `cast(round(try_cast(${value} as double) / 60000) as bigint)`,
      'milliseconds there',
    ),
  }),
  activity('meeting', {
    subject: oneOf(['property_hs_meeting_title', 'title']),
    outcome: oneOf(['property_hs_meeting_outcome', 'meeting_outcome']),
    duration_minutes: made([...starts, ...ends], 'from start to end', (column) =>
      minutesBetween(first(column, starts), first(column, ends)),
    ),
    is_completed: made(
      [...ends, 'property_hs_meeting_outcome', 'meeting_outcome', '_fivetran_synced'],
      'over when the export was made, and not called off',
      (column) =>
        `case when upper(${first(column, ['property_hs_meeting_outcome', 'meeting_outcome'])}) in ${calledOff} then 'false'
          when try_cast(${time(first(column, ends))} as timestamp) > try_cast(${column('_fivetran_synced')} as timestamp) then 'false' else 'true' end`,
    ),
    occurred_at: oneOf([...starts, ...happenedAt], time),
  }),
  activity('email', {
    subject: oneOf(['property_hs_email_subject', 'subject']),
    outcome: oneOf(['property_hs_email_status', 'status']),
  }),
  activity('note', {
    subject: oneOf(
      ['property_hs_body_preview', 'property_hs_note_body', 'body'],
      (value) => `left(${value}, 200)`,
      'its first 200 characters',
    ),
  }),
  activity('task', {
    subject: oneOf(['property_hs_task_subject', 'subject']),
    outcome: oneOf(['property_hs_task_status', 'status']),
    is_completed: always(
      made(
        ['property_hs_task_status', 'status', 'property_hs_task_is_completed'],
        'only where it says so',
        (column) =>
          `case when upper(${first(column, ['property_hs_task_status', 'status'])}) = 'COMPLETED' or ${isTrue(column('property_hs_task_is_completed'))}
            then 'true' else 'false' end`,
      ),
    ),
  }),
];

/** Forms are filled in on a page: that is an event of the web, not the answer to a campaign. */
export const formSubmissions: Load = {
  target: 'web_events',
  from: 'contact_form_submission',
  fields: {
    event_id: made(
      ['conversion_id', 'contact_id', 'form_id', 'timestamp'],
      '`hubspot-form-<conversion_id>`; without one a hash of contact, form and time',
      (column) =>
        `'hubspot-form-' || coalesce(${column('conversion_id')}, md5(concat_ws('|', ${column('contact_id')}, ${column('form_id')}, ${column('timestamp')})))`,
    ),
    event_type: made([], '`form_submit`', () => `'form_submit'`),
    contact_id: made(['contact_id'], idNote, (column) => ourId(column('contact_id'))),
    url: made(['page_url'], '', (column) => column('page_url')),
    occurred_at: made(['timestamp'], '', (column) => time(column('timestamp'))),
  },
};
