import { createHash } from 'node:crypto';

/** What a delivery id stands for. */
export interface DeliveryParts {
  campaign_run_id: string;
  message_id: string;
  contact_id: string;
  address_key: string;
}

/**
 * The id of one mail to one recipient: a hash of what it stands for, so that what a provider sends back with it can be
 * checked without looking the mail up. 32 hex digits. The SQL twin is `deliveryIdSql`.
 */
export function deliveryId(parts: DeliveryParts): string {
  const text = [parts.campaign_run_id, parts.message_id, parts.contact_id, parts.address_key].join('\n');
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

/** Of columns `contact_id` and `address_key`, and the parameters `$campaign_run_id` and `$message_id`. */
export const deliveryIdSql =
  'left(sha256(concat_ws(chr(10), $campaign_run_id::varchar, $message_id::varchar, contact_id, address_key)), 32)';
