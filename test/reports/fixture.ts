import { DateTime } from 'luxon';
import type { ReportColumn, ReportData, Row } from '../../reports/types.ts';

/** A measure or dimension column with what is usual. */
export function column(
  name: string,
  label: string,
  type: ReportColumn['type'],
  more: Partial<ReportColumn> = {},
): ReportColumn {
  const isMeasure = type === 'integer' || type === 'number' || type === 'decimal';
  return { name, label, type, is_measure: isMeasure, is_hidden: false, ...more };
}

const money = { format: { kind: 'currency', decimals: 0 } } as const;
const percent = { format: { kind: 'percent' } } as const;

function compared(of: string, unit: 'pct' | 'ppt' = 'pct'): Partial<ReportColumn> {
  return { is_hidden: true, comparison: { of, unit, label: 'vs week before', down_is_good: false } };
}

/** 26 ISO weeks in Berlin: their midnights are 22:00 or 23:00 UTC, since the summer time ends among them. */
function weeklyRows(): Row[] {
  const last = DateTime.fromISO('2026-10-26', { zone: 'Europe/Berlin' });
  return Array.from({ length: 26 }, (_, index) => ({
    order_week: last
      .minus({ weeks: 25 - index })
      .toUTC()
      .toISO({ suppressMilliseconds: true }),
    // The last two are the week of the big values and the one before.
    revenue:
      ['44474.15', '48210.40'][index - 24] ??
      (36_000 + 330 * index + 3_900 * Math.sin(index / 2.1) + (index % 5) * 900).toFixed(2),
  }));
}

/** A report as the engine would answer it: fixed figures, a fixed as-of time, a zone that is not UTC. */
export const weeklyFixture: ReportData = {
  report_id: 'weekly',
  title: 'Weekly marketing report',
  description: 'The last complete week beside the one before.',
  as_of: '2026-11-02T07:00:00Z',
  time_zone: 'Europe/Berlin',
  currency: 'USD',
  account_name: 'Example Company',
  recipients: ['manager@example.com'],
  period: { unit: 'week', first_date: '2026-10-26', last_date: '2026-11-01' },
  is_due: true,
  due_reason: 'The report has no condition.',
  page_url: 'http://127.0.0.1:3000/reports/weekly?as_of=2026-11-02T07%3A00%3A00Z',
  views: [
    {
      name: 'sales',
      title: 'Last week',
      renderer: 'big_value',
      columns: [
        column('revenue', 'Revenue', 'decimal', {
          ...money,
          doc: 'Amounts of completed orders placed in the week, refunds and cancellations excluded.',
        }),
        column('revenue_before', 'Revenue before', 'decimal', compared('revenue')),
        column('orders', 'Orders', 'integer', { doc: 'Completed orders placed in the week.' }),
        column('orders_before', 'Orders before', 'integer', compared('orders')),
      ],
      rows: [{ revenue: '48210.40', revenue_before: '44474.15', orders: 412, orders_before: 399 }],
      is_truncated: false,
      malloy: 'query: sales is orders -> { aggregate: revenue }',
    },
    {
      name: 'leads',
      title: 'Leads',
      renderer: 'big_value',
      columns: [
        column('new_leads', 'New leads', 'integer', { doc: 'Contacts created in the week.' }),
        column('new_leads_before', 'New leads before', 'integer', compared('new_leads')),
      ],
      rows: [{ new_leads: 96, new_leads_before: 109 }],
      is_truncated: false,
      malloy: 'query: leads is contacts -> { aggregate: new_leads }',
    },
    {
      name: 'wins',
      title: 'Wins',
      renderer: 'big_value',
      columns: [
        column('win_rate', 'Win rate', 'number', {
          ...percent,
          doc: 'Won ÷ (won + lost) deals by close date; open deals are left out.',
        }),
        column('win_rate_before', 'Win rate before', 'number', compared('win_rate', 'ppt')),
      ],
      rows: [{ win_rate: 0.314, win_rate_before: 0.302 }],
      is_truncated: false,
      malloy: 'query: wins is deals -> { aggregate: win_rate }',
    },
    {
      name: 'revenue_by_week',
      title: 'Revenue by week',
      subtitle: 'Completed orders, last 26 weeks',
      renderer: 'line_chart',
      chart: { x: 'order_week', y: ['revenue'], zero_baseline: true },
      columns: [
        column('order_week', 'Week', 'timestamp'),
        column('revenue', 'Revenue', 'decimal', { ...money, doc: 'Sum of the amounts of completed orders.' }),
      ],
      rows: weeklyRows(),
      is_truncated: false,
      malloy: 'query: revenue_by_week is orders -> { group_by: order_week; aggregate: revenue }',
    },
    {
      name: 'won_by_source',
      title: 'Won amount by lead source',
      subtitle: 'Deals won in the last 90 days',
      renderer: 'bar_chart',
      columns: [
        column('lead_source', 'Lead source', 'string'),
        column('won_amount', 'Won amount', 'decimal', {
          ...money,
          doc: 'Sum of the amounts of won deals, by close date.',
        }),
      ],
      rows: [
        { lead_source: 'Referral', won_amount: '184300.00' },
        { lead_source: 'Webinar', won_amount: '126750.00' },
        { lead_source: 'Organic search', won_amount: '98420.50' },
        { lead_source: 'Trade fair', won_amount: '61200.00' },
        { lead_source: 'Paid social', won_amount: '18900.00' },
        { lead_source: null, won_amount: '4100.00' },
      ],
      is_truncated: false,
      malloy: 'query: won_by_source is deals -> { group_by: lead_source; aggregate: won_amount }',
    },
    {
      name: 'campaigns',
      title: 'E-mail campaigns',
      subtitle: 'Sent in the last 28 days; rates of delivered mails',
      renderer: 'table',
      columns: [
        column('campaign', 'Campaign', 'string'),
        column('delivered', 'Delivered', 'integer', { doc: 'Mails the provider reported as delivered.' }),
        column('open_rate', 'Opened', 'number', { ...percent, doc: 'Unique human opens ÷ delivered.' }),
        column('click_rate', 'Clicked', 'number', {
          ...percent,
          doc: 'Unique human clicks ÷ delivered; unsubscribe links excluded.',
        }),
        column('unsubscribe_rate', 'Unsubscribed', 'number', {
          format: { kind: 'percent', decimals: 2 },
          doc: 'Unsubscribes ÷ delivered.',
        }),
      ],
      rows: [
        {
          campaign: 'October newsletter',
          delivered: 18_204,
          open_rate: 0.3124,
          click_rate: 0.0418,
          unsubscribe_rate: 0.0012,
        },
        {
          campaign: 'Autumn offer <returning customers>',
          delivered: 6_310,
          open_rate: 0.3561,
          click_rate: 0.0722,
          unsubscribe_rate: 0.0021,
        },
        {
          campaign: 'Webinar invitation',
          delivered: 2_048,
          open_rate: 0.2877,
          click_rate: 0.0513,
          unsubscribe_rate: 0.0008,
        },
        { campaign: 'Reactivation', delivered: 0, open_rate: null, click_rate: null, unsubscribe_rate: null },
      ],
      is_truncated: false,
      malloy: 'query: campaigns is email_events -> { group_by: campaign; aggregate: delivered, open_rate }',
    },
  ],
};
