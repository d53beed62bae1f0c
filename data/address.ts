import { createHash } from 'node:crypto';
import { domainToASCII } from 'node:url';

/**
 * E-mail as it identifies. What is one address, and what is another:
 *
 * - white space and trailing dots around it go, and so does case, in the local part too: no mailbox provider of note tells
 *   `Ann@` from `ann@`, and people type both;
 * - a domain in other letters becomes punycode, so `info@BÜCHER.de` and `info@xn--bcher-kva.de` are one; letters are
 *   composed (NFC);
 * - quotes that are not needed go: `"ann"@example.com` is `ann@example.com`; where they are needed they stay, with nothing
 *   escaped but `"` and `\`;
 * - plus tags and dots stay: `ann+news@` is another address than `ann@` (identity may match them; sending must not);
 * - comments, spaces inside and literal domains stay as they are. Such an address has a key, hence can be suppressed, and
 *   is never sent to (`invalid_email`).
 *
 * Applied to a key it answers the key. The SQL twin is `emailKeySql`.
 */
export function emailKey(email: string): string {
  const text = strip(email.normalize('NFC'));
  const at = text.lastIndexOf('@');
  if (at < 0) return lower(text);
  return `${lower(withoutNeedlessQuotes(text.slice(0, at)))}@${asciiDomain(text.slice(at + 1))}`;
}

/** What the warehouse registers `emailKey` as: SQL has no punycode. */
export const emailKeyFunction = 'mallard_email_key';

/**
 * The same in SQL. ASCII without quotes, nearly every address there is, never leaves the engine (1M addresses: 0.3 s more
 * than `lower(trim(…))`); the others go through `emailKey` itself, so that the two cannot differ.
 */
export function emailKeySql(column: string): string {
  const plain = `ltrim(rtrim(lower(${column}), e' \\t\\n\\r\\x0b\\x0c.'), e' \\t\\n\\r\\x0b\\x0c')`;
  return `case when strlen(${column}) = length(${column}) and not contains(${column}, '"') then ${plain} else ${emailKeyFunction}(${column}) end`;
}

/**
 * What suppressions and the ledger know an address by: SHA-256 (hex) of its key, so that a person can be forgotten
 * and stays suppressed.
 */
export function addressKey(email: string): string {
  return createHash('sha256').update(emailKey(email)).digest('hex');
}

export function addressKeySql(emailColumn: string): string {
  return `sha256(${emailKeySql(emailColumn)})`;
}

function strip(text: string): string {
  return text.replace(/^\s+/, '').replace(/[\s.]+$/, '');
}

function lower(text: string): string {
  return text.toLowerCase().normalize('NFC');
}

const quoted = /^"((?:[^"\\]|\\.)*)"$/s;
const needsNoQuotes = /^[^\s\p{Cc}"(),:;<>@[\]\\.]+(?:\.[^\s\p{Cc}"(),:;<>@[\]\\.]+)*$/u;

function withoutNeedlessQuotes(local: string): string {
  const content = quoted.exec(local)?.[1]?.replace(/\\(.)/gs, '$1');
  if (content === undefined) return local;
  return needsNoQuotes.test(content) ? content : `"${content.replace(/["\\]/g, '\\$&')}"`;
}

/** A domain that IDNA refuses stays as it is, in lower case. */
function asciiDomain(domain: string): string {
  const name = strip(lower(domain));
  // Not through IDNA where it is ASCII: that would read `0x7f.1` as the number of a host.
  return /^\p{ASCII}*$/u.test(domain) ? lower(domain) : strip(domainToASCII(name) || name);
}
