import { unsubscribeToken, type UnsubscribeClaims } from './token.ts';

/** Where the link leads, below the account's public URL. The API serves GET (a page) and POST (unsubscribes) here. */
export const unsubscribePath = '/u/';

/** The link a recipient follows to unsubscribe, for `{{ unsubscribe_url }}` and the header alike. */
export function unsubscribeLink(publicUrl: string, claims: UnsubscribeClaims, secret: string): string {
  return `${publicUrl.replace(/\/+$/, '')}${unsubscribePath}${unsubscribeToken(claims, secret)}`;
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
