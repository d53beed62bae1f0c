import { Type, type Static } from 'typebox';
import type { Template as LiquidNode } from 'liquidjs';

/** A message's content as its author writes it. All parts may hold Liquid. */
export const TemplateSchema = Type.Object(
  {
    subject: Type.String({ minLength: 1, maxLength: 500, description: 'one line' }),
    preview_text: Type.Optional(
      Type.String({ maxLength: 500, description: 'shown beside the subject in an inbox' }),
    ),
    body: Type.String({ minLength: 1, maxLength: 500_000 }),
    format: Type.Union([Type.Literal('mjml'), Type.Literal('html'), Type.Literal('text')], {
      default: 'mjml',
    }),
  },
  {
    additionalProperties: false,
    description:
      'Liquid over the fields of contact_facts, `recipient.email`, `account`, `unsubscribe_url` and `preferences_url`',
  },
);
export type MessageTemplate = Static<typeof TemplateSchema>;

export type MessageClass = 'marketing' | 'transactional';

/**
 * Text cut where Liquid begins: `statics` has one entry more than `dynamic`, and the mail is
 * statics[0] + dynamic[0] + statics[1] + … with each `dynamic` rendered for the recipient.
 */
export interface Cut {
  readonly statics: readonly string[];
  readonly dynamic: readonly (readonly LiquidNode[])[];
}

export interface CompiledTemplate {
  /** Same for the same content; recipients with the same layout can travel in one call. */
  readonly layout_id: string;
  readonly subject: Cut;
  /** Null for a plain-text template. */
  readonly html: Cut | null;
  readonly text: Cut;
  /** Paths of every variable that the context must bring, such as `email.last_30_days.clicks`; sorted. */
  readonly variables: readonly string[];
  /** Those whose absence would leave a hole: put out without a `default` and outside of any condition; sorted. */
  readonly required: readonly string[];
}

/** One recipient's mail, still cut. */
export interface RenderedMessage {
  readonly subject: string;
  readonly html_pieces: readonly string[];
  readonly text_pieces: readonly string[];
}
