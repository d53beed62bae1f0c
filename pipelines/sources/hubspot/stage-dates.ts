import { changesSql } from '../import/history.ts';
import type { Load, QuerySource } from '../import/mapping.ts';
import { contactHistoryOf } from './people.ts';
import { lifecycle, nameForms, ourId, time } from './values.ts';

const stages = [
  ...['subscriber', 'lead', 'marketingqualifiedlead', 'salesqualifiedlead', 'opportunity', 'customer'],
  'evangelist',
];
const names = (stage: string): string[] => [
  `hs_lifecyclestage_${stage}_date`,
  `hs_date_entered_${stage}`,
  `hs_v2_date_entered_${stage}`,
];

const history = 'contact_property_history';
const historyColumns = ['contact_id', 'name', 'value', 'timestamp'];

const note =
  'where the export has no history of `lifecyclestage` itself: the dates at which HubSpot says that a contact became something (`hs_lifecyclestage_<stage>_date`, `hs_date_entered_<stage>`, `hs_v2_date_entered_<stage>`), if the last of them is what the contact is now';

/** HubSpot dates each stage of a contact: without a history of the stage, those are its history. */
export const stageDates: readonly Load[] = [
  {
    target: 'contact_changes',
    from: history,
    requires: historyColumns,
    note,
    query: {
      reads: historyColumns,
      sql: (source) => changesSql(contactHistoryOf, consistentSql(datesOfHistorySql(source), source), source),
    },
  },
  {
    target: 'contact_changes',
    from: 'contact',
    isDerived: true,
    unless: [history],
    note: `without \`${history}\`, ${note}`,
    query: {
      reads: ['id', ...stages.flatMap(names).map(columnOf)],
      sql: (source) =>
        changesSql(contactHistoryOf, consistentSql(datesOfContactsSql(source), source), source),
    },
  },
];

function columnOf(name: string): string {
  return `property_${name}`;
}

/** A value that is no time (Fivetran hashes some) was set at the time of its row. */
function datesOfHistorySql(source: QuerySource): string {
  const cases = stages.map(
    (stage) =>
      `when lower(name) in (${names(stage).flatMap(nameForms).map(quoted).join(', ')}) then '${stage}'`,
  );
  return `select _row, contact_id as id, case ${cases.join(' ')} end as stage,
      coalesce(case when try_cast(${time('value')} as timestamp) is not null then ${time('value')} end, "timestamp") as said_at
    from ${source.table(history, historyColumns)} where value is not null`;
}

function datesOfContactsSql(source: QuerySource): string {
  const columns = stages.flatMap(names).map(columnOf);
  const dates = stages.flatMap((stage) =>
    names(stage).map((name) => `{'stage': '${stage}', 'said_at': ${time(columnOf(name))}}`),
  );
  return `select _row, id, unnest([${dates.join(', ')}], recursive := true)
    from ${source.table('contact', ['id', ...columns])}`;
}

/** Dates that end in another stage than the contact's own would take its stage back. */
function consistentSql(dates: string, source: QuerySource): string {
  const itself = nameForms('lifecyclestage').map(quoted).join(', ');
  return `with dated as (
      select _row, id, ${lifecycle('stage')} as stage, said_at from (${dates})
      where stage is not null and try_cast(said_at as timestamp) is not null
        and id not in (select contact_id from ${source.table(history, historyColumns)}
                       where lower(name) in (${itself}) and contact_id is not null)),
    lasts as (select id, arg_max(stage, try_cast(said_at as timestamp)) as stage from dated group by id)
    select d._row, d.id, 'lifecycle_stage' as field, d.stage as value, d.said_at, cast(null as varchar) as old
    from dated d join lasts l on l.id = d.id left join core.contacts c on c.contact_id = ${ourId('d.id')}
    where c.lifecycle_stage is null or c.lifecycle_stage = l.stage`;
}

function quoted(name: string): string {
  return `'${name.toLowerCase()}'`;
}
