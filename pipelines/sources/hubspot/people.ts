import { propertyHistory, valueOf, type HistoryOf, type Properties } from '../import/history.ts';
import {
  coalesce,
  constant,
  copy,
  isFalse,
  isTrue,
  made,
  type Columns,
  type Load,
  type MergeRule,
} from '../import/mapping.ts';
import {
  deleted,
  idNote,
  idProperty,
  isDeleted,
  lifecycle,
  nameForms,
  ourId,
  property,
  timeProperty,
  timeZone,
} from './values.ts';

const contactProperties: Properties = {
  email: property('email'),
  phone: property('phone', { columns: ['property_phone', 'property_mobilephone'] }),
  first_name: property('firstname'),
  last_name: property('lastname'),
  company_id: idProperty('associatedcompanyid'),
  owner_id: idProperty('hubspot_owner_id'),
  job_title: property('jobtitle'),
  lifecycle_stage: property('lifecyclestage', {
    sql: lifecycle,
    isKept: true,
    note: 'an evangelist is a customer; `other` and stages of the account’s own are empty here and stay in `attributes`',
  }),
  lead_status: property('hs_lead_status'),
  lead_source: property('hs_analytics_source'),
  country: property('country'),
  city: property('city'),
  language: property('hs_language'),
  time_zone: property('hs_timezone', {
    sql: timeZone,
    note: '`america_slash_new_york` is `America/New_York`',
  }),
};

const companyProperties: Properties = {
  name: property('name'),
  domain: property('domain'),
  industry: property('industry'),
  employee_count: property('numberofemployees'),
  annual_revenue: property('annualrevenue'),
  country: property('country'),
  owner_id: idProperty('hubspot_owner_id'),
};

const contactTimes: Properties = {
  created_at: timeProperty('createdate', ['property_createdate', 'property_created_at']),
  updated_at: timeProperty('lastmodifieddate'),
};
const companyTimes: Properties = {
  created_at: timeProperty('createdate'),
  updated_at: timeProperty('hs_lastmodifieddate'),
};

const id = made(['id'], idNote, (column) => ourId(column('id')));

function fieldsOf(...properties: Properties[]) {
  return Object.fromEntries(
    properties.flatMap((some) => Object.entries(some).map(([field, one]) => [field, valueOf(one)])),
  );
}

export const owners: Load = {
  target: 'owners',
  from: 'owner',
  joins: [
    {
      as: 'membership',
      table: 'owner_team',
      key: 'owner_id',
      to: 'owner_id',
      order: (column) => `not ${isTrue(column('is_team_primary'))}`,
    },
    { as: 'team', table: 'team', key: 'id', to: 'membership.team_id' },
  ],
  fields: {
    owner_id: made(['owner_id'], idNote, (column) => ourId(column('owner_id'))),
    name: made(
      ['first_name', 'last_name'],
      'both, with a space',
      (column) => `nullif(concat_ws(' ', ${column('first_name')}, ${column('last_name')}), '')`,
    ),
    email: copy('email'),
    team: { ...copy('team.name'), note: 'of the primary team' },
    is_active: made(
      ['is_active', '_fivetran_deleted', 'archived'],
      'no where it is deleted or inactive',
      (column) =>
        `case when ${isDeleted(column)} or ${isFalse(column('is_active'))} then 'false' else 'true' end`,
    ),
    created_at: copy('created_at'),
  },
};

export const companies: Load = {
  target: 'companies',
  from: 'company',
  skips: [deleted],
  fields: { company_id: id, ...fieldsOf(companyProperties, companyTimes) },
};

export const contacts: Load = {
  target: 'contacts',
  from: 'contact',
  skips: [deleted],
  attributesWithout: 'property_',
  fields: { contact_id: id, ...fieldsOf(contactProperties, contactTimes) },
};

/** An id stays the id of whom it was, also where the system has deleted the contact since. */
const identitySkips = [
  { reason: deleted.reason, when: deleted.when },
  { reason: 'it has no id', when: (column: Columns) => `${column('id')} is null` },
];

export const identities: Load = {
  target: 'contact_identities',
  from: 'contact',
  skips: identitySkips,
  fields: { contact_id: id, kind: constant('hubspot'), value: copy('id') },
};

/** Ids that were merged away are still ids of somebody. */
export const mergedIdentities: Load = {
  target: 'contact_identities',
  from: 'contact_merge_audit',
  requires: ['vid_to_merge'],
  note: 'both ids of every merge',
  query: {
    reads: ['vid_to_merge', 'canonical_vid', 'contact_id'],
    sql: (source) => `select ${ourId('id')} as contact_id, 'hubspot' as kind, id as value, min(_row) as _row
      from (select _row, unnest([vid_to_merge, coalesce(canonical_vid, contact_id)]) as id
            from ${source.table('contact_merge_audit', ['vid_to_merge', 'canonical_vid', 'contact_id'])})
      where id is not null group by id order by _row`,
  },
};

/**
 * A flag says that, not since when. So the time at which the import first saw it stays: another one with every change of the
 * contact would take back what was granted since.
 */
export const optOuts: Load = {
  target: 'consent_events',
  from: 'contact',
  isDerived: true,
  requires: ['property_hs_email_optout'],
  note: 'where `property_hs_email_optout` is true: withdrawn, for all marketing e-mail, as of when the contact was last changed before the first import that says so',
  query: {
    reads: ['id', 'property_hs_email_optout', 'property_lastmodifieddate', '_fivetran_synced'],
    sql: (
      source,
    ) => `select 'hubspot-optout-' || s.id as consent_event_id, ${ourId('s.id')} as contact_id, 'email' as channel,
        'marketing' as purpose, 'withdrawn' as status, 'hubspot_opt_out' as method,
        coalesce(cast(c.occurred_at as varchar), s.property_lastmodifieddate, s._fivetran_synced) as occurred_at, s._row
      from ${source.table('contact', ['id', 'property_hs_email_optout', 'property_lastmodifieddate', '_fivetran_synced'])} s
      left join core.consent_events c on c.consent_event_id = 'hubspot-optout-' || s.id
      where ${isTrue('s.property_hs_email_optout')} order by s._row`,
  },
};

export const contactHistoryOf: HistoryOf = {
  id: ourId,
  thing: { target: 'contacts', table: 'contact', id: 'id', created: 'property_createdate' },
};

export const contactHistory = propertyHistory({
  ...contactHistoryOf,
  from: 'contact_property_history',
  columns: { id: 'contact_id', name: 'name', value: 'value', time: 'timestamp' },
  properties: contactProperties,
  nameForms,
});

export const companyHistory = propertyHistory({
  from: 'company_property_history',
  columns: { id: 'company_id', name: 'name', value: 'value', time: 'timestamp' },
  properties: companyProperties,
  nameForms,
  id: ourId,
  thing: { target: 'companies', table: 'company', id: 'id', created: 'property_createdate' },
});

export const merges: readonly MergeRule[] = [
  {
    from: 'contact_merge_audit',
    rule: 'hubspot_merge_audit',
    requires: ['vid_to_merge'],
    reads: ['canonical_vid', 'contact_id', 'timestamp'],
    note: '`vid_to_merge` is the same person as `canonical_vid` (older exports: `contact_id`)',
    sql: (
      source,
    ) => `select ${ourId('coalesce(canonical_vid, contact_id)')} as contact_id, ${ourId('vid_to_merge')} as other_contact_id,
        concat_ws(' ', 'contact_merge_audit', "timestamp") as evidence, _row
      from ${source.table('contact_merge_audit', ['vid_to_merge', 'canonical_vid', 'contact_id', 'timestamp'])}
      where vid_to_merge is not null and ${coalesce(['canonical_vid', 'contact_id'])} is not null
        and vid_to_merge <> ${coalesce(['canonical_vid', 'contact_id'])}`,
  },
  ...['property_hs_merged_object_ids', 'property_hs_calculated_merged_vids'].map((column): MergeRule => ({
    from: 'contact',
    isDerived: true,
    rule: column.replace('property_hs', 'hubspot'),
    requires: ['id', column],
    note: `every id in \`${column}\` is the same person as the contact`,
    // `76340251;46897301`, or with the time of each merge behind a colon.
    sql: (
      source,
    ) => `select ${ourId('id')} as contact_id, ${ourId('other')} as other_contact_id, '${column}' as evidence, _row
        from (select _row, id, trim(split_part(unnest(string_split(${column}, ';')), ':', 1)) as other
              from ${source.table('contact', ['id', column])})
        where other <> '' and other <> id`,
  })),
];
