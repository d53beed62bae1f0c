import { toTimestamp } from '../../data/clock.ts';
import type { Session } from '../../data/owner/session.ts';
import type { Warehouse } from '../../data/owner/warehouse.ts';

const switchId = 'sending';

export interface SendingSwitch {
  stopped: boolean;
  /** Who stopped or resumed it last, and when; null where nobody ever did. */
  by: string | null;
  at: string | null;
}

/** Stops all sending of all campaigns at the next claim, until `resumeSending`. */
export function stopSending(warehouse: Warehouse, by: string): Promise<SendingSwitch> {
  return turn(warehouse, true, by);
}

export function resumeSending(warehouse: Warehouse, by: string): Promise<SendingSwitch> {
  return turn(warehouse, false, by);
}

/** @param session any, so that a claim can ask within its transaction */
export async function readSwitch(session: Session): Promise<SendingSwitch> {
  const row = await session.one<{ settings: { stopped: boolean; by: string }; updated_at: string }>(
    'select settings, updated_at from ops.integrations where integration_id = $1',
    [switchId],
  );
  return row
    ? { stopped: row.settings.stopped, by: row.settings.by, at: row.updated_at }
    : { stopped: false, by: null, at: null };
}

/** Kept as the integration `sending`, so that it outlives a restart. */
async function turn(warehouse: Warehouse, stopped: boolean, by: string): Promise<SendingSwitch> {
  const params = {
    id: switchId,
    settings: JSON.stringify({ stopped, by }),
    now: toTimestamp(warehouse.clock.now()),
  };
  return warehouse.ledger.transaction(async (tx) => {
    await tx.run(
      `insert into ops.integrations (integration_id, kind, settings, created_at, updated_at)
       values ($id, 'switch', $settings, $now::timestamp, $now::timestamp)
       on conflict (integration_id) do update set settings = excluded.settings, updated_at = excluded.updated_at`,
      params,
    );
    return readSwitch(tx);
  });
}
