import type { AgentClass } from '../tracking/classify.ts';

export type EmailEventType =
  | 'sent'
  | 'delivered'
  | 'deferred'
  | 'bounced'
  | 'dropped'
  | 'opened'
  | 'clicked'
  | 'unsubscribed'
  | 'complained'
  | 'replied';

/** A row of `core.email_events` as a source knows it: whose contact it is, is found at the door. */
export interface EmailEventRow {
  /** The source's own id of the event: the same on redelivery. */
  event_id: string;
  event_type: EmailEventType;
  email: string | null;
  delivery_id: string | null;
  campaign_id: string | null;
  campaign_run_id: string | null;
  message_id: string | null;
  /** Whose mail it was, where that travelled along: believed if the delivery id proves it. */
  contact_id: string | null;
  url: string | null;
  agent_class: AgentClass | null;
  agent_reason: string | null;
  bounce_class: 'hard' | 'soft' | null;
  reason: string | null;
  ip: string | null;
  user_agent: string | null;
  /** ISO, UTC. */
  occurred_at: string;
  source: string;
}

/** An event that fits no row, kept whole. */
export interface EventReject {
  source: string;
  /** Its place in the request, from 1. */
  line: number;
  /** The field that is wrong, where it is one. */
  column_name: string | null;
  value: string | null;
  reason: string;
  /** The event as it came. */
  line_text: string;
}

/** What a source makes of one request. */
export interface EventBatch {
  rows: EmailEventRow[];
  rejects: EventReject[];
}
