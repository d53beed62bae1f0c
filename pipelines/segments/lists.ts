import { toTimestamp } from '../../data/clock.ts';
import { MallardError } from '../../data/errors.ts';
import { inTransaction, type Session } from '../../data/owner/session.ts';
import { createFoundContacts } from '../identity/find-contacts.ts';
import { builtAsOf } from './as-of.ts';
import { frozenSql } from './freeze.ts';
import { checkTarget, writeDefinition } from './list-definition.ts';
import { sourceOf, type ListRequest } from './list-input.ts';
import { moveList, type ListMoves } from './list-moves.ts';
import { getSegment } from './listing.ts';
import { checkId, checkTitle, refuseTagged } from './store.ts';
import type { Segment, SegmentContext } from './types.ts';

export interface ListChange extends Omit<ListMoves, 'version'> {
  segment: Segment;
  /** The first hundred ids that no contact has, and how many there are. Nobody is made up for them. */
  unknown_ids: string[];
  unknown_id_count: number;
  unknown_emails: string[];
  unknown_email_count: number;
}

type Unknown = Omit<ListChange, 'segment' | keyof ListMoves>;

/** Unknown ids and addresses that are returned; the count says how many there are. */
const unknownMax = 100;

/**
 * Makes the list of a static segment, or changes it; members change with the next evaluation. Ids of merged contacts and
 * addresses stand for the person, who is counted once.
 *
 * The change counts from what the marts were built as of: that is "now" for segments, so an evaluation sees it at once.
 * The list is appended to on the build lane, its definition written on the ledger lane while the former is held. A crash
 * between the two leaves a list whose version is not counted yet; the same request again completes it.
 *
 * @throws `bad_request` (id, title, whom it means, or nobody of a new list is known); `not_found`; `criteria_invalid`;
 * `conflict` where the id is another kind's, is taken (`create`), is archived, or where the marts are not built (freezing)
 */
export async function changeList(context: SegmentContext, request: ListRequest): Promise<ListChange> {
  const { warehouse } = context;
  const { segment_id: id, mode = 'create' } = request;
  checkId(id);
  checkTitle(request.title ?? id);
  const source = sourceOf(request);
  refuseTagged(await context.engine.catalogue(), id);
  await checkTarget(context, request, mode);
  for (;;) {
    const built = await warehouse.read(builtAsOf);
    const frozen = 'contactIds' in source ? undefined : await frozenSql(context, source);
    const done = await warehouse.build.exclusive(async (session) => {
      const outcome = await inTransaction(session, async () => {
        // The marts may have been swapped since: the plan would read tables that are as of another time.
        if ((await builtAsOf(session)) !== built) return undefined;
        if ('contactIds' in source) await createFoundContacts(session, source);
        const unknown = frozen === undefined ? await readUnknown(session) : knownAll;
        const namedSql = frozen ?? 'select contact_id from found_contacts';
        const now = warehouse.clock.now();
        const moves = await moveList(
          session,
          { segmentId: id, mode, namedSql },
          { asOf: built ?? toTimestamp(now), at: toTimestamp(now) },
        );
        if (frozen === undefined && moves.matched === 0 && (mode === 'create' || mode === 'replace'))
          throw nobodyKnown(unknown);
        return { moves, unknown };
      });
      if (outcome)
        await warehouse.ledger.transaction((tx) =>
          writeDefinition(tx, request, outcome.moves.version, toTimestamp(warehouse.clock.now())),
        );
      return outcome;
    });
    if (!done) continue;
    const { version: _version, ...counts } = done.moves;
    return { segment: await getSegment(context, id), ...counts, ...done.unknown };
  }
}

const knownAll: Unknown = {
  unknown_ids: [],
  unknown_id_count: 0,
  unknown_emails: [],
  unknown_email_count: 0,
};

async function readUnknown(session: Session): Promise<Unknown> {
  const of = async (kind: 'id' | 'email') => {
    const rows = await session.rows<{ given: string; total: number }>(
      `select given, count(*) over ()::int as total from found_contacts where kind = $1 and contact_id is null
       order by given limit ${unknownMax}`,
      [kind],
    );
    return { given: rows.map(({ given }) => given), total: rows[0]?.total ?? 0 };
  };
  const [ids, emails] = [await of('id'), await of('email')];
  return {
    unknown_ids: ids.given,
    unknown_id_count: ids.total,
    unknown_emails: emails.given,
    unknown_email_count: emails.total,
  };
}

/** A list by the wrong column would empty the segment. */
function nobodyKnown(unknown: Unknown): MallardError {
  return new MallardError(
    'bad_request',
    'No contact has any of these ids or addresses. Nothing was changed.',
    {
      fields: { ...unknown },
      remedy: 'Check that they are ids or addresses of contacts, and load the contacts first.',
    },
  );
}
