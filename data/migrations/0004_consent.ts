import { sql, type Kysely } from 'kysely';

const statements = [
  // Who added it by hand or by a file; null where a recipient or a provider's webhook did.
  `alter table ops.suppressions add column actor varchar`,

  // A person took an unsubscribe back by granting consent again: suppressions with the reason `unsubscribed`, of this scope
  // or narrower and from before, hold no more. Never bounces, complaints or what was added by hand.
  `create table ops.suppression_lifts (
     address_key varchar not null, channel varchar not null, scope varchar not null, lifted_at timestamp not null,
     consent_event_id varchar not null, source varchar not null, recorded_at timestamp not null)`, // append only

  // Who asked to be written to and has yet to confirm it. topics: a JSON list, empty for all. `email` is kept until the
  // request is confirmed or its link has expired, and no longer; what stays is the hash.
  // mail_outcome: accepted, rejected, failed, unknown, withheld (the address bounced or complained), limited.
  `create table ops.consent_requests (
     request_id varchar primary key, address_key varchar not null, email varchar, channel varchar not null,
     purpose varchar not null, topics json not null, wording varchar, place varchar, language varchar not null,
     actor varchar, requested_at timestamp not null, expires_at timestamp not null, mail_outcome varchar,
     mail_reason varchar, provider varchar, confirmed_at timestamp, updated_at timestamp not null)`,
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}
