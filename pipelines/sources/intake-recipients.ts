import { emailKey } from '../../data/address.ts';
import type { Warehouse } from '../../data/owner/warehouse.ts';
import type { EmailEventRow } from './email-events.ts';

/** Whose mail an event was. */
export interface Recipient {
  contact_id: string | null;
  address_key: string | null;
  campaign_id: string | null;
  campaign_run_id: string | null;
  message_id: string | null;
}

/** Finds recipients of events: by our own delivery id where it travelled along, else by the address. */
export type FindRecipient = (row: EmailEventRow) => Recipient | undefined;

/**
 * Looks all of a group up at once, on a reader: `ops.audience` is append only, so this needs no place in the ledger's
 * transaction. An address that several contacts share is the first one's, by id.
 */
export async function findRecipients(
  warehouse: Warehouse,
  rows: readonly EmailEventRow[],
): Promise<FindRecipient> {
  const byDelivery = await audienceOf(
    warehouse,
    rows.filter((row) => row.delivery_id !== null),
  );
  const byEmail = await contactsOf(
    warehouse,
    rows.filter((row) => !byDelivery.has(row.delivery_id ?? '')),
  );
  return (row) => byDelivery.get(row.delivery_id ?? '') ?? byEmail.get(emailKey(row.email ?? ''));
}

/**
 * By delivery id. Our own mails bring run and position too, so that integers are compared and zone maps skip other runs;
 * what that finds too much (positions of one run in another) is never asked for. What came without them, or with wrong
 * ones, is looked for by the id, a text, over all that was ever sent.
 */
async function audienceOf(
  warehouse: Warehouse,
  rows: readonly EmailEventRow[],
): Promise<Map<string, Recipient>> {
  const placed = rows.filter((row) => row.campaign_run_id !== null && row.position !== null);
  const byPlace = await selectAudience(
    warehouse,
    placed,
    'a.campaign_run_id in (select unnest($runs::varchar[])) and a.position in (select unnest($positions::bigint[]))',
    { runs: distinct(placed, 'campaign_run_id'), positions: distinct(placed, 'position') },
  );
  const rest = rows.filter((row) => !byPlace.has(row.delivery_id ?? ''));
  const byId = await selectAudience(
    warehouse,
    rest,
    'a.delivery_id in (select unnest($deliveries::varchar[]))',
    {
      deliveries: distinct(rest, 'delivery_id'),
    },
  );
  return new Map([...byPlace, ...byId]);
}

async function selectAudience(
  warehouse: Warehouse,
  rows: readonly EmailEventRow[],
  condition: string,
  params: Record<string, unknown>,
): Promise<Map<string, Recipient>> {
  if (rows.length === 0) return new Map();
  const found = await warehouse.read((session) =>
    session.rows<Recipient & { delivery_id: string }>(
      `select a.delivery_id, a.contact_id, a.address_key, r.campaign_id, a.campaign_run_id, a.message_id
       from ops.audience a left join ops.campaign_runs r on r.campaign_run_id = a.campaign_run_id where ${condition}`,
      params,
    ),
  );
  return new Map(found.map(({ delivery_id, ...recipient }) => [delivery_id, recipient]));
}

function distinct<Name extends keyof EmailEventRow>(
  rows: readonly EmailEventRow[],
  name: Name,
): EmailEventRow[Name][] {
  return [...new Set(rows.map((row) => row[name]))];
}

async function contactsOf(
  warehouse: Warehouse,
  rows: readonly EmailEventRow[],
): Promise<Map<string, Recipient>> {
  const keys = new Set(rows.flatMap((row) => (row.email === null ? [] : [emailKey(row.email)])));
  if (keys.size === 0) return new Map();
  const found = await warehouse.read((session) =>
    session.rows<{ email_key: string; contact_id: string; address_key: string }>(
      `select email_key, min(contact_id) as contact_id, sha256(email_key) as address_key from core.contacts
       where email_key in (select unnest($keys::varchar[])) group by email_key`,
      { keys: [...keys] },
    ),
  );
  const none = { campaign_id: null, campaign_run_id: null, message_id: null };
  return new Map(found.map(({ email_key, ...recipient }) => [email_key, { ...recipient, ...none }]));
}
