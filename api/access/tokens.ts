import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { toTimestamp } from '../../data/clock.ts';
import { MallardError } from '../../data/errors.ts';
import type { Warehouse } from '../../data/owner/warehouse.ts';
import type { Role } from './roles.ts';

export interface TokenRow {
  token_id: string;
  name: string;
  role: Role;
  created_at: string;
  expires_at: string | null;
  revoked_at: string | null;
}

type KeptToken = TokenRow & { token_hash: string };

/** SHA-256 of a token, hex. Tokens are 256 random bits, so a slow password hash would add nothing. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** A new secret: `mallard_` and 256 random bits. The prefix lets secret scanners find one that leaked. */
export function newToken(): string {
  return `mallard_${randomBytes(32).toString('base64url')}`;
}

/**
 * `ops.api_tokens`, held in memory because every request asks. This process owns the file, so nobody else changes the
 * table. Looking up by hash compares no secret byte by byte, hence leaks nothing by its timing.
 */
export class TokenStore {
  readonly #warehouse: Warehouse;
  #byHash = new Map<string, KeptToken>();

  constructor(warehouse: Warehouse) {
    this.#warehouse = warehouse;
  }

  async load(): Promise<void> {
    const rows = await this.#warehouse.read((session) =>
      session.rows<KeptToken>(
        `select token_id, token_hash, name, role, created_at, expires_at, revoked_at from ops.api_tokens order by created_at, token_id`,
      ),
    );
    this.#byHash = new Map(rows.map((row) => [row.token_hash, row]));
  }

  /** Whether tokens guard this server. An expired one still counts: running out must not open the door. */
  get any(): boolean {
    for (const token of this.#byHash.values()) if (token.revoked_at === null) return true;
    return false;
  }

  /** The token with this secret, if it is known, not revoked and not expired. */
  find(secret: string, now: Date): TokenRow | undefined {
    const token = this.#byHash.get(hashToken(secret));
    if (!token || token.revoked_at !== null) return undefined;
    if (token.expires_at !== null && new Date(token.expires_at) <= now) return undefined;
    return token;
  }

  list(): TokenRow[] {
    return [...this.#byHash.values()].map(({ token_hash: _hash, ...row }) => row);
  }

  /** Makes a token; the answer holds the secret, which is shown this once and kept nowhere. */
  async create(request: {
    name: string;
    role: Role;
    expires_at?: Date;
  }): Promise<TokenRow & { token: string }> {
    const token = newToken();
    const now = this.#warehouse.clock.now();
    const tokenId = randomUUID();
    await this.#warehouse.ledger.transaction((tx) =>
      tx.run(
        `insert into ops.api_tokens (token_id, token_hash, name, role, created_at, expires_at, revoked_at)
         values ($1, $2, $3, $4, $5, $6, null)`,
        [tokenId, hashToken(token), request.name, request.role, now, request.expires_at ?? null],
      ),
    );
    await this.load();
    const row = this.list().find((each) => each.token_id === tokenId);
    if (!row) throw new MallardError('internal', 'The token was not kept.');
    return { ...row, token };
  }

  /** Throws `not_found`. Revoking twice keeps the first time. */
  async revoke(tokenId: string): Promise<TokenRow> {
    const now = toTimestamp(this.#warehouse.clock.now());
    await this.#warehouse.ledger.transaction((tx) =>
      tx.run(
        `update ops.api_tokens set revoked_at = $1::timestamp where token_id = $2 and revoked_at is null`,
        [now, tokenId],
      ),
    );
    await this.load();
    const row = this.list().find((each) => each.token_id === tokenId);
    if (!row)
      throw new MallardError('not_found', `There is no token ${tokenId}.`, { fields: { token_id: tokenId } });
    return row;
  }
}
