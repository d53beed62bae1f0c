import type { Session } from '../../data/owner/session.ts';
import type { OnePerson } from '../scores/one-person.ts';
import { lastRun } from './past-definitions.ts';
import type { ExplainContext } from './leaves.ts';
import { membershipHistory } from './members.ts';
import type { Segment } from './types.ts';
import { whyMoved, type Move, type MoveReason } from './why-moved.ts';

export type ExplainedMove = Move & MoveReason;

export interface LastMoves {
  isMember: boolean;
  entered: ExplainedMove | null;
  left: ExplainedMove | null;
  /** The version of the last evaluation up to then; undefined where there was none. */
  lastVersion: number | undefined;
}

/** When a person, under all their records, last entered and left a segment up to a time, and why. */
export async function lastMoves(
  context: ExplainContext,
  { segment, person, at }: { segment: Segment; person: OnePerson; at: Date },
): Promise<LastMoves> {
  const { warehouse } = context;
  const { segment_id: segmentId } = segment;
  const isPast = (time: string | null): time is string => time !== null && new Date(time) <= at;
  const history = await membershipHistory(warehouse, { segmentId, contactId: person.contact_id });
  const known = history.filter(({ entered_at: entered }) => isPast(entered));
  const [newest] = known;
  const lastLeft = known.map(({ left_at: left }) => left).find(isPast);
  const [entered, left, run] = await warehouse.read(async (session) => [
    newest && (await moveAt(session, segmentId, person, 'entered', newest.entered_at)),
    lastLeft === undefined ? undefined : await moveAt(session, segmentId, person, 'left', lastLeft),
    await lastRun(session, segmentId, at),
  ]);
  const explain = async (move: Move | undefined) =>
    move ? { ...move, ...(await whyMoved(context, segment, move)) } : null;
  const because = await Promise.all([explain(entered), explain(left)]);
  return {
    isMember: newest !== undefined && !isPast(newest.left_at),
    entered: because[0] ?? null,
    left: because[1] ?? null,
    lastVersion: run?.version,
  };
}

/** The last recorded of the changes that a history's stretch begins or ends with. */
async function moveAt(
  session: Session,
  segmentId: string,
  { members }: OnePerson,
  change: Move['change'],
  at: string,
): Promise<Move | undefined> {
  return session.one<Move>(
    `select change, changed_at as at, version, run_id, recorded_at, contact_id from ops.segment_changes c
     where segment_id = $segment_id and change = $change and changed_at = $at::timestamp
       and contact_id in (select unnest(from_json($members, '["VARCHAR"]')))
     order by c.rowid desc limit 1`,
    { segment_id: segmentId, change, at, members: JSON.stringify(members) },
  );
}
