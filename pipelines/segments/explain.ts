import { MallardError } from '../../data/errors.ts';
import { malloyPath, malloyString } from '../../models/criteria/literal.ts';
import { parseCriteria } from '../../models/criteria/parse.ts';
import type { Criteria } from '../../models/criteria/types.ts';
import { findPerson, type OnePerson } from '../scores/one-person.ts';
import { resolveAsOf, utcText } from './as-of.ts';
import { definitionAt } from './past-definitions.ts';
import { explainTree, type ExplainedNode } from './explain-tree.ts';
import { readLeaves, type ExplainContext } from './leaves.ts';
import { getSegment } from './listing.ts';
import { asEvaluated, memberIdsText } from './plan.ts';
import { lastMoves, type ExplainedMove } from './moves.ts';
import type { Segment } from './types.ts';
import { accountZone } from './zone.ts';

export interface SegmentExplanation {
  /** Null for criteria that are not saved, as are `title`, `version` and `recorded`. */
  segment_id: string | null;
  title: string | null;
  kind: Segment['kind'];
  /** The definition's that was asked; 0 of a model file. */
  version: number | null;
  /** The model file, where the definition is Malloy. */
  file: string | null;
  /** The record that stands for the person. */
  contact_id: string;
  asked_contact_id: string;
  /** UTC. */
  as_of: string;
  /** The account's, in which days are cut. */
  time_zone: string;
  /** By the definition, as of the time. */
  is_member: boolean;
  /** Each node true or false, in the order in which they are written; none where the definition is Malloy. */
  nodes: ExplainedNode[];
  /** What evaluations up to then recorded. */
  recorded: { is_member: boolean } | null;
  /** The last time that the person entered, and left, up to then. */
  entered: ExplainedMove | null;
  left: ExplainedMove | null;
  /** What one should know: sentences. */
  notes: string[];
}

interface ExplainOptions {
  /** An id, of a merged contact too, or an address. */
  contact: string;
  /** Default: what the marts were built as of. */
  asOf?: Date | undefined;
}

/**
 * Why somebody is, or is not, in a segment: each condition with the value that decided it, and when they entered and left and
 * why. At a past time it is the definition in force then that is asked.
 * @throws `not_found` for a segment, and where nobody is meant or they were no contact yet; `conflict` where nothing was built;
 *   `criteria_invalid` where the definition does not fit the models any more
 */
export async function explainSegment(
  context: ExplainContext,
  segmentId: string,
  { contact, asOf: asked }: ExplainOptions,
): Promise<SegmentExplanation> {
  const segment = await getSegment(context, segmentId);
  const found = await findWhom(context, contact, asked);
  const { asOf, person } = found;
  const definition = segment.criteria && (await definitionAt(context, segment, asked));
  const told = definition
    ? await explained(context, definition.criteria, found)
    : await isInMembers(context, segment, found);
  const moves = await lastMoves(context, { segment, person, at: asOf });
  const notes = [...told.notes];
  if (segment.status === 'archived') notes.push('The segment is archived: it has no members.');
  if (moves.isMember !== told.is_member) notes.push(differs(segment, moves.lastVersion, definition?.version));
  return {
    ...told,
    segment_id: segment.segment_id,
    title: segment.title,
    kind: segment.kind,
    version: definition?.version ?? segment.version,
    recorded: { is_member: moves.isMember },
    entered: moves.entered,
    left: moves.left,
    notes,
  };
}

/** The same for criteria that are not saved (untrusted). Throws like `explainSegment`. */
export async function explainCriteria(
  context: ExplainContext,
  criteria: unknown,
  { contact, asOf }: ExplainOptions,
): Promise<SegmentExplanation> {
  const parsed = parseCriteria(criteria);
  const told = await explained(context, parsed, await findWhom(context, contact, asOf));
  return {
    ...told,
    segment_id: null,
    title: null,
    kind: 'criteria',
    version: null,
    recorded: null,
    entered: null,
    left: null,
  };
}

interface Whom {
  asked: string;
  person: OnePerson;
  asOf: Date;
}

async function findWhom({ warehouse }: ExplainContext, asked: string, time: Date | undefined): Promise<Whom> {
  const asOf = await resolveAsOf(warehouse, time);
  const person = await warehouse.read((session) => findPerson(session, asked, undefined));
  return { asked, person, asOf };
}

type Told = Pick<
  SegmentExplanation,
  'file' | 'contact_id' | 'asked_contact_id' | 'as_of' | 'time_zone' | 'is_member' | 'nodes' | 'notes'
>;

async function explained(context: ExplainContext, criteria: Criteria, whom: Whom): Promise<Told> {
  const { person, asOf } = whom;
  const known = await readLeaves(context, person, criteria, { asOf });
  if (!known) throw notThere(whom);
  const frame = frameOf(context, whom);
  const nodes = explainTree(known, { asOf, zone: frame.time_zone });
  const isStale = !known.isFromMarts && (await context.engine.builtAt({ asOf })) !== undefined;
  return {
    ...frame,
    file: null,
    is_member: nodes[0]?.is_true ?? false,
    nodes,
    notes: isStale
      ? [
          'The marts do not have this contact as it is now: it came, was merged or was unmerged since. Members follow with the next build.',
        ]
      : [],
  };
}

/** Of a segment without criteria: whether its list, or its model's source, has the contact. */
async function isInMembers(context: ExplainContext, segment: Segment, whom: Whom): Promise<Told> {
  const { engine, warehouse } = context;
  const { segments, contact_source: contacts } = await engine.catalogue();
  const { segment_id: id } = segment;
  const evaluated = asEvaluated(segment, segments);
  if (!evaluated || 'criteria' in evaluated) throw new Error(`the source of ${id} is gone`);
  const file = segments.find(({ name }) => name === id)?.file ?? null;
  const { asOf, person } = whom;
  const one = `contact_id ? ${person.members.map(malloyString).join(' | ')}`;
  const idsOf = async (source: string, restricted: boolean) => {
    const malloy = `run: ${source} -> { where: ${one} group_by: contact_id }`;
    const { sql } = await engine.compileSql(malloy, { asOf, restricted });
    return warehouse.read((session) => session.rows(sql));
  };
  if ((await idsOf(malloyPath(contacts), true)).length === 0) throw notThere(whom);
  return {
    ...frameOf(context, whom),
    file,
    is_member: (await idsOf(memberIdsText(evaluated), false)).length > 0,
    nodes: [],
    notes: [
      file === null
        ? 'It is a list: whoever was put on it is in it.'
        : `Its definition is Malloy, in ${file}: conditions there are not told apart.`,
    ],
  };
}

function frameOf({ warehouse }: ExplainContext, { person, asOf }: Whom) {
  return {
    contact_id: person.contact_id,
    asked_contact_id: person.asked_contact_id,
    as_of: utcText(asOf),
    time_zone: accountZone(warehouse),
  };
}

/** Why what is said here is not what was recorded. */
function differs({ status }: Segment, recorded: number | undefined, version: number | undefined): string {
  if (status === 'archived') return 'Whoever was in it has left, or does so with the next evaluation.';
  if (recorded === undefined) return 'The segment was not evaluated by then: nobody is recorded as a member.';
  if (version !== undefined && recorded !== version)
    return `The definition was changed since the last evaluation (version ${recorded} → ${version}): members follow with the next one.`;
  return 'The last evaluation recorded otherwise: it was as of another time, or before something that is known now.';
}

function notThere({ asked, person, asOf }: Whom): MallardError {
  return new MallardError('not_found', `${asked} was no contact yet as of ${utcText(asOf)}.`, {
    fields: { contact_id: person.contact_id },
    remedy: 'Ask for a later time, or build first.',
  });
}
