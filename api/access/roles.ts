import { Type, type Static } from 'typebox';

/**
 * - `analyst` reads: queries, fields, segments, campaigns and their results, reports
 * - `operator` does what marketing ops does: loads, builds, segments, campaigns, reports; reads what an analyst reads
 * - `ingest` brings data in, and reads nothing
 * - `sender` claims batches and reports outcomes, and nothing else
 * - `admin` may do everything, and alone makes tokens
 */
export const RoleSchema = Type.Union(
  [
    Type.Literal('analyst'),
    Type.Literal('operator'),
    Type.Literal('ingest'),
    Type.Literal('sender'),
    Type.Literal('admin'),
  ],
  { description: 'what the bearer of a token may do' },
);
export type Role = Static<typeof RoleSchema>;

/** The roles a route is open to, beside `admin`; or everybody, with no token at all. */
export type Access = readonly Role[] | 'public';

export const readers: Access = ['analyst', 'operator'];
export const operators: Access = ['operator'];
export const loaders: Access = ['operator', 'ingest'];
export const senders: Access = ['operator', 'sender'];
export const admins: Access = [];

export interface Actor {
  /** For the audit log: the token's name, `local` or `internal`. */
  name: string;
  role: Role;
}

export function mayCall(role: Role, access: readonly Role[]): boolean {
  return role === 'admin' || access.includes(role);
}
