import { addressKey } from '../../data/address.ts';
import type { Session } from '../../data/owner/session.ts';
import type { Person } from './person.ts';
import type { UnsubscribeClaims } from './token.ts';

/** Who holds a mail's link, and the language they are known to read. */
export interface LinkHolder {
  person: Person;
  language: string | null;
}

/**
 * The recipient of the mail that a link came with. The link has no address in it: that is in the run's audience, else in the
 * contact (a plan's sample), where its hash is the link's; nowhere, once the person is forgotten.
 */
export async function linkHolder(session: Session, claims: UnsubscribeClaims): Promise<LinkHolder> {
  const row = await session.one<{ audience: string | null; email: string | null; language: string | null }>(
    `select (select any_value(email) from ops.audience where campaign_run_id = $run and delivery_id = $delivery) as audience,
       any_value(email) as email, any_value(language) as language
     from core.contacts where contact_id = $contact`,
    { run: claims.campaign_run_id, delivery: claims.delivery_id, contact: claims.contact_id },
  );
  const email =
    [row?.audience, row?.email].find((one) => one && addressKey(one) === claims.address_key) ?? null;
  return {
    person: { contact_id: claims.contact_id, email, address_key: claims.address_key },
    language: row?.language ?? null,
  };
}
