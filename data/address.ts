import { createHash } from 'node:crypto';

/** E-mail as it identifies: trimmed, lower case. The SQL twin is `emailKeySql`. */
export function emailKey(email: string): string {
  return email.trim().toLowerCase();
}

export function emailKeySql(column: string): string {
  return `lower(trim(${column}))`;
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
