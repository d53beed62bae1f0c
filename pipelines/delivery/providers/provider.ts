import type { MailAddress, ReportedOutcome } from '../messages.ts';

/** One recipient's mail. Its parts are `layout` with the pieces between: `assemble` of templates/render.ts joins them. */
export interface OutgoingMessage {
  delivery_id: string;
  to: string;
  from: MailAddress;
  reply_to: string | null;
  /** One line. */
  subject: string;
  /** Static text of each part, shared by all recipients of a template; `html` is null for plain text. */
  layout: { layout_id: string; html: readonly string[] | null; text: readonly string[] };
  html_pieces: readonly string[];
  text_pieces: readonly string[];
  headers: Record<string, string>;
  /** The Message-ID, in angle brackets. */
  message_id_header: string;
  /** Travels with the mail and comes back with the provider's events. Ids only, no personal data. */
  custom_args: Record<string, string>;
}

export interface Provider {
  readonly name: string;
  readonly limits: {
    /** Messages in one call of `send`. */
    readonly batch_size: number;
  };
  /**
   * Sends, and answers one outcome for each message: `accepted` (the provider has it), `rejected` (refused for good),
   * `failed` (surely not sent; may be tried again), `unknown` (it may have been sent). It must not throw; a sender
   * takes what is thrown as unknown for all.
   */
  send(messages: readonly OutgoingMessage[]): Promise<ReportedOutcome[]>;
}
