import { sql, type Kysely } from 'kysely';

/**
 * `raw` and `core`. No primary keys and no indexes: uniqueness is the loader's duty (deduplicated at the door) and is
 * tested by the models; zone maps over time-sorted rows do an index's work. No function defaults: see migrations/README.md.
 */
const statements = [
  `create schema if not exists raw`,
  `create schema if not exists core`,

  // One row per rejected cell or line. `line_text` keeps the whole line, so nothing is lost.
  `create table raw.rejects (
     batch_id varchar not null, table_name varchar not null, source varchar not null, file varchar not null,
     line bigint, column_name varchar, value varchar, reason varchar not null, line_text varchar,
     recorded_at timestamp not null)`,

  // One row per load: what was read, what became of it.
  `create table raw.loads (
     batch_id varchar not null, table_name varchar not null, source varchar not null, file varchar not null,
     file_hash varchar, rows_read bigint not null, rows_inserted bigint not null, rows_updated bigint not null,
     rows_unchanged bigint not null, rows_rejected bigint not null, started_at timestamp not null,
     recorded_at timestamp not null)`,

  `create table core.owners (
     owner_id varchar not null, name varchar, email varchar, team varchar, manager_id varchar,
     is_active boolean not null default true, created_at timestamp, source varchar not null, recorded_at timestamp not null)`,

  `create table core.companies (
     company_id varchar not null, name varchar, domain varchar, industry varchar, employee_count integer,
     annual_revenue decimal(18,2), currency varchar, country varchar, owner_id varchar, created_at timestamp,
     source varchar not null, recorded_at timestamp not null)`,

  // `email` as given, `email_key` normalised: what identifies and joins. A stub is a contact known only by its id.
  `create table core.contacts (
     contact_id varchar not null, email varchar, email_key varchar, phone varchar, first_name varchar, last_name varchar,
     company_id varchar, owner_id varchar, job_title varchar, lifecycle_stage varchar, lead_status varchar,
     lead_source varchar, country varchar, city varchar, language varchar, time_zone varchar, attributes json,
     created_at timestamp, updated_at timestamp, is_stub boolean not null default false,
     source varchar not null, recorded_at timestamp not null)`,

  `create table core.contact_identities (
     contact_id varchar not null, kind varchar not null, value varchar not null,
     source varchar not null, recorded_at timestamp not null)`,

  `create table core.contact_changes (
     contact_id varchar not null, field varchar not null, value varchar, valid_from timestamp not null,
     source varchar not null, recorded_at timestamp not null)`,

  `create table core.deals (
     deal_id varchar not null, name varchar, contact_id varchar, company_id varchar, owner_id varchar,
     pipeline varchar not null default 'default', stage varchar, amount decimal(18,2), currency varchar, product varchar,
     lead_source varchar, created_at timestamp, closed_at timestamp, expected_close_date date, updated_at timestamp,
     attributes json, source varchar not null, recorded_at timestamp not null)`,

  `create table core.deal_changes (
     deal_id varchar not null, field varchar not null, value varchar, valid_from timestamp not null,
     source varchar not null, recorded_at timestamp not null)`,

  // What a stage means. A stage that is not here gets its meaning from its name (models/base/deal_stages.malloy).
  `create table core.deal_stages (
     pipeline varchar not null default 'default', stage varchar not null, label varchar, position integer,
     is_won boolean, is_closed boolean, probability double, source varchar not null, recorded_at timestamp not null)`,

  `create table core.deal_stage_changes (
     deal_id varchar not null, from_stage varchar, to_stage varchar not null, owner_id varchar,
     occurred_at timestamp not null, source varchar not null, recorded_at timestamp not null)`,

  `create table core.quotas (
     owner_id varchar not null, period_start_date date not null, period_end_date date not null,
     amount decimal(18,2) not null, currency varchar, source varchar not null, recorded_at timestamp not null)`,

  // `rate` units of `base_currency` for one unit of `currency` on `rate_date`.
  `create table core.exchange_rates (
     currency varchar not null, base_currency varchar not null, rate_date date not null, rate decimal(18,8) not null,
     source varchar not null, recorded_at timestamp not null)`,

  // event_type: sent, delivered, deferred, bounced, dropped, opened, clicked, unsubscribed, complained, replied.
  // agent_class: human, proxy, machine (null where nobody acted); agent_reason says why.
  // bounce_class: hard, soft.
  `create table core.email_events (
     event_id varchar not null, event_type varchar not null, contact_id varchar, email varchar, campaign_id varchar,
     campaign_run_id varchar, message_id varchar, delivery_id varchar, url varchar, agent_class varchar,
     agent_reason varchar, bounce_class varchar, reason varchar, ip varchar, user_agent varchar,
     occurred_at timestamp not null, source varchar not null, recorded_at timestamp not null)`,

  `create table core.web_events (
     event_id varchar not null, event_type varchar not null, contact_id varchar, anonymous_id varchar, session_id varchar,
     url varchar, referrer varchar, utm_source varchar, utm_medium varchar, utm_campaign varchar, device varchar,
     occurred_at timestamp not null, source varchar not null, recorded_at timestamp not null)`,

  // activity_type: call, meeting, email, note, task.
  `create table core.activities (
     activity_id varchar not null, activity_type varchar not null, contact_id varchar, company_id varchar,
     deal_id varchar, owner_id varchar, subject varchar, outcome varchar, duration_minutes integer,
     is_completed boolean not null default true, occurred_at timestamp not null,
     source varchar not null, recorded_at timestamp not null)`,

  // status: completed, cancelled, refunded.
  `create table core.orders (
     order_id varchar not null, contact_id varchar, deal_id varchar, campaign_id varchar, ordered_at timestamp not null,
     amount decimal(18,2) not null, currency varchar, quantity integer, status varchar not null default 'completed',
     channel varchar, source varchar not null, recorded_at timestamp not null)`,

  `create table core.order_lines (
     order_line_id varchar not null, order_id varchar not null, product_id varchar, product_name varchar,
     category varchar, quantity integer, unit_price decimal(18,2), amount decimal(18,2),
     source varchar not null, recorded_at timestamp not null)`,

  `create table core.spend (
     spend_date date not null, channel varchar not null, campaign_id varchar, amount decimal(18,2) not null,
     currency varchar, impressions bigint, clicks bigint, source varchar not null, recorded_at timestamp not null)`,

  `create table core.campaign_responses (
     response_id varchar not null, contact_id varchar, campaign_id varchar, response_type varchar,
     occurred_at timestamp not null, source varchar not null, recorded_at timestamp not null)`,

  // status: granted, withdrawn. purpose: marketing, analytics, … channel: email, sms, …
  `create table core.consent_events (
     consent_event_id varchar not null, contact_id varchar, email varchar, email_key varchar,
     channel varchar not null default 'email', purpose varchar not null default 'marketing', topic varchar,
     status varchar not null, wording varchar, method varchar, occurred_at timestamp not null,
     source varchar not null, recorded_at timestamp not null)`,
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}
