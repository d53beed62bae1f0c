import { toTimestamp } from '../../data/clock.ts';
import type { Session } from '../../data/owner/session.ts';
import type { Warehouse } from '../../data/owner/warehouse.ts';

const switchId = 'sending';

export interface SendingSwitch {
  stopped: boolean;
  /** Who stopped or resumed it last, when, and why; null where nobody ever did, or said. */
  by: string | null;
  at: string | null;
  reason: string | null;
}

/** Stops all sending of all campaigns at the next claim, until `resumeSending`. What is in hand of a sender is one batch. */
export function stopSending(
  warehouse: Warehouse,
  by: string,
  reason: string | null = null,
): Promise<SendingSwitch> {
  return turn(warehouse, { stopped: true, by, reason });
}

export function resumeSending(
  warehouse: Warehouse,
  by: string,
  reason: string | null = null,
): Promise<SendingSwitch> {
  return turn(warehouse, { stopped: false, by, reason });
}

/** @param session any, so that a claim can ask within its transaction */
export async function readSwitch(session: Session): Promise<SendingSwitch> {
  const row = await session.one<{
    settings: { stopped: boolean; by: string; reason?: string | null };
    updated_at: string;
  }>('select settings, updated_at from ops.integrations where integration_id = $1', [switchId]);
  if (!row) return { stopped: false, by: null, at: null, reason: null };
  const { stopped, by, reason } = row.settings;
  return { stopped, by, at: row.updated_at, reason: reason ?? null };
}

/** For people: who stopped it, when and why; undefined where sending goes on. */
export function stoppedSentence({ stopped, by, at, reason }: SendingSwitch): string | undefined {
  if (!stopped) return undefined;
  return `All sending is stopped since ${at ?? 'an unknown time'} by ${by ?? 'nobody known'}: ${reason ?? 'no reason given'}. Nothing goes out until \`mallard resume-sending\`.`;
}

/**
 * Kept as the integration `sending`, so that it outlives a restart, and in the audit log with the reason: in one transaction,
 * so that neither is without the other.
 */
async function turn(
  warehouse: Warehouse,
  settings: { stopped: boolean; by: string; reason: string | null },
): Promise<SendingSwitch> {
  const now = toTimestamp(warehouse.clock.now());
  return warehouse.ledger.transaction(async (tx) => {
    await tx.run(
      `insert into ops.integrations (integration_id, kind, settings, created_at, updated_at)
       values ($id, 'switch', $settings, $now::timestamp, $now::timestamp)
       on conflict (integration_id) do update set settings = excluded.settings, updated_at = excluded.updated_at`,
      { id: switchId, settings: JSON.stringify(settings), now },
    );
    await tx.run(
      `insert into ops.audit_log (actor, action, subject, detail, occurred_at) values ($by, $action, $id, $detail::json, $now::timestamp)`,
      {
        by: settings.by,
        action: settings.stopped ? 'sending stopped' : 'sending resumed',
        id: switchId,
        detail: JSON.stringify({ reason: settings.reason }),
        now,
      },
    );
    return readSwitch(tx);
  });
}
