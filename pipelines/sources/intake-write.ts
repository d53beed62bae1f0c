import { randomUUID } from 'node:crypto';
import { addressKey, emailKey } from '../../data/address.ts';
import { toTimestamp } from '../../data/clock.ts';
import type { Session } from '../../data/owner/session.ts';
import type { Warehouse } from '../../data/owner/warehouse.ts';
import { addSuppressions, type Suppression, type SuppressionReason } from '../consent/suppressions.ts';
import { forgottenAmong } from '../rights/late-events.ts';
import { appendRows } from './append.ts';
import type { EmailEventRow, EventBatch, EventReject } from './email-events.ts';
import type { FindRecipient } from './intake-recipients.ts';

/** What became of one request's events: received = accepted + duplicates + rejected. */
export interface IntakeCounts {
  received: number;
  accepted: number;
  duplicates: number;
  rejected: number;
}

interface StoredRow extends EmailEventRow {
  /** The recipient's, where the event names no address itself. */
  recipient_key: string | null;
}

const dayMs = 86_400_000;

/** Writes the events of several requests in one ledger transaction. Answers the counts of each, in order. */
export async function writeEvents(
  warehouse: Warehouse,
  batches: readonly EventBatch[],
  find: FindRecipient,
): Promise<IntakeCounts[]> {
  const now = warehouse.clock.now();
  const batchId = `webhook_${randomUUID()}`;
  const { distinct, ownerOf } = distinctRows(batches);
  const rows = distinct.map((row) => withRecipient(row, find(row)));
  const rejects = batches.flatMap((batch) => batch.rejects);
  const inserted = await warehouse.ledger.transaction(async (tx) => {
    const isForgotten = await forgottenAmong(tx, warehouse.project, rows);
    const fresh = await insertEvents(
      tx,
      rows.map((row) => (isForgotten(row) ? withoutPerson(row) : row)),
      now,
    );
    await appendRows(
      tx,
      'core.consent_events',
      fresh.flatMap((row) => withdrawalOf(row, now)),
    );
    await addSuppressions(tx, fresh.flatMap(suppressionOf), toTimestamp(now));
    await appendRows(
      tx,
      'raw.rejects',
      rejects.map((reject) => rejectRow(reject, batchId, now)),
    );
    return fresh;
  });
  const accepted = batches.map(() => 0);
  for (const row of inserted) {
    const owner = ownerOf.get(rowKey(row)) ?? 0;
    accepted[owner] = (accepted[owner] ?? 0) + 1;
  }
  return batches.map((batch, index) => ({
    received: batch.rows.length + batch.rejects.length,
    accepted: accepted[index] ?? 0,
    duplicates: batch.rows.length - (accepted[index] ?? 0),
    rejected: batch.rejects.length,
  }));
}

function rowKey(row: { source: string; event_id: string }): string {
  return `${row.source}\n${row.event_id}`;
}

/** The first of each event within the group, and the request it came with. */
function distinctRows(batches: readonly EventBatch[]): {
  distinct: EmailEventRow[];
  ownerOf: Map<string, number>;
} {
  const ownerOf = new Map<string, number>();
  const distinct: EmailEventRow[] = [];
  batches.forEach((batch, index) => {
    for (const row of batch.rows) {
      if (ownerOf.has(rowKey(row))) continue;
      ownerOf.set(rowKey(row), index);
      distinct.push(row);
    }
  });
  return { distinct, ownerOf };
}

/** What we froze at launch is trusted over what travelled with the mail. */
function withRecipient(row: EmailEventRow, recipient: ReturnType<FindRecipient>): StoredRow {
  return {
    ...row,
    contact_id: recipient?.contact_id ?? null,
    recipient_key: recipient?.address_key ?? null,
    campaign_id: recipient?.campaign_id ?? row.campaign_id,
    campaign_run_id: recipient?.campaign_run_id ?? row.campaign_run_id,
    message_id: recipient?.message_id ?? row.message_id,
  };
}

/**
 * Inserts what is not stored yet and answers it. Only the stored rows of the days that the events are from are looked
 * at: unbounded, over 20M rows, it cannot keep up with 20 requests a second (FACTS.md); and one event of long ago among
 * today's must not widen the bound for all, hence a query a day.
 *
 * Rows go through the appender: as JSON text and `from_json` the same took 60 µs a row, five times as long.
 */
async function insertEvents(tx: Session, rows: readonly StoredRow[], now: Date): Promise<StoredRow[]> {
  const fresh: StoredRow[] = [];
  for (const days of byDay(rows).values()) {
    const times = days.map((row) => row.occurred_at).sort();
    const stored = await tx.rows<{ source: string; event_id: string }>(
      `select source, event_id from core.email_events
       where occurred_at >= $first::timestamp and occurred_at <= $last::timestamp
         and event_id in (select unnest($ids::varchar[]))`,
      { ids: days.map((row) => row.event_id), first: times[0], last: times.at(-1) },
    );
    const known = new Set(stored.map(rowKey));
    fresh.push(...days.filter((row) => !known.has(rowKey(row))));
  }
  await appendRows(
    tx,
    'core.email_events',
    fresh.map((row) => ({ ...row, recorded_at: now })),
  );
  return fresh;
}

function byDay(rows: readonly StoredRow[]): Map<number, StoredRow[]> {
  const days = new Map<number, StoredRow[]>();
  for (const row of rows) {
    const day = Math.floor(Date.parse(row.occurred_at) / dayMs);
    const sameDay = days.get(day);
    if (sameDay) sameDay.push(row);
    else days.set(day, [row]);
  }
  return days;
}

function suppressionOf(row: StoredRow): Suppression[] {
  const reason = suppressionReason(row);
  if (reason === undefined) return [];
  const key = row.email === null ? row.recipient_key : addressKey(row.email);
  return key === null
    ? []
    : [
        {
          address_key: key,
          scope: 'global',
          reason,
          detail: row.reason,
          suppressed_at: row.occurred_at,
          source: row.source,
        },
      ];
}

function suppressionReason(row: EmailEventRow): SuppressionReason | undefined {
  if (row.event_type === 'bounced') return row.bounce_class === 'hard' ? 'bounced' : undefined;
  return row.event_type === 'unsubscribed' || row.event_type === 'complained' ? row.event_type : undefined;
}

/** Of somebody who was forgotten since: the event counts for its campaign, and says of nobody that it was theirs. */
function withoutPerson(row: StoredRow): StoredRow {
  return {
    ...row,
    contact_id: null,
    email: null,
    delivery_id: null,
    recipient_key: null,
    url: null,
    reason: null,
    ip: null,
    user_agent: null,
  };
}

/** Who unsubscribes or complains withdraws consent. */
function withdrawalOf(row: StoredRow, now: Date) {
  if (row.contact_id === null && row.email === null) return [];
  if (row.event_type !== 'unsubscribed' && row.event_type !== 'complained') return [];
  return [
    {
      consent_event_id: `${row.source}_${row.event_id}`,
      contact_id: row.contact_id,
      email: row.email,
      email_key: row.email === null ? null : emailKey(row.email),
      channel: 'email',
      purpose: 'marketing',
      status: 'withdrawn',
      method: row.event_type,
      occurred_at: row.occurred_at,
      source: row.source,
      recorded_at: now,
    },
  ];
}

function rejectRow(reject: EventReject, batchId: string, now: Date) {
  return {
    ...reject,
    line: BigInt(reject.line),
    batch_id: batchId,
    table_name: 'core.email_events',
    file: 'webhook',
    recorded_at: now,
  };
}
