/**
 * What is added up per person. A *message* is one e-mail to one recipient; it belongs to the moment when it was sent, and so do its
 * delivery and what the recipient did with it up to the last build. An *order* is a completed one. A *customer acquired* is a
 * contact's first completed order or first won deal.
 */
export const amounts = [
  'emails_sent',
  'emails_delivered',
  'emails_opened',
  'emails_clicked',
  'emails_unsubscribed',
  'emails_complained',
  'orders',
  'revenue',
  'customers_acquired',
  'contact_days',
  'days_before_acquisition',
] as const;
export type Amount = (typeof amounts)[number];

/** Amounts that are time: microseconds in SQL, days in answers. */
export const spans: ReadonlySet<Amount> = new Set<Amount>(['contact_days', 'days_before_acquisition']);

export interface FigureDefinition {
  name: string;
  title: string;
  numerator: Amount;
  denominator: Amount;
  /** The value is per this many days; null where it is a plain share. */
  per_days: number | null;
}

const perDays = 30;

const share = (name: string, title: string, numerator: Amount, denominator: Amount): FigureDefinition => ({
  name,
  title,
  numerator,
  denominator,
  per_days: null,
});

const per30Days = (
  name: string,
  title: string,
  numerator: Amount,
  denominator: Amount = 'contact_days',
): FigureDefinition => ({
  name: `${name}_per_${perDays}_days`,
  title: `${title} per ${perDays} days`,
  numerator,
  denominator,
  per_days: perDays,
});

/** The figures of every segment, in the order in which they are shown. */
export const figures: readonly FigureDefinition[] = [
  per30Days('emails_sent', 'E-mails sent', 'emails_sent'),
  share('delivered_rate', 'Delivered ÷ sent', 'emails_delivered', 'emails_sent'),
  share('open_rate', 'Opened ÷ delivered', 'emails_opened', 'emails_delivered'),
  share('click_rate', 'Clicked ÷ delivered', 'emails_clicked', 'emails_delivered'),
  per30Days('emails_opened', 'E-mails opened', 'emails_opened'),
  per30Days('emails_clicked', 'E-mails clicked', 'emails_clicked'),
  per30Days('customers_acquired', 'Customers acquired', 'customers_acquired', 'days_before_acquisition'),
  per30Days('orders', 'Orders', 'orders'),
  per30Days('revenue', 'Revenue', 'revenue'),
  share('unsubscribe_rate', 'Unsubscribed ÷ delivered', 'emails_unsubscribed', 'emails_delivered'),
  share('complaint_rate', 'Complained ÷ delivered', 'emails_complained', 'emails_delivered'),
  per30Days('unsubscribes', 'Unsubscribes', 'emails_unsubscribed'),
  per30Days('complaints', 'Complaints', 'emails_complained'),
];
