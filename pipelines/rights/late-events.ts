import { addressKey } from '../../data/address.ts';
import type { Session } from '../../data/owner/session.ts';
import type { Project } from '../../data/project.ts';
import { projectSecret } from '../consent/secret.ts';
import { contactKey } from './erasures.ts';

interface Named {
  email: string | null;
  contact_id: string | null;
}

/**
 * A provider tells of a mail weeks after it was sent: of somebody forgotten meanwhile, too. Answers the test for it, by the
 * hashes that are kept.
 * @param tx the transaction that writes the events, so that no erasure falls between
 */
export async function forgottenAmong(
  tx: Session,
  project: Project,
  rows: readonly Named[],
): Promise<(row: Named) => boolean> {
  const nobody = () => false;
  if (rows.length === 0 || !(await tx.one('select 1 as one from ops.erasures limit 1'))) return nobody;
  const secret = projectSecret(project);
  const keysOf = ({ email, contact_id: id }: Named) => [
    ...(email === null ? [] : [addressKey(email)]),
    ...(id === null ? [] : [contactKey(id, secret)]),
  ];
  const found = await tx.rows<{ key: string }>(
    `select key from (select unnest(from_json($1, '["VARCHAR"]')) as key)
     where key in (select unnest(address_keys) from ops.erasures union all select unnest(contact_keys) from ops.erasures)`,
    [JSON.stringify([...new Set(rows.flatMap(keysOf))])],
  );
  if (found.length === 0) return nobody;
  const forgotten = new Set(found.map(({ key }) => key));
  return (row) => keysOf(row).some((key) => forgotten.has(key));
}
