import {
  agentsTable,
  copy,
  isTrue,
  made,
  type ActedEvents,
  type Columns,
  type Join,
  type Load,
} from '../import/mapping.ts';
import { ourId, time } from './values.ts';

const details = [
  'open',
  'click',
  'bounce',
  'dropped',
  'deferred',
  'status_change',
  'spam_report',
  'delivered',
] as const;

const joins: readonly Join[] = [
  ...details.map((detail) => ({ as: detail, table: `email_event_${detail}`, key: 'id', to: 'id' })),
  { as: 'agent', table: agentsTable, key: 'id', to: 'id' },
];

const type = (column: Columns) => `upper(${column('type')})`;

/** Of a status change: what it says of all e-mail; subscriptions are [{"id": 7, "status": "UNSUBSCRIBED"}]. */
const isUnsubscribed = (column: Columns) =>
  `(upper(${column('status_change.portal_subscription_status')}) = 'UNSUBSCRIBED'
    or coalesce(regexp_matches(upper(${column('status_change.subscriptions')}), '"STATUS"\\s*:\\s*"(UNSUBSCRIBED|OPT_OUT)"'), false))`;

const known = [
  ...['SENT', 'DELIVERED', 'DEFERRED', 'BOUNCE', 'DROPPED', 'SUPPRESSED', 'OPEN', 'CLICK', 'SPAMREPORT'],
  ...['STATUSCHANGE', 'UNSUBSCRIBED', 'REPLY'],
];

export const emailEvents: Load = {
  target: 'email_events',
  from: 'email_event',
  joins,
  skips: [
    {
      reason: 'PROCESSED says what SENT says: one mail is sent once',
      when: (column) => `${type(column)} = 'PROCESSED'`,
    },
    {
      reason: 'a status change that unsubscribes from nothing',
      when: (column) => `${type(column)} = 'STATUSCHANGE' and not coalesce(${isUnsubscribed(column)}, false)`,
    },
    {
      reason: 'no event of ours (FORWARD, PRINT, UNBOUNCE …)',
      when: (column) => `${type(column)} not in (${known.map((one) => `'${one}'`).join(', ')})`,
    },
  ],
  fields: {
    event_id: copy('id'),
    event_type: made(
      ['type'],
      '`SENT` sent, `DELIVERED` delivered, `DEFERRED` deferred, `BOUNCE` bounced, `DROPPED` and `SUPPRESSED` dropped, `OPEN` opened, `CLICK` clicked, `SPAMREPORT` complained, `STATUSCHANGE` (to unsubscribed) and `UNSUBSCRIBED` unsubscribed, `REPLY` replied',
      (
        column,
      ) => `case ${type(column)} when 'SENT' then 'sent' when 'DELIVERED' then 'delivered' when 'DEFERRED' then 'deferred'
        when 'BOUNCE' then 'bounced' when 'DROPPED' then 'dropped' when 'SUPPRESSED' then 'dropped' when 'OPEN' then 'opened'
        when 'CLICK' then 'clicked' when 'SPAMREPORT' then 'complained' when 'STATUSCHANGE' then 'unsubscribed'
        when 'UNSUBSCRIBED' then 'unsubscribed' when 'REPLY' then 'replied' end`,
    ),
    email: { ...copy('recipient'), note: 'and the contact who has it' },
    campaign_id: made(['email_campaign_id'], 'as `hubspot-<id>`', (column) =>
      ourId(column('email_campaign_id')),
    ),
    message_id: made(
      ['sent_by_id', 'id'],
      'the mail: the id of its SENT',
      (column) =>
        `coalesce(${column('sent_by_id')}, case when ${type(column)} = 'SENT' then ${column('id')} end)`,
    ),
    url: copy('click.url'),
    agent_class: {
      ...copy('agent.agent_class'),
      note: 'human, proxy or machine, by the agent, by `filtered_event` (HubSpot’s own word for a bot), and by the other clicks of the mail',
    },
    agent_reason: copy('agent.agent_reason'),
    bounce_class: made(
      ['bounce.category', 'bounce.status'],
      'hard: an unknown user, or a permanent status (5xx) without a passing reason',
      bounceClass,
    ),
    reason: made(
      [
        'bounce.category',
        'bounce.response',
        'dropped.drop_reason',
        'dropped.drop_message',
        'deferred.response',
      ],
      'what there is of them, with a colon',
      (column) =>
        `nullif(concat_ws(': ', ${[
          'bounce.category',
          'bounce.response',
          'dropped.drop_reason',
          'dropped.drop_message',
          'deferred.response',
        ]
          .map(column)
          .join(', ')}), '')`,
    ),
    ip: copy('open.ip_address', 'click.ip_address', 'spam_report.ip_address'),
    user_agent: copy('open.user_agent', 'click.user_agent', 'spam_report.user_agent'),
    occurred_at: made(['created'], '', (column) => time(column('created'))),
  },
};

function bounceClass(column: Columns): string {
  const category = `upper(${column('bounce.category')})`;
  const passing = `('MAILBOX_FULL', 'THROTTLED', 'GREYLISTING', 'SPAM', 'POLICY', 'CONTENT', 'TIMEOUT', 'MAILBOX_MISCONFIGURATION')`;
  return `case when ${type(column)} <> 'BOUNCE' then null when ${category} = 'UNKNOWN_USER' then 'hard'
    when ${category} in ${passing} then 'soft' when ${column('bounce.status')} like '5%' then 'hard' else 'soft' end`;
}

const consent = { channel: 'email', purpose: 'marketing', method: 'hubspot_status_change' } as const;

/** All of an account's e-mail: granted or withdrawn. */
export const portalConsent: Load = {
  target: 'consent_events',
  from: 'email_event',
  joins: [{ as: 'status_change', table: 'email_event_status_change', key: 'id', to: 'id' }],
  skips: [
    {
      reason: 'no event of ours (FORWARD, PRINT, UNBOUNCE …)',
      when: (column) =>
        `coalesce(upper(${column('status_change.portal_subscription_status')}) not in ('SUBSCRIBED', 'UNSUBSCRIBED'), true)`,
    },
  ],
  fields: {
    consent_event_id: made(['id'], '`hubspot-<id>`', (column) => ourId(column('id'))),
    email: copy('recipient'),
    ...Object.fromEntries(
      Object.entries(consent).map(([name, value]) => [name, made([], `\`${value}\``, () => `'${value}'`)]),
    ),
    status: made(
      ['status_change.portal_subscription_status'],
      'UNSUBSCRIBED is withdrawn, SUBSCRIBED granted',
      (column) =>
        `case upper(${column('status_change.portal_subscription_status')}) when 'UNSUBSCRIBED' then 'withdrawn' else 'granted' end`,
    ),
    occurred_at: made(['created'], '', (column) => time(column('created'))),
  },
};

/** One kind of e-mail each: its id is our topic. */
export const topicConsent: Load = {
  target: 'consent_events',
  from: 'email_event',
  requires: ['id', 'created'],
  note: 'one for each of `email_event_status_change.subscriptions` that is unsubscribed or subscribed, with the topic `hubspot-<id>`',
  query: {
    reads: [
      'id',
      'recipient',
      'created',
      'email_event_status_change.id',
      'email_event_status_change.subscriptions',
    ],
    sql: (
      source,
    ) => `select ${ourId('e.id')} || '-' || (c.subscription ->> 'id') as consent_event_id, e.recipient as email,
        '${consent.channel}' as channel, '${consent.purpose}' as purpose, ${ourId(`(c.subscription ->> 'id')`)} as topic,
        case when upper(c.subscription ->> 'status') in ('SUBSCRIBED', 'OPT_IN') then 'granted' else 'withdrawn' end as status,
        '${consent.method}' as method, ${time('e.created')} as occurred_at, e._row
      from ${source.table('email_event', ['id', 'recipient', 'created'])} e
      join (select id, unnest(from_json(case when json_valid(subscriptions) and json_type(subscriptions) = 'ARRAY' then subscriptions else '[]' end, '["JSON"]')) as subscription
            from ${source.table('email_event_status_change', ['id', 'subscriptions'])}) c on c.id = e.id
      where c.subscription ->> 'id' is not null
        and upper(c.subscription ->> 'status') in ('UNSUBSCRIBED', 'OPT_OUT', 'SUBSCRIBED', 'OPT_IN') order by e._row`,
  },
};

export const actedEvents: ActedEvents = {
  from: 'email_event',
  requires: ['id', 'type', 'created'],
  reads: ['sent_by_id', 'recipient', 'filtered_event'],
  sql: (source) => {
    const event = source.table('email_event', [
      'id',
      'type',
      'created',
      'sent_by_id',
      'recipient',
      'filtered_event',
    ]);
    const delivered = source.table('email_event', ['type', 'created', 'sent_by_id']);
    const detail = (table: string, columns: readonly string[]) =>
      `(select * from ${source.table(table, columns)} qualify row_number() over (partition by id order by _row) = 1)`;
    return `select e.id, case upper(e.type) when 'OPEN' then 'opened' else 'clicked' end as event_type,
        coalesce(o.user_agent, c.user_agent) as user_agent, coalesce(o.ip_address, c.ip_address) as ip, c.url,
        strftime(try_cast(${time('e.created')} as timestamp), '%Y-%m-%dT%H:%M:%S.%gZ') as occurred_at, coalesce(e.sent_by_id, e.recipient) as mail,
        ${isTrue('e.filtered_event')} as is_machine,
        strftime(d.delivered_at, '%Y-%m-%dT%H:%M:%S.%gZ') as delivered_at
      from ${event} e
      left join ${detail('email_event_open', ['id', 'user_agent', 'ip_address'])} o on o.id = e.id
      left join ${detail('email_event_click', ['id', 'user_agent', 'ip_address', 'url'])} c on c.id = e.id
      left join (select sent_by_id, min(try_cast(${time('created')} as timestamp)) as delivered_at from ${delivered}
                 where upper(type) = 'DELIVERED' group by 1) d on d.sent_by_id = e.sent_by_id
      where upper(e.type) in ('OPEN', 'CLICK') and try_cast(${time('e.created')} as timestamp) is not null
      qualify row_number() over (partition by e.id order by e._row) = 1`;
  },
};
