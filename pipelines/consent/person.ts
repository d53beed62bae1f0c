import { addressKey, emailKey } from '../../data/address.ts';
import { MallardError } from '../../data/errors.ts';
import type { Session } from '../../data/owner/session.ts';

/** Whom consent is about: a contact, an address, or both. */
export interface Person {
  contact_id: string | null;
  /** As given. */
  email: string | null;
  /** `addressKey`: known even where the address itself is forgotten. */
  address_key: string | null;
}

/**
 * The person that an id or an address names. An address that no contact has is a person too: consent is often given before
 * there is a contact.
 * @throws `not_found` (contact), `bad_request` where neither is given, or the address is none
 */
export async function findPerson(
  session: Session,
  named: { contact_id?: string | undefined; email?: string | undefined },
): Promise<Person> {
  if (named.contact_id !== undefined) {
    const contact = await session.one<{ email: string | null }>(
      'select email from core.contacts where contact_id = $1 limit 1',
      [named.contact_id],
    );
    if (!contact)
      throw new MallardError('not_found', `There is no contact ${named.contact_id}.`, {
        fields: { contact_id: named.contact_id },
        remedy: 'Name a contact that was loaded, or an e-mail address.',
      });
    return personOf(named.contact_id, named.email ?? contact.email);
  }
  if (named.email === undefined)
    throw new MallardError('bad_request', 'Nobody is named.', { remedy: 'Send contact_id or email.' });
  return personOf(null, checkedEmail(named.email));
}

/** Throws `bad_request` where it has no local part, no @ or no domain. */
export function checkedEmail(email: string): string {
  if (/^.+@[^@]+$/s.test(emailKey(email))) return email.trim();
  throw new MallardError('bad_request', `"${email}" is not an e-mail address.`, {
    fields: { email },
    remedy: 'Send it as name@example.com.',
  });
}

function personOf(contactId: string | null, email: string | null): Person {
  return { contact_id: contactId, email, address_key: email === null ? null : addressKey(email) };
}
