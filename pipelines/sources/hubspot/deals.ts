import { stageBeforeSql } from '../import/stage-before.ts';
import { propertyHistory, valueOf, type Properties } from '../import/history.ts';
import { copy, made, type Load } from '../import/mapping.ts';
import { deleted, idNote, idProperty, nameForms, ourId, property, time, timeProperty } from './values.ts';

const stageColumns = ['deal_pipeline_stage_id', 'property_dealstage'];
const pipelineColumns = ['deal_pipeline_id', 'property_pipeline'];

/** Every HubSpot has a pipeline `default`, as ours has. */
const ourPipeline = (theirs: string) => `'hubspot-' || coalesce(${theirs}, 'default')`;

const properties: Properties = {
  name: property('dealname'),
  owner_id: idProperty('hubspot_owner_id', ['owner_id', 'property_hubspot_owner_id']),
  pipeline: property('pipeline', {
    columns: pipelineColumns,
    sql: ourPipeline,
    note: 'as `hubspot-<id>`; none is `hubspot-default`',
  }),
  stage: property('dealstage', { columns: stageColumns }),
  amount: property('amount'),
  currency: property('deal_currency_code'),
  lead_source: property('hs_analytics_source'),
  expected_close_date: property('closedate', { sql: time }),
};

const closed = (column: (name: string) => string) =>
  `coalesce(lower(${column('property_hs_is_closed')}) = 'true', lower(${column('stage.is_closed')}) = 'true' or lower(${column('stage.closed_won')}) = 'true',
     lower(coalesce(${stageColumns.map(column).join(', ')})) in ('closedwon', 'closedlost'))`;

export const dealStages: Load = {
  target: 'deal_stages',
  from: 'deal_pipeline_stage',
  note: 'deleted stages too: old deals are in them',
  fields: {
    pipeline: made(['pipeline_id'], 'as `hubspot-<id>`', (column) => ourPipeline(column('pipeline_id'))),
    stage: copy('stage_id'),
    label: copy('label'),
    position: copy('display_order'),
    is_won: made(
      ['closed_won', 'probability'],
      'else: the probability is 1',
      (column) =>
        `coalesce(${column('closed_won')}, case when try_cast(${column('probability')} as double) = 1 then 'true' else 'false' end)`,
    ),
    is_closed: made(
      ['is_closed', 'closed_won', 'probability'],
      'else: won, or the probability is 0 or 1',
      (column) =>
        `coalesce(${column('is_closed')}, case when lower(${column('closed_won')}) = 'true' or try_cast(${column('probability')} as double) in (0, 1) then 'true' else 'false' end)`,
    ),
    probability: copy('probability'),
  },
};

export const deals: Load = {
  target: 'deals',
  from: 'deal',
  skips: [deleted],
  attributesWithout: 'property_',
  joins: [
    { as: 'contact', table: 'deal_contact', key: 'deal_id', to: 'deal_id' },
    { as: 'company', table: 'deal_company', key: 'deal_id', to: 'deal_id' },
    { as: 'stage', table: 'deal_pipeline_stage', key: 'stage_id', to: 'deal_pipeline_stage_id' },
  ],
  fields: {
    deal_id: made(['deal_id'], idNote, (column) => ourId(column('deal_id'))),
    contact_id: made(['contact.contact_id'], 'the first of the deal’s, `hubspot-<id>`', (column) =>
      ourId(column('contact.contact_id')),
    ),
    company_id: made(['company.company_id'], 'the first of the deal’s, `hubspot-<id>`', (column) =>
      ourId(column('company.company_id')),
    ),
    ...Object.fromEntries(Object.entries(properties).map(([field, one]) => [field, valueOf(one)])),
    created_at: valueOf(timeProperty('createdate')),
    closed_at: made(
      ['property_closedate', 'property_hs_is_closed', 'stage.is_closed', 'stage.closed_won'],
      'the close date of a deal whose stage is closed',
      (column) => `case when ${closed(column)} then ${time(column('property_closedate'))} end`,
    ),
    updated_at: valueOf(timeProperty('hs_lastmodifieddate')),
  },
};

export const stageChanges: Load = {
  target: 'deal_stage_changes',
  from: 'deal_stage',
  requires: ['deal_id', 'value', 'date_entered'],
  note: '`value` at `date_entered`, and the stage before it',
  query: {
    reads: ['deal_id', 'value', 'date_entered'],
    sql: (source) =>
      stageChangesSql(
        `select _row, deal_id, value, date_entered as entered_at from ${source.table('deal_stage', ['deal_id', 'value', 'date_entered'])}`,
      ),
  },
};

/** Without the table `deal_stage`, its history of the property says the same. */
export const stageChangesOfHistory: Load = {
  target: 'deal_stage_changes',
  from: 'deal_property_history',
  requires: ['deal_id', 'name', 'value', 'timestamp'],
  unless: ['deal_stage'],
  note: 'where there is no `deal_stage`: the values of `dealstage`',
  query: {
    reads: ['deal_id', 'name', 'value', 'timestamp'],
    sql: (source) =>
      stageChangesSql(
        `select _row, deal_id, value, "timestamp" as entered_at from ${source.table('deal_property_history', ['deal_id', 'name', 'value', 'timestamp'])}
         where lower(name) in (${nameForms('dealstage')
           .map((form) => `'${form.toLowerCase()}'`)
           .join(', ')})`,
      ),
  },
};

function stageChangesSql(stages: string): string {
  return `select ${ourId('s.deal_id')} as deal_id, coalesce(lag(value) over (partition by deal_id order by ${sortable('entered_at')}, _row),
        ${stageBeforeSql(ourId('s.deal_id'), time('s.entered_at'))}) as from_stage,
      value as to_stage, ${time('entered_at')} as occurred_at, _row from (${stages}) s order by _row`;
}

/** Times as they compare: `2021-01-07 6:49` is before `2021-01-07 10:00`. */
function sortable(text: string): string {
  return `try_cast(${time(text)} as timestamp)`;
}

export const dealHistory = propertyHistory({
  from: 'deal_property_history',
  columns: { id: 'deal_id', name: 'name', value: 'value', time: 'timestamp' },
  properties,
  nameForms,
  id: ourId,
  thing: { target: 'deals', table: 'deal', id: 'deal_id', created: 'property_createdate' },
});
