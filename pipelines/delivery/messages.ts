import type { MessageClass, MessageTemplate } from '../templates/template.ts';

export type OutcomeKind = 'accepted' | 'rejected' | 'failed' | 'skipped' | 'unknown';

export interface MailAddress {
  email: string;
  name?: string;
}

/** One batch under a lease, with all that a sender needs: it has neither the warehouse nor the secret. */
export interface ClaimedBatch {
  batch_id: string;
  lease_id: string;
  /** ISO UTC. A sender that is not done by then must stop: its recipients have become unknown. */
  leased_until: string;
  campaign_id: string;
  campaign_run_id: string;
  message_id: string;
  message_class: MessageClass;
  provider: string;
  from: MailAddress;
  reply_to: string | null;
  /** By arm; '' where there are none. */
  templates: Record<string, MessageTemplate>;
  /** `account` of the templates. */
  account: Record<string, string>;
  recipients: ClaimedRecipient[];
}

export interface ClaimedRecipient {
  delivery_id: string;
  contact_id: string;
  email: string;
  arm: string | null;
  /** As frozen at launch. */
  variables: Record<string, unknown>;
  unsubscribe_url: string;
  preferences_url: string;
  headers: Record<string, string>;
}

/** What became of one recipient, as a sender reports it. */
export interface ReportedOutcome {
  delivery_id: string;
  outcome: Exclude<OutcomeKind, 'skipped'>;
  reason: string | null;
  provider_message_id: string | null;
}

export interface ClaimRequest {
  sender_id: string;
  /** Providers this sender can use. */
  providers: string[];
  /** Default 300. Long enough for a whole batch; a report extends it. */
  lease_seconds?: number;
}

export interface OutcomeReport {
  batch_id: string;
  lease_id: string;
  provider: string;
  outcomes: ReportedOutcome[];
}

export interface ReportAnswer {
  recorded: number;
  /** Outcomes of deliveries that were final already, or are not of this batch. */
  ignored: number;
  batch_status: 'pending' | 'leased' | 'done';
  run_status: string;
  leased_until: string | null;
}

/** How a sender speaks to the owner: over HTTP in a worker, directly in one process. */
export interface DeliveryClient {
  /** The next batch, or undefined where none is due. */
  claim: (request: ClaimRequest) => Promise<ClaimedBatch | undefined>;
  report: (report: OutcomeReport) => Promise<ReportAnswer>;
}
