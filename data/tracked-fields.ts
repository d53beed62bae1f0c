/**
 * The fields of contacts, companies and deals whose changes are kept in `core.<thing>_changes`, with their types: every
 * column that is not the key, nor derived from another, nor a stamp. The load contracts and the generated models
 * (models/engine/as-of.ts) both follow this list.
 */
export const trackedFields = {
  contact: {
    email: 'varchar',
    phone: 'varchar',
    first_name: 'varchar',
    last_name: 'varchar',
    company_id: 'varchar',
    owner_id: 'varchar',
    job_title: 'varchar',
    lifecycle_stage: 'varchar',
    lead_status: 'varchar',
    lead_source: 'varchar',
    country: 'varchar',
    city: 'varchar',
    language: 'varchar',
    time_zone: 'varchar',
    attributes: 'json',
    created_at: 'timestamp',
    updated_at: 'timestamp',
  },
  company: {
    name: 'varchar',
    domain: 'varchar',
    industry: 'varchar',
    employee_count: 'integer',
    annual_revenue: 'decimal(18,2)',
    currency: 'varchar',
    country: 'varchar',
    owner_id: 'varchar',
    created_at: 'timestamp',
    updated_at: 'timestamp',
  },
  deal: {
    name: 'varchar',
    contact_id: 'varchar',
    company_id: 'varchar',
    owner_id: 'varchar',
    pipeline: 'varchar',
    stage: 'varchar',
    amount: 'decimal(18,2)',
    currency: 'varchar',
    product: 'varchar',
    lead_source: 'varchar',
    created_at: 'timestamp',
    closed_at: 'timestamp',
    expected_close_date: 'date',
    updated_at: 'timestamp',
    attributes: 'json',
  },
} as const satisfies Record<string, Readonly<Record<string, string>>>;

export type TrackedThing = keyof typeof trackedFields;

/** From when on a thing's first values hold: nothing is known of a time before them. */
export const beginning = '0001-01-01 00:00:00';

/** In the order in which a person becomes a customer. */
export const lifecycleStages = ['subscriber', 'lead', 'mql', 'sql', 'opportunity', 'customer'] as const;
