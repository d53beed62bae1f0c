import type { compileTemplate } from '../templates/compile.ts';
import { renderMessage } from '../templates/render.ts';
import type { ClaimedBatch, ClaimedRecipient, ReportedOutcome } from './messages.ts';
import type { OutgoingMessage } from './providers/provider.ts';
import { errorMessage } from '../../data/errors.ts';

export interface ComposedBatch {
  messages: OutgoingMessage[];
  /** Recipients whose mail cannot be rendered: nothing is sent to them. */
  rejected: ReportedOutcome[];
}

/**
 * Renders every recipient's mail of a claimed batch. Pure but for the template cache.
 * @throws `template_invalid` where a template does not compile at all
 */
export async function composeBatch(
  batch: ClaimedBatch,
  compile: typeof compileTemplate,
): Promise<ComposedBatch> {
  const compiled = new Map(
    await Promise.all(
      Object.entries(batch.templates).map(
        async ([arm, template]) => [arm, await compile(template, batch.message_class)] as const,
      ),
    ),
  );
  const composed: ComposedBatch = { messages: [], rejected: [] };
  for (const recipient of batch.recipients) {
    const template = compiled.get(recipient.arm ?? '');
    try {
      if (!template) throw new Error(`no template for arm ${recipient.arm}`);
      const values = {
        ...recipient.variables,
        account: batch.account,
        recipient: { email: recipient.email },
        unsubscribe_url: recipient.unsubscribe_url,
        preferences_url: recipient.preferences_url,
      };
      composed.messages.push({
        ...envelope(batch, recipient),
        ...renderMessage(template, values),
        layout: {
          layout_id: template.layout_id,
          html: template.html?.statics ?? null,
          text: template.text.statics,
        },
      });
    } catch (error) {
      composed.rejected.push({
        delivery_id: recipient.delivery_id,
        outcome: 'rejected',
        reason: `render_failed: ${errorMessage(error)}`,
        provider_message_id: null,
      });
    }
  }
  return composed;
}

function envelope(batch: ClaimedBatch, recipient: ClaimedRecipient) {
  const domain = batch.from.email.split('@').at(-1) ?? 'localhost';
  return {
    delivery_id: recipient.delivery_id,
    to: recipient.email,
    from: batch.from,
    reply_to: batch.reply_to,
    headers: recipient.headers,
    // Our id once more, where providers lose custom arguments: bounces quote it.
    message_id_header: `<${recipient.delivery_id}@${domain}>`,
    custom_args: {
      delivery_id: recipient.delivery_id,
      campaign_run_id: batch.campaign_run_id,
      campaign_id: batch.campaign_id,
      message_id: batch.message_id,
      contact_id: recipient.contact_id,
    },
  };
}
