import { Webhook as Signer } from 'standardwebhooks';
import { errorMessage, MallardError } from '../../data/errors.ts';
import type { Webhook } from './action.ts';

const TIMEOUT_MS = 15_000;

/** One message, as https://www.standardwebhooks.com has it. */
export interface WebhookMessage {
  /** The same for the same contacts of the same run: whoever receives it twice can tell. */
  id: string;
  /** 'segment.entered', 'segment.left', 'segment.members'. */
  type: string;
  at: Date;
  data: object;
}

/**
 * Posts a message; anything but a 2xx is a failure, redirects too.
 * @throws `provider_failed` with what came back; `configuration_missing` where the secret is not there, or is none
 */
export async function postWebhook(
  { url, secret_env: variable }: Webhook,
  message: WebhookMessage,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<void> {
  const body = JSON.stringify({
    type: message.type,
    timestamp: message.at.toISOString(),
    data: message.data,
  });
  // The signature's time is the sender's own: receivers refuse what is older than five minutes.
  const sentAt = new Date();
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'mallard',
    'webhook-id': message.id,
    'webhook-timestamp': String(Math.floor(sentAt.getTime() / 1_000)),
    ...(variable === undefined
      ? {}
      : { 'webhook-signature': signer(variable, environment).sign(message.id, sentAt, body) }),
  };
  let response: Response;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers,
      body,
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (error) {
    throw failed(
      url,
      error instanceof Error && error.cause ? errorMessage(error.cause) : errorMessage(error),
    );
  }
  const answer = await response.text().catch(() => '');
  if (!response.ok) throw failed(url, `it answered ${response.status} ${answer.slice(0, 200)}`.trim());
}

function signer(variable: string, environment: NodeJS.ProcessEnv): Signer {
  const secret = environment[variable];
  try {
    if (secret) return new Signer(secret);
  } catch {
    // Said below.
  }
  throw new MallardError(
    'configuration_missing',
    secret ? `${variable} holds no secret to sign with.` : `The environment has no ${variable}.`,
    { fields: { variable }, remedy: 'Set it to the secret of the webhook: whsec_ and base64.' },
  );
}

function failed(url: string, what: string): MallardError {
  const host = URL.canParse(url) ? new URL(url).host : url;
  return new MallardError('provider_failed', `The webhook at ${host} did not take the message: ${what}.`, {
    fields: { host },
    remedy: 'It is sent again at the next run.',
  });
}
