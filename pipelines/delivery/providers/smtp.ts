import { createTransport } from 'nodemailer';
import { errorMessage } from '../../../data/errors.ts';
import type { Clock } from '../../../data/clock.ts';
import type { ReportedOutcome } from '../messages.ts';
import { mime } from './mime.ts';
import type { OutgoingMessage, Provider } from './provider.ts';

/**
 * Sends through an SMTP server, one mail after the other over one connection.
 * @param options `url`: `smtps://user:password@host:465`; from the environment, never logged
 */
export function smtpProvider(options: { url: string; clock: Clock }): Provider {
  return {
    name: 'smtp',
    limits: { batch_size: 50 },
    send: async (messages) => {
      const transport = createTransport(options.url);
      const outcomes: ReportedOutcome[] = [];
      try {
        for (const message of messages) outcomes.push(await sendOne(transport, message, options.clock));
      } finally {
        transport.close();
      }
      return outcomes;
    },
  };
}

async function sendOne(
  transport: ReturnType<typeof createTransport>,
  message: OutgoingMessage,
  clock: Clock,
): Promise<ReportedOutcome> {
  const answer = (outcome: ReportedOutcome['outcome'], reason: string | null): ReportedOutcome => ({
    delivery_id: message.delivery_id,
    outcome,
    reason,
    provider_message_id: outcome === 'accepted' ? message.message_id_header : null,
  });
  try {
    await transport.sendMail({
      envelope: { from: message.from.email, to: [message.to] },
      raw: await mime(message, clock.now()),
    });
    return answer('accepted', null);
  } catch (error) {
    return answer(outcomeOf(error), errorMessage(error));
  }
}

/**
 * A server that answers 5xx refused for good, one that answers 4xx for now, and one that was never reached has nothing. A
 * connection that broke after the data may have delivered.
 */
function outcomeOf(error: unknown): 'rejected' | 'failed' | 'unknown' {
  const { responseCode, code, command } = error as { responseCode?: number; code?: string; command?: string };
  if (responseCode !== undefined && responseCode >= 500) return 'rejected';
  if (responseCode !== undefined && responseCode >= 400) return 'failed';
  return command === 'CONN' || code === 'EDNS' || code === 'ECONNREFUSED' ? 'failed' : 'unknown';
}
