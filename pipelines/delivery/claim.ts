import { randomUUID } from 'node:crypto';
import { emailKeySql } from '../../data/address.ts';
import { toTimestamp } from '../../data/clock.ts';
import type { Session } from '../../data/owner/session.ts';
import { preferencesLink, unsubscribeHeaders, unsubscribeLink } from '../consent/links.ts';
import { permissionParams, permissionsSql, refusalSql } from '../consent/permissions.ts';
import { projectSecret } from '../consent/secret.ts';
import {
  batchParams,
  expireLeases,
  inHandSql,
  leaseSecondsDefault,
  recipientStateSql,
  settleBatch,
  type BatchRow,
} from './lease.ts';
import type { ClaimedBatch, ClaimedRecipient, ClaimRequest } from './messages.ts';
import { templatesByArm, type DeliveryContext, type RunDefinition } from './run.ts';
import { readSwitch } from './switch.ts';

interface RecipientRow {
  delivery_id: string;
  contact_id: string;
  address_key: string;
  email: string;
  arm: string | null;
  variables: Record<string, unknown>;
  /** Why it may not be written to any more, or null. */
  refusal: string | null;
}

interface Lease {
  batch: BatchRow;
  definition: RunDefinition;
}

/**
 * Leases the next due batch of the sender's providers; undefined where none is due or sending is stopped. Leases that
 * ran out become unknown first. Whoever withdrew consent or was suppressed since the launch is `skipped`, and not handed
 * out.
 *
 * The permissions are asked between two short ledger transactions, on a reader: over a million consent events that
 * takes longer than the 50 ms which webhooks may have to wait. It is also the later moment. A crash in between leaves
 * a lease that runs out.
 */
export async function claimBatch(
  context: DeliveryContext,
  request: ClaimRequest,
): Promise<ClaimedBatch | undefined> {
  const { warehouse, clock } = context;
  for (;;) {
    const at = clock.now();
    const now = toTimestamp(at);
    const until = toTimestamp(new Date(at.getTime() + (request.lease_seconds ?? leaseSecondsDefault) * 1000));
    const lease = await warehouse.ledger.transaction((tx) => leaseBatch(tx, request, now, until));
    if (!lease) return undefined;
    const inHand = await warehouse.read((session) => recipientsInHand(session, context, lease, now));
    const recipients = inHand.filter((row) => row.refusal === null);
    if (recipients.length < inHand.length || inHand.length === 0) {
      await warehouse.ledger.transaction(async (tx) => {
        await skip(
          tx,
          lease.batch,
          inHand.filter((row) => row.refusal !== null),
          now,
        );
        await settleBatch(tx, lease.batch, now);
      });
    }
    // A batch of which everybody is skipped is done already: the next one.
    if (recipients.length > 0) return describe(context, lease, recipients);
  }
}

async function leaseBatch(
  tx: Session,
  request: ClaimRequest,
  now: string,
  until: string,
): Promise<Lease | undefined> {
  await expireLeases(tx, now);
  if ((await readSwitch(tx)).stopped) return undefined;
  const due = await nextBatch(tx, request.providers, now);
  if (!due) return undefined;
  const { definition, ...pending } = due;
  const batch: BatchRow = {
    ...pending,
    status: 'leased',
    lease_id: randomUUID(),
    leased_until: `${until}Z`,
    attempt: pending.attempt + 1,
  };
  await tx.run(
    `update ops.delivery_batches set status = 'leased', lease_id = $lease, leased_by = $sender, leased_until = $until::timestamp,
       attempt = $attempt, updated_at = $now::timestamp where batch_id = $batch`,
    {
      lease: batch.lease_id,
      sender: request.sender_id,
      until,
      attempt: batch.attempt,
      now,
      batch: batch.batch_id,
    },
  );
  return { batch, definition };
}

function nextBatch(
  tx: Session,
  providers: readonly string[],
  now: string,
): Promise<(BatchRow & { definition: RunDefinition }) | undefined> {
  return tx.one(
    `with runs as (
       select campaign_run_id, definition, launched_at from ops.campaign_runs
       where status = 'sending' and json_extract_string(definition, '$.provider') in (select unnest(from_json($providers, '["VARCHAR"]')))),
     pending as (
       select b.*, r.definition, r.launched_at from ops.delivery_batches b join runs r using (campaign_run_id) where b.status = 'pending')
     select p.* exclude (launched_at) from pending p
     join ops.audience a on a.campaign_run_id = p.campaign_run_id and a.position = p.position_from
     where a.send_at <= $now::timestamp
     order by p.launched_at, p.attempt, p.position_from limit 1`,
    { providers: JSON.stringify(providers), now },
  );
}

/**
 * Whom this lease is for, with the reason against each that has come up since the launch. An audience has no row to send
 * without an address, but for somebody who was forgotten since (pipelines/rights).
 */
function recipientsInHand(
  session: Session,
  { account }: DeliveryContext,
  { batch, definition }: Lease,
  now: string,
): Promise<RecipientRow[]> {
  return session.rows<RecipientRow>(
    `with in_hand as materialized (
       select *, ${emailKeySql('email')} as email_key from (${recipientStateSql}) where ${inHandSql}),
     ${permissionsSql('in_hand')}
     select i.delivery_id, i.contact_id, i.address_key, i.email, i.arm, i.variables,
       case when i.email is null then 'suppressed_forgotten' else ${refusalSql('p')} end as refusal
     from in_hand i join permissions p using (contact_id) order by i.position`,
    {
      ...batchParams(batch),
      lease: batch.lease_id,
      ...permissionParams(account, {
        messageClass: definition.message_class,
        topic: definition.topic,
        askedAt: now,
      }),
    },
  );
}

async function skip(
  tx: Session,
  batch: BatchRow,
  refused: readonly RecipientRow[],
  now: string,
): Promise<void> {
  if (refused.length === 0) return;
  await tx.run(
    `insert into ops.deliveries
       (delivery_id, campaign_run_id, message_id, contact_id, address_key, batch_id, lease_id, outcome, reason, occurred_at, recorded_at)
     with refused as (
       select unnest(from_json($refused, '[{"delivery_id":"VARCHAR","contact_id":"VARCHAR","address_key":"VARCHAR","refusal":"VARCHAR"}]'), recursive := true))
     select delivery_id, $run, $message_id, contact_id, address_key, $batch, $lease, 'skipped', refusal, $now::timestamp, $now::timestamp
     from refused`,
    {
      run: batch.campaign_run_id,
      message_id: batch.message_id,
      batch: batch.batch_id,
      lease: batch.lease_id,
      now,
      refused: JSON.stringify(
        refused.map(({ delivery_id, contact_id, address_key, refusal }) => ({
          delivery_id,
          contact_id,
          address_key,
          refusal,
        })),
      ),
    },
  );
}

function describe(
  context: DeliveryContext,
  { batch, definition }: Lease,
  recipients: readonly RecipientRow[],
): ClaimedBatch {
  const { account } = context;
  const secret = projectSecret(context.project);
  const describeRecipient = (row: RecipientRow): ClaimedRecipient => {
    const claims = {
      delivery_id: row.delivery_id,
      contact_id: row.contact_id,
      campaign_id: definition.campaign_id,
      campaign_run_id: batch.campaign_run_id,
      address_key: row.address_key,
      topic: definition.topic ?? null,
    };
    const link = unsubscribeLink(account.public_url, claims, secret);
    return {
      delivery_id: row.delivery_id,
      contact_id: row.contact_id,
      email: row.email,
      arm: row.arm,
      variables: row.variables,
      unsubscribe_url: link,
      preferences_url: preferencesLink(account.public_url, claims, secret),
      headers: definition.message_class === 'marketing' ? unsubscribeHeaders(link) : {},
    };
  };
  return {
    batch_id: batch.batch_id,
    lease_id: batch.lease_id ?? '',
    leased_until: batch.leased_until ?? '',
    campaign_id: definition.campaign_id,
    campaign_run_id: batch.campaign_run_id,
    message_id: batch.message_id,
    message_class: definition.message_class,
    provider: definition.provider,
    from: definition.message.from ?? { email: account.from_email, name: account.name },
    reply_to: definition.message.reply_to ?? null,
    templates: templatesByArm(definition),
    account: {
      name: account.name,
      postal_address: account.postal_address,
      public_url: account.public_url,
      from_email: account.from_email,
    },
    recipients: recipients.map(describeRecipient),
  };
}
