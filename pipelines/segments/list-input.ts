import { MallardError } from '../../data/errors.ts';

/**
 * What becomes of the list: `create` makes it, and refuses where there is one; `replace` makes it this and nothing else;
 * `add` and `remove` change it.
 */
export const listModes = ['create', 'replace', 'add', 'remove'] as const;
export type ListMode = (typeof listModes)[number];

export interface ListRequest {
  segment_id: string;
  /** Needed for a new list; else it stays. */
  title?: string | undefined;
  description?: string | null | undefined;
  /** Default `create`. */
  mode?: ListMode | undefined;
  /** Ids of contacts, and addresses: either or both, or one of the two below. */
  contact_ids?: readonly string[] | undefined;
  emails?: readonly string[] | undefined;
  /** Who is in this segment, of any kind, as of the last build. */
  from_segment?: string | undefined;
  /** Whom these criteria, a tree or the flat list, select as of the last build; untrusted. */
  from_criteria?: unknown;
}

/** Whom a request names. */
export type ListSource =
  { contactIds: readonly string[]; emails: readonly string[] } | { segment: string } | { criteria: unknown };

/** Throws `bad_request` where a request says in no way or in several whom it means. */
export function sourceOf(request: ListRequest): ListSource {
  const {
    contact_ids: contactIds = [],
    emails = [],
    from_segment: segment,
    from_criteria: criteria,
  } = request;
  const isNamed = contactIds.length + emails.length > 0;
  const ways = [isNamed, segment !== undefined, criteria !== undefined].filter(Boolean).length;
  if (ways !== 1) {
    throw new MallardError(
      'bad_request',
      ways === 0 ? 'The list names nobody.' : 'The list says in several ways whom it means.',
      {
        fields: { field: 'contact_ids, emails, from_segment, from_criteria' },
        remedy: 'Give contact_ids and emails, or from_segment, or from_criteria.',
      },
    );
  }
  if (segment !== undefined) return { segment };
  if (criteria !== undefined) return { criteria };
  const unstorable = [...contactIds, ...emails].find((text) => text.includes('\0'));
  if (unstorable === undefined) return { contactIds, emails };
  throw new MallardError('bad_request', 'An id or an address has a NUL character in it.', {
    fields: { field: 'contact_ids, emails', value: unstorable.replaceAll('\0', '\\0') },
  });
}
