import type { Criteria } from '../../models/criteria/types.ts';
import { listSegments } from './listing.ts';
import { saveSegment, type SegmentInput } from './store.ts';
import type { SegmentContext } from './types.ts';

/** Ready-made segments for a newcomer; `mallard demo` saves them. Each may be changed or deleted like any other. */
export interface DefaultSegment extends SegmentInput {
  description: string;
  criteria: Criteria;
}

const mailable: Criteria = {
  all: [
    { field: 'has_email', operator: 'equals', value: true },
    { field: 'consent_status', operator: 'equals', value: 'granted' },
    { field: 'is_suppressed', operator: 'equals', value: false },
  ],
};
const notOrdered: Criteria = { field: 'order_count', operator: 'equals', value: 0 };
const ordered: Criteria = { field: 'order_count', operator: 'at_least', value: 1 };

export const defaultSegments: readonly DefaultSegment[] = [
  {
    segment_id: 'mailable',
    title: 'May be mailed',
    description: 'An address, consent to marketing, and no suppression.',
    criteria: mailable,
  },
  {
    segment_id: 'new_leads',
    title: 'New leads',
    description: 'Created within 30 days, not a customer yet.',
    criteria: {
      all: [
        { field: 'created_at', operator: 'within_last_days', value: 30 },
        { field: 'lifecycle_stage', operator: 'in', value: ['subscriber', 'lead', 'mql'] },
        notOrdered,
      ],
    },
  },
  {
    segment_id: 'engaged_not_customer',
    title: 'Engaged, not yet customers',
    description: 'Clicked an e-mail or looked at three pages within 30 days, never ordered, no open deal.',
    criteria: {
      all: [
        {
          any: [
            { field: 'email.last_30_days.clicks', operator: 'at_least', value: 1 },
            { field: 'web.last_30_days.page_views', operator: 'at_least', value: 3 },
          ],
        },
        notOrdered,
        { field: 'open_deal_count', operator: 'equals', value: 0 },
      ],
    },
  },
  {
    segment_id: 'frequent_clickers',
    title: 'Frequent clickers',
    description: 'Clicked at least three times within 60 days (people only).',
    criteria: { measure: 'email_events.clicks', within_days: 60, operator: 'at_least', value: 3 },
  },
  {
    segment_id: 'first_time_customers',
    title: 'First-time customers',
    description: 'Exactly one order, within the last 90 days.',
    criteria: {
      all: [
        { field: 'order_count', operator: 'equals', value: 1 },
        { field: 'last_ordered_at', operator: 'within_last_days', value: 90 },
      ],
    },
  },
  {
    segment_id: 'repeat_customers',
    title: 'Repeat customers',
    description: 'At least two orders within a year.',
    criteria: { field: 'orders.last_365_days.order_count', operator: 'at_least', value: 2 },
  },
  {
    segment_id: 'vip_customers',
    title: 'VIP customers',
    description:
      'The fifth with the highest revenue, ordered within a year. Relative: fixed by the last build.',
    criteria: {
      all: [
        { field: 'rfm.monetary_score', operator: 'equals', value: 5 },
        { field: 'orders.last_365_days.order_count', operator: 'at_least', value: 1 },
      ],
    },
  },
  {
    segment_id: 'win_back',
    title: 'Win back',
    description: 'Customers whose last order is 180 to 365 days ago, and who may be mailed.',
    criteria: {
      all: [
        { field: 'last_ordered_at', operator: 'more_than_days_ago', value: 180 },
        { field: 'orders.last_365_days.order_count', operator: 'at_least', value: 1 },
        mailable,
      ],
    },
  },
  {
    segment_id: 'lapsed_customers',
    title: 'Lapsed customers',
    description: 'Ordered once, not within a year.',
    criteria: { all: [ordered, { field: 'last_ordered_at', operator: 'more_than_days_ago', value: 365 }] },
  },
  {
    segment_id: 'dormant',
    title: 'Dormant',
    description:
      'Mailed at least three times within 90 days, and neither opened, clicked, visited nor ordered in them.',
    criteria: {
      all: [
        { field: 'email.last_90_days.sent', operator: 'at_least', value: 3 },
        { field: 'email.last_90_days.opens', operator: 'equals', value: 0 },
        { field: 'email.last_90_days.clicks', operator: 'equals', value: 0 },
        { field: 'web.last_90_days.page_views', operator: 'equals', value: 0 },
        { field: 'orders.last_90_days.order_count', operator: 'equals', value: 0 },
      ],
    },
  },
  {
    segment_id: 'never_mailed',
    title: 'Never mailed',
    description: 'May be mailed, and never was.',
    criteria: { all: [mailable, { field: 'last_email_sent_at', operator: 'is_not_set' }] },
  },
  {
    segment_id: 'no_consent',
    title: 'Consent missing',
    description: 'An address, but no consent was ever recorded: ask, elsewhere than by marketing mail.',
    criteria: {
      all: [
        { field: 'has_email', operator: 'equals', value: true },
        { field: 'consent_status', operator: 'is_not_set' },
        { field: 'is_suppressed', operator: 'equals', value: false },
      ],
    },
  },
  {
    segment_id: 'open_deals',
    title: 'In a sale',
    description: 'Has an open deal: leave them to sales.',
    criteria: { field: 'open_deal_count', operator: 'at_least', value: 1 },
  },
  {
    segment_id: 'bounced',
    title: 'Address does not work',
    description: 'An e-mail bounced for good: find another address.',
    criteria: { field: 'has_hard_bounced', operator: 'equals', value: true },
  },
];

/** Saves those whose id is not taken yet, archived ones included: what somebody changed or deleted stays so. */
export async function saveDefaultSegments(context: SegmentContext): Promise<string[]> {
  const taken = new Set(
    (await listSegments(context, { includeArchived: true })).map(({ segment_id }) => segment_id),
  );
  const missing = defaultSegments.filter(({ segment_id }) => !taken.has(segment_id));
  for (const segment of missing) await saveSegment(context, segment);
  return missing.map(({ segment_id }) => segment_id);
}
