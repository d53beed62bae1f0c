import { emailKey, emailKeySql } from '../../data/address.ts';
import { MallardError } from '../../data/errors.ts';
import type { Session } from '../../data/owner/session.ts';

/**
 * The contact that a person names by id or e-mail address: the one with that id (a merged one too), else the one with that
 * address, its own or a further one, a real one before a stub, then the smallest id.
 * @throws `not_found`
 */
export async function findContact(session: Session, idOrEmail: string): Promise<string> {
  const found = await session.one<{ contact_id: string }>(
    `select contact_id from core.contacts where contact_id = $id or email_key = $email
       or contact_id in (select contact_id from core.contact_identities where kind = 'email' and ${emailKeySql('value')} = $email)
     order by contact_id <> $id, is_stub, contact_id limit 1`,
    { id: idOrEmail, email: emailKey(idOrEmail) },
  );
  if (found) return found.contact_id;
  // A CRM deletes the contact that it merges away; its id still stands for the person.
  const merged = await session.one<{ contact_id: string }>(
    'select contact_id from core.contact_canonicals where superseded_at is null and contact_id = $1',
    [idOrEmail],
  );
  if (merged) return merged.contact_id;
  throw new MallardError('not_found', `There is no contact with the id or address ${idOrEmail}.`, {
    fields: { contact_id: idOrEmail },
    remedy: 'Check it, or look for it with `mallard query`.',
  });
}
