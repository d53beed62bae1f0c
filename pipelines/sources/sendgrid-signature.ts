import { createPublicKey, verify, type KeyObject } from 'node:crypto';

export const sendgridSignatureHeader = 'x-twilio-email-event-webhook-signature';
export const sendgridTimestampHeader = 'x-twilio-email-event-webhook-timestamp';

/**
 * The verification key that SendGrid shows: base64 of a DER public key (P-256), with or without PEM lines.
 * Throws where it is no such key; read it once, at boot.
 */
export function sendgridKey(text: string): KeyObject {
  const base64 = text.replace(/-----[^-]+-----/g, '').replace(/\s+/g, '');
  return createPublicKey({ key: Buffer.from(base64, 'base64'), format: 'der', type: 'spki' });
}

/**
 * Whether SendGrid signed this request: ECDSA with SHA-256 over timestamp + body, **every byte** of it, the trailing
 * CRLF too. Node's own crypto, not @sendgrid/eventwebhook: that one turns the bytes into text first, throws on a
 * malformed signature, and takes milliseconds of plain JavaScript a call.
 * @param body the raw bytes as received
 * @returns false for anything malformed; never throws
 */
export function verifySendgrid(
  key: KeyObject,
  body: Uint8Array,
  signature: string | undefined,
  timestamp: string | undefined,
): boolean {
  if (!signature || !timestamp) return false;
  try {
    return verify(
      'sha256',
      Buffer.concat([Buffer.from(timestamp), body]),
      key,
      Buffer.from(signature, 'base64'),
    );
  } catch {
    return false;
  }
}
