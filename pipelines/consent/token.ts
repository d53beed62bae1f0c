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

/** Which request for consent is confirmed, and until when that works (ISO UTC). */
export interface ConfirmClaims {
  request_id: string;
  expires_at: string;
}

/** What a link may do. A token made for one is none for another. */
type Purpose = 'unsubscribe' | 'preferences' | 'confirm';

/** Signs claims as `<base64url of the fields>.<base64url of half an HMAC-SHA256>`; it never expires, as a mail never does. */
export function unsubscribeToken(claims: UnsubscribeClaims, secret: string): string {
  return signed('unsubscribe', mailFields(claims), secret);
}

/** The claims of a token, or undefined where it was not signed with this secret. */
export function readUnsubscribeToken(token: string, secret: string): UnsubscribeClaims | undefined {
  return mailClaims(read('unsubscribe', token, secret));
}

/** For the page of topics: the same claims as of the mail's unsubscribe link, and another power. */
export function preferencesToken(claims: UnsubscribeClaims, secret: string): string {
  return signed('preferences', mailFields(claims), secret);
}

export function readPreferencesToken(token: string, secret: string): UnsubscribeClaims | undefined {
  return mailClaims(read('preferences', token, secret));
}

/** Its time is part of what is signed; whether it has passed is for the caller, who has the clock. */
export function confirmToken(claims: ConfirmClaims, secret: string): string {
  return signed('confirm', [claims.request_id, claims.expires_at], secret);
}

export function readConfirmToken(token: string, secret: string): ConfirmClaims | undefined {
  const fields = read('confirm', token, secret);
  if (!fields) return undefined;
  const [request_id, expires_at] = fields as [string, string];
  return { request_id, expires_at };
}

function mailFields(claims: UnsubscribeClaims): unknown[] {
  const { delivery_id, contact_id, campaign_id, campaign_run_id, address_key, topic } = claims;
  return [delivery_id, contact_id, campaign_id, campaign_run_id, address_key, topic];
}

function mailClaims(fields: unknown[] | undefined): UnsubscribeClaims | undefined {
  if (!fields) return undefined;
  const [delivery_id, contact_id, campaign_id, campaign_run_id, address_key, topic] = fields as [
    string,
    string,
    string,
    string,
    string,
    string | null,
  ];
  return { delivery_id, contact_id, campaign_id, campaign_run_id, address_key, topic };
}

function signed(purpose: Purpose, fields: unknown[], secret: string): string {
  const payload = Buffer.from(JSON.stringify(fields)).toString('base64url');
  return `${payload}.${signature(purpose, payload, secret)}`;
}

function read(purpose: Purpose, token: string, secret: string): unknown[] | undefined {
  const [payload = '', given = '', ...rest] = token.split('.');
  const expected = Buffer.from(signature(purpose, payload, secret));
  const actual = Buffer.from(given);
  if (rest.length > 0 || actual.length !== expected.length || !timingSafeEqual(actual, expected))
    return undefined;
  return JSON.parse(Buffer.from(payload, 'base64url').toString()) as unknown[];
}

function signature(purpose: Purpose, payload: string, secret: string): string {
  return createHmac('sha256', secret)
    .update(`${purpose}.${payload}`)
    .digest()
    .subarray(0, 16)
    .toString('base64url');
}
