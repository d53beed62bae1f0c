/**
 * The columns of every table of data/migrations, in its words. The migrations make the tables; this list tells TypeScript:
 * the types of tables.ts derive from it, and test/data/kysely/tables.test.ts compares it, in order, with the tables that
 * the migrations made.
 *
 * `default` stands for a column that an INSERT may leave out. Marts are not here: the build makes them from models.
 */
const landed = { source: 'varchar not null', recorded_at: 'timestamp not null' } as const;

// prettier-ignore
export const columns = {
  'raw.rejects': {
    batch_id: 'varchar not null', table_name: 'varchar not null', source: 'varchar not null', file: 'varchar not null',
    line: 'bigint', column_name: 'varchar', value: 'varchar', reason: 'varchar not null', line_text: 'varchar',
    recorded_at: 'timestamp not null' },
  'raw.loads': {
    batch_id: 'varchar not null', table_name: 'varchar not null', source: 'varchar not null', file: 'varchar not null',
    file_hash: 'varchar', rows_read: 'bigint not null', rows_inserted: 'bigint not null',
    rows_updated: 'bigint not null', rows_unchanged: 'bigint not null', rows_rejected: 'bigint not null',
    started_at: 'timestamp not null', recorded_at: 'timestamp not null' },
  'core.owners': {
    owner_id: 'varchar not null', name: 'varchar', email: 'varchar', team: 'varchar', manager_id: 'varchar',
    is_active: 'boolean not null default', created_at: 'timestamp', ...landed },
  'core.companies': {
    company_id: 'varchar not null', name: 'varchar', domain: 'varchar', industry: 'varchar', employee_count: 'integer',
    annual_revenue: 'decimal(18,2)', currency: 'varchar', country: 'varchar', owner_id: 'varchar',
    created_at: 'timestamp', ...landed, updated_at: 'timestamp', described_at: 'timestamp' },
  'core.contacts': {
    contact_id: 'varchar not null', email: 'varchar', email_key: 'varchar', phone: 'varchar', first_name: 'varchar',
    last_name: 'varchar', company_id: 'varchar', owner_id: 'varchar', job_title: 'varchar', lifecycle_stage: 'varchar',
    lead_status: 'varchar', lead_source: 'varchar', country: 'varchar', city: 'varchar', language: 'varchar',
    time_zone: 'varchar', attributes: 'json', created_at: 'timestamp', updated_at: 'timestamp',
    is_stub: 'boolean not null default', ...landed, described_at: 'timestamp',
    first_seen_at: 'timestamp', phone_key: 'varchar' },
  'core.contact_identities': {
    contact_id: 'varchar not null', kind: 'varchar not null', value: 'varchar not null', ...landed },
  'core.contact_changes': {
    contact_id: 'varchar not null', field: 'varchar not null', value: 'varchar', valid_from: 'timestamp not null',
    ...landed },
  'core.company_changes': {
    company_id: 'varchar not null', field: 'varchar not null', value: 'varchar', valid_from: 'timestamp not null',
    ...landed },
  'core.contact_merges': {
    merge_id: 'varchar not null', contact_id: 'varchar not null', other_contact_id: 'varchar not null',
    decision: 'varchar not null', rule: 'varchar not null', evidence: 'varchar', recorded_by: 'varchar', ...landed,
    undone_at: 'timestamp', undone_by: 'varchar' },
  'core.contact_canonicals': {
    contact_id: 'varchar not null', canonical_contact_id: 'varchar not null', recorded_at: 'timestamp not null',
    superseded_at: 'timestamp' },
  'core.deals': {
    deal_id: 'varchar not null', name: 'varchar', contact_id: 'varchar', company_id: 'varchar', owner_id: 'varchar',
    pipeline: 'varchar not null default', stage: 'varchar', amount: 'decimal(18,2)', currency: 'varchar',
    product: 'varchar', lead_source: 'varchar', created_at: 'timestamp', closed_at: 'timestamp',
    expected_close_date: 'date', updated_at: 'timestamp', attributes: 'json', ...landed },
  'core.deal_changes': {
    deal_id: 'varchar not null', field: 'varchar not null', value: 'varchar', valid_from: 'timestamp not null',
    ...landed },
  'core.deal_stages': {
    pipeline: 'varchar not null default', stage: 'varchar not null', label: 'varchar', position: 'integer',
    is_won: 'boolean', is_closed: 'boolean', probability: 'double', ...landed },
  'core.deal_stage_changes': {
    deal_id: 'varchar not null', from_stage: 'varchar', to_stage: 'varchar not null', owner_id: 'varchar',
    occurred_at: 'timestamp not null', ...landed },
  'core.quotas': {
    owner_id: 'varchar not null', period_start_date: 'date not null', period_end_date: 'date not null',
    amount: 'decimal(18,2) not null', currency: 'varchar', ...landed },
  'core.exchange_rates': {
    currency: 'varchar not null', base_currency: 'varchar not null', rate_date: 'date not null',
    rate: 'decimal(18,8) not null', ...landed },
  'core.email_events': {
    event_id: 'varchar not null', event_type: 'varchar not null', contact_id: 'varchar', email: 'varchar',
    campaign_id: 'varchar', campaign_run_id: 'varchar', message_id: 'varchar', delivery_id: 'varchar', url: 'varchar',
    agent_class: 'varchar', agent_reason: 'varchar', bounce_class: 'varchar', reason: 'varchar', ip: 'varchar',
    user_agent: 'varchar', occurred_at: 'timestamp not null', ...landed },
  'core.web_events': {
    event_id: 'varchar not null', event_type: 'varchar not null', contact_id: 'varchar', anonymous_id: 'varchar',
    session_id: 'varchar', url: 'varchar', referrer: 'varchar', utm_source: 'varchar', utm_medium: 'varchar',
    utm_campaign: 'varchar', device: 'varchar', occurred_at: 'timestamp not null', ...landed },
  'core.activities': {
    activity_id: 'varchar not null', activity_type: 'varchar not null', contact_id: 'varchar', company_id: 'varchar',
    deal_id: 'varchar', owner_id: 'varchar', subject: 'varchar', outcome: 'varchar', duration_minutes: 'integer',
    is_completed: 'boolean not null default', occurred_at: 'timestamp not null', ...landed },
  'core.orders': {
    order_id: 'varchar not null', contact_id: 'varchar', deal_id: 'varchar', campaign_id: 'varchar',
    ordered_at: 'timestamp not null', amount: 'decimal(18,2) not null', currency: 'varchar', quantity: 'integer',
    status: 'varchar not null default', channel: 'varchar', ...landed },
  'core.order_lines': {
    order_line_id: 'varchar not null', order_id: 'varchar not null', product_id: 'varchar', product_name: 'varchar',
    category: 'varchar', quantity: 'integer', unit_price: 'decimal(18,2)', amount: 'decimal(18,2)', ...landed },
  'core.spend': {
    spend_date: 'date not null', channel: 'varchar not null', campaign_id: 'varchar', amount: 'decimal(18,2) not null',
    currency: 'varchar', impressions: 'bigint', clicks: 'bigint', ...landed },
  'core.campaign_responses': {
    response_id: 'varchar not null', contact_id: 'varchar', campaign_id: 'varchar', response_type: 'varchar',
    occurred_at: 'timestamp not null', ...landed },
  'core.consent_events': {
    consent_event_id: 'varchar not null', contact_id: 'varchar', email: 'varchar', email_key: 'varchar',
    channel: 'varchar not null default', purpose: 'varchar not null default', topic: 'varchar',
    status: 'varchar not null', wording: 'varchar', method: 'varchar', occurred_at: 'timestamp not null', ...landed,
    place: 'varchar', actor: 'varchar' },
  'core.rfm_groups': {
    recency_score: 'integer not null', value_score: 'integer not null', group_name: 'varchar not null', ...landed },
  'core.rfm_thresholds': {
    measure: 'varchar not null', score: 'integer not null', bound: 'decimal(18,2) not null', ...landed },
  'ops.mart_builds': {
    mart: 'varchar not null', as_of: 'timestamp not null', known_at: 'timestamp', row_count: 'bigint not null',
    built_at: 'timestamp not null', duration_ms: 'bigint not null' },
  'ops.mart_snapshots': {
    as_of: 'timestamp not null', settled_before: 'timestamp not null', recorded_at: 'timestamp not null' },
  'ops.model_versions': {
    version: 'varchar not null', files: 'json not null', created_at: 'timestamp not null' },
  'ops.segments': {
    segment_id: 'varchar not null', title: 'varchar not null', description: 'varchar', kind: 'varchar not null',
    criteria: 'json', version: 'integer not null', status: 'varchar not null default', error: 'varchar',
    created_at: 'timestamp not null', updated_at: 'timestamp not null' },
  'ops.segment_versions': {
    segment_id: 'varchar not null', version: 'integer not null', title: 'varchar', kind: 'varchar not null',
    criteria: 'json', created_at: 'timestamp not null' },
  'ops.segment_runs': {
    run_id: 'varchar not null', segment_id: 'varchar not null', version: 'integer not null',
    as_of: 'timestamp not null', known_at: 'timestamp', member_count: 'bigint', entered_count: 'bigint',
    left_count: 'bigint', error: 'varchar', duration_ms: 'bigint', recorded_at: 'timestamp not null' },
  'ops.segment_touched_runs': {
    run_id: 'varchar not null', as_of: 'timestamp not null', after_run: 'bigint not null',
    recorded_since: 'timestamp not null', settled_before: 'timestamp not null', touched_count: 'bigint not null',
    entered_count: 'bigint not null', left_count: 'bigint not null', duration_ms: 'bigint not null',
    recorded_at: 'timestamp not null' },
  'ops.segment_changes': {
    segment_id: 'varchar not null', contact_id: 'varchar not null', change: 'varchar not null',
    changed_at: 'timestamp not null', version: 'integer not null', run_id: 'varchar not null',
    recorded_at: 'timestamp not null' },
  'ops.segment_memberships_open': {
    segment_id: 'varchar not null', contact_id: 'varchar not null', entered_at: 'timestamp not null',
    valid_until: 'timestamp', run_id: 'varchar not null' },
  'ops.segment_list_changes': {
    segment_id: 'varchar not null', contact_id: 'varchar not null', change: 'varchar not null',
    changed_at: 'timestamp not null', version: 'integer not null', recorded_at: 'timestamp not null' },
  'ops.segment_triggers': {
    trigger_id: 'varchar not null', segment_id: 'varchar not null', change: 'varchar not null', action: 'json not null',
    contacts_max: 'integer not null', status: 'varchar not null', since_at: 'timestamp not null', error: 'varchar',
    created_at: 'timestamp not null', updated_at: 'timestamp not null' },
  'ops.templates': {
    template_id: 'varchar not null', version: 'integer not null', subject: 'varchar not null', preview_text: 'varchar',
    body: 'varchar not null', body_format: 'varchar not null', created_at: 'timestamp not null' },
  'ops.campaigns': {
    campaign_id: 'varchar not null', title: 'varchar not null', definition: 'json not null',
    version: 'integer not null', created_at: 'timestamp not null', updated_at: 'timestamp not null' },
  'ops.campaign_runs': {
    campaign_run_id: 'varchar not null', campaign_id: 'varchar not null', definition: 'json not null',
    status: 'varchar not null', as_of: 'timestamp not null', launched_at: 'timestamp not null', launched_by: 'varchar',
    completed_at: 'timestamp', audience_count: 'bigint', send_count: 'bigint', holdout_count: 'bigint',
    excluded_count: 'bigint', error: 'varchar', updated_at: 'timestamp not null' },
  'ops.audience': {
    campaign_run_id: 'varchar not null', message_id: 'varchar not null', contact_id: 'varchar not null',
    position: 'bigint', delivery_id: 'varchar', email: 'varchar', address_key: 'varchar', decision: 'varchar not null',
    reason: 'varchar not null', refusals: 'varchar[]', arm: 'varchar', send_at: 'timestamp', variables: 'json',
    recorded_at: 'timestamp not null' },
  'ops.delivery_batches': {
    batch_id: 'varchar not null', campaign_run_id: 'varchar not null', message_id: 'varchar not null',
    position_from: 'bigint not null', position_to: 'bigint not null', status: 'varchar not null default',
    lease_id: 'varchar', leased_by: 'varchar', leased_until: 'timestamp', attempt: 'integer not null default',
    updated_at: 'timestamp not null' },
  'ops.deliveries': {
    delivery_id: 'varchar not null', campaign_run_id: 'varchar not null', message_id: 'varchar not null',
    contact_id: 'varchar not null', address_key: 'varchar not null', batch_id: 'varchar', lease_id: 'varchar',
    outcome: 'varchar not null', reason: 'varchar', provider: 'varchar', provider_message_id: 'varchar',
    occurred_at: 'timestamp not null', recorded_at: 'timestamp not null' },
  'ops.suppressions': {
    address_key: 'varchar not null', channel: 'varchar not null default', scope: 'varchar not null default',
    reason: 'varchar not null', detail: 'varchar', suppressed_at: 'timestamp not null', ...landed, actor: 'varchar' },
  'ops.suppression_lifts': {
    address_key: 'varchar not null', channel: 'varchar not null', scope: 'varchar not null',
    lifted_at: 'timestamp not null', consent_event_id: 'varchar not null', ...landed },
  'ops.consent_requests': {
    request_id: 'varchar not null', address_key: 'varchar not null', email: 'varchar', channel: 'varchar not null',
    purpose: 'varchar not null', topics: 'json not null', wording: 'varchar', place: 'varchar',
    language: 'varchar not null', actor: 'varchar', requested_at: 'timestamp not null',
    expires_at: 'timestamp not null', mail_outcome: 'varchar', mail_reason: 'varchar', provider: 'varchar',
    confirmed_at: 'timestamp', updated_at: 'timestamp not null' },
  'ops.integrations': {
    integration_id: 'varchar not null', kind: 'varchar not null', settings: 'json', secret_ref: 'varchar',
    created_at: 'timestamp not null', updated_at: 'timestamp not null' },
  'ops.workflows': {
    workflow_id: 'varchar not null', title: 'varchar not null', definition: 'json not null', status: 'varchar not null',
    version: 'integer not null', created_at: 'timestamp not null', updated_at: 'timestamp not null' },
  'ops.workflow_executions': {
    execution_id: 'varchar not null', workflow_id: 'varchar not null', contact_id: 'varchar not null',
    step: 'varchar not null', status: 'varchar not null', occurred_at: 'timestamp not null',
    recorded_at: 'timestamp not null' },
  'ops.action_runs': {
    run_id: 'varchar not null', segment_id: 'varchar', action: 'varchar not null', contact_id: 'varchar not null',
    target_id: 'varchar', before: 'json', after: 'json', status: 'varchar not null', reason: 'varchar',
    occurred_at: 'timestamp not null', recorded_at: 'timestamp not null' },
  'ops.tasks': {
    task_id: 'varchar not null', contact_id: 'varchar', owner_id: 'varchar', title: 'varchar not null', body: 'varchar',
    due_at: 'timestamp', priority: 'varchar', status: 'varchar not null default', run_id: 'varchar',
    created_at: 'timestamp not null' },
  'ops.reports': {
    report_id: 'varchar not null', title: 'varchar not null', file: 'varchar not null', schedule: 'json',
    created_at: 'timestamp not null', updated_at: 'timestamp not null' },
  'ops.report_runs': {
    report_run_id: 'varchar not null', report_id: 'varchar not null', as_of: 'timestamp not null',
    status: 'varchar not null', recipients: 'json', message_id: 'varchar', error: 'varchar',
    occurred_at: 'timestamp not null' },
  'ops.job_runs': {
    job_run_id: 'varchar not null', job: 'varchar not null', scheduled_for: 'timestamp', status: 'varchar not null',
    started_at: 'timestamp not null', ended_at: 'timestamp', duration_ms: 'bigint', error: 'varchar', result: 'json' },
  'ops.sync_cursors': {
    source: 'varchar not null', cursor: 'varchar', updated_at: 'timestamp not null' },
  'ops.sync_logs': {
    source: 'varchar not null', message: 'varchar', row_count: 'bigint', error: 'varchar',
    occurred_at: 'timestamp not null' },
  'ops.api_tokens': {
    token_id: 'varchar not null', token_hash: 'varchar not null', name: 'varchar not null', role: 'varchar not null',
    created_at: 'timestamp not null', expires_at: 'timestamp', revoked_at: 'timestamp' },
  'ops.audit_log': {
    actor: 'varchar', action: 'varchar not null', subject: 'varchar', detail: 'json', occurred_at: 'timestamp not null' },
  'ops.erasures': {
    erasure_id: 'varchar not null', address_keys: 'varchar[] not null', contact_keys: 'varchar[] not null',
    salt: 'varchar', status: 'varchar not null', counts: 'json', requested_by: 'varchar', reason: 'varchar',
    requested_at: 'timestamp not null', completed_at: 'timestamp', compact_by: 'timestamp',
    compacted_at: 'timestamp' },
  'ops.test_runs': {
    run_id: 'varchar not null', kind: 'varchar not null', test: 'varchar not null', model: 'varchar not null',
    severity: 'varchar not null', status: 'varchar not null', failing_count: 'bigint', error: 'varchar',
    as_of: 'timestamp not null', known_at: 'timestamp', duration_ms: 'bigint not null',
    recorded_at: 'timestamp not null' },
  'ops.lead_score_versions': {
    version: 'integer not null', rules: 'json not null', hash: 'varchar not null', created_at: 'timestamp not null' },
} as const;
