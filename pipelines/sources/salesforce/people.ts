import { versionHistory, propertyHistory, type Properties } from '../import/history.ts';
import {
  constant,
  copy,
  isFalse,
  isTrue,
  made,
  type Load,
  type MergeRule,
  type Value,
} from '../import/mapping.ts';
import { deleted, id, isDeleted, skips, superseded, updated } from './values.ts';

export const owners: Load = {
  target: 'owners',
  from: 'user',
  skips: [superseded],
  joins: [{ as: 'role', table: 'user_role', key: 'id', to: 'user_role_id' }],
  fields: {
    owner_id: id,
    name: made(
      ['name', 'first_name', 'last_name'],
      'else first and last name',
      (column) =>
        `coalesce(${column('name')}, nullif(concat_ws(' ', ${column('first_name')}, ${column('last_name')}), ''))`,
    ),
    email: copy('email'),
    team: { ...copy('role.name'), note: 'the role' },
    manager_id: copy('manager_id'),
    is_active: made(
      ['is_active', '_fivetran_deleted'],
      'no where it is deleted or inactive',
      (column) =>
        `case when ${isDeleted(column)} or ${isFalse(column('is_active'))} then 'false' else 'true' end`,
    ),
    created_at: copy('created_date'),
  },
};

const accountFields = {
  name: copy('name'),
  domain: made(
    ['website'],
    'the host of the website, without `www.`',
    (column) =>
      `regexp_replace(split_part(regexp_replace(lower(${column('website')}), '^[a-z]+://', ''), '/', 1), '^www\\.', '')`,
  ),
  industry: copy('industry'),
  employee_count: copy('number_of_employees'),
  annual_revenue: copy('annual_revenue'),
  currency: copy('currency_iso_code'),
  country: copy('billing_country', 'shipping_country'),
  owner_id: copy('owner_id'),
};

export const companies: Load = {
  target: 'companies',
  from: 'account',
  skips,
  fields: { company_id: id, ...accountFields, created_at: copy('created_date'), updated_at: updated },
};

const contactFields = {
  email: copy('email'),
  phone: copy('phone', 'mobile_phone'),
  first_name: copy('first_name'),
  last_name: copy('last_name'),
  company_id: copy('account_id'),
  owner_id: copy('owner_id'),
  job_title: copy('title'),
  lead_source: copy('lead_source'),
  country: copy('mailing_country'),
  city: copy('mailing_city'),
};

export const contacts: Load = {
  target: 'contacts',
  from: 'contact',
  skips,
  attributesWithout: '',
  fields: { contact_id: id, ...contactFields, created_at: copy('created_date'), updated_at: updated },
};

const leadFields = {
  email: copy('email'),
  phone: copy('phone', 'mobile_phone'),
  first_name: copy('first_name'),
  last_name: copy('last_name'),
  company_id: { ...copy('converted_account_id'), note: 'a lead has no account before' },
  owner_id: copy('owner_id'),
  job_title: copy('title'),
  lead_status: copy('status'),
  lead_source: copy('lead_source'),
  country: copy('country'),
  city: copy('city'),
};

/** A lead is a contact; once it is converted, the same person as the contact it became. */
export const leads: Load = {
  target: 'contacts',
  from: 'lead',
  skips,
  attributesWithout: '',
  fields: {
    contact_id: id,
    ...leadFields,
    lifecycle_stage: constant('lead'),
    created_at: copy('created_date'),
    updated_at: updated,
  },
};

const people = ['contact', 'lead'] as const;

/** An id stays the id of whom it was, also where the system has deleted the contact since. */
export const identities: readonly Load[] = people.map((from) => ({
  target: 'contact_identities',
  from,
  skips: [superseded, { reason: deleted.reason, when: deleted.when }],
  fields: { contact_id: id, kind: constant('salesforce'), value: copy('id') },
}));

const merging = {
  contact: ['master_record_id'],
  lead: ['converted_contact_id', 'master_record_id'],
} as const;

/** Ids that were merged away are still ids of somebody. */
export const mergedIdentities: readonly Load[] = people.map((from) => ({
  target: 'contact_identities',
  from,
  isDerived: true,
  note: 'both ids of every merge',
  query: {
    reads: ['id', ...merging[from]],
    sql: (source) => `select id as contact_id, 'salesforce' as kind, id as value, min(_row) as _row
      from (select _row, unnest([${merging[from].join(', ')}, case when coalesce(${merging[from].join(', ')}) is not null then id end]) as id
            from ${source.table(from, ['id', ...merging[from]])})
      where id is not null group by id order by _row`,
  },
}));

export const merges: readonly MergeRule[] = [
  {
    from: 'lead',
    isDerived: true,
    rule: 'salesforce_lead_conversion',
    requires: ['id', 'converted_contact_id'],
    note: 'a lead is the same person as its `converted_contact_id`',
    sql: (source) =>
      mergeSql(
        source.table('lead', ['id', 'converted_contact_id', 'converted_date']),
        'converted_contact_id',
        `concat_ws(' ', 'converted', converted_date)`,
      ),
  },
  ...people.map((from): MergeRule => ({
    from,
    isDerived: true,
    rule: 'salesforce_master_record',
    requires: ['id', 'master_record_id'],
    note: 'a record that was merged is the same person as its `master_record_id`',
    sql: (source) =>
      mergeSql(source.table(from, ['id', 'master_record_id']), 'master_record_id', `'master_record_id'`),
  })),
];

function mergeSql(from: string, stays: string, evidence: string): string {
  return `select ${stays} as contact_id, id as other_contact_id, ${evidence} as evidence, _row
    from ${from} where ${stays} is not null and ${stays} <> id`;
}

/** As with HubSpot's flag: the time at which the import first saw it stays. */
export const optOuts: readonly Load[] = people.map((from) => ({
  target: 'consent_events',
  from,
  isDerived: true,
  requires: ['has_opted_out_of_email'],
  note: 'where `has_opted_out_of_email` is true: withdrawn, for all marketing e-mail, as of when the record was last changed before the first import that says so',
  query: {
    reads: [
      'id',
      'has_opted_out_of_email',
      'last_modified_date',
      'system_modstamp',
      '_fivetran_synced',
      'is_deleted',
    ],
    sql: (
      source,
    ) => `select 'salesforce-optout-' || s.id as consent_event_id, s.id as contact_id, 'email' as channel,
        'marketing' as purpose, 'withdrawn' as status, 'salesforce_opt_out' as method,
        coalesce(cast(c.occurred_at as varchar), s.last_modified_date, s.system_modstamp, s._fivetran_synced) as occurred_at, s._row
      from ${source.table(from, ['id', 'has_opted_out_of_email', 'last_modified_date', 'system_modstamp', '_fivetran_synced', 'is_deleted'])} s
      left join core.consent_events c on c.consent_event_id = 'salesforce-optout-' || s.id
      where ${isTrue('s.has_opted_out_of_email')} and not ${isTrue('s.is_deleted')} order by s._row`,
  },
}));

const things = {
  account: { target: 'companies', fields: accountFields as Record<string, Value> },
  contact: { target: 'contacts', fields: contactFields as Record<string, Value> },
  lead: { target: 'contacts', fields: leadFields as Record<string, Value> },
};

/** Fivetran's history mode: `<table>_history` has every version of every record. */
export const versions: readonly Load[] = Object.entries(things).map(([table, { target, fields }]) =>
  versionHistory({
    from: `${table}_history`,
    columns: { id: 'id', start: '_fivetran_start' },
    fields,
    skips: [deleted],
    id: (theirs) => theirs,
    thing: { target, table, id: 'id', created: 'created_date' },
  }),
);

/** What Salesforce's own field history calls our fields; it has owners and accounts by id and by name, so not those. */
const tracked: Record<'contact' | 'lead', Properties> = {
  contact: propertiesOf({
    email: 'Email',
    phone: 'Phone',
    first_name: 'FirstName',
    last_name: 'LastName',
    job_title: 'Title',
    lead_source: 'LeadSource',
    country: 'MailingCountry',
    city: 'MailingCity',
  }),
  lead: propertiesOf({
    email: 'Email',
    phone: 'Phone',
    first_name: 'FirstName',
    last_name: 'LastName',
    job_title: 'Title',
    lead_status: 'Status',
    lead_source: 'LeadSource',
    country: 'Country',
    city: 'City',
  }),
};

/** Salesforce's own field history, of contacts and leads. */
export const fieldHistories: readonly Load[] = people.map((table) =>
  propertyHistory({
    from: `${table}_history`,
    columns: { id: `${table}_id`, name: 'field', value: 'new_value', old: 'old_value', time: 'created_date' },
    properties: tracked[table],
    nameForms: (name) => [name],
    id: (theirs) => theirs,
    thing: { target: 'contacts', table, id: 'id', created: 'created_date' },
  }),
);

export function propertiesOf(names: Readonly<Record<string, string>>): Properties {
  return Object.fromEntries(
    Object.entries(names).map(([field, name]) => [
      field,
      { name, columns: [], sql: (value: string) => value },
    ]),
  );
}
