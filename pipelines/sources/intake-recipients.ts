import { addressKey } from '../../data/address.ts';
import type { Warehouse } from '../../data/owner/warehouse.ts';
import { deliveryId } from '../delivery/delivery-id.ts';
import type { EmailEventRow } from './email-events.ts';

/** Whose mail an event was. */
export interface Recipient {
  contact_id: string | null;
  address_key: string | null;
  campaign_id: string | null;
  campaign_run_id: string | null;
  message_id: string | null;
}

/** Finds the recipients of events of our own mails, by the delivery id that travelled along. */
export type FindRecipient = (row: EmailEventRow) => Recipient | undefined;

/**
 * An event of our own mails proves its recipient (`deliveryId`). What cannot (a mail of before, an argument that the
 * provider lost) is looked for by the id alone, all of a group at once, on a reader: `ops.audience` is append only, so this
 * needs no place in the ledger's transaction. Events of other mails are linked to contacts later (`linkEvents`).
 */
export async function findRecipients(
  warehouse: Warehouse,
  rows: readonly EmailEventRow[],
): Promise<FindRecipient> {
  const proven = new Map(rows.flatMap((row) => provenRecipient(row) ?? []));
  const ids = new Set(rows.flatMap(({ delivery_id: id }) => (id === null || proven.has(id) ? [] : [id])));
  const found = ids.size === 0 ? [] : await selectAudience(warehouse, [...ids]);
  const recipients = new Map([...proven, ...found]);
  return (row) => recipients.get(row.delivery_id ?? '');
}

function provenRecipient(row: EmailEventRow): [[string, Recipient]] | undefined {
  const { delivery_id, campaign_id, campaign_run_id, message_id, contact_id, email } = row;
  if (delivery_id === null || campaign_run_id === null || message_id === null) return undefined;
  if (contact_id === null || email === null) return undefined;
  const parts = { campaign_run_id, message_id, contact_id, address_key: addressKey(email) };
  return deliveryId(parts) === delivery_id ? [[delivery_id, { ...parts, campaign_id }]] : undefined;
}

async function selectAudience(
  warehouse: Warehouse,
  deliveryIds: readonly string[],
): Promise<[string, Recipient][]> {
  const found = await warehouse.read((session) =>
    session.rows<Recipient & { delivery_id: string }>(
      `select a.delivery_id, a.contact_id, a.address_key, r.campaign_id, a.campaign_run_id, a.message_id
       from ops.audience a left join ops.campaign_runs r on r.campaign_run_id = a.campaign_run_id
       where a.delivery_id in (select unnest($deliveries::varchar[]))`,
      { deliveries: deliveryIds },
    ),
  );
  return found.map(({ delivery_id, ...recipient }) => [delivery_id, recipient]);
}
