import {
  confirmToken,
  preferencesToken,
  unsubscribeToken,
  type ConfirmClaims,
  type UnsubscribeClaims,
} from './token.ts';

/** Where the links lead, below the account's public URL. The API serves GET (a page) and POST (does it) on each. */
export const unsubscribePath = '/u/';
export const preferencesPath = '/p/';
export const confirmPath = '/c/';

/** The link a recipient follows to unsubscribe, for `{{ unsubscribe_url }}` and the header alike. */
export function unsubscribeLink(publicUrl: string, claims: UnsubscribeClaims, secret: string): string {
  return below(publicUrl, unsubscribePath, unsubscribeToken(claims, secret));
}

/** The link to the page of topics, for `{{ preferences_url }}`. */
export function preferencesLink(publicUrl: string, claims: UnsubscribeClaims, secret: string): string {
  return below(publicUrl, preferencesPath, preferencesToken(claims, secret));
}

/** The link that confirms a request for consent. */
export function confirmLink(publicUrl: string, claims: ConfirmClaims, secret: string): string {
  return below(publicUrl, confirmPath, confirmToken(claims, secret));
}

function below(publicUrl: string, path: string, token: string): string {
  return `${publicUrl.replace(/\/+$/, '')}${path}${token}`;
}

/**
 * The headers of one-click unsubscribing (RFC 8058). Both must be covered by the DKIM signature.
 * @param mailto an address that takes unsubscribes by mail, where there is one
 */
export function unsubscribeHeaders(link: string, mailto?: string): Record<string, string> {
  return {
    'List-Unsubscribe':
      mailto === undefined ? `<${link}>` : `<${link}>, <mailto:${mailto}?subject=unsubscribe>`,
    'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
  };
}
