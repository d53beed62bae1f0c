import { createHmac, timingSafeEqual } from 'node:crypto';

/** Who unsubscribes from what. Ids and a hash only: a link passes through many logs. */
export interface UnsubscribeClaims {
  delivery_id: string;
  contact_id: string;
  campaign_id: string;
  campaign_run_id: string;
  /** `addressKey` of data/address.ts. */
  address_key: string;
  topic: string | null;
}

/** Signs claims as `<base64url of the fields>.<base64url of half an HMAC-SHA256>`; it never expires, as a mail never does. */
export function unsubscribeToken(claims: UnsubscribeClaims, secret: string): string {
  const fields = [
    claims.delivery_id,
    claims.contact_id,
    claims.campaign_id,
    claims.campaign_run_id,
    claims.address_key,
    claims.topic,
  ];
  const payload = Buffer.from(JSON.stringify(fields)).toString('base64url');
  return `${payload}.${signature(payload, secret)}`;
}

/** The claims of a token, or undefined where it was not signed with this secret. */
export function readUnsubscribeToken(token: string, secret: string): UnsubscribeClaims | undefined {
  const [payload = '', signed = '', ...rest] = token.split('.');
  const expected = Buffer.from(signature(payload, secret));
  const given = Buffer.from(signed);
  if (rest.length > 0 || given.length !== expected.length || !timingSafeEqual(given, expected))
    return undefined;
  const [delivery_id, contact_id, campaign_id, campaign_run_id, address_key, topic] = JSON.parse(
    Buffer.from(payload, 'base64url').toString(),
  ) as [string, string, string, string, string, string | null];
  return { delivery_id, contact_id, campaign_id, campaign_run_id, address_key, topic };
}

function signature(payload: string, secret: string): string {
  return createHmac('sha256', secret)
    .update(`unsubscribe.${payload}`)
    .digest()
    .subarray(0, 16)
    .toString('base64url');
}
