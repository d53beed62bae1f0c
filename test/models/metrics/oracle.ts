/**
 * What the metrics must be: SQL by hand over `core`, written from the definitions and without a look at the models, so that
 * a mistake there is not repeated here. Slow and plain on purpose. The account's zone is UTC: a day is `cast(… as date)`.
 */
export interface OracleTime {
  /** 'YYYY-MM-DD HH:MM:SS', UTC */
  asOf: string;
  /** a date, inclusive; metrics of a state ignore both */
  from: string;
  /** a date, exclusive */
  to: string;
  /** the reporting currency */
  currency: string;
}

export interface OracleMetric {
  name: string;
  /** One row: value, numerator, denominator (null for counts, sums and medians, whose numerator is the value). */
  sql(at: OracleTime): string;
  /** The same for each value of one dimension, in the column d. A value without a row has nothing to show: 0, or null. */
  by?: { dimension: string; sql(at: OracleTime): string };
}

/** What a metric is made of; the columns of `from` include the dimension's. */
interface Figure {
  with: readonly string[];
  from: string;
  where?: string;
  numerator: string;
  denominator?: string;
}

// ---------------------------------------------------------------------------------------------------------------- time

const asOf = (at: OracleTime): string => `timestamp '${at.asOf}'`;
const today = (at: OracleTime): string => `cast(${asOf(at)} as date)`;
const daysAgo = (at: OracleTime, days: number): string => `(${today(at)} - interval ${days} day)`;

/** The instant lies in the period, and before AS_OF. */
function within(at: OracleTime, column: string): string {
  return `(${column} >= timestamp '${at.from}' and ${column} < timestamp '${at.to}' and ${column} < ${asOf(at)})`;
}

/** From microseconds, so that nothing is cut off: date_diff('second', …) counts the seconds' borders. */
function daysBetween(from: string, to: string): string {
  return `(epoch_us(${to}) - epoch_us(${from})) / 86400000000.0`;
}

// --------------------------------------------------------------------------------------------------------------- money

const rates = (at: OracleTime): string => `rates as (
  select currency, rate_date, max(rate) as rate
  from core.exchange_rates
  where base_currency = '${at.currency}'
  group by currency, rate_date
)`;

/** The row's amount in the reporting currency; `r` is its rate. */
function reporting(at: OracleTime, row: string): string {
  return `case
      when ${row}.currency is null or ${row}.currency = '${at.currency}' then ${row}.amount
      else cast(round(${row}.amount * r.rate, 2) as decimal(18, 2))
    end`;
}

function joinRate(row: string, day: string): string {
  return `left join rates r on r.currency = ${row}.currency and r.rate_date = ${day}`;
}

// -------------------------------------------------------------------------------------------------------------- people

const merged = `merged as (
  select contact_id, canonical_contact_id
  from core.contact_canonicals
  where superseded_at is null
)`;

/** Every contact with the person it belongs to. A stub is there from the first event that names it. */
const members = (at: OracleTime): string[] => [
  merged,
  `members as (
  select coalesce(m.canonical_contact_id, c.contact_id) as person_id, c.*
  from core.contacts c
  left join merged m using (contact_id)
  where coalesce(c.created_at, c.first_seen_at) is null or coalesce(c.created_at, c.first_seen_at) < ${asOf(at)}
)`,
];

/** The canonical's own value, else that of the other member which was updated last. */
function personField(column: string): string {
  return `coalesce(
      max(${column}) filter (contact_id = person_id),
      first(${column} order by updated_at desc nulls last, contact_id)
        filter (contact_id <> person_id and ${column} is not null)
    ) as ${column}`;
}

const people = (at: OracleTime): string[] => [
  ...members(at),
  `people as (
  select
    person_id,
    min(created_at) as created_at,
    ${personField('email_key')},
    ${personField('lead_source')},
    ${personField('country')},
    ${personField('language')},
    ${personField('owner_id')}
  from members
  group by person_id
)`,
];

// Every contact's first values stand at the beginning of time: nothing is known of when they came about.
const firstStage = (stages: string): string => `min(c.valid_from) filter (c.value in (${stages}))`;

/** People with a time of creation, and when each was qualified and converted. */
const leads = (at: OracleTime): string[] => [
  ...people(at),
  `stage_times as (
  select
    m.person_id,
    ${firstStage(`'mql', 'sql', 'opportunity', 'customer'`)} as qualified_at,
    ${firstStage(`'opportunity', 'customer'`)} as converted_at
  from core.contact_changes c
  join members m using (contact_id)
  where c.field = 'lifecycle_stage' and c.valid_from < ${asOf(at)}
  group by m.person_id
)`,
  // greatest() passes over nulls, so a stage never reached has to be kept null.
  `leads as (
  select
    p.*,
    case when t.qualified_at is not null then greatest(t.qualified_at, p.created_at) end as qualified_at,
    case when t.converted_at is not null then greatest(t.converted_at, p.created_at) end as converted_at
  from people p
  left join stage_times t using (person_id)
  where p.created_at is not null
)`,
];

// --------------------------------------------------------------------------------------------------------------- deals

/** What a stage that the table does not explain means. */
function meaningByLetters(stage: string): string {
  const letters = `regexp_replace(lower(${stage}), '[^\\p{L}]', '', 'g')`;
  return `case
      when ${letters} in ('won', 'closedwon') then 'won'
      when ${letters} in ('lost', 'closedlost') then 'lost'
      else 'open'
    end`;
}

const stages = `stages as (
  select
    pipeline,
    stage,
    position,
    probability,
    min(position) over (partition by pipeline) as lowest_position,
    case
      when is_won then 'won'
      when is_closed then 'lost'
      when is_won is null and is_closed is null then ${meaningByLetters('stage')}
      else 'open'
    end as meaning
  from core.deal_stages
)`;

const deals = (at: OracleTime): string[] => [
  rates(at),
  stages,
  `deal_states as (
  select
    d.*,
    s.probability,
    s.position,
    s.lowest_position,
    o.team,
    c.industry,
    case
      when d.closed_at >= ${asOf(at)} then 'open'
      else coalesce(s.meaning, ${meaningByLetters('d.stage')})
    end as state
  from core.deals d
  left join stages s on s.pipeline = d.pipeline and s.stage = case
      -- what it will be is not known yet: the stage it was last seen to enter
      when d.closed_at >= ${asOf(at)} then (
        select max_by(c.to_stage, c.occurred_at) from core.deal_stage_changes c
        where c.deal_id = d.deal_id and c.occurred_at < ${asOf(at)}
      )
      else d.stage
    end
  left join core.owners o on o.owner_id = d.owner_id
  left join core.companies c on c.company_id = d.company_id
  where d.created_at is null or d.created_at < ${asOf(at)}
)`,
  `deals as (
  select
    d.* exclude (amount),
    ${reporting(at, 'd')} as amount,
    d.state = 'open' and (d.position > d.lowest_position or d.position is null) as is_qualified,
    ${daysBetween('d.created_at', 'd.closed_at')} as cycle_days
  from deal_states d
  ${joinRate('d', `case when d.state = 'open' then ${today(at)} else cast(d.closed_at as date) end`)}
)`,
];

// ------------------------------------------------------------------------------------------------------- deals' stages

/** Every change of stage, with what the stage means in the deal's pipeline. */
const moves = (at: OracleTime): string[] => [
  stages,
  `moves as (
  select
    c.deal_id,
    c.to_stage as stage,
    c.occurred_at as entered_at,
    lead(c.occurred_at) over (partition by c.deal_id order by c.occurred_at, c.recorded_at) as left_at,
    d.pipeline,
    d.owner_id,
    s.position,
    coalesce(s.meaning, ${meaningByLetters('c.to_stage')}) as meaning
  from core.deal_stage_changes c
  left join core.deals d using (deal_id)
  left join stages s on s.pipeline = d.pipeline and s.stage = c.to_stage
  where c.occurred_at < ${asOf(at)}
)`,
];

const steps = (at: OracleTime): string[] => [
  ...moves(at),
  `steps as (
  select deal_id, pipeline, owner_id, stage, position, min(entered_at) as entered_at, count(*) as entries
  from moves
  where meaning = 'open'
  group by all
)`,
  `reached as (
  select distinct s.deal_id, s.stage
  from steps s
  join moves m on m.deal_id = s.deal_id and m.entered_at > s.entered_at and m.position > s.position
  where m.meaning <> 'lost'
)`,
];

/** A stage passed over, or entered, once for every deal and open stage with a position. */
const passes = (at: OracleTime): string[] => [
  ...steps(at),
  `passes as (
  select deal_id, pipeline, owner_id, stage, entered_at as passed_at, false as is_skipped
  from steps
  where position is not null
  union all
  select m.deal_id, m.pipeline, m.owner_id, s.stage, min(m.entered_at), true
  from moves m
  join stages s on s.pipeline = m.pipeline and s.position < m.position
  anti join moves e on e.deal_id = m.deal_id and e.stage = s.stage
  where m.meaning <> 'lost' and s.meaning = 'open'
  group by m.deal_id, m.pipeline, m.owner_id, s.stage
)`,
];

// ---------------------------------------------------------------------------------------------- activities, quotas, spend

const activities = (at: OracleTime): string => `activities as (
  select a.*, o.team
  from core.activities a
  left join core.owners o using (owner_id)
  where a.is_completed and ${within(at, 'a.occurred_at')}
)`;

const quotas = (at: OracleTime): string[] => [
  ...deals(at),
  `quotas as (
  select q.owner_id, o.team, q.period_start_date, q.period_end_date, ${reporting(at, 'q')} as quota
  from core.quotas q
  left join core.owners o using (owner_id)
  ${joinRate('q', 'q.period_start_date')}
)`,
  // A quota's days include its last one.
  `quota_results as (
  select
    q.*,
    (
      select sum(d.amount)
      from deals d
      where d.owner_id = q.owner_id and d.state = 'won'
        and d.closed_at >= q.period_start_date and d.closed_at < q.period_end_date + interval 1 day
    ) as won,
    (
      select sum(d.amount)
      from deals d
      where d.owner_id = q.owner_id and d.state = 'open'
        and d.expected_close_date between q.period_start_date and q.period_end_date
    ) as pipeline
  from quotas q
)`,
];

const spend = (at: OracleTime): string[] => [
  rates(at),
  `all_spend as (
  select s.spend_date, s.channel, s.campaign_id, s.clicks, ${reporting(at, 's')} as amount
  from core.spend s
  ${joinRate('s', 's.spend_date')}
  where s.spend_date < ${today(at)}
)`,
  `spend as (
  select * from all_spend where spend_date >= date '${at.from}' and spend_date < date '${at.to}'
)`,
];

/** Spend beside the people it was for: amount of the one, count of the other. Unpaid sources have no channel. */
function spendOn(at: OracleTime, from: string, time: string): string {
  return `(
  select channel, amount, 0 as people, 0 as paid_people
  from spend
  union all
  select s.channel, null, 1, case when s.channel is not null then 1 else 0 end
  from ${from} p
  left join (select distinct channel from all_spend) s on s.channel = p.lead_source
  where ${within(at, time)}
)`;
}

// -------------------------------------------------------------------------------------------------------------- orders

/** All orders, of whatever status. person_id is null for guests. */
const orders = (at: OracleTime): string[] => [
  rates(at),
  merged,
  `orders as (
  select
    o.* exclude (amount),
    coalesce(m.canonical_contact_id, o.contact_id) as person_id,
    ${reporting(at, 'o')} as amount
  from core.orders o
  left join merged m using (contact_id)
  ${joinRate('o', 'cast(o.ordered_at as date)')}
  where o.ordered_at < ${asOf(at)}
)`,
];

/** People with completed orders. */
const customers = (at: OracleTime): string[] => [
  ...people(at),
  ...orders(at),
  `customers as (
  select p.*, t.order_count, t.revenue, t.first_ordered_at
  from people p
  join (
    select person_id, count(*) as order_count, sum(amount) as revenue, min(ordered_at) as first_ordered_at
    from orders
    where status = 'completed'
    group by person_id
  ) t using (person_id)
)`,
];

/** People by when they were won: their first completed order, or their first won deal. */
const acquired = (at: OracleTime): string[] => [
  ...customers(at),
  ...deals(at),
  `acquired as (
  select p.*, least(c.first_ordered_at, d.closed_at) as won_at
  from people p
  left join customers c using (person_id)
  left join (
    select coalesce(m.canonical_contact_id, d.contact_id) as person_id, min(d.closed_at) as closed_at
    from deals d
    left join merged m using (contact_id)
    where d.state = 'won'
    group by 1
  ) d using (person_id)
)`,
];

/** From an order day until the customer is silent for too long; lapsed_on is null where that has not come yet. */
const spans = (at: OracleTime): string[] => [
  ...people(at),
  ...orders(at),
  `order_days as (
  select
    person_id,
    cast(ordered_at as date) as day,
    lag(day) over (partition by person_id order by day) as previous_day,
    lead(day) over (partition by person_id order by day) as next_day
  from orders
  join people using (person_id)
  where status = 'completed'
  group by person_id, day
)`,
  `limits as (
  select
    *,
    greatest(
      90,
      coalesce(3 * median(day - previous_day) over (
        partition by person_id order by day rows between unbounded preceding and current row
      ), 90)
    ) as silence
  from order_days
)`,
  `lapses as (
  select
    *,
    day + cast(floor(silence) as integer) + 1 as limit_day,
    case when (next_day is null or next_day >= limit_day) and limit_day <= ${today(at)} then limit_day end as lapsed_on
  from limits
)`,
  `numbered as (
  select *, count(lapsed_on) over (
    partition by person_id order by day rows between unbounded preceding and 1 preceding
  ) as lapses_before
  from lapses
)`,
  `spans as (
  select s.*, p.country, p.lead_source, p.owner_id
  from (
    select person_id, min(day) as started_on, max(lapsed_on) as lapsed_on
    from numbered
    group by person_id, lapses_before
  ) s
  join people p using (person_id)
)`,
];

// -------------------------------------------------------------------------------------------------------------- e-mail

/** A message to one recipient. The recipient is the contact as addressed: two merged contacts got two messages. */
const messages = (at: OracleTime): string[] => [
  `email_events as (
  select
    *,
    coalesce(
      delivery_id,
      cast(to_json([coalesce(campaign_run_id, campaign_id), message_id, coalesce(contact_id, email)]) as varchar)
    ) as message_key,
    agent_class is null or agent_class = 'human' as is_human,
    coalesce(contains(lower(url), 'unsubscribe'), false) as leads_to_unsubscribe
  from core.email_events
  where occurred_at < ${asOf(at)}
)`,
  `message_events as (
  select
    message_key,
    max(campaign_id) as campaign_id,
    max(campaign_run_id) as campaign_run_id,
    max(message_id) as message_id,
    max(occurred_at) filter (event_type = 'sent') as sent_at,
    max(occurred_at) filter (event_type = 'dropped') as dropped_at,
    bool_or(event_type = 'delivered') as was_delivered,
    bool_or(event_type = 'bounced') as bounced,
    coalesce(bool_or(event_type = 'bounced' and bounce_class = 'hard'), false) as bounced_hard,
    bool_or(event_type = 'opened' and is_human) as opened,
    bool_or(event_type = 'opened') as opened_by_any,
    bool_or(event_type = 'clicked' and is_human and not leads_to_unsubscribe) as clicked,
    bool_or(event_type = 'replied') as replied,
    bool_or(event_type = 'unsubscribed') as unsubscribed,
    bool_or(event_type = 'complained') as complained
  from email_events
  group by message_key
)`,
  `messages as (
  select
    *,
    not was_delivered and not bounced and dropped_at is null and sent_at < ${asOf(at)} - interval 72 hour as is_assumed,
    was_delivered or is_assumed as is_delivered
  from message_events
)`,
];

// ------------------------------------------------------------------------------------------------------------- building

type Figures = (at: OracleTime) => Figure;

function figures(figure: Figure, dimension?: string): string {
  const ctes = [...new Set(figure.with)].join(',\n');
  return `with ${ctes},
figures as (
  select ${dimension === undefined ? '' : `${dimension} as d, `}${figure.numerator} as numerator, ${figure.denominator ?? 'null'} as denominator
  from ${figure.from}
  ${figure.where === undefined ? '' : `where ${figure.where}`}
  ${dimension === undefined ? '' : 'group by d'}
)`;
}

function metric(name: string, dimension: string, of: Figures, value: string): OracleMetric {
  const sql = (at: OracleTime, by?: string): string =>
    `${figures(of(at), by)}
select ${by === undefined ? '' : 'd, '}${value} as value, numerator, denominator
from figures`;
  return { name, sql: (at) => sql(at), by: { dimension, sql: (at) => sql(at, dimension) } };
}

/** A count, a sum, a median. */
function total(name: string, dimension: string, of: Figures): OracleMetric {
  return metric(name, dimension, of, 'numerator');
}

function ratio(name: string, dimension: string, of: Figures): OracleMetric {
  return metric(name, dimension, of, 'cast(numerator as double) / nullif(cast(denominator as double), 0)');
}

const count = (condition: string): string => `count(*) filter (${condition})`;
const sum = (column: string, condition?: string): string =>
  `coalesce(sum(${column})${condition === undefined ? '' : ` filter (${condition})`}, 0)`;

// --------------------------------------------------------------------------------------------------------------- deals

const closedDeals = (at: OracleTime, condition = `state in ('won', 'lost')`) => ({
  with: deals(at),
  from: 'deals',
  where: `${condition} and ${within(at, 'closed_at')}`,
});

const openDeals = (at: OracleTime) => ({ with: deals(at), from: 'deals', where: `state = 'open'` });

const dealMetrics: OracleMetric[] = [
  total('deals_created', 'owner_id', (at) => ({
    with: deals(at),
    from: 'deals',
    where: within(at, 'created_at'),
    numerator: 'count(*)',
  })),
  total('deals_won', 'owner_id', (at) => ({ ...closedDeals(at, `state = 'won'`), numerator: 'count(*)' })),
  total('deals_lost', 'lead_source', (at) => ({
    ...closedDeals(at, `state = 'lost'`),
    numerator: 'count(*)',
  })),
  total('won_amount', 'team', (at) => ({ ...closedDeals(at, `state = 'won'`), numerator: sum('amount') })),
  total('lost_amount', 'product', (at) => ({
    ...closedDeals(at, `state = 'lost'`),
    numerator: sum('amount'),
  })),
  ratio('win_rate', 'owner_id', (at) => ({
    ...closedDeals(at),
    numerator: count(`state = 'won'`),
    denominator: 'count(*)',
  })),
  ratio('win_rate_amount', 'industry', (at) => ({
    ...closedDeals(at),
    numerator: sum('amount', `state = 'won'`),
    denominator: sum('amount'),
  })),
  ratio('average_deal_size', 'team', (at) => ({
    ...closedDeals(at, `state = 'won'`),
    numerator: sum('amount'),
    denominator: 'count(amount)',
  })),
  ratio('sales_cycle_days_mean', 'product', (at) => ({
    ...closedDeals(at, `state = 'won'`),
    numerator: sum('cycle_days'),
    denominator: 'count(cycle_days)',
  })),
  total('sales_cycle_days_median', 'team', (at) => ({
    ...closedDeals(at, `state = 'won'`),
    numerator: 'median(cycle_days)',
  })),
  total('open_deals', 'owner_id', (at) => ({ ...openDeals(at), numerator: 'count(*)' })),
  total('open_amount', 'team', (at) => ({ ...openDeals(at), numerator: sum('amount') })),
  // The probability is a double; six decimals of it keep the sum exact.
  total('weighted_open_amount', 'pipeline', (at) => ({
    ...openDeals(at),
    numerator: sum('amount * cast(probability as decimal(9, 6))'),
  })),
  ratio('sales_velocity', 'team', (at) => {
    const closed = (state: string): string => `state in (${state}) and closed_at >= ${daysAgo(at, 365)}`;
    const won = closed(`'won'`);
    const averageWon = `sum(amount) filter (${won}) / count(amount) filter (${won})`;
    const winRate = `${count(won)} / ${count(closed(`'won', 'lost'`))}`;
    return {
      with: deals(at),
      from: 'deals',
      numerator: `${count('is_qualified')} * (${averageWon}) * (${winRate})`,
      denominator: `avg(cycle_days) filter (${won})`,
    };
  }),
];

// -------------------------------------------------------------------------------------------------------------- stages

const stepsEntered = (at: OracleTime) => ({
  with: steps(at),
  from: 'steps left join (select *, true as is_reached from reached) using (deal_id, stage)',
  where: within(at, 'entered_at'),
});

const visitsLeft = (at: OracleTime) => ({
  with: [
    ...moves(at),
    `visits as (select *, ${daysBetween('entered_at', 'left_at')} as stayed_days from moves)`,
  ],
  from: 'visits',
  where: `meaning = 'open' and ${within(at, 'left_at')}`,
});

const stageMetrics: OracleMetric[] = [
  ratio('stage_conversion_rate', 'stage', (at) => ({
    ...stepsEntered(at),
    numerator: 'count(is_reached)',
    denominator: 'count(*)',
  })),
  ratio('stage_reentry_rate', 'stage', (at) => ({
    ...stepsEntered(at),
    numerator: count('entries > 1'),
    denominator: 'count(*)',
  })),
  ratio('stage_skip_rate', 'stage', (at) => ({
    with: passes(at),
    from: 'passes',
    where: within(at, 'passed_at'),
    numerator: count('is_skipped'),
    denominator: 'count(*)',
  })),
  ratio('stage_velocity_days_mean', 'stage', (at) => ({
    ...visitsLeft(at),
    numerator: sum('stayed_days'),
    denominator: 'count(*)',
  })),
  total('stage_velocity_days_median', 'owner_id', (at) => ({
    ...visitsLeft(at),
    numerator: 'median(stayed_days)',
  })),
];

// ---------------------------------------------------------------------------------------------------------- activities

const completed = (at: OracleTime) => ({ with: [activities(at)], from: 'activities' });

const perRep = (name: string, dimension: string, condition: string): OracleMetric =>
  ratio(name, dimension, (at) => ({
    ...completed(at),
    numerator: count(condition),
    denominator: 'count(distinct owner_id)',
  }));

const activityMetrics: OracleMetric[] = [
  total('activities_completed', 'owner_id', (at) => ({ ...completed(at), numerator: 'count(*)' })),
  // Whoever did anything is a rep, whichever type is looked at.
  ratio('activities_per_rep', 'activity_type', (at) => ({
    ...completed(at),
    numerator: 'count(*)',
    denominator: '(select count(distinct owner_id) from activities)',
  })),
  perRep('calls_per_rep', 'team', `activity_type = 'call'`),
  perRep('meetings_per_rep', 'team', `activity_type = 'meeting'`),
];

// -------------------------------------------------------------------------------------------------------------- quotas

const quotasOfPeriod = (at: OracleTime) => ({
  with: quotas(at),
  from: 'quota_results',
  // A quota without a rate is in no figure: what was won beside it would have nothing to be divided by.
  where: `quota is not null and period_start_date >= date '${at.from}' and period_end_date < date '${at.to}'`,
});

const quotasOfToday = (at: OracleTime) => ({
  with: quotas(at),
  from: 'quota_results',
  where: `quota is not null and ${today(at)} between period_start_date and period_end_date`,
});

const quotaMetrics: OracleMetric[] = [
  ratio('quota_attainment', 'owner_id', (at) => ({
    ...quotasOfPeriod(at),
    numerator: sum('won'),
    denominator: sum('quota'),
  })),
  total('quota_amount', 'team', (at) => ({ ...quotasOfPeriod(at), numerator: sum('quota') })),
  ratio('pipeline_coverage', 'owner_id', (at) => ({
    ...quotasOfToday(at),
    numerator: sum('pipeline'),
    denominator: sum('quota'),
  })),
  metric(
    'pipeline_coverage_remaining',
    'team',
    (at) => ({
      ...quotasOfToday(at),
      numerator: sum('pipeline'),
      denominator: `${sum('quota')} - ${sum('won')}`,
    }),
    'case when denominator > 0 then cast(numerator as double) / cast(denominator as double) end',
  ),
];

// --------------------------------------------------------------------------------------------------------------- leads

const allLeads = (at: OracleTime) => ({ with: leads(at), from: 'leads' });

const leadMetrics: OracleMetric[] = [
  total('leads_created', 'lead_source', (at) => ({
    ...allLeads(at),
    where: within(at, 'created_at'),
    numerator: 'count(*)',
  })),
  total('qualified_leads', 'owner_id', (at) => ({
    ...allLeads(at),
    where: within(at, 'qualified_at'),
    numerator: 'count(*)',
  })),
  // The period is a month.
  ratio('lead_velocity_rate', 'lead_source', (at) => {
    const thisMonth = count(within(at, 'qualified_at'));
    const from = `timestamp '${at.from}'`;
    const before = count(`qualified_at >= ${from} - interval 1 month and qualified_at < ${from}`);
    return { ...allLeads(at), numerator: `${thisMonth} - ${before}`, denominator: before };
  }),
  ratio('lead_conversion_rate', 'lead_source', (at) => ({
    ...allLeads(at),
    where: `${within(at, 'created_at')} and created_at < ${daysAgo(at, 90)}`,
    numerator: count('converted_at < created_at + interval 90 day'),
    denominator: 'count(*)',
  })),
  total('conversions', 'country', (at) => ({
    ...allLeads(at),
    where: within(at, 'converted_at'),
    numerator: 'count(*)',
  })),
  ratio('lead_conversion_rate_period', 'language', (at) => ({
    ...allLeads(at),
    numerator: count(within(at, 'converted_at')),
    denominator: count(within(at, 'created_at')),
  })),
  total('customers_acquired', 'lead_source', (at) => ({
    with: acquired(at),
    from: 'acquired',
    where: within(at, 'won_at'),
    numerator: 'count(*)',
  })),
  total('contacts', 'country', (at) => ({ with: people(at), from: 'people', numerator: 'count(*)' })),
  ratio('mailable_share', 'lead_source', (at) => ({
    with: [
      ...people(at),
      `consent_events as (
  select person_id, status, occurred_at, topic, channel, purpose
  from core.consent_events join members using (contact_id)
  union all
  select m.person_id, e.status, e.occurred_at, e.topic, e.channel, e.purpose
  from core.consent_events e
  join members m on m.email_key = e.email_key
)`,
      // Of two at once the withdrawal is the last, and so it is by the alphabet.
      `consents as (
  select person_id, last(status order by occurred_at, status) as status
  from consent_events
  where channel = 'email' and purpose = 'marketing' and topic is null
    and status in ('granted', 'withdrawn') and occurred_at < ${asOf(at)}
  group by person_id
)`,
      `suppressed as (
  select distinct address_key
  from ops.suppressions
  where scope = 'global' and channel = 'email' and suppressed_at < ${asOf(at)}
)`,
    ],
    from: `people
  left join consents using (person_id)
  left join suppressed on address_key = sha256(email_key)`,
    numerator: count(`email_key is not null and status = 'granted' and address_key is null`),
    denominator: 'count(*)',
  })),
];

// --------------------------------------------------------------------------------------------------------- acquisition

/** By channel only where something was spent: other sources have no cost. */
function costPer(
  name: string,
  whom: 'people' | 'paid_people',
  rows: (at: OracleTime) => Pick<Figure, 'with' | 'from'>,
): OracleMetric {
  const cost = (condition: string): OracleMetric =>
    ratio(name, 'channel', (at) => ({
      ...rows(at),
      where: condition,
      numerator: sum('amount'),
      denominator: sum(whom),
    }));
  const byChannel = cost('channel is not null').by;
  return { ...cost('true'), ...(byChannel === undefined ? {} : { by: byChannel }) };
}

const leadCosts = (at: OracleTime) => ({
  with: [...leads(at), ...spend(at)],
  from: spendOn(at, 'leads', 'created_at'),
});

const customerCosts = (at: OracleTime) => ({
  with: [...acquired(at), ...spend(at)],
  from: spendOn(at, 'acquired', 'won_at'),
});

const acquisitionMetrics: OracleMetric[] = [
  total('spend_amount', 'channel', (at) => ({ with: spend(at), from: 'spend', numerator: sum('amount') })),
  ratio('cost_per_click', 'channel', (at) => ({
    with: spend(at),
    from: 'spend',
    numerator: sum('amount'),
    denominator: sum('clicks'),
  })),
  costPer('cost_per_lead', 'paid_people', leadCosts),
  costPer('cost_per_lead_blended', 'people', leadCosts),
  costPer('cost_per_acquisition', 'paid_people', customerCosts),
  costPer('cost_per_acquisition_blended', 'people', customerCosts),
];

// -------------------------------------------------------------------------------------------------------------- orders

const ordersOfPeriod = (at: OracleTime, condition = `status = 'completed'`) => ({
  with: orders(at),
  from: 'orders',
  where: `${condition} and ${within(at, 'ordered_at')}`,
});

const orderMetrics: OracleMetric[] = [
  total('revenue', 'channel', (at) => ({ ...ordersOfPeriod(at), numerator: sum('amount') })),
  total('order_count', 'campaign_id', (at) => ({ ...ordersOfPeriod(at), numerator: 'count(*)' })),
  ratio('average_order_value', 'currency', (at) => ({
    ...ordersOfPeriod(at),
    numerator: sum('amount'),
    denominator: 'count(*)',
  })),
  total('ordering_customers', 'channel', (at) => ({
    ...ordersOfPeriod(at),
    numerator: 'count(distinct person_id)',
  })),
  ratio('undone_order_rate', 'channel', (at) => ({
    ...ordersOfPeriod(at, 'true'),
    numerator: count(`status in ('cancelled', 'refunded')`),
    denominator: 'count(*)',
  })),
  ratio('guest_order_share', 'channel', (at) => ({
    ...ordersOfPeriod(at),
    numerator: count('person_id is null'),
    denominator: 'count(*)',
  })),
  ratio('repeat_purchase_rate', 'country', (at) => ({
    with: customers(at),
    from: 'customers',
    numerator: count('order_count >= 2'),
    denominator: 'count(*)',
  })),
  ratio('revenue_per_customer', 'lead_source', (at) => ({
    with: customers(at),
    from: 'customers',
    numerator: sum('revenue'),
    denominator: 'count(*)',
  })),
];

// --------------------------------------------------------------------------------------------------------------- lapse

const spansAtStart = (at: OracleTime) => ({
  with: spans(at),
  from: 'spans',
  where: `started_on < date '${at.from}' and (lapsed_on is null or lapsed_on >= date '${at.from}')`,
});

const lapsed = (at: OracleTime): string => `lapsed_on >= date '${at.from}' and lapsed_on < date '${at.to}'`;

const lapseMetrics: OracleMetric[] = [
  total('customers_at_start', 'country', (at) => ({ ...spansAtStart(at), numerator: 'count(*)' })),
  total('customers_lapsed', 'lead_source', (at) => ({ ...spansAtStart(at), numerator: count(lapsed(at)) })),
  ratio('lapse_rate', 'country', (at) => ({
    ...spansAtStart(at),
    numerator: count(lapsed(at)),
    denominator: 'count(*)',
  })),
  ratio('retention_rate', 'owner_id', (at) => ({
    ...spansAtStart(at),
    numerator: `count(*) - ${count(lapsed(at))}`,
    denominator: 'count(*)',
  })),
];

// -------------------------------------------------------------------------------------------------------------- e-mail

const messagesSent = (at: OracleTime) => ({
  with: messages(at),
  from: 'messages',
  where: within(at, 'sent_at'),
});

const ofSent = (name: string, dimension: string, condition: string): OracleMetric =>
  ratio(name, dimension, (at) => ({
    ...messagesSent(at),
    numerator: count(condition),
    denominator: 'count(*)',
  }));

const ofDelivered = (name: string, dimension: string, condition: string): OracleMetric =>
  ratio(name, dimension, (at) => ({
    ...messagesSent(at),
    numerator: count(`is_delivered and ${condition}`),
    denominator: count('is_delivered'),
  }));

const messagesSentOrDropped = (at: OracleTime) => ({
  with: messages(at),
  from: 'messages',
  where: within(at, 'coalesce(sent_at, dropped_at)'),
});

const emailMetrics: OracleMetric[] = [
  total('emails_sent', 'campaign_id', (at) => ({ ...messagesSent(at), numerator: 'count(*)' })),
  total('emails_dropped', 'campaign_id', (at) => ({
    ...messagesSentOrDropped(at),
    numerator: 'count(dropped_at)',
  })),
  ratio('accepted_rate', 'campaign_id', (at) => ({
    ...messagesSentOrDropped(at),
    numerator: count('sent_at is not null and dropped_at is null'),
    denominator: 'count(*)',
  })),
  ofSent('delivered_rate', 'campaign_id', 'is_delivered'),
  ofDelivered('delivered_assumed_rate', 'campaign_id', 'is_assumed'),
  ofSent('bounce_rate', 'campaign_id', 'bounced'),
  ofSent('hard_bounce_rate', 'campaign_run_id', 'bounced_hard'),
  ofSent('soft_bounce_rate', 'message_id', 'bounced and not bounced_hard'),
  ofDelivered('open_rate', 'campaign_id', 'opened'),
  ofDelivered('open_rate_including_machine', 'campaign_id', 'opened_by_any'),
  ofDelivered('click_rate', 'campaign_id', 'clicked'),
  ratio('click_to_open_rate', 'message_id', (at) => ({
    ...messagesSent(at),
    numerator: count('is_delivered and clicked'),
    denominator: count('is_delivered and opened'),
  })),
  ofDelivered('reply_rate', 'campaign_id', 'replied'),
  ofDelivered('unsubscribe_rate', 'campaign_id', 'unsubscribed'),
  ofDelivered('complaint_rate', 'campaign_run_id', 'complained'),
];

// --------------------------------------------------------------------------------------------------- customers, cohorts

const customerMetrics: OracleMetric[] = [
  total('customers', 'lead_source', (at) => ({
    with: customers(at),
    from: 'customers',
    numerator: 'count(*)',
  })),
];

/**
 * Who came back: one row per month of a first completed order and month since, up to AS_OF's. Columns cohort_month,
 * months_since, people, cohort_size, share. A month in which nobody of the cohort ordered has a row with 0.
 */
export function cohortSql(at: OracleTime): string {
  return `with ${[...new Set(customers(at))].join(',\n')},
firsts as (
  select person_id, cast(date_trunc('month', first_ordered_at) as date) as cohort_month from customers
),
cohorts as (
  select cohort_month, count(*) as cohort_size from firsts group by cohort_month
),
months as (
  select cohort_month, cohort_size, unnest(range(0, date_diff('month', cohort_month, ${today(at)}) + 1)) as months_since
  from cohorts
),
returns as (
  select cohort_month, date_diff('month', cohort_month, ordered_at) as months_since, count(distinct person_id) as people
  from orders
  join firsts using (person_id)
  where status = 'completed'
  group by all
)
select
  cohort_month,
  months_since,
  coalesce(people, 0) as people,
  cohort_size,
  cast(coalesce(people, 0) as double) / cohort_size as share
from months
left join returns using (cohort_month, months_since)
order by cohort_month, months_since`;
}

export const oracle: readonly OracleMetric[] = [
  ...dealMetrics,
  ...stageMetrics,
  ...activityMetrics,
  ...quotaMetrics,
  ...leadMetrics,
  ...acquisitionMetrics,
  ...orderMetrics,
  ...lapseMetrics,
  ...emailMetrics,
  ...customerMetrics,
];
