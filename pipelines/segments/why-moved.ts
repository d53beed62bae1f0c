import { errorMessage, MallardError } from '../../data/errors.ts';
import type { Session } from '../../data/owner/session.ts';
import { leavesOf } from '../../models/criteria/walk.ts';
import { conditionWords, valueWords, verdictWords, type LeafValue } from '../../models/criteria/words.ts';
import { findPerson } from '../scores/one-person.ts';
import { definitionOf, type Definition, type PastRun } from './past-definitions.ts';
import { isTrueTree, truthOf } from './explain-tree.ts';
import { readLeaves, type ExplainContext, type KnownLeaves } from './leaves.ts';
import type { Segment } from './types.ts';
import { accountZone } from './zone.ts';

/** A recorded change of membership. Times are UTC. */
export interface Move {
  change: 'entered' | 'left';
  /** What the evaluation that found it was as of. */
  at: string;
  /** Of the definition. */
  version: number;
  run_id: string;
  recorded_at: string;
  /** The id that it was recorded for. */
  contact_id: string;
}

/**
 * - `conditions` turned, between the evaluation before and this one: `flipped` says which
 * - `late_facts`: nothing of that time; facts about the time before were recorded since, or corrected
 * - `definition`: the person is as before, the criteria are others
 * - `new_contact`: the evaluation before did not know the contact yet
 * - `first_evaluation`: there was none before
 * - `archived`: the segment was
 * - `untold`: it cannot be said honestly; `reason` says why not
 */
export type MoveCause =
  'conditions' | 'late_facts' | 'definition' | 'new_contact' | 'first_evaluation' | 'archived' | 'untold';

export interface FlippedLeaf {
  path: string;
  condition: string;
  was: LeafValue;
  is: LeafValue;
  is_true: boolean;
  /** "lifecycle_stage is customer, lead needed; it was lead" */
  text: string;
}

export interface MoveReason {
  cause: MoveCause;
  /** A sentence without its full stop. */
  reason: string;
  /** What the evaluation before was as of (UTC), and by which version. */
  previous_as_of: string | null;
  previous_version: number | null;
  /** The leaves that turned, where the cause is `conditions` or `late_facts`. */
  flipped: FlippedLeaf[];
}

/**
 * Why a recorded change came about: the definition of the time, as of the evaluation before and as of this one, each with what
 * was known then. What is found must agree with what was recorded; where it does not, nothing is made up.
 */
export async function whyMoved(context: ExplainContext, segment: Segment, move: Move): Promise<MoveReason> {
  const [before, definition] = await context.warehouse.read(async (session) => [
    await runBefore(session, segment.segment_id, move),
    await definitionOf(session, segment.segment_id, move.version),
  ]);
  const previous = { previous_as_of: before?.as_of ?? null, previous_version: before?.version ?? null };
  const because = (cause: MoveCause, reason: string, flipped: FlippedLeaf[] = []): MoveReason => ({
    cause,
    reason,
    ...previous,
    flipped,
  });
  if (segment.kind === 'static')
    return because('untold', 'it is a list: somebody put them on it, or took them off');
  if (segment.kind === 'malloy')
    return because('untold', 'the definition is Malloy: conditions in a model file are not told apart');
  if (!definition) return because('untold', `version ${move.version} of the definition is not kept`);
  try {
    return await compared(context, { segment, move, definition, before }, because);
  } catch (error) {
    if (!(error instanceof MallardError)) throw error;
    return because('untold', `version ${move.version} cannot be asked any more: ${errorMessage(error)}`);
  }
}

interface Compared {
  segment: Segment;
  move: Move;
  definition: Definition;
  before: PastRun | undefined;
}

type Because = (cause: MoveCause, reason: string, flipped?: FlippedLeaf[]) => MoveReason;

async function compared(
  context: ExplainContext,
  { segment, move, definition, before }: Compared,
  because: Because,
): Promise<MoveReason> {
  const isIn = move.change === 'entered';
  const says = (known: KnownLeaves | undefined) => known !== undefined && isTrueTree(known) === isIn;
  const ask = (asOf: string, knownAt: string) =>
    leavesThen(context, definition, move.contact_id, new Date(asOf), knownBy(knownAt));

  const now = await ask(move.at, move.recorded_at);
  if (!says(now) || !now) {
    if (!isIn && segment.status === 'archived') return because('archived', 'the segment was archived');
    if (!isIn && !now)
      return because('untold', 'the contact was not there any more by itself: merged, or removed');
    return because(
      'untold',
      'today’s models do not give what was recorded: a field was defined otherwise then, or data without a history was changed',
    );
  }
  if (!before) return because('first_evaluation', 'this was the first evaluation of the segment');
  const then = await ask(before.as_of, before.recorded_at);
  const isOther = before.version !== move.version;
  const versions = `version ${before.version} → ${move.version}`;
  if (isOther && says(then)) return because('definition', `the definition changed (${versions})`);
  if (!then) return because('new_contact', 'the evaluation before did not know the contact yet');
  if (says(then))
    return because('untold', 'the evaluation before recorded otherwise than today’s models give for it');

  const late = await ask(before.as_of, move.recorded_at);
  const flips = (after: KnownLeaves) => flippedLeaves(then, after, accountZone(context.warehouse));
  if (late && says(late))
    return because('late_facts', 'facts about the time before were recorded later', flips(late));
  const also = isOther ? `; the definition changed too (${versions})` : '';
  return because('conditions', `conditions turned${also}`, flips(now));
}

/** KNOWN_AT leaves out what was recorded at it. Times are kept to the millisecond: what came within the run's own was there. */
function knownBy(recordedAt: string): Date {
  return new Date(new Date(recordedAt).getTime() + 1);
}

/** What decided the definition for the contact as it was known at a past time. */
async function leavesThen(
  context: ExplainContext,
  { criteria }: Definition,
  contactId: string,
  asOf: Date,
  knownAt: Date,
): Promise<KnownLeaves | undefined> {
  const person = await context.warehouse.read((session) => findPerson(session, contactId, knownAt));
  return readLeaves(context, person, criteria, { asOf, knownAt });
}

/** The evaluation before the one that recorded the change, where that wrote down that it ran; else the last one earlier. */
async function runBefore(session: Session, segmentId: string, move: Move): Promise<PastRun | undefined> {
  return session.one<PastRun>(
    `select run_id, version, as_of, recorded_at from ops.segment_runs r
     where segment_id = $segment_id and error is null and run_id <> $run_id and recorded_at <= $recorded_at::timestamp
       and r.rowid < coalesce(
         (select min(own.rowid) from ops.segment_runs own where own.segment_id = $segment_id and own.run_id = $run_id),
         9223372036854775807)
     order by r.rowid desc limit 1`,
    { segment_id: segmentId, run_id: move.run_id, recorded_at: move.recorded_at },
  );
}

function flippedLeaves(before: KnownLeaves, after: KnownLeaves, zone: string): FlippedLeaf[] {
  return leavesOf(before.tree).flatMap(({ path, leaf }) => {
    const [was, is] = [truthOf(before.leaves, path), truthOf(after.leaves, path)];
    if (was.isTrue === is.isTrue) return [];
    const verdict = verdictWords(leaf, { isTrue: is.isTrue, value: is.value, zone });
    const change =
      was.value === is.value ? 'the days have moved on' : `it was ${valueWords(was.value, zone)}`;
    return [
      {
        path,
        condition: conditionWords(leaf),
        was: was.value,
        is: is.value,
        is_true: is.isTrue,
        text: `${verdict}; ${change}`,
      },
    ];
  });
}
