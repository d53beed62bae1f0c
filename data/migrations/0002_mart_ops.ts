import { sql, type Kysely } from 'kysely';

/**
 * `mart` (filled by the build) and `ops`, the owner's own state. Which lane writes which table stands in data/README.md;
 * append-only tables are marked below.
 */
const statements = [
  `create schema if not exists mart`,
  `create schema if not exists ops`,

  // One row per built mart: what it was built as of, and when.
  `create table ops.mart_builds (
     mart varchar not null, as_of timestamp not null, known_at timestamp, row_count bigint not null,
     built_at timestamp not null, duration_ms bigint not null)`, // append only

  `create table ops.segments (
     segment_id varchar primary key, title varchar not null, description varchar, kind varchar not null,
     criteria json, version integer not null, status varchar not null default 'active', error varchar,
     created_at timestamp not null, updated_at timestamp not null)`,
  `create table ops.segment_versions (
     segment_id varchar not null, version integer not null, title varchar, kind varchar not null, criteria json,
     created_at timestamp not null)`, // append only
  `create table ops.segment_runs (
     run_id varchar not null, segment_id varchar not null, version integer not null, as_of timestamp not null,
     known_at timestamp, member_count bigint, entered_count bigint, left_count bigint, error varchar,
     duration_ms bigint, recorded_at timestamp not null)`, // append only
  `create table ops.segment_changes (
     segment_id varchar not null, contact_id varchar not null, change varchar not null, changed_at timestamp not null,
     version integer not null, run_id varchar not null, recorded_at timestamp not null)`, // append only
  `create table ops.segment_memberships_open (
     segment_id varchar not null, contact_id varchar not null, entered_at timestamp not null,
     valid_until timestamp, run_id varchar not null)`,

  `create table ops.templates (
     template_id varchar not null, version integer not null, subject varchar not null, preview_text varchar,
     body varchar not null, body_format varchar not null, created_at timestamp not null)`, // append only

  // criteria of the audience are lists of segment ids; message_class: marketing, transactional.
  `create table ops.campaigns (
     campaign_id varchar primary key, title varchar not null, definition json not null, version integer not null,
     created_at timestamp not null, updated_at timestamp not null)`,
  // status: launching, sending, paused, completed, cancelled, failed.
  `create table ops.campaign_runs (
     campaign_run_id varchar primary key, campaign_id varchar not null, definition json not null, status varchar not null,
     as_of timestamp not null, launched_at timestamp not null, launched_by varchar, completed_at timestamp,
     audience_count bigint, send_count bigint, holdout_count bigint, excluded_count bigint, error varchar,
     updated_at timestamp not null)`,
  // decision: send, holdout, excluded; refusals: every reason against, the first decided. position is dense from 1 over the rows to send, null for the others.
  `create table ops.audience (
     campaign_run_id varchar not null, message_id varchar not null, contact_id varchar not null, position bigint,
     delivery_id varchar, email varchar, address_key varchar, decision varchar not null, reason varchar not null, refusals varchar[],
     arm varchar, send_at timestamp, variables json, recorded_at timestamp not null)`, // append only
  // status: pending, leased, done. Positions are inclusive.
  `create table ops.delivery_batches (
     batch_id varchar primary key, campaign_run_id varchar not null, message_id varchar not null,
     position_from bigint not null, position_to bigint not null, status varchar not null default 'pending',
     lease_id varchar, leased_by varchar, leased_until timestamp, attempt integer not null default 0,
     updated_at timestamp not null)`,
  // outcome: accepted, rejected, failed, skipped, unknown. The last row of a delivery decides.
  `create table ops.deliveries (
     delivery_id varchar not null, campaign_run_id varchar not null, message_id varchar not null,
     contact_id varchar not null, address_key varchar not null, batch_id varchar, lease_id varchar,
     outcome varchar not null, reason varchar, provider varchar, provider_message_id varchar,
     occurred_at timestamp not null, recorded_at timestamp not null)`, // append only
  // One row per reason to never write to an address; scope: global or a topic. address_key: see data/address.ts.
  `create table ops.suppressions (
     address_key varchar not null, channel varchar not null default 'email', scope varchar not null default 'global',
     reason varchar not null, detail varchar, suppressed_at timestamp not null, source varchar not null,
     recorded_at timestamp not null)`, // append only

  `create table ops.integrations (
     integration_id varchar primary key, kind varchar not null, settings json, secret_ref varchar,
     created_at timestamp not null, updated_at timestamp not null)`,
  `create table ops.workflows (
     workflow_id varchar primary key, title varchar not null, definition json not null, status varchar not null,
     version integer not null, created_at timestamp not null, updated_at timestamp not null)`,
  `create table ops.workflow_executions (
     execution_id varchar not null, workflow_id varchar not null, contact_id varchar not null, step varchar not null,
     status varchar not null, occurred_at timestamp not null, recorded_at timestamp not null)`, // append only
  // One row per contact that an action touched; the key (run_id, action, contact_id) makes it once.
  `create table ops.action_runs (
     run_id varchar not null, segment_id varchar, action varchar not null, contact_id varchar not null,
     target_id varchar, before json, after json, status varchar not null, reason varchar,
     occurred_at timestamp not null, recorded_at timestamp not null)`, // append only
  `create table ops.tasks (
     task_id varchar not null, contact_id varchar, owner_id varchar, title varchar not null, body varchar,
     due_at timestamp, priority varchar, status varchar not null default 'open', run_id varchar,
     created_at timestamp not null)`, // append only

  `create table ops.reports (
     report_id varchar primary key, title varchar not null, file varchar not null, schedule json,
     created_at timestamp not null, updated_at timestamp not null)`,
  `create table ops.report_runs (
     report_run_id varchar not null, report_id varchar not null, as_of timestamp not null, status varchar not null,
     recipients json, message_id varchar, error varchar, occurred_at timestamp not null)`, // append only

  // status: running, succeeded, failed, skipped, missed.
  `create table ops.job_runs (
     job_run_id varchar primary key, job varchar not null, scheduled_for timestamp, status varchar not null,
     started_at timestamp not null, ended_at timestamp, duration_ms bigint, error varchar, result json)`,
  `create table ops.sync_cursors (
     source varchar primary key, cursor varchar, updated_at timestamp not null)`,
  `create table ops.sync_logs (
     source varchar not null, message varchar, row_count bigint, error varchar, occurred_at timestamp not null)`, // append only
  // Only a hash of the token is kept.
  `create table ops.api_tokens (
     token_id varchar primary key, token_hash varchar not null, name varchar not null, role varchar not null,
     created_at timestamp not null, expires_at timestamp, revoked_at timestamp)`,
  `create table ops.audit_log (
     actor varchar, action varchar not null, subject varchar, detail json, occurred_at timestamp not null)`, // append only
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}
