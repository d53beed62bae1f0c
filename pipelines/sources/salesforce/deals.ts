import { stageBeforeSql } from '../import/stage-before.ts';
import { propertyHistory, versionHistory } from '../import/history.ts';
import { constant, copy, isTrue, made, type Load, type Value } from '../import/mapping.ts';
import { propertiesOf } from './people.ts';
import { deleted, id, isDeleted, skips, updated } from './values.ts';

/** Salesforce has no pipelines; in `default` its stages would mix with those of other files. */
const pipeline = constant('salesforce');

const opportunityFields: Readonly<Record<string, Value>> = {
  name: copy('name'),
  company_id: copy('account_id'),
  owner_id: copy('owner_id'),
  stage: copy('stage_name'),
  amount: copy('amount'),
  currency: copy('currency_iso_code'),
  lead_source: copy('lead_source'),
  expected_close_date: copy('close_date'),
};

export const deals: Load = {
  target: 'deals',
  from: 'opportunity',
  skips,
  attributesWithout: '',
  joins: [
    {
      as: 'role',
      table: 'opportunity_contact_role',
      key: 'opportunity_id',
      to: 'id',
      order: (column) => `not ${isTrue(column('is_primary'))}`,
      where: (column) => `not (${isDeleted(column)})`,
    },
    {
      as: 'line',
      table: 'opportunity_line_item',
      key: 'opportunity_id',
      to: 'id',
      order: (column) => `try_cast(${column('total_price')} as double) desc nulls last`,
      where: (column) => `not (${isDeleted(column)})`,
    },
    { as: 'product', table: 'product_2', key: 'id', to: 'line.product_2_id' },
  ],
  fields: {
    deal_id: id,
    contact_id: {
      ...copy('contact_id', 'role.contact_id'),
      note: 'else the primary contact role, else the first',
    },
    ...opportunityFields,
    pipeline,
    product: { ...copy('product.name', 'line.name'), note: 'of the line with the highest price' },
    created_at: copy('created_date'),
    closed_at: made(
      ['close_date', 'is_closed'],
      'the close date of a closed one',
      (column) => `case when ${isTrue(column('is_closed'))} then ${column('close_date')} end`,
    ),
    updated_at: updated,
  },
};

export const stages: Load = {
  target: 'deal_stages',
  from: 'opportunity_stage',
  skips: [deleted],
  fields: {
    pipeline,
    stage: copy('api_name', 'master_label'),
    label: copy('master_label'),
    position: copy('sort_order'),
    is_won: copy('is_won'),
    is_closed: copy('is_closed'),
    probability: made(['default_probability'], 'percent there', (column) =>
      percent(column('default_probability')),
    ),
  },
};

/** Without the table of stages, what the opportunities in a stage are says what the stage is; deleted ones too. */
export const stagesOfDeals: Load = {
  target: 'deal_stages',
  from: 'opportunity',
  isDerived: true,
  requires: ['stage_name', 'is_won', 'is_closed'],
  unless: ['opportunity_stage'],
  note: 'where there is no `opportunity_stage`: each `stage_name` with its most frequent `is_won`, `is_closed` and `probability`',
  query: {
    reads: ['stage_name', 'is_won', 'is_closed', 'probability'],
    sql: (
      source,
    ) => `select 'salesforce' as pipeline, stage_name as stage, stage_name as label, mode(lower(is_won)) as is_won,
        mode(lower(is_closed)) as is_closed, ${percent('mode(probability)')} as probability, min(_row) as _row
      from ${source.table('opportunity', ['stage_name', 'is_won', 'is_closed', 'probability'])}
      where stage_name is not null group by stage_name order by _row`,
  },
};

/** A chance beyond 100 is none. */
function percent(value: string): string {
  return `cast(case when try_cast(${value} as double) between 0 and 100 then try_cast(${value} as double) / 100 end as varchar)`;
}

export const versions = versionHistory({
  from: 'opportunity_history',
  columns: { id: 'id', start: '_fivetran_start' },
  fields: opportunityFields,
  skips: [deleted],
  id: (theirs) => theirs,
  thing: { target: 'deals', table: 'opportunity', id: 'id', created: 'created_date' },
});

/** Stage changes of the versions (Fivetran's history mode). */
export const stageChangesOfVersions: Load = {
  target: 'deal_stage_changes',
  from: 'opportunity_history',
  requires: ['id', 'stage_name', '_fivetran_start'],
  skips: [deleted],
  note: 'where `stage_name` differs from the version before',
  query: {
    reads: ['id', 'stage_name', 'owner_id', '_fivetran_start', 'is_deleted', '_fivetran_deleted'],
    sql: (source) => {
      const columns = ['id', 'stage_name', 'owner_id', '_fivetran_start', 'is_deleted', '_fivetran_deleted'];
      return stageChangesSql(
        `select _row, id as deal_id, stage_name as stage, owner_id, _fivetran_start as entered_at
         from ${source.table('opportunity_history', columns)} where not (${isDeleted((name) => name)})`,
      );
    },
  },
};

/** Salesforce's own OpportunityHistory: a row for each change of stage, amount or date. */
export const stageChangesOfHistory: Load = {
  target: 'deal_stage_changes',
  from: 'opportunity_history',
  requires: ['opportunity_id', 'stage_name', 'created_date'],
  skips: [deleted],
  note: 'Salesforce’s own OpportunityHistory: where `stage_name` differs from the row before',
  query: {
    reads: ['opportunity_id', 'stage_name', 'created_date', 'is_deleted', '_fivetran_deleted'],
    sql: (source) => {
      const columns = ['opportunity_id', 'stage_name', 'created_date', 'is_deleted', '_fivetran_deleted'];
      return stageChangesSql(
        `select _row, opportunity_id as deal_id, stage_name as stage, cast(null as varchar) as owner_id, created_date as entered_at
         from ${source.table('opportunity_history', columns)} where not (${isDeleted((name) => name)})`,
      );
    },
  },
};

function stageChangesSql(entered: string): string {
  return `select deal_id, from_stage, stage as to_stage, owner_id, entered_at as occurred_at, _row from (
      select *, coalesce(lag(stage) over (partition by deal_id order by try_cast(entered_at as timestamp), _row),
        ${stageBeforeSql('s.deal_id', 's.entered_at')}) as from_stage from (${entered}) s)
    where stage is distinct from from_stage order by _row`;
}

/** Salesforce's own OpportunityHistory as changes of the deal. */
export const historyRows = versionHistory({
  from: 'opportunity_history',
  columns: { id: 'opportunity_id', start: 'created_date' },
  fields: {
    stage: copy('stage_name'),
    amount: copy('amount'),
    expected_close_date: copy('close_date'),
  },
  skips: [deleted],
  id: (theirs) => theirs,
  thing: { target: 'deals', table: 'opportunity', id: 'id', created: 'created_date' },
});

export const fieldHistory = propertyHistory({
  from: 'opportunity_field_history',
  columns: {
    id: 'opportunity_id',
    name: 'field',
    value: 'new_value',
    old: 'old_value',
    time: 'created_date',
  },
  properties: propertiesOf({
    name: 'Name',
    stage: 'StageName',
    amount: 'Amount',
    expected_close_date: 'CloseDate',
    lead_source: 'LeadSource',
  }),
  nameForms: (name) => [name],
  id: (theirs) => theirs,
  thing: { target: 'deals', table: 'opportunity', id: 'id', created: 'created_date' },
});
