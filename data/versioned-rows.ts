import type { versionedTables } from './migrations/0003_versions.ts';
import type { scoreTables } from './migrations/0006_scores.ts';

type VersionedTable = (typeof versionedTables | typeof scoreTables)[number];

/** What makes a row of a versioned table the same row, and when what it tells of happened. */
export interface VersionedRow {
  readonly key: readonly string[];
  /** Columns with the times of what happened; none: the row has always been there. */
  readonly times: readonly string[];
  /**
   * What becomes of what happened later, where only what happened before a time is wanted. `left_out`: its rows are not there.
   * `put_off`: it happens at the end of time, for rows whose later times tell something of earlier ones (a move's
   * `from_stage`, a deal's close), or that hold more than one time.
   */
  readonly later: 'left_out' | 'put_off';
  /** Of a time that is a day: whether it has happened when it has begun (an exchange rate) or when it is over. */
  readonly day?: 'begun' | 'over';
}

/** Every versioned table, as the load contracts have them (a test compares): models/ cannot read those. */
export const versionedRows: Readonly<Record<VersionedTable, VersionedRow>> = {
  owners: { key: ['owner_id'], times: ['created_at'], later: 'put_off' },
  companies: { key: ['company_id'], times: ['created_at'], later: 'put_off' },
  contacts: { key: ['contact_id'], times: ['created_at', 'first_seen_at'], later: 'put_off' },
  contact_identities: { key: ['kind', 'value'], times: [], later: 'put_off' },
  contact_changes: { key: ['contact_id', 'field', 'valid_from'], times: ['valid_from'], later: 'put_off' },
  company_changes: { key: ['company_id', 'field', 'valid_from'], times: ['valid_from'], later: 'put_off' },
  deals: { key: ['deal_id'], times: ['created_at', 'closed_at'], later: 'put_off' },
  deal_changes: { key: ['deal_id', 'field', 'valid_from'], times: ['valid_from'], later: 'put_off' },
  deal_stages: { key: ['pipeline', 'stage'], times: [], later: 'put_off' },
  deal_stage_changes: {
    key: ['deal_id', 'to_stage', 'occurred_at'],
    times: ['occurred_at'],
    later: 'put_off',
  },
  quotas: { key: ['owner_id', 'period_start_date', 'period_end_date'], times: [], later: 'put_off' },
  exchange_rates: {
    key: ['currency', 'base_currency', 'rate_date'],
    times: ['rate_date'],
    later: 'left_out',
    day: 'begun',
  },
  email_events: { key: ['event_id'], times: ['occurred_at'], later: 'left_out' },
  web_events: { key: ['event_id'], times: ['occurred_at'], later: 'left_out' },
  activities: { key: ['activity_id'], times: ['occurred_at'], later: 'left_out' },
  orders: { key: ['order_id'], times: ['ordered_at'], later: 'left_out' },
  order_lines: { key: ['order_line_id'], times: [], later: 'left_out' },
  spend: {
    key: ['spend_date', 'channel', 'campaign_id'],
    times: ['spend_date'],
    later: 'left_out',
    day: 'over',
  },
  campaign_responses: { key: ['response_id'], times: ['occurred_at'], later: 'left_out' },
  consent_events: { key: ['consent_event_id'], times: ['occurred_at'], later: 'left_out' },
  rfm_groups: { key: ['recency_score', 'value_score'], times: [], later: 'put_off' },
  rfm_thresholds: { key: ['measure', 'score'], times: [], later: 'put_off' },
};
